//! What a relay does in the database, in the one session that has the outbox's lock.
//!
//! # Invariants
//!
//! - A row is read when no row with a smaller number can appear any more.
//! - If the session ends, so does the lock. Whoever goes on without it can do no harm: rows are marked once, and what is published twice has one
//!   deduplication ID.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool};

use super::table::Table;

/// Of the messages of one batch; the first goes whatever it has.
const BATCH_BYTES: i64 = 8 << 20;
/// Rows that are deleted in one statement.
const DELETED: i64 = 1_000;
/// What is kept for longer is kept for ever: PostgreSQL's intervals end somewhere.
const OLDEST: Duration = Duration::from_secs(1_000 * 366 * 24 * 60 * 60);
/// Of what the broker says, this much is kept.
const REASON_CHARACTERS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
    table: Table,
    /// All rows up to this number are decided.
    horizon: i64,
    candidate: Option<Candidate>,
}

/// The next horizon, once every transaction older than that one has ended.
#[derive(Debug)]
struct Candidate {
    last_id: i64,
    transaction: String,
}

/// A row that is to be published.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) topic: String,
    pub(super) ordering_key: String,
    pub(super) message: Vec<u8>,
}

impl Session {
    /// A connection that is no longer the pool's, because the lock must end with it.
    pub(super) async fn open(pool: &PgPool, table: &Table) -> Result<Self, sqlx::Error> {
        let connection = pool.acquire().await?.detach();
        Ok(Self { connection, table: table.clone(), horizon: 0, candidate: None })
    }

    /// The outbox's random name, by which no other has the same deduplication IDs.
    pub(super) async fn outbox_id(&mut self) -> Result<String, sqlx::Error> {
        sqlx::query_scalar(self.table.sql("SELECT outbox_id FROM {meta}"))
            .fetch_one(&mut self.connection)
            .await
    }

    /// Whether this session has the outbox's lock now. To be called until it has.
    pub(super) async fn try_lock(&mut self, outbox_id: &str) -> Result<bool, sqlx::Error> {
        let lock = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        sqlx::query_scalar(lock).bind(outbox_id).fetch_one(&mut self.connection).await
    }

    /// Whether all that has a number by now may be read. If not, some transaction is still running.
    pub(super) async fn advance(&mut self) -> Result<bool, sqlx::Error> {
        let candidate = match self.candidate.take() {
            Some(candidate) => candidate,
            None => match self.new_candidate().await? {
                Some(candidate) => candidate,
                None => return Ok(true),
            },
        };
        let settled = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8";
        if sqlx::query_scalar(settled).bind(&candidate.transaction).fetch_one(&mut self.connection).await? {
            self.horizon = candidate.last_id;
            return Ok(true);
        }
        self.candidate = Some(candidate);
        Ok(false)
    }

    /// First the last number, then a new transaction ID: whoever has taken a number up to that one has had a smaller ID before.
    async fn new_candidate(&mut self) -> Result<Option<Candidate>, sqlx::Error> {
        let last = self.table.sql("SELECT last_value FROM {ids}");
        let last_id: i64 = sqlx::query_scalar(last).fetch_one(&mut self.connection).await?;
        if last_id == self.horizon {
            return Ok(None);
        }
        let own = "SELECT pg_current_xact_id()::text";
        let transaction = sqlx::query_scalar(own).fetch_one(&mut self.connection).await?;
        Ok(Some(Candidate { last_id, transaction }))
    }

    /// The next rows in the order of their numbers, without those whose key waits for a failed one.
    pub(super) async fn read(&mut self, limit: u32) -> Result<Vec<Row>, sqlx::Error> {
        let select = self.table.sql(
            "SELECT id, topic, ordering_key, message FROM (
                SELECT *, sum(octet_length(message)) OVER (ORDER BY id) - octet_length(message) AS before FROM (
                    SELECT id, topic, ordering_key, message FROM {table} AS mine
                    WHERE published_at IS NULL AND failed_at IS NULL AND id <= $1
                        AND NOT (ordering_key <> '' AND EXISTS (
                            SELECT FROM {table} AS other WHERE other.failed_at IS NOT NULL AND other.id < mine.id
                                AND other.topic = mine.topic AND other.ordering_key = mine.ordering_key))
                    ORDER BY id LIMIT $2
                ) AS next
            ) AS counted WHERE before < $3 ORDER BY id",
        );
        let rows = sqlx::query_as(select).bind(self.horizon).bind(i64::from(limit)).bind(BATCH_BYTES);
        let rows: Vec<(i64, String, String, Vec<u8>)> = rows.fetch_all(&mut self.connection).await?;
        let row = |(id, topic, ordering_key, message)| Row { id, topic, ordering_key, message };
        Ok(rows.into_iter().map(row).collect())
    }

    /// With the IDs that the broker gave them.
    pub(super) async fn mark_published(&mut self, rows: &[(i64, String)]) -> Result<(), sqlx::Error> {
        let update = "UPDATE {table} AS mine SET published_at = clock_timestamp(), message_id = given.text
             FROM unnest($1::bigint[], $2::text[]) AS given (id, text) WHERE mine.id = given.id AND published_at IS NULL";
        self.mark(update, rows).await
    }

    /// With what the broker said.
    pub(super) async fn mark_failed(&mut self, rows: &[(i64, String)]) -> Result<(), sqlx::Error> {
        let cut = |(id, reason): &(i64, String)| {
            (*id, reason.chars().filter(|character| *character != '\0').take(REASON_CHARACTERS).collect())
        };
        let rows: Vec<_> = rows.iter().map(cut).collect();
        let update = "UPDATE {table} AS mine SET failed_at = clock_timestamp(), failure = given.text
             FROM unnest($1::bigint[], $2::text[]) AS given (id, text) WHERE mine.id = given.id AND published_at IS NULL";
        self.mark(update, &rows).await
    }

    async fn mark(&mut self, update: &str, rows: &[(i64, String)]) -> Result<(), sqlx::Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let (ids, texts): (Vec<i64>, Vec<&str>) = rows.iter().map(|(id, text)| (*id, text.as_str())).unzip();
        let update = sqlx::query(self.table.sql(update)).bind(ids).bind(texts);
        update.execute(&mut self.connection).await.map(drop)
    }

    /// Deletes some of what was published so long ago; whether that was all.
    pub(super) async fn delete_published(&mut self, age: Duration) -> Result<bool, sqlx::Error> {
        let delete = self.table.sql(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table}
                WHERE published_at < clock_timestamp() - make_interval(secs => $1) ORDER BY published_at LIMIT $2)",
        );
        let delete = sqlx::query(delete).bind(age.min(OLDEST).as_secs_f64()).bind(DELETED);
        let done = delete.execute(&mut self.connection).await?;
        Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX) < DELETED)
    }

    /// Gives the lock back.
    pub(super) async fn close(self) {
        // If it cannot be said, the end of the connection says it.
        _ = self.connection.close().await;
    }
}
