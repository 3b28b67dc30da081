//! The tables of an outbox.

use sqlx::{Acquire as _, PgPool};

use super::table::Table;

/// One at a time, whatever the outbox: `CREATE … IF NOT EXISTS` of two sessions at once fails. `fanfare` in ASCII.
const MIGRATING: i64 = 0x66_616e_6661_7265;

const STATEMENTS: [&str; 7] = [
    // Not cached: numbers are taken in the order of the inserts.
    "CREATE SEQUENCE IF NOT EXISTS {ids} CACHE 1",
    // `transaction_id` comes before `id`, so that whoever has a number has had a transaction ID before it: the relay waits by that.
    "CREATE TABLE IF NOT EXISTS {table} (
        transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
        id bigint PRIMARY KEY DEFAULT nextval('{ids}'),
        topic text NOT NULL,
        ordering_key text NOT NULL DEFAULT '',
        message bytea NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz,
        message_id text,
        failed_at timestamptz,
        failure text
    )",
    "CREATE INDEX IF NOT EXISTS \"{name}_pending\" ON {table} (id) WHERE published_at IS NULL AND failed_at IS NULL",
    "CREATE INDEX IF NOT EXISTS \"{name}_published\" ON {table} (published_at) WHERE published_at IS NOT NULL",
    // By hash: a key that is too long for the broker can be too long for any other index, and could then not be marked as failed.
    "CREATE INDEX IF NOT EXISTS \"{name}_failed\" ON {table} USING hash (ordering_key) WHERE failed_at IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS {meta} (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        outbox_id text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', '')
    )",
    "INSERT INTO {meta} DEFAULT VALUES ON CONFLICT DO NOTHING",
];

/// All of it or nothing.
pub(super) async fn migrate(pool: &PgPool, table: &Table) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATING).execute(&mut *transaction).await?;
    for statement in STATEMENTS {
        sqlx::query(table.sql(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
