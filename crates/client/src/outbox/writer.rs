//! Writing into an outbox, and looking at what became of it.

use prost::Message as _;
use sqlx::{PgExecutor, PgPool};

use super::{OutboxError, schema, table::Table};
use crate::{Message, correlation, trace};

/// A table of messages that are to be published. Cheap to clone.
///
/// All users of one table must mean the same one: the default `fanfare_outbox`, or another [name](Self::with_table).
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(super) table: Table,
    notify: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { table: Table::default(), notify: true }
    }
}

/// A message that the broker has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failed {
    /// Its number in the outbox.
    pub id: i64,
    /// Where it was to go.
    pub topic: String,
    /// What waits behind it has the same topic and key; empty if nothing does.
    pub ordering_key: String,
    /// What the broker said.
    pub reason: String,
}

/// An outbox in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Not published yet, those that wait behind a failed one included.
    pub pending: i64,
    /// Refused by the broker.
    pub failed: i64,
    /// Published, and kept for a while.
    pub published: i64,
}

impl Outbox {
    /// The table `fanfare_outbox`, in the first schema of the connection's search path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another table: `name` or `schema.name`.
    ///
    /// # Errors
    /// [`OutboxError::Table`] if that is no name.
    pub fn with_table(name: &str) -> Result<Self, OutboxError> {
        Ok(Self { table: Table::parse(name)?, ..Self::default() })
    }

    /// Whether a commit wakes the relay (`NOTIFY`). Without, it looks when its poll interval is over; PostgreSQL lets transactions that notify
    /// commit one after the other, which a database with very many of them may not want. Default: true.
    #[must_use]
    pub fn notify(self, notify: bool) -> Self {
        Self { notify, ..self }
    }

    /// Makes the tables, if they are not there. May be called by several processes at once, and each time they start.
    ///
    /// # Errors
    /// [`OutboxError::Database`]: nothing was made.
    pub async fn migrate(&self, pool: &PgPool) -> Result<(), OutboxError> {
        Ok(schema::migrate(pool, &self.table).await?)
    }

    /// Writes a message in a transaction of yours (`&mut *transaction`); its number is the answer. It is published after the commit.
    ///
    /// The current [correlation ID](crate::correlation) and the current span's trace go with it, unless it has its own. What the broker would refuse is
    /// not refused here.
    ///
    /// # Errors
    /// [`OutboxError::Database`]: it is not written, and the transaction cannot be committed.
    pub async fn write(
        &self,
        transaction: impl PgExecutor<'_>,
        topic: &str,
        message: impl Into<Message>,
    ) -> Result<i64, OutboxError> {
        let mut message = message.into().into_proto();
        if let (true, Some(current)) = (message.correlation_id.is_empty(), correlation::current()) {
            message.correlation_id = current.as_ref().to_owned();
        }
        trace::inject(&mut message);
        // The transaction's ID is there before the number is taken: see the module's documentation.
        let insert = self.table.sql(
            "WITH mine AS MATERIALIZED (SELECT pg_current_xact_id() AS id)
             INSERT INTO {table} (transaction_id, topic, ordering_key, message) SELECT mine.id, $1, $2, $3 FROM mine
             RETURNING id, CASE WHEN $4 THEN pg_notify($5, '')::text END",
        );
        let row: (i64, Option<String>) = sqlx::query_as(insert)
            .bind(topic)
            .bind(&message.ordering_key)
            .bind(message.encode_to_vec())
            .bind(self.notify)
            .bind(self.table.channel())
            .fetch_one(transaction)
            .await?;
        Ok(row.0)
    }

    /// The first failed messages, at most `limit` of them.
    ///
    /// # Errors
    /// [`OutboxError::Database`]
    pub async fn failed(
        &self,
        database: impl PgExecutor<'_>,
        limit: u32,
    ) -> Result<Vec<Failed>, OutboxError> {
        let select = self.table.sql(
            "SELECT id, topic, ordering_key, coalesce(failure, '') FROM {table} WHERE failed_at IS NOT NULL ORDER BY id LIMIT $1",
        );
        let rows: Vec<(i64, String, String, String)> =
            sqlx::query_as(select).bind(i64::from(limit)).fetch_all(database).await?;
        let failed = |(id, topic, ordering_key, reason)| Failed { id, topic, ordering_key, reason };
        Ok(rows.into_iter().map(failed).collect())
    }

    /// Has a failed message published again; false if there is no such failed message. What waits behind it comes after it, as long as it does not
    /// fail again.
    ///
    /// # Errors
    /// [`OutboxError::Database`]: it stays failed.
    pub async fn retry_failed(&self, database: impl PgExecutor<'_>, id: i64) -> Result<bool, OutboxError> {
        let update =
            "UPDATE {table} SET failed_at = NULL, failure = NULL WHERE id = $1 AND failed_at IS NOT NULL";
        self.change_failed(database, update, id).await
    }

    /// Deletes a failed message, so that what waits behind it goes on without it; false if there is no such failed message.
    ///
    /// # Errors
    /// [`OutboxError::Database`]: it stays failed.
    pub async fn discard_failed(&self, database: impl PgExecutor<'_>, id: i64) -> Result<bool, OutboxError> {
        let delete = "DELETE FROM {table} WHERE id = $1 AND failed_at IS NOT NULL";
        self.change_failed(database, delete, id).await
    }

    async fn change_failed(
        &self,
        database: impl PgExecutor<'_>,
        change: &str,
        id: i64,
    ) -> Result<bool, OutboxError> {
        let done = sqlx::query(self.table.sql(change)).bind(id).execute(database).await?;
        Ok(done.rows_affected() > 0)
    }

    /// How much is in it. Counts the rows, so not for every second.
    ///
    /// # Errors
    /// [`OutboxError::Database`]
    pub async fn figures(&self, database: impl PgExecutor<'_>) -> Result<Figures, OutboxError> {
        let select = self.table.sql(
            "SELECT count(*) FILTER (WHERE published_at IS NULL AND failed_at IS NULL),
                    count(*) FILTER (WHERE failed_at IS NOT NULL), count(*) FILTER (WHERE published_at IS NOT NULL) FROM {table}",
        );
        let (pending, failed, published) = sqlx::query_as(select).fetch_one(database).await?;
        Ok(Figures { pending, failed, published })
    }
}
