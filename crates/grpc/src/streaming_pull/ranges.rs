//! Acknowledgement by the numbers of a stream's deliveries, in ranges: read, settled and answered without touching one message more
//! often than needed.

use std::ops::RangeInclusive;

use broker::{LeaseError, SettleError, Settling, Subscriber};
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
    settling: Option<Settling<Vec<(usize, LeaseError)>>>,
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
    if claims.numbers.is_empty() {
        return Ok(Acked { refused: claims.refused, ..Acked::default() });
    }
    let mut settling = subscriber.acknowledge_runs(&outstanding.runs(&claims.numbers)).await?;
    let refused = std::mem::take(&mut settling.outcomes);
    let mut acked = sort(claims, &refused, outstanding);
    outstanding.tidy();
    acked.settling = Some(settling);
    Ok(acked)
}

/// Tells what was acknowledged from what was refused, which is known by its place among all that was claimed.
fn sort(claims: Claims, wrong: &[(usize, LeaseError)], outstanding: &mut Outstanding) -> Acked {
    let Claims { numbers: claimed, mut refused } = claims;
    let mut numbers = Vec::with_capacity(claimed.len());
    let (mut wrong, mut before) = (wrong.iter().peekable(), 0);
    for run in claimed {
        let (first, last) = run.into_inner();
        let (mut start, places) = (first, before + last - first + 1);
        while let Some((place, why)) = wrong.next_if(|(place, _)| (*place as u64) < places) {
            let number = first + (*place as u64 - before);
            outstanding.refused(number, *why);
            push_refused(&mut refused, number..=number, *why);
            if start < number {
                numbers.push(start..=number - 1);
            }
            start = number + 1;
        }
        if start <= last {
            numbers.push(start..=last);
        }
        before = places;
    }
    Acked { numbers, refused, settling: None }
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
    fn what_was_refused_is_cut_out_of_what_was_claimed() {
        let acked = |claimed: &[Numbers], wrong: &[(usize, LeaseError)]| {
            let claims = Claims { numbers: claimed.to_vec(), refused: Vec::new() };
            let acked = sort(claims, wrong, &mut Outstanding::new(10, 10, true));
            (acked.numbers, acked.refused)
        };
        let (expired, sought) = (LeaseError::Expired, LeaseError::FencedBySeek);
        assert_eq!(acked(&[1..=3, 7..=9], &[]), (vec![1..=3, 7..=9], vec![]));
        let wrong = [(0, expired), (2, expired), (3, expired), (4, sought), (5, sought)];
        let refused = vec![(1..=1, expired), (3..=3, expired), (7..=7, expired), (8..=9, sought)];
        assert_eq!(acked(&[1..=3, 7..=9], &wrong), (vec![2..=2], refused));
        let (numbers, refused) = acked(&[1..=3, 4..=6], &[(2, expired), (3, expired)]);
        assert_eq!((numbers, refused), (vec![1..=2, 5..=6], vec![(3..=4, expired)]));
    }

    #[test]
    fn a_stream_without_numbers_takes_none() {
        assert_eq!(refused(&[(1, 1)], None).0, "ack_deliveries");
        assert!(read(&[], None).unwrap().is_empty());
    }
}
