//! Publishing, to a real broker and to one that follows a script.

mod broker;
mod fake;
mod faults;
mod refusals;
mod room;
mod runtime;
mod support;
mod traces;
