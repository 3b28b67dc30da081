//! Durations and times of the wire, with their limits.

use std::{fmt, ops::RangeInclusive, time::Duration};

use types::Timestamp;

use crate::refusal::Refusal;

/// The last second that `google.protobuf.Timestamp` can say: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;
const NANOS: u32 = 1_000_000_000;

/// A duration that is given and within its limits.
pub(crate) fn within(
    path: impl fmt::Display,
    given: Option<prost_types::Duration>,
    allowed: RangeInclusive<Duration>,
) -> Result<Option<Duration>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let value = duration(&path, &given)?;
    if allowed.contains(&value) {
        return Ok(Some(value));
    }
    Err(Refusal::field(
        path,
        format_args!("is {value:?}, must be {:?} to {:?}", allowed.start(), allowed.end()),
    ))
}

/// A duration that is given and not negative.
pub(crate) fn duration(path: impl fmt::Display, given: &prost_types::Duration) -> Result<Duration, Refusal> {
    if given.seconds < 0 || given.nanos < 0 {
        let why = format_args!("is {}s and {}ns, must not be negative", given.seconds, given.nanos);
        return Err(Refusal::field(path, why));
    }
    match (u64::try_from(given.seconds), u32::try_from(given.nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < NANOS => Ok(Duration::new(seconds, nanos)),
        _ => Err(Refusal::field(path, format_args!("has {} nanos, must be 0 to 999999999", given.nanos))),
    }
}

/// A time from 1970 to 9999.
pub(crate) fn timestamp(
    path: impl fmt::Display,
    given: &prost_types::Timestamp,
) -> Result<Timestamp, Refusal> {
    match (u64::try_from(given.seconds), u32::try_from(given.nanos)) {
        (Ok(seconds), Ok(nanos)) if seconds <= LAST_SECOND && nanos < NANOS => {
            Ok(Timestamp::EPOCH.plus(Duration::new(seconds, nanos)))
        }
        _ => Err(Refusal::field(
            path,
            format_args!(
                "is {} seconds and {} nanos, must be from the year 1970 to 9999 with 0 to 999999999 nanos",
                given.seconds, given.nanos
            ),
        )),
    }
}

pub(crate) fn to_proto_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

pub(crate) fn to_proto_timestamp(at: Timestamp) -> prost_types::Timestamp {
    let since = to_proto_duration(at.since(Timestamp::EPOCH));
    prost_types::Timestamp { seconds: since.seconds, nanos: since.nanos }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proto(seconds: i64, nanos: i32) -> prost_types::Duration {
        prost_types::Duration { seconds, nanos }
    }

    #[test]
    fn a_duration_that_is_negative_or_malformed_is_refused() {
        for bad in
            [proto(-1, 0), proto(0, -1), proto(1, -1), proto(0, 1_000_000_000), proto(i64::MIN, i32::MIN)]
        {
            assert!(duration("f", &bad).is_err(), "{bad:?}");
        }
        assert_eq!(duration("f", &proto(i64::MAX, 999_999_999)).unwrap().subsec_nanos(), 999_999_999);
    }

    #[test]
    fn a_duration_outside_its_limits_is_refused_with_the_limits() {
        let allowed = Duration::from_secs(1)..=Duration::from_secs(43_200);
        let refusal = within("f", Some(proto(43_200, 1)), allowed.clone()).unwrap_err();
        assert!(format!("{refusal:?}").contains("must be 1s to 43200s"), "{refusal:?}");
        assert_eq!(within("f", Some(proto(1, 0)), allowed.clone()).unwrap(), Some(Duration::from_secs(1)));
        assert_eq!(within("f", None, allowed).unwrap(), None);
    }

    #[test]
    fn a_time_before_1970_or_after_9999_is_refused() {
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (253_402_300_800, 0), (i64::MAX, 0)] {
            assert!(timestamp("f", &prost_types::Timestamp { seconds, nanos }).is_err(), "{seconds} {nanos}");
        }
    }

    proptest! {
        #[test]
        fn times_come_back_from_the_wire(micros in 0..LAST_SECOND * 1_000_000) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(timestamp("f", &to_proto_timestamp(at)).unwrap(), at);
        }

        #[test]
        fn durations_come_back_from_the_wire(seconds in 0..u64::from(u32::MAX), nanos in 0..NANOS) {
            let value = Duration::new(seconds, nanos);
            prop_assert_eq!(duration("f", &to_proto_duration(value)).unwrap(), value);
        }
    }
}
