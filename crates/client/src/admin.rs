//! Topics, subscriptions and figures: what an operator does, and a service at its start.
//!
//! Settings and answers are those of the API ([`crate::proto`]), whose fields say their units, limits and defaults.

mod server;
mod subscriptions;
mod topics;

pub use server::Server;
pub use subscriptions::{CreateSubscription, Subscriptions};
pub use topics::{CreateTopic, Topics};

use tonic::Code;

use crate::ServerError;

/// Why an administrative call failed.
///
/// One that was refused has changed nothing. One that got no answer may have been carried out; all of them can be made again.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// There is no such topic, subscription or message.
    #[error("{0}")]
    NotFound(#[source] ServerError),
    /// It is there already, with other settings.
    #[error("{0}")]
    AlreadyExists(#[source] ServerError),
    /// The broker refused it otherwise; nothing was changed.
    #[error("{0}")]
    Refused(#[source] ServerError),
    /// The broker could not be reached, or did not answer in time, for as long as the retry policy allows.
    #[error("the broker did not answer: {0}")]
    NoAnswer(#[source] ServerError),
}

impl AdminError {
    /// What was answered.
    pub fn server(&self) -> &ServerError {
        match self {
            Self::NotFound(error)
            | Self::AlreadyExists(error)
            | Self::Refused(error)
            | Self::NoAnswer(error) => error,
        }
    }
}

impl From<ServerError> for AdminError {
    fn from(error: ServerError) -> Self {
        match error.code() {
            Code::NotFound => Self::NotFound(error),
            Code::AlreadyExists => Self::AlreadyExists(error),
            // Also of what stands before the broker: who may not call, and methods that an older one has not.
            Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => Self::Refused(error),
            _ if error.is_certainly_undone() => Self::Refused(error),
            _ => Self::NoAnswer(error),
        }
    }
}

/// What a paged list hands over page by page.
struct Page<T> {
    items: Vec<T>,
    next: String,
}

/// All pages of a list. No `AsyncFn`, whose futures could not be proved to be `Send`.
async fn all<T, F>(page: impl Fn(String) -> F) -> Result<Vec<T>, AdminError>
where
    F: Future<Output = Result<Page<T>, ServerError>>,
{
    let (mut items, mut token) = (Vec::new(), String::new());
    loop {
        let page = page(token).await?;
        items.extend(page.items);
        if page.next.is_empty() {
            return Ok(items);
        }
        token = page.next;
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    fn of(status: Status) -> AdminError {
        ServerError::from(status).into()
    }

    #[test]
    fn who_may_not_call_or_calls_what_is_not_there_is_refused() {
        let statuses =
            [Status::unauthenticated("no"), Status::permission_denied("no"), Status::unimplemented("no")];
        assert!(statuses.into_iter().all(|status| matches!(of(status), AdminError::Refused(_))));
        let statuses = [Status::unavailable("broken"), Status::internal("broken"), Status::unknown("broken")];
        assert!(statuses.into_iter().all(|status| matches!(of(status), AdminError::NoAnswer(_))));
    }
}
