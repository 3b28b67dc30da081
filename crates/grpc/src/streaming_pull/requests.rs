use std::{ops::Range, time::Duration};

use broker::{LeaseError, SettleError, Settling, Subscriber};
use fanfare_proto::v1;
use types::{AckId, SubscriptionUid, Timestamp, limits};

use super::{
    flow::Outstanding,
    ranges::{self, Acked, Numbers},
};
use crate::{
    check,
    convert::outcome,
    refusal::Refusal,
    subscriber::{lease_length, nack_delay},
};

/// What one request of a stream settles, checked. The texts stay for the confirmation.
#[derive(Debug, Default)]
pub(crate) struct Settlements {
    acks: AckIds,
    nacks: AckIds,
    /// One an ack ID of `nacks`.
    delays: Vec<Option<Duration>>,
    extensions: AckIds,
    /// Which of `extensions` get which length; none is the subscription's own.
    lengths: Vec<(Range<usize>, Option<Duration>)>,
    /// Deliveries to acknowledge.
    ranges: Vec<Numbers>,
}

#[derive(Debug, Default)]
struct AckIds {
    texts: Vec<String>,
    ids: Vec<AckId>,
}

impl Settlements {
    /// Settlements of the first request. `delivered`: the number of the last delivery, if the stream has numbers.
    pub(crate) fn read(
        request: v1::StreamingPullRequest,
        uid: SubscriptionUid,
        delivered: Option<u64>,
    ) -> Result<Self, Refusal> {
        let ranges = ranges::read(&request.ack_deliveries, delivered)?;
        let mut settlements = Self { ranges, ..Self::default() };
        settlements.acks.add("acks", request.acks, uid)?;
        for (index, nack) in request.nacks.into_iter().enumerate() {
            settlements
                .add_nack(nack, uid)
                .map_err(|refusal| refusal.within(format_args!("nacks[{index}]")))?;
        }
        for (index, extension) in request.extensions.into_iter().enumerate() {
            settlements
                .add_extension(extension, uid)
                .map_err(|refusal| refusal.within(format_args!("extensions[{index}]")))?;
        }
        Ok(settlements)
    }

    /// Settlements of a later request, which may hold nothing else.
    pub(crate) fn read_later(
        request: v1::StreamingPullRequest,
        uid: SubscriptionUid,
        delivered: Option<u64>,
    ) -> Result<Self, Refusal> {
        let only_first = [
            ("subscription", !request.subscription.is_empty()),
            ("max_outstanding_messages", request.max_outstanding_messages != 0),
            ("max_outstanding_bytes", request.max_outstanding_bytes != 0),
            ("confirm", request.confirm),
            ("blocks", request.blocks),
        ];
        match only_first.into_iter().find(|(_, set)| *set) {
            Some((field, _)) => Err(Refusal::field(field, "belongs in the first request of the stream only")),
            None => Self::read(request, uid, delivered),
        }
    }

    /// Takes over the settlements of the request that came next.
    pub(crate) fn append(&mut self, mut next: Self) {
        let before = self.extensions.ids.len();
        self.lengths.extend(
            next.lengths
                .into_iter()
                .map(|(range, length)| (range.start + before..range.end + before, length)),
        );
        for (ours, theirs) in [
            (&mut self.acks, &mut next.acks),
            (&mut self.nacks, &mut next.nacks),
            (&mut self.extensions, &mut next.extensions),
        ] {
            ours.texts.append(&mut theirs.texts);
            ours.ids.append(&mut theirs.ids);
        }
        self.delays.append(&mut next.delays);
        self.ranges.append(&mut next.ranges);
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.has_ids() && self.ranges.is_empty()
    }

    /// Whether it has ack IDs, whose results belong to one request. (Ranges say themselves whose they are.)
    pub(crate) fn has_ids(&self) -> bool {
        !(self.acks.ids.is_empty() && self.nacks.ids.is_empty() && self.extensions.ids.is_empty())
    }

    /// No further request is settled together with these.
    pub(crate) fn is_full(&self) -> bool {
        let deliveries = self.ranges.iter().map(|range| range.end() - range.start() + 1).sum::<u64>();
        deliveries >= limits::STREAM_ACK_DELIVERIES as u64
    }

