//! How values are written: in the file, in the environment and on the command line alike.

mod list;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use telemetry::logs::Format;
use types::push::Secret;

use super::{Durability, Engine};

/// A value with a written form. `parse` takes what `show` prints, without the quotes of TOML.
pub(super) trait Value: Sized {
    /// Reads the written form; says what was expected if it is not one.
    fn parse(text: &str) -> Result<Self, String>;
    /// The written form, as TOML.
    fn show(&self) -> String;
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

impl Value for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }

    fn show(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

/// A file that need not be; the empty text is none.
impl Value for Option<PathBuf> {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quoted(""), Value::show)
    }
}

/// What a secret is printed as. It is none itself, because what is printed must not be taken for one when it is read again.
const HIDDEN: &str = "…";

/// A secret that need not be; the empty text is none. No message has it, and it is not printed.
impl Value for Option<Secret> {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(None),
            HIDDEN => Err("is how `fanfare config` prints a secret, and none itself".to_owned()),
            text => Ok(Some(Secret::new(text))),
        }
    }

    fn show(&self) -> String {
        quoted(if self.is_some() { HIDDEN } else { "" })
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("is {text:?}, must be true or false"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        // Nothing else is looked up: what a name stands for can differ from one start to the next.
        let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        numeric.as_deref().unwrap_or(text).parse().map_err(|_| {
            format!("is {text:?}, must be an IP address (or localhost) and a port, such as 127.0.0.1:50051")
        })
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Value for u64 {
    fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || format!("is {text:?}, must be a whole number, with KiB, MiB or GiB after it if you like");
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let shift = match unit.trim_start() {
            "" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(expected()),
        };
        let number: Self = digits.parse().map_err(|_| expected())?;
        number.checked_mul(1 << shift).ok_or_else(expected)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// The narrower numbers, read as the widest.
macro_rules! narrower {
    ($($number:ty),*) => {
        $(impl Value for $number {
            fn parse(text: &str) -> Result<Self, String> {
                let wide = <u64 as Value>::parse(text)?;
                Self::try_from(wide).map_err(|_| format!("is {text:?}, must be at most {}", Self::MAX))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        })*
    };
}

narrower!(usize, u32);

/// Units of time, the longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || format!("is {text:?}, must be a whole number and one of ms, s, m, h, d, such as 30s");
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let millis = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(expected)?.1;
        let number: u64 = digits.parse().map_err(|_| expected())?;
        number.checked_mul(millis).map(Self::from_millis).ok_or_else(expected)
    }

    fn show(&self) -> String {
        let total = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let whole = |(_, millis): &&(&str, u64)| total >= *millis && total.is_multiple_of(*millis);
        let (unit, millis) = UNITS.iter().find(whole).unwrap_or(&("s", 1_000));
        quoted(&format!("{}{unit}", total / millis))
    }
}

/// Enums are written as one word each.
macro_rules! words {
    ($($kind:ident { $($variant:ident = $word:literal),* })*) => {
        $(impl Value for $kind {
            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("is {text:?}, must be one of {}", [$($word),*].join(", "))),
                }
            }

            fn show(&self) -> String {
                quoted(match self { $(Self::$variant => $word),* })
            }
        })*
    };
}

words! {
    Engine { Disk = "disk", Memory = "memory" }
    Durability { Fsync = "fsync", Interval = "interval" }
    Format { Auto = "auto", Human = "human", Json = "json" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_and_without_a_space_before_the_unit() {
        assert_eq!(<u64 as Value>::parse("64MiB"), Ok(64 << 20));
        assert_eq!(<usize as Value>::parse("1 KiB"), Ok(1024));
        assert_eq!(<Duration as Value>::parse("100 ms"), Ok(Duration::from_millis(100)));
        assert_eq!(<Duration as Value>::parse("2h"), Ok(Duration::from_secs(7_200)));
    }

    #[test]
    fn what_is_printed_is_read_as_the_same_value() {
        for millis in [0, 1, 999, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000] {
            let time = Duration::from_millis(millis);
            assert_eq!(
                <Duration as Value>::parse(time.show().trim_matches('"')),
                Ok(time),
                "{}",
                time.show()
            );
        }
    }

    #[test]
    fn a_secret_is_read_and_never_printed() {
        let secret = <Option<Secret> as Value>::parse("hunter2").unwrap();
        assert_eq!(secret, Some(Secret::new("hunter2")));
        assert_eq!((secret.show(), None::<Secret>.show()), ("\"…\"".to_owned(), "\"\"".to_owned()));
        assert!(<Option<Secret> as Value>::parse("…").is_err(), "what was printed is not the secret");
    }

    #[test]
    fn a_value_that_is_not_one_is_answered_with_what_was_expected() {
        for bad in ["", "-1", "1.5", "1MB", "MiB", "99999999999999999999", "99999999999GiB"] {
            assert!(<u64 as Value>::parse(bad).unwrap_err().contains("whole number"), "{bad:?}");
        }
        assert!(<u32 as Value>::parse("5000000000").unwrap_err().contains("at most 4294967295"));
        for bad in ["", "30", "s", "-1s", "1.5s", "1 week"] {
            assert!(<Duration as Value>::parse(bad).unwrap_err().contains("such as 30s"), "{bad:?}");
        }
        assert_eq!(Engine::parse("Disk").unwrap_err(), "is \"Disk\", must be one of disk, memory");
        assert!(SocketAddr::parse("example.org:1").unwrap_err().contains("IP address"));
    }
}
