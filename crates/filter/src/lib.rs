//! Filter policies: which messages a subscription gets. The language of SNS's filter policies, a plain evaluator that is its
//! specification, and an index that finds all matching policies of a topic at once.
//!
//! # Invariants
//!
//! - [`Policy::matches`] is the specification. [`Index`] finds candidates and lets the same predicates decide on each leaf; how leaves
//!   meet in the elements of lists it decides by a walk of its own. The tests compare the two.
//! - Nothing here does I/O, waits, or reads a clock or the global random source. No input, however hostile, overflows the stack.
//!
//! # Limits
//!
//! Those of [`types::limits`] that begin with `FILTER_`.
//!
//! # Where to begin
//!
//! `value` and `content` (what is matched), `policy` and `condition` (what it is matched against), `document` (a message in the form
//! that is evaluated), `evaluate` (the specification), then `index`.

#![forbid(unsafe_code)]

mod condition;
mod content;
mod document;
mod evaluate;
mod explain;
mod index;
mod parse;
mod paths;
mod policy;
mod value;

pub use content::{Attribute, Content};
pub use explain::Mismatch;
pub use index::{ClassId, Index, Matches, UnreadableBody};
pub use parse::PolicyError;
pub use policy::Policy;
pub use value::Scalar;
