//! Acknowledgement by the numbers of a stream's deliveries, in ranges: read, settled and answered without touching one message more
//! often than needed.

use std::ops::RangeInclusive;

use broker::{LeaseError, Outcome, SettleError, Settling, Subscriber};
use fanfare_proto::v1;
use types::limits;

use super::flow::{Claims, Outstanding, push_refused};
use crate::{check, convert::outcome, refusal::Refusal};

/// From the first to the last.
pub(crate) type Numbers = RangeInclusive<u64>;

/// Checks the ranges of a request. `delivered`: the number of the last delivery, if the stream has numbers.
pub(crate) fn read(ranges: &[v1::DeliveryRange], delivered: Option<u64>) -> Result<Vec<Numbers>, Refusal> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let Some(delivered) = delivered else {
        return Err(Refusal::field("ack_deliveries", "needs `blocks` in the first request of the stream"));
    };
    let mut total: u64 = 0;
    for (index, range) in ranges.iter().enumerate() {
        range_of_delivered(range, delivered)
            .map_err(|refusal| refusal.within(format_args!("ack_deliveries[{index}]")))?;
        total = total.saturating_add(range.last - range.first + 1);
    }
    if total > limits::STREAM_ACK_DELIVERIES as u64 {
        let limit = limits::STREAM_ACK_DELIVERIES;
        let why = format_args!("the ranges have {total} deliveries together, the limit is {limit}");
        return Err(Refusal::field("ack_deliveries", why));
    }
    Ok(ranges.iter().map(|range| range.first..=range.last).collect())
}

fn range_of_delivered(range: &v1::DeliveryRange, delivered: u64) -> Result<(), Refusal> {
    check::numbered("first", range.first)?;
    if range.last < range.first {
        return Err(Refusal::field(
            "last",
            format_args!("is {}, which is below first ({})", range.last, range.first),
        ));
    }
    if range.last > delivered {
        let why =
            format_args!("is {}, the last that was delivered on this stream is {delivered}", range.last);
        return Err(Refusal::field("last", why));
    }
    Ok(())
}

/// What became of ranges, once it is durable.
#[derive(Debug, Default)]
#[must_use = "what is settled is not durable before `durable` says so"]
pub(crate) struct Acked {
    numbers: Vec<Numbers>,
    refused: Vec<(Numbers, LeaseError)>,
    settling: Option<Settling>,
}

/// Decides all of them together.
pub(crate) async fn settle(
    ranges: Vec<Numbers>,
    subscriber: &Subscriber,
    outstanding: &mut Outstanding,
) -> Result<Acked, SettleError> {
    let mut claims = Claims::default();
    for range in ranges {
        outstanding.claim(range, &mut claims);
    }
    if claims.leases.is_empty() {
        return Ok(Acked { refused: claims.refused, ..Acked::default() });
    }
    let mut settling = subscriber.acknowledge_leases(&claims.leases).await?;
    let outcomes = std::mem::take(&mut settling.outcomes);
    let claimed = claims.numbers.clone();
    let mut acked = sort(claims, &outcomes, outstanding);
    claimed.iter().for_each(|numbers| outstanding.tidy(numbers));
    acked.settling = Some(settling);
    Ok(acked)
}

/// Tells what was acknowledged from what was refused.
fn sort(claims: Claims, outcomes: &[Outcome], outstanding: &mut Outstanding) -> Acked {
    let Claims { numbers, mut refused, .. } = claims;
    if outcomes.iter().all(Outcome::is_ok) {
        return Acked { numbers, refused, settling: None };
    }
    let mut acked: Vec<Numbers> = Vec::new();
    for (number, outcome) in numbers.into_iter().flatten().zip(outcomes) {
        match (outcome, acked.last_mut()) {
            (Err(error), _) => {
                outstanding.refused(number);
                push_refused(&mut refused, number..=number, *error);
            }
            (Ok(()), Some(last)) if *last.end() + 1 == number => *last = *last.start()..=number,
            (Ok(()), _) => acked.push(number..=number),
        }
    }
    Acked { numbers: acked, refused, settling: None }
}

impl Acked {
    pub(crate) async fn durable(self) -> Result<(Vec<v1::DeliveryRange>, Vec<v1::RangeResult>), SettleError> {
        if let Some(settling) = self.settling {
            settling.durable().await?;
        }
        let refused = self.refused.into_iter().map(|(numbers, why)| outcome::range(to_proto(&numbers), why));
        Ok((self.numbers.iter().map(to_proto).collect(), refused.collect()))
    }
}

fn to_proto(numbers: &Numbers) -> v1::DeliveryRange {
    v1::DeliveryRange { first: *numbers.start(), last: *numbers.end() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(ranges: &[(u64, u64)], delivered: Option<u64>) -> (String, String) {
        let ranges: Vec<_> =
            ranges.iter().map(|(first, last)| v1::DeliveryRange { first: *first, last: *last }).collect();
        let error = v1::RequestError::from(read(&ranges, delivered).unwrap_err());
        (error.field, error.message)
    }

    #[test]
    fn a_range_that_is_none_or_was_not_delivered_is_named_by_its_place() {
        let field = |ranges: &[(u64, u64)]| refused(ranges, Some(10)).0;
        assert_eq!(field(&[(1, 2), (0, 2)]), "ack_deliveries[1].first");
        assert_eq!(field(&[(3, 2)]), "ack_deliveries[0].last");
        assert_eq!(field(&[(1, 10), (10, 11)]), "ack_deliveries[1].last");
        assert_eq!(field(&[(1, u64::MAX)]), "ack_deliveries[0].last");
        assert_eq!(refused(&[(1, 1)], Some(0)).0, "ack_deliveries[0].last");
    }

    #[test]
    fn the_deliveries_of_all_ranges_together_have_a_limit_and_it_is_allowed() {
        let half = limits::STREAM_ACK_DELIVERIES as u64 / 2;
        let range = |first, last| v1::DeliveryRange { first, last };
        assert!(read(&[range(1, half), range(1, half)], Some(u64::MAX)).is_ok());
        let (field, why) = refused(&[(1, half), (1, half + 1)], Some(u64::MAX));
        assert_eq!((&*field, why.contains("100001"), why.contains("100000")), ("ack_deliveries", true, true));
        assert_eq!(refused(&[(1, u64::MAX), (1, u64::MAX)], Some(u64::MAX)).0, "ack_deliveries");
    }

    #[test]
    fn a_stream_without_numbers_takes_none() {
        assert_eq!(refused(&[(1, 1)], None).0, "ack_deliveries");
        assert!(read(&[], None).unwrap().is_empty());
    }
}
