//! Consuming: against a real broker, and against one that does on purpose what a real one does rarely.

mod cut;
mod fake;
mod handlers;
mod messages;
mod refusals;
mod restart;
mod runtime;
mod shutdown;
mod support;
