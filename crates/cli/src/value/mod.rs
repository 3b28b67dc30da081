//! Values as people write and read them: durations, sizes, places in a log, names with values.

mod base;
mod place;
mod size;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

pub(crate) use base::{base, no_contradiction, text_or_file};
pub(crate) use place::place;
pub(crate) use size::{human_size, size};

/// `30s`, `5m`, `1h 30m`, `7d`; a bare 0 needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    match humantime::parse_duration(text) {
        Ok(duration) => Ok(duration),
        Err(_) if plain && !text.is_empty() => Err(format!("has no unit; write {text}s for seconds")),
        Err(_) => Err("is no duration; write it like 500ms, 30s, 5m, 12h or 7d".to_owned()),
    }
}

/// `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

/// A duration for the API. One that does not fit is longer than any limit, and the broker says which.
pub(crate) fn proto_duration(duration: Duration) -> prost_types::Duration {
    duration.try_into().unwrap_or(prost_types::Duration { seconds: 315_576_000_000, nanos: 0 })
}

/// A duration of the API as people read it.
pub(crate) fn human_duration(duration: Option<prost_types::Duration>) -> String {
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.map_or_else(String::new, exactly)
}

/// All of it, without units that are months or years long.
pub(crate) fn exactly(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (mut rest, mut parts) = (duration.as_secs(), Vec::new());
    for (seconds, unit) in UNITS {
        if rest >= seconds {
            parts.push(format!("{}{unit}", rest / seconds));
            rest %= seconds;
        }
    }
    match duration.subsec_millis() {
        0 if parts.is_empty() => return "0s".to_owned(),
        0 => {}
        milliseconds => parts.push(format!("{milliseconds}ms")),
    }
    parts.join(" ")
}

/// How long ago, in its largest unit: `3m`.
pub(crate) fn age(time: Option<prost_types::Timestamp>) -> String {
    let Some(time) = time.and_then(|time| SystemTime::try_from(time).ok()) else { return String::new() };
    let whole = exactly(Duration::from_secs(crate::clock::since(time).as_secs()));
    whole.split(' ').next().unwrap_or_default().to_owned()
}

/// A time in UTC, with milliseconds.
pub(crate) fn time(time: Option<prost_types::Timestamp>) -> String {
    let time = time.and_then(|time| SystemTime::try_from(time).ok());
    time.map_or_else(String::new, |time| humantime::format_rfc3339_millis(time).to_string())
}

/// Labels as they are given.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    let one = |(name, value): (&String, &String)| format!("{name}={value}");
    crate::output::printable(&labels.iter().map(one).collect::<Vec<_>>().join(","))
}

/// A word of the API as people read it: `DROP_OLDEST` is `drop-oldest`.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let of = |text| duration(text).unwrap();
        assert_eq!(of("1h30m"), Duration::from_secs(5_400));
        assert_eq!(of("7d"), Duration::from_secs(604_800));
        assert_eq!(of("500ms"), Duration::from_millis(500));
        assert_eq!(of("0"), Duration::ZERO);
        assert_eq!(duration("30").unwrap_err(), "has no unit; write 30s for seconds");
        for bad in ["", "s", "-1s", "1 fortnight", "99999999999999999999s", "١s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_written_so_that_they_can_be_read_back() {
        for seconds in [0, 1, 59, 60, 3_661, 86_400, 604_800, 31_536_000] {
            let whole = Duration::from_secs(seconds);
            assert_eq!(duration(&exactly(whole)), Ok(whole));
        }
        assert_eq!(exactly(Duration::from_millis(90_500)), "1m 30s 500ms");
        assert_eq!(exactly(Duration::from_secs(604_800)), "7d");
    }

    #[test]
    fn a_pair_is_cut_at_the_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err() && pair("=a").is_err() && pair("").is_err());
    }

    #[test]
    fn a_duration_too_long_for_the_wire_is_past_every_limit() {
        assert!(proto_duration(Duration::MAX).seconds > 31_536_000);
    }
}
