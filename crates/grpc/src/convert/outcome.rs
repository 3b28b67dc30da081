//! What became of ack IDs.

use broker::LeaseError;
use fanfare_proto::v1;
use types::Timestamp;

use super::time;

/// One result an ack ID, in order.
pub(crate) fn settled(ack_ids: Vec<String>, outcomes: Vec<Result<(), LeaseError>>) -> Vec<v1::SettleResult> {
    let results = ack_ids.into_iter().zip(outcomes);
    results
        .map(|(ack_id, outcome)| {
            let (outcome, detail) = split(outcome.err());
            v1::SettleResult { ack_id, outcome: outcome.into(), detail }
        })
        .collect()
}

/// One result an ack ID, in order.
pub(crate) fn extended(
    ack_ids: Vec<String>,
    outcomes: &[Result<Timestamp, LeaseError>],
) -> Vec<v1::ExtendResult> {
    let results = ack_ids.into_iter().zip(outcomes);
    results
        .map(|(ack_id, result)| {
            let (outcome, detail) = split(result.err());
            let lease_deadline = result.ok().map(time::to_proto_timestamp);
            v1::ExtendResult { ack_id, outcome: outcome.into(), detail, lease_deadline }
        })
        .collect()
}

/// Why deliveries were refused.
pub(crate) fn range(deliveries: v1::DeliveryRange, why: LeaseError) -> v1::RangeResult {
    let (outcome, detail) = split(Some(why));
    v1::RangeResult { deliveries: Some(deliveries), outcome: outcome.into(), detail }
}

fn split(error: Option<LeaseError>) -> (v1::LeaseOutcome, String) {
    let Some(error) = error else { return (v1::LeaseOutcome::Ok, String::new()) };
    let outcome = match error {
        LeaseError::Expired => v1::LeaseOutcome::Expired,
        LeaseError::Superseded => v1::LeaseOutcome::Superseded,
        LeaseError::FencedBySeek => v1::LeaseOutcome::FencedBySeek,
        LeaseError::AlreadySettled => v1::LeaseOutcome::AlreadySettled,
    };
    (outcome, error.to_string())
}
