/// Why something about an outbox was not done. The transaction that it was in has failed with it, if the database refused it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The name of the table is none. Nothing was done.
    #[error(
        "{0:?} is no name of an outbox: lower-case letters, digits and _, not first a digit, at most 48 bytes, with a schema and a full stop before it or not"
    )]
    Table(String),
    /// The database refused it, or did not answer. Nothing was written, unless a commit was under way.
    #[error("the outbox's database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Why a relay cannot work at all. No row was marked; whatever else goes wrong is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The outbox is not there, or not as it should be: call [`Outbox::migrate`](super::Outbox::migrate) first.
    #[error("there is no such outbox, or it is not as it should be: {0}")]
    NoOutbox(#[source] sqlx::Error),
}