    fn add_nack(&mut self, nack: v1::StreamNack, uid: SubscriptionUid) -> Result<(), Refusal> {
        check::length("ack_ids", nack.ack_ids.len(), 1..=limits::ACK_IDS)?;
        let delay = nack_delay("delay", nack.delay)?;
        self.nacks.add("ack_ids", nack.ack_ids, uid)?;
        self.delays.resize(self.nacks.ids.len(), delay);
        Ok(())
    }

    fn add_extension(&mut self, extension: v1::StreamExtension, uid: SubscriptionUid) -> Result<(), Refusal> {
        check::length("ack_ids", extension.ack_ids.len(), 1..=limits::ACK_IDS)?;
        let length = lease_length("ack_deadline", extension.ack_deadline)?;
        let start = self.extensions.ids.len();
        self.extensions.add("ack_ids", extension.ack_ids, uid)?;
        self.lengths.push((start..self.extensions.ids.len(), length));
        Ok(())
    }

    /// Decides all of it; what remains is to wait until it is durable.
    pub(crate) async fn settle(
        self,
        subscriber: &Subscriber,
        outstanding: &mut Outstanding,
    ) -> Result<Confirmation, SettleError> {
        // First: they may be of requests before the one that has the ack IDs.
        let ranges = ranges::settle(self.ranges, subscriber, outstanding).await?;
        let acks = match self.acks.ids.as_slice() {
            [] => None,
            ids => Some(subscriber.acknowledge(ids).await?),
        };
        let nacks: Vec<_> = self.nacks.ids.iter().copied().zip(self.delays).collect();
        let nacks = if nacks.is_empty() { None } else { Some(subscriber.nack(&nacks).await?) };
        let extended = extend(subscriber, &self.extensions.ids, self.lengths)?;
        let acked = acks.iter().flat_map(|settling| &settling.outcomes);
        for (id, outcome) in self.acks.ids.iter().zip(acked) {
            match outcome {
                Ok(()) | Err(LeaseError::AlreadySettled) => outstanding.settled(id),
                Err(_) => outstanding.ended(id),
            }
        }
        self.nacks.ids.iter().for_each(|id| outstanding.ended(id));
        for (id, outcome) in self.extensions.ids.iter().zip(&extended) {
            match outcome {
                Ok(deadline) => outstanding.extended(id, *deadline),
                Err(_) => outstanding.ended(id),
            }
        }
        Ok(Confirmation {
            acks: (self.acks.texts, acks),
            nacks: (self.nacks.texts, nacks),
            extensions: outcome::extended(self.extensions.texts, &extended),
            ranges,
        })
    }
}

fn extend(
    subscriber: &Subscriber,
    ids: &[AckId],
    lengths: Vec<(Range<usize>, Option<Duration>)>,
) -> Result<Vec<Result<Timestamp, LeaseError>>, SettleError> {
    let mut outcomes = Vec::with_capacity(ids.len());
    for (range, length) in lengths {
        let length = length.unwrap_or_else(|| subscriber.settings().ack_deadline);
        outcomes.extend(subscriber.extend(&ids[range], length)?);
    }
    Ok(outcomes)
}

impl AckIds {
    fn add(&mut self, path: &str, texts: Vec<String>, uid: SubscriptionUid) -> Result<(), Refusal> {
        for (index, text) in texts.into_iter().enumerate() {
            let id = check::ack_id(format_args!("{path}[{index}]"), &text)?;
            if id.subscription != uid {
                return Err(check::other_subscription(format_args!("{path}[{index}]")));
            }
            self.texts.push(text);
            self.ids.push(id);
        }
        Ok(())
    }
}

/// The results of one request, once they are durable.
#[derive(Debug)]
#[must_use = "what is settled is not durable before `durable` says so"]
pub(crate) struct Confirmation {
    acks: (Vec<String>, Option<Settling>),
    nacks: (Vec<String>, Option<Settling>),
    extensions: Vec<v1::ExtendResult>,
    ranges: Acked,
}

impl Confirmation {
    pub(crate) async fn durable(self) -> Result<v1::StreamingPullResponse, SettleError> {
        let (acked, range_results) = self.ranges.durable().await?;
        Ok(v1::StreamingPullResponse {
            acked,
            range_results,
            ack_results: results(self.acks).await?,
            nack_results: results(self.nacks).await?,
            extend_results: self.extensions,
            ..Default::default()
        })
    }
}

