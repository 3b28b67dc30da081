use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use types::Timestamp;

/// How long an answer asks to be left alone (`Retry-After`, RFC 9110 section 10.2.3): seconds, or an HTTP date in one of the three forms of
/// section 5.6.7. Not bounded. What is neither is as good as absent; a date that has passed is no wait.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    seconds(value).or_else(|| date(value).map(|at| at.since(now)))
}

/// Digits and nothing else, so no sign. More of them than a number holds are for ever.
fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

/// From 1970 to 9999.
fn date(value: &str) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(value).ok()?;
    Some(Timestamp::EPOCH.plus(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    const EXAMPLE: u64 = 784_111_777;

    fn read(value: &[u8], now_seconds: u64) -> Option<Duration> {
        let value = http::HeaderValue::from_bytes(value).unwrap();
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
        retry_after(&headers, Timestamp::from_millis(now_seconds * 1_000))
    }

    #[test]
    fn seconds_are_seconds() {
        for (value, seconds) in [("0", 0), ("120", 120), (" 7 ", 7), ("007", 7)] {
            assert_eq!(read(value.as_bytes(), 5), Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn more_seconds_than_there_are_is_the_longest_wait() {
        assert_eq!(read(b"99999999999999999999999", 5), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn a_date_in_each_of_the_three_forms_is_a_wait_until_then() {
        for value in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(read(value.as_bytes(), EXAMPLE - 90), Some(Duration::from_secs(90)), "{value}");
            assert_eq!(read(value.as_bytes(), EXAMPLE + 1), Some(Duration::ZERO), "{value}");
        }
    }

    #[test]
    fn what_is_neither_is_as_good_as_absent() {
        for value in [
            "",
            "-1",
            "+1",
            "1.5",
            "1s",
            "1, 2",
            "soon",
            "١",
            "0x10",
            "1994-11-06T08:49:37Z",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Fri, 01 Jan 1960 00:00:00 GMT",
        ] {
            assert_eq!(read(value.as_bytes(), 5), None, "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::EPOCH), None);
    }

    proptest! {
        #[test]
        fn nothing_that_an_endpoint_sends_is_too_much(value in prop::collection::vec(0x20_u8..=0xff, 0..40)) {
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, value)]), Timestamp::MAX);
            }
        }

        #[test]
        fn any_number_of_seconds_is_read(seconds: u64) {
            prop_assert_eq!(read(seconds.to_string().as_bytes(), 5), Some(Duration::from_secs(seconds)));
        }
    }
}
