//! Between the wire's types and the domain's: pure functions, no state. What comes in is checked here, field by field;
//! what goes out needs no check.

pub(crate) mod attributes;
pub(crate) mod delivery;
pub(crate) mod filter_policy;
pub(crate) mod message;
pub(crate) mod outcome;
pub(crate) mod place;
pub(crate) mod push;
pub(crate) mod retry;
pub(crate) mod stats;
pub(crate) mod subscription;
pub(crate) mod time;
pub(crate) mod topic;
pub(crate) mod verdict;
