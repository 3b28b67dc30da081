//! What filter policies see of a stored message, and what goes to every subscriber of it. The broker hands payloads on as bytes; whoever
//! encodes them tells what is in them.

use filter::Content;
use types::{Sequence, Timestamp};

/// Reads payloads, and wraps them.
pub trait ReadContent: Send + Sync + std::fmt::Debug {
    /// Appends a message as it goes to all who receive it in a [block](crate::DeliveryBlock): the payload itself, with whatever it
    /// needs before it. What is appended ends with the payload. Must not wait.
    fn wrap(&self, sequence: Sequence, published_at: Timestamp, payload: &[u8], out: &mut Vec<u8>) {
        _ = (sequence, published_at);
        out.extend_from_slice(payload);
    }

    /// Shows what filter policies may look at. Called once, or not at all if the bytes are no message. Must not wait.
    fn read(&self, payload: &[u8], show: &mut dyn FnMut(&Content<'_>));
}

/// The payload is the body, and there are no attributes.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainBodies;

impl ReadContent for PlainBodies {
    fn read(&self, payload: &[u8], show: &mut dyn FnMut(&Content<'_>)) {
        show(&Content { attributes: &[], body: payload });
    }
}
