//! Push delivery: what a subscription's owner chooses, what becomes of its endpoint, and what is said of each attempt.

mod attempt;
mod endpoint;
mod secret;
mod settings;
mod signing;
#[cfg(test)]
mod tests;
mod validate;

pub use attempt::{Attempt, AttemptClass, AttemptReport, AttemptVerdict};
pub use endpoint::{BreakerState, Confirmation, DisabledReason, EndpointReport, EndpointStatus};
pub use secret::Secret;
pub use settings::{
    Authentication, BreakerSettings, ClientCertificate, ContentMode, ErrorAction, ErrorRule, PushSettings,
    StatusRange,
};
pub use signing::SigningSecret;
