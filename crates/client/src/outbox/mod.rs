//! Publish what your own PostgreSQL transaction has committed, and nothing else.
//!
//! Whoever changes a row and then publishes an event can crash in between, and whoever publishes first can fail to commit. So the event is
//! written into a table, the outbox, in the same transaction, and a [`Relay`] publishes what was committed.
//!
//! ```no_run
//! use fanfare_client::{Client, Message, outbox::{Outbox, Relay}};
//! use sqlx::PgPool;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = PgPool::connect("postgres://localhost/shop").await?;
//! let outbox = Outbox::new();
//! outbox.migrate(&pool).await?;
//!
//! // In your service, wherever something happens:
//! let mut transaction = pool.begin().await?;
//! sqlx::query("UPDATE orders SET paid = true WHERE id = $1").bind(4711_i64).execute(&mut *transaction).await?;
//! outbox.write(&mut *transaction, "orders", Message::new("order 4711 is paid").ordering_key("4711")).await?;
//! transaction.commit().await?;
//!
//! // In some process, in as many as you like:
//! let relay = Relay::new(Client::connect("http://localhost:50051")?, pool, outbox);
//! relay.run_until(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
//! # Ok(()) }
//! ```
//!
//! # Promises
//!
//! - **Nothing is lost and nothing invented**: what was committed is published, what was rolled back is not, wherever a process is killed. A row is
//!   marked only after the broker has said that its message is on disk.
//! - **Nothing is doubled, as long as the relay comes back in time.** A crash between the broker's answer and the mark sends a message again, under
//!   the same deduplication ID, and the broker stores it once: within the topic's `deduplication_window`, **5 minutes by default**. If your relays can
//!   all be down for longer, raise it, to at most 24 hours (`TopicSettings.deduplication_window`). Messages with a deduplication ID of their own keep it.
//! - **Order.** Rows are published in the order of their numbers, and no row is published before it is certain that none with a smaller number will
//!   appear. If writers of a key exclude each other until they commit (a row lock, say), then the order of the key's messages is that of their changes.
//!
//! # How order and completeness are kept
//!
//! Numbers are taken when a row is written, and transactions commit in another order; a reader that follows the numbers overlooks what is committed
//! later with a smaller one. So the relay notes the last number taken, then takes a transaction ID of its own, and reads up to that number
//! once no older transaction is running any more: each of them that has taken a number has had its ID before. **A long-running transaction that
//! writes anything, in the same PostgreSQL cluster, holds the relay back until it ends.** The order of transaction IDs would not do instead:
//! a transaction can have an early ID and wait for a row that a later one has locked.
//!
//! # What the broker refuses
//!
//! A message that the broker refuses for good (its topic does not exist, it is too large) is marked as failed with the reason and stays. Later
//! messages of its topic and ordering key wait behind it until somebody decides: [`Outbox::retry_failed`] or [`Outbox::discard_failed`]. All others
//! go on.
//!
//! # Limits
//!
//! - PostgreSQL 13 or later, its primary. Relay and writers need sqlx 0.9; other languages insert `topic`, `ordering_key` and an encoded
//!   `fanfare.v1.NewMessage` with that very key.
//! - One relay of an outbox works at a time, by an advisory lock of its session; the others stand by. A relay that goes through a pooler needs
//!   session pooling. It uses two connections, one for `LISTEN`.
//! - A batch is at most [`Relay::batch_messages`] rows and 8 MiB (or one larger message).
//! - A table that is restored from a backup, or copied, has rows as unpublished that were published, which are sent again, and gives their numbers
//!   to new rows, **which the broker then drops as duplicates**, unless the outbox gets a new name before a relay starts: see `docs/OUTBOX.md`.
//! - Rows of a topic that takes nothing for the time being are tried again; once they fill a batch, the rows of other topics wait behind them.

mod error;
mod publish;
mod relay;
mod schema;
mod session;
mod table;
mod writer;

pub use error::{OutboxError, RelayError};
pub use relay::Relay;
pub use writer::{Failed, Figures, Outbox};
