//! From JSON text to a policy, every rule checked.
//!
//! `json` reads the text, `keys` walks its objects, `values` the lists under its keys (with `anything_but`, `numeric` and `text` for what
//! the operators take), `alternatives` multiplies the `$or`s out. `place` knows where in the text all of them are.
//!
//! # Where this differs from SNS and event-ruler
//!
//! - `$or` is always the operator, never a key: anything but a list of two or more objects is refused.
//! - Keys without a name, and keys with an empty step between two dots, are refused: no message could be meant.
//! - `{}` is refused. Who wants every message leaves the policy out.
//! - A key twice in one object is refused, where JSON readers take one of the two in silence.
//! - `/32` and `/128` are masks like the others.
//! - A number is any that `f64` holds; beyond 2^53 neighbours become equal.

mod alternatives;
mod anything_but;
mod json;
mod keys;
mod numeric;
mod place;
mod text;
mod values;

use types::{FilterScope, Invalid, limits};

use self::json::Json;
use self::keys::Reader;
use self::place::Place;
use crate::Policy;

/// Why a text is no filter policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct PolicyError {
    /// Where, as a JSON path: `$.price[0].numeric[1]`. `$` alone is the whole policy.
    pub path: String,
    /// What was found and what is allowed.
    pub reason: String,
}

impl From<PolicyError> for Invalid {
    fn from(error: PolicyError) -> Self {
        Self::new("filter_policy.json", format!("{} {}", error.path, error.reason))
    }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(scope: FilterScope, json: &str) -> Result<Self, PolicyError> {
        if json.len() > limits::FILTER_POLICY_BYTES {
            let reason = format!("has {} bytes, the limit is {}", json.len(), limits::FILTER_POLICY_BYTES);
            return Err(Place::Policy.refuse(reason));
        }
        let json = Json::read(json).map_err(|error| Place::Policy.refuse(format!("is no JSON: {error}")))?;
        let mut reader = Reader::new(scope);
        let group = reader.policy(&json)?;
        Ok(Self { scope, alternatives: alternatives::expand(&reader.leaves, &group)? })
    }
}

#[cfg(test)]
mod tests;
