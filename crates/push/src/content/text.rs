//! How values are written in headers and JSON.

use std::{borrow::Cow, fmt::Write as _};

use types::Timestamp;

/// Whole numbers up to here are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A text as the value of a header: what is not visible ASCII, `"` and `%` become `%` and two hexadecimal digits a byte of UTF-8
/// (CloudEvents 1.0.2, HTTP binding, section 3.1.3.2).
pub(super) fn in_header(text: &str) -> Cow<'_, str> {
    let stays = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'%';
    if text.bytes().all(stays) { text.into() } else { escape(text, stays).into() }
}

/// Replaces every byte that does not stay.
pub(super) fn escape(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if stays(byte) {
            escaped.push(char::from(byte));
        } else {
            _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// A number as JSON has it; a whole one without a point, as long as it is exact.
pub(super) fn number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        // -0 becomes 0.
        return format!("{:.0}", number + 0.0);
    }
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string(), |number| number.to_string())
}

/// RFC 3339 in UTC, with microseconds.
pub(super) fn micros(at: Timestamp) -> String {
    format!("{}.{:06}Z", whole_seconds(at), at.as_micros() % 1_000_000)
}

/// RFC 3339 in UTC, with milliseconds, as SNS writes times.
pub(super) fn millis(at: Timestamp) -> String {
    format!("{}.{:03}Z", whole_seconds(at), at.as_micros() / 1_000 % 1_000)
}

fn whole_seconds(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_micros() / 1_000_000).unwrap_or(i64::MAX);
    let mut text = prost_types::Timestamp { seconds, nanos: 0 }.to_string();
    text.pop();
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_in_a_header_is_the_one_of_the_cloud_events_specification() {
        assert_eq!(in_header("Euro € 😀"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(in_header("100% \"sure\"\r\n"), "100%25%20%22sure%22%0D%0A");
        assert!(matches!(in_header("!#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"), Cow::Borrowed(_)));
    }

    #[test]
    fn whole_numbers_have_no_point() {
        for (given, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-7.0, "-7"),
            (0.1, "0.1"),
            (EXACT, "9007199254740992"),
            (1e300, "1e+300"),
            (-2.5e-7, "-2.5e-7"),
        ] {
            assert_eq!(number(given), text);
        }
    }

    #[test]
    fn times_have_all_their_digits() {
        let at = Timestamp::from_micros(951_782_400_000_000);
        assert_eq!(micros(at), "2000-02-29T00:00:00.000000Z");
        assert_eq!(millis(at), "2000-02-29T00:00:00.000Z");
        let at = Timestamp::from_micros(4_102_444_799_012_345);
        assert_eq!(
            (micros(at), millis(at)),
            ("2099-12-31T23:59:59.012345Z".into(), "2099-12-31T23:59:59.012Z".into())
        );
    }

    proptest! {
        #[test]
        fn any_text_in_a_header_is_visible_ascii_and_comes_back(text: String) {
            let value = in_header(&text);
            prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()));
            let mut back = Vec::new();
            let mut rest = value.as_bytes();
            while let [first, others @ ..] = rest {
                if *first == b'%' {
                    back.push(u8::from_str_radix(std::str::from_utf8(&others[..2]).unwrap(), 16).unwrap());
                    rest = &others[2..];
                } else {
                    back.push(*first);
                    rest = others;
                }
            }
            prop_assert_eq!(back, text.as_bytes());
        }

        #[test]
        fn any_number_comes_back(given in prop::num::f64::NORMAL | prop::num::f64::ZERO) {
            prop_assert_eq!(number(given).parse::<f64>().unwrap(), given);
        }
    }
}
