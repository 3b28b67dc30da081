//! Places in a topic's log: where a subscription starts, where a seek goes.

use broker::StartPosition;
use fanfare_proto::v1::{self, log_place::Place};

use super::time;
use crate::{check, refusal::Refusal};

/// Where a new subscription starts; the end of the log if nothing is said.
pub(crate) fn start(given: Option<v1::LogPlace>) -> Result<StartPosition, Refusal> {
    match given.and_then(|given| given.place) {
        Some(place) => read("start", &place),
        None => Ok(StartPosition::Latest),
    }
}

/// Where a seek goes, which must be said.
pub(crate) fn target(given: Option<v1::LogPlace>) -> Result<StartPosition, Refusal> {
    read("target", &check::present("target", given.and_then(|given| given.place))?)
}

fn read(path: &str, place: &Place) -> Result<StartPosition, Refusal> {
    Ok(match place {
        Place::Edge(edge) => match check::known(format_args!("{path}.edge"), *edge)? {
            v1::LogEdge::Unspecified | v1::LogEdge::Latest => StartPosition::Latest,
            v1::LogEdge::Earliest => StartPosition::Earliest,
        },
        Place::Sequence(0) => {
            return Err(Refusal::field(format_args!("{path}.sequence"), "is 0, must be at least 1"));
        }
        Place::Sequence(sequence) => StartPosition::Sequence(*sequence),
        Place::Time(at) => StartPosition::Time(time::timestamp(format_args!("{path}.time"), at)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(place: Place) -> Option<v1::LogPlace> {
        Some(v1::LogPlace { place: Some(place) })
    }

    #[test]
    fn a_start_may_be_left_out_and_a_seek_target_may_not() {
        assert_eq!(start(None).unwrap(), StartPosition::Latest);
        assert_eq!(start(Some(v1::LogPlace::default())).unwrap(), StartPosition::Latest);
        assert!(target(None).is_err() && target(Some(v1::LogPlace::default())).is_err());
    }

    #[test]
    fn every_place_is_understood() {
        assert_eq!(target(place(Place::Edge(2))).unwrap(), StartPosition::Earliest);
        assert_eq!(target(place(Place::Sequence(7))).unwrap(), StartPosition::Sequence(7));
        let at = prost_types::Timestamp { seconds: 1, nanos: 0 };
        assert_eq!(
            target(place(Place::Time(at))).unwrap(),
            StartPosition::Time(types::Timestamp::from_millis(1_000))
        );
        assert!(target(place(Place::Edge(9))).is_err() && target(place(Place::Sequence(0))).is_err());
    }
}
