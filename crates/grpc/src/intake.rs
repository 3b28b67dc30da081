//! What tonic refuses by itself, before a service sees it, in this API's words.

use tonic::{Code, Status};

use crate::{reason::Reason, refusal::Refusal};

/// The same status, or a better one where the request was too large or no protobuf. `field` holds the bulk of such requests.
pub(crate) fn refined(status: Status, field: &str) -> Status {
    match refusal(&status, field) {
        Some(refusal) => refusal.into(),
        None => status,
    }
}

/// What the status is in this API's words; none if tonic's are good enough.
pub(crate) fn refusal(status: &Status, field: &str) -> Option<Refusal> {
    let text = status.message();
    let (reason, text) = match status.code() {
        Code::OutOfRange if text.contains("message length too large") => {
            (Reason::RequestTooLarge, text.trim_start_matches("Error, decoded "))
        }
        Code::ResourceExhausted if text.starts_with("Error decompressing") => (Reason::RequestTooLarge, text),
        Code::Internal if text.starts_with("failed to decode Protobuf") => (Reason::UnreadableRequest, text),
        Code::Internal if text.starts_with("Error decompressing") => (Reason::UnreadableRequest, text),
        _ => return None,
    };
    Some(Refusal::at(reason, field, text))
}
