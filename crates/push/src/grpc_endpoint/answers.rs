//! What a server's answer means for each message.

use std::{collections::HashMap, error::Error as _, time::Duration};

use broker::Delivery;
use bytes::Bytes;
use fanfare_proto::push::v1::{DeliverOutcome, DeliverResponse, DeliverResult};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use types::limits;

use crate::{
    Answer, Failure, Response,
    connect::{cut, failure},
    webhook::first_of,
};

/// The reason that disables an endpoint, with NOT_FOUND.
const GONE: &str = "ENDPOINT_GONE";

/// One answer for each message. One that is not named is taken; of several results for a message the first counts.
pub(super) fn of_response(messages: &[Delivery], response: &DeliverResponse) -> Vec<Answer> {
    let mut named = HashMap::with_capacity(messages.len());
    for result in &response.results {
        named.entry(result.message_id.as_str()).or_insert(result);
    }
    let answer = |message: &Delivery| {
        let result = named.get(message.message_id.to_string().as_str());
        result.map_or_else(taken, |result| of_result(result))
    };
    messages.iter().map(answer).collect()
}

fn taken() -> Answer {
    Answer { response: Response::Grpc(0), retry_after: None, body: Bytes::new(), error: String::new() }
}

fn of_result(result: &DeliverResult) -> Answer {
    let (response, error) = match DeliverOutcome::try_from(result.outcome) {
        Ok(DeliverOutcome::Unspecified | DeliverOutcome::Taken) => (Response::Grpc(0), String::new()),
        Ok(DeliverOutcome::Retry) => (Response::Again, said("wants it again", &result.detail)),
        Ok(DeliverOutcome::Reject) => (Response::Never, said("rejects it", &result.detail)),
        Err(_) => {
            let what = format!("answered with an outcome that there is not: {}", result.outcome);
            (Response::Failed(Failure::Protocol), what)
        }
    };
    let wait = result.retry_after.filter(|_| response == Response::Again);
    Answer { response, retry_after: wait.and_then(duration), body: first_of(result.detail.as_bytes()), error }
}

/// What a status other than OK means, for every message of the call.
pub(super) fn of_status(status: &Status) -> Answer {
    // Only a status that was made here has a source.
    if let Some(source) = status.source() {
        let (failure, what) = failure(source);
        return Answer::failed(failure, what);
    }
    if is_too_large(status) {
        return Answer::failed(Failure::Protocol, cut(status.message()));
    }
    let gone = status.code() == Code::NotFound
        && status.get_details_error_info().is_some_and(|info| info.reason == GONE);
    let number = u8::try_from(i32::from(status.code())).unwrap_or(2);
    Answer {
        response: if gone { Response::Gone } else { Response::Grpc(number) },
        retry_after: status.get_details_retry_info().and_then(|info| info.retry_delay),
        body: first_of(status.message().as_bytes()),
        error: said(&format!("answered {:?}", status.code()), status.message()),
    }
}

/// Whether it was made here because the answer is too large. tonic has no other sign of it than its words; that a server can say them too
/// does no harm.
fn is_too_large(status: &Status) -> bool {
    let limit = format!("the limit is: {} bytes", limits::PUSH_RESPONSE_BYTES);
    status.code() == Code::OutOfRange && status.message().ends_with(&limit)
}

fn said(what: &str, detail: &str) -> String {
    if detail.is_empty() { what.to_owned() } else { cut(&format!("{what}: {detail}")) }
}

fn duration(given: prost_types::Duration) -> Option<Duration> {
    Duration::try_from(given).ok()
}
