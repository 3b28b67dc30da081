//! What filter policies see of a stored message. The broker hands payloads on as bytes; whoever encodes them tells what is in them.

use filter::Content;

/// Reads payloads.
pub trait ReadContent: Send + Sync + std::fmt::Debug {
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
