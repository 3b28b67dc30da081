use crate::ServerError;

/// What has become of a message that was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFate {
    /// It is certainly not stored.
    NotStored,
    /// It may be stored or not: it was sent, and no answer came. Publish it again with the same deduplication ID.
    Unknown,
}

/// Why a message was not published. [`fate`](Self::fate) says what that means for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// There was no room for it, and the publisher does not wait ([`OnFull::Fail`](super::OnFull::Fail)). It was not sent.
    #[error("the publisher holds as many messages as it may")]
    Full,
    /// An earlier message with its ordering key failed. It was not sent, so that the key's order holds; see
    /// [`Publisher::resume`](super::Publisher::resume).
    #[error("ordering key {ordering_key:?} is paused: an earlier message with it failed")]
    KeyPaused {
        /// Which key.
        ordering_key: String,
    },
    /// The broker refuses it, and would again. It is not stored.
    #[error("the broker refuses the message: {0}")]
    Refused(#[source] ServerError),
    /// It was tried for as long as the retry policy allows, and each time the broker refused it or could not be reached. It is not stored.
    #[error("given up, and not stored: {0}")]
    GivenUp(#[source] ServerError),
    /// It was tried for as long as the retry policy allows, and the broker has not answered whether it is stored. It may be.
    #[error("given up without an answer; the message may be stored: {0}")]
    Unconfirmed(#[source] ServerError),
    /// The publisher is shut down. It was not sent.
    #[error("the publisher is shut down")]
    ShutDown,
}

impl PublishError {
    /// What has become of the message.
    pub fn fate(&self) -> MessageFate {
        match self {
            Self::Unconfirmed(_) => MessageFate::Unknown,
            _ => MessageFate::NotStored,
        }
    }
}
