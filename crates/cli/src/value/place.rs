use fanfare_client::proto::{LogEdge, LogPlace, log_place::Place};

use crate::clock;

/// A place in a topic's log: `earliest`, `latest`, a sequence, a time (RFC 3339, in UTC), or so long ago (`10m`).
pub(crate) fn place(text: &str) -> Result<LogPlace, String> {
    let place = match text {
        "earliest" => Place::Edge(LogEdge::Earliest.into()),
        "latest" => Place::Edge(LogEdge::Latest.into()),
        _ => other(text).ok_or_else(|| {
            "is no place; write earliest, latest, a sequence like 4711, a time like 2026-01-31T12:00:00Z, or 10m for so long ago".to_owned()
        })?,
    };
    Ok(LogPlace { place: Some(place) })
}

fn other(text: &str) -> Option<Place> {
    if let Ok(sequence) = text.parse() {
        return Some(Place::Sequence(sequence));
    }
    let time = match humantime::parse_rfc3339_weak(text) {
        Ok(time) => time,
        Err(_) => clock::now().checked_sub(super::duration(text).ok()?)?,
    };
    Some(Place::Time(time.into()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn of(text: &str) -> Place {
        place(text).unwrap().place.unwrap()
    }

    #[test]
    fn a_place_is_an_edge_a_sequence_a_time_or_an_age() {
        assert_eq!(of("earliest"), Place::Edge(LogEdge::Earliest.into()));
        assert_eq!(of("4711"), Place::Sequence(4711));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        assert_eq!(of("1970-01-02T00:00:00Z"), Place::Time(time.into()));
        assert_eq!(of("1970-01-02 00:00:00"), Place::Time(time.into()));
        let Place::Time(ago) = of("10m") else { panic!("no time") };
        let ago = clock::since(ago.try_into().unwrap());
        assert!((600..660).contains(&ago.as_secs()), "{ago:?}");
    }

    #[test]
    fn what_is_none_of_these_is_refused() {
        for bad in ["", "first", "-1", "2026-13-01T00:00:00Z", "99999999999999999999"] {
            assert!(place(bad).unwrap_err().starts_with("is no place"), "{bad}");
        }
    }
}