async fn results(
    (texts, settling): (Vec<String>, Option<Settling>),
) -> Result<Vec<v1::SettleResult>, SettleError> {
    match settling {
        Some(settling) => Ok(outcome::settled(texts, settling.durable().await?)),
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use types::LeaseId;

    use super::*;

    const UID: SubscriptionUid = SubscriptionUid(7);

    fn id(uid: u64, sequence: u64) -> String {
        AckId { subscription: SubscriptionUid(uid), sequence, lease: LeaseId(1) }.to_string()
    }

    fn field(request: v1::StreamingPullRequest) -> String {
        v1::RequestError::from(Settlements::read_later(request, UID, None).unwrap_err()).field
    }

    #[test]
    fn a_bad_ack_id_is_named_by_its_place_in_the_request() {
        let nack = |ids: &[String]| v1::StreamNack { ack_ids: ids.to_vec(), delay: None };
        let acks = vec![id(7, 1), "x".into()];
        assert_eq!(field(v1::StreamingPullRequest { acks, ..Default::default() }), "acks[1]");
        let acks = vec![id(8, 1)];
        assert_eq!(field(v1::StreamingPullRequest { acks, ..Default::default() }), "acks[0]");
        let nacks = vec![nack(&[id(7, 1)]), nack(&[id(7, 2), id(9, 3)])];
        assert_eq!(field(v1::StreamingPullRequest { nacks, ..Default::default() }), "nacks[1].ack_ids[1]");
        let extensions = vec![v1::StreamExtension::default()];
        assert_eq!(
            field(v1::StreamingPullRequest { extensions, ..Default::default() }),
            "extensions[0].ack_ids"
        );
    }

    #[test]
    fn each_nack_keeps_its_own_delay() {
        let delay = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let nacks = vec![
            v1::StreamNack { ack_ids: vec![id(7, 1), id(7, 2)], delay: delay(5) },
            v1::StreamNack { ack_ids: vec![id(7, 3)], delay: None },
        ];
        let request = v1::StreamingPullRequest { nacks, ..Default::default() };
        let settlements = Settlements::read_later(request, UID, None).unwrap();
        let five = Some(Duration::from_secs(5));
        assert_eq!(settlements.delays, [five, five, None]);
    }

    #[test]
    fn requests_that_came_together_are_settled_together() {
        let extension = |sequence, seconds| {
            let ack_deadline = Some(prost_types::Duration { seconds, nanos: 0 });
            vec![v1::StreamExtension { ack_ids: vec![id(7, sequence)], ack_deadline }]
        };
        let read = |sequence, seconds| {
            let (acks, extensions) = (vec![id(7, sequence)], extension(sequence + 10, seconds));
            let request = v1::StreamingPullRequest { acks, extensions, ..Default::default() };
            Settlements::read_later(request, UID, None).unwrap()
        };
        let mut both = read(1, 5);
        both.append(read(2, 6));
        assert_eq!(both.acks.ids.iter().map(|id| id.sequence).collect::<Vec<_>>(), [1, 2]);
        let lengths = [(0..1, Some(Duration::from_secs(5))), (1..2, Some(Duration::from_secs(6)))];
        assert_eq!(both.lengths, lengths);
    }

    #[test]
    fn no_more_deliveries_are_settled_together_than_one_request_may_have_and_one_less() {
        let last = limits::STREAM_ACK_DELIVERIES as u64;
        let read = |first, last| {
            let ack_deliveries = vec![v1::DeliveryRange { first, last }];
            let request = v1::StreamingPullRequest { ack_deliveries, ..Default::default() };
            Settlements::read_later(request, UID, Some(u64::MAX)).unwrap()
        };
        let mut together = read(1, last - 1);
        assert!(!together.is_full());
        together.append(read(5, 5));
        assert!(together.is_full());
    }

    #[test]
    fn a_later_request_may_only_settle() {
        let later = v1::StreamingPullRequest { subscription: "s".into(), ..Default::default() };
        assert_eq!(field(later), "subscription");
        assert_eq!(field(v1::StreamingPullRequest { confirm: true, ..Default::default() }), "confirm");
        let later = v1::StreamingPullRequest { max_outstanding_bytes: 1, ..Default::default() };
        assert_eq!(field(later), "max_outstanding_bytes");
    }
}
