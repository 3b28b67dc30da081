//! What a filter policy makes of messages.

use broker::Verdict;
use fanfare_proto::v1;
use filter::Mismatch;
use prost::Message as _;

use super::time;
use crate::page::PAGE_BYTES;

/// Failed clauses of one verdict.
const CLAUSES: usize = 32;
/// Characters of a failed clause's path, and of its reason.
const CHARS: usize = 1_024;

/// Of a message that is not published.
pub(crate) fn unpublished(mismatches: Vec<Mismatch>) -> v1::FilterVerdict {
    let failed_left_out = u32::try_from(mismatches.len().saturating_sub(CLAUSES)).unwrap_or(u32::MAX);
    v1::FilterVerdict {
        matched: mismatches.is_empty(),
        failed: mismatches.into_iter().take(CLAUSES).map(clause).collect(),
        failed_left_out,
        ..v1::FilterVerdict::default()
    }
}

/// Of a stored one.
pub(crate) fn stored(verdict: Verdict) -> v1::FilterVerdict {
    v1::FilterVerdict {
        message_id: verdict.message_id.to_string(),
        sequence: verdict.message_id.sequence,
        publish_time: Some(time::to_proto_timestamp(verdict.published_at)),
        ..unpublished(verdict.mismatches)
    }
}

fn clause(mismatch: Mismatch) -> v1::FailedClause {
    v1::FailedClause { path: clipped(mismatch.path), reason: clipped(mismatch.reason) }
}

fn clipped(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(CHARS) {
        text.truncate(end);
    }
    text
}

/// All of them; past what a client would take without the clauses.
pub(crate) fn answer(mut verdicts: Vec<v1::FilterVerdict>, policy_position: u64) -> v1::TestFilterResponse {
    let mut bytes = 0;
    for verdict in &mut verdicts {
        bytes += verdict.encoded_len();
        if bytes > PAGE_BYTES {
            verdict.failed_left_out += u32::try_from(verdict.failed.len()).unwrap_or(u32::MAX);
            verdict.failed.clear();
        }
    }
    let matched = verdicts.iter().filter(|verdict| verdict.matched).count();
    let matched = u32::try_from(matched).unwrap_or(u32::MAX);
    v1::TestFilterResponse { verdicts, matched, policy_position }
}

#[cfg(test)]
mod tests {
    use types::{LogId, MessageId, Timestamp, limits};

    use super::*;

    fn mismatches(count: usize, chars: usize) -> Vec<Mismatch> {
        vec![Mismatch { path: "ä".repeat(chars), reason: "r".into() }; count]
    }

    #[test]
    fn a_stored_message_is_named_and_an_unpublished_one_is_not() {
        let message_id = MessageId { log: LogId(7), sequence: 9 };
        let verdict =
            Verdict { message_id, published_at: Timestamp::from_millis(1_500), mismatches: mismatches(1, 1) };
        let shown = stored(verdict);
        assert_eq!((shown.message_id, shown.sequence), (message_id.to_string(), 9));
        assert_eq!(shown.publish_time, Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }));
        assert_eq!(shown.failed, [v1::FailedClause { path: "ä".into(), reason: "r".into() }]);
        let shown = unpublished(Vec::new());
        assert_eq!(shown, v1::FilterVerdict { matched: true, ..v1::FilterVerdict::default() });
    }

    #[test]
    fn too_many_clauses_and_too_long_ones_are_cut() {
        let shown = unpublished(mismatches(40, 2_000));
        assert_eq!((shown.failed.len(), shown.failed_left_out, shown.matched), (32, 8, false));
        assert!(shown.failed.iter().all(|clause| clause.path.chars().count() == 1_024));
    }

    #[test]
    fn an_answer_that_a_client_would_not_take_goes_on_without_clauses() {
        let verdicts = vec![unpublished(mismatches(40, 2_000)); limits::FILTER_TEST_MESSAGES];
        let answer = answer(verdicts, 5);
        assert!(answer.encoded_len() < PAGE_BYTES + (64 << 10), "{}", answer.encoded_len());
        assert_eq!((answer.verdicts.len(), answer.matched, answer.policy_position), (1_000, 0, 5));
        assert_eq!((answer.verdicts[0].failed.len(), answer.verdicts[999].failed.len()), (32, 0));
        assert!(answer.verdicts.iter().all(|v| v.failed.len() + v.failed_left_out as usize == 40));
    }
}
