use crate::ServerError;

/// Why consuming ended. What is held can be settled no more ([`AckError::Unconfirmed`]): it comes again when its leases have run out.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// There is no such subscription, or it was deleted, and perhaps created again. Its messages are gone with it.
    #[error("the subscription is gone: {0}")]
    Gone(#[source] ServerError),
    /// The broker refuses, and would again.
    #[error("the broker refuses: {0}")]
    Refused(#[source] ServerError),
    /// The broker could not be reached for as long as the retry policy allows.
    #[error("the broker cannot be reached: {0}")]
    Unreachable(#[source] ServerError),
}

/// Why a settlement was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The lease had run out, or the message is under a later lease: it will be, or was, delivered again.
    #[error("the lease had run out; the message is delivered again")]
    LeaseExpired,
    /// The subscription was moved by a seek, which ended all its leases.
    #[error("the subscription was moved by a seek, which ended the lease")]
    FencedBySeek,
    /// The message is acknowledged, dead-lettered, dropped or expired already.
    #[error("the message is settled already")]
    AlreadySettled,
    /// No answer came before consuming ended: the settlement may have been made or not. If not, the message is delivered again.
    #[error("consuming ended before the broker has confirmed it; the message may be delivered again")]
    Unconfirmed,
}
