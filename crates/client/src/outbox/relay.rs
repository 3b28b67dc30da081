//! The process that publishes what is in an outbox.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Outbox, RelayError,
    publish::{Configure, Publishers},
    session::Session,
};
use crate::{Client, clock, publisher::PublisherBuilder};

/// While some transaction holds the relay back, there is nothing that tells when it ends.
const HELD_BACK: Duration = Duration::from_millis(50);
/// What is under way when it is to stop may take this long.
const GRACE: Duration = Duration::from_secs(10);
/// Between two looks for what is old enough to be deleted.
const CLEANING: Duration = Duration::from_secs(60);

/// Publishes what was committed into an [`Outbox`]. Several may run: one works, the others wait to take its place.
#[must_use = "a relay does nothing until it runs"]
pub struct Relay {
    client: Client,
    pool: PgPool,
    outbox: Outbox,
    batch_messages: u32,
    poll_interval: Duration,
    keep_published: Duration,
    configure: Configure,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

/// How long there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Now,
    HeldBack,
    Idle,
}

type Shutdown<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

impl Relay {
    /// From this outbox, in this database, to that broker.
    pub fn new(client: Client, pool: PgPool, outbox: Outbox) -> Self {
        Self {
            client,
            pool,
            outbox,
            batch_messages: 500,
            poll_interval: Duration::from_secs(1),
            keep_published: Duration::from_secs(24 * 60 * 60),
            configure: Arc::new(|builder| builder),
        }
    }

    /// Rows that are read and marked together. 1 to 10,000; less or more counts as the limit. Default: 500.
    pub fn batch_messages(self, messages: u32) -> Self {
        Self { batch_messages: messages.clamp(1, 10_000), ..self }
    }

    /// How long the relay waits, at most, before it looks again: for rows whose commit did not wake it, for the lock, after an error. At least 10 ms.
    /// Default: 1 s.
    pub fn poll_interval(self, interval: Duration) -> Self {
        Self { poll_interval: interval.max(Duration::from_millis(10)), ..self }
    }

    /// How long published rows are kept, for who wants to look. Default: 24 h.
    pub fn keep_published(self, time: Duration) -> Self {
        Self { keep_published: time, ..self }
    }

    /// Changes how messages are published, for example for how long each is tried: for less than
    /// the deduplication window, or a relay that has lost its session can double what another has published. Leave deduplication on.
    pub fn publisher(
        self,
        configure: impl Fn(PublisherBuilder) -> PublisherBuilder + Send + Sync + 'static,
    ) -> Self {
        Self { configure: Arc::new(configure), ..self }
    }

    /// Publishes until `shutdown` is ready, and then ends with the batch that is under way (after 10 s without it: its rows are published again, and
    /// stored once). Errors of the database and of the broker are logged, and it tries again.
    ///
    /// Dropped, it ends at once, as in a crash.
    ///
    /// # Errors
    /// [`RelayError`] if it cannot ever work.
    pub async fn run_until(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), RelayError> {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut publishers = Publishers::new(self.client.clone(), self.configure.clone());
        let mut listener = None;
        loop {
            let failed = match self.work(&mut publishers, &mut listener, shutdown.as_mut()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if is_missing(&failed) {
                return Err(RelayError::NoOutbox(failed));
            }
            tracing::warn!(error = %failed, "the outbox's database failed; the relay tries again");
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = sleep(self.poll_interval) => {}
            }
        }
    }

    /// Works in one session until it breaks; ends well only by shutting down.
    async fn work(
        &self,
        publishers: &mut Publishers,
        listener: &mut Option<PgListener>,
        mut shutdown: Shutdown<'_>,
    ) -> Result<(), sqlx::Error> {
        let opened = tokio::select! {
            () = &mut shutdown => return Ok(()),
            opened = self.lock() => opened,
        };
        let (mut session, outbox_id) = opened?;
        tracing::info!(outbox = self.outbox.table.channel(), "this relay has the outbox");
        // Listening comes before the first look, so nothing that is committed between them is overlooked.
        self.listen(listener).await;
        let mut cleaned = None;
        loop {
            let round = self.round(&mut session, &outbox_id, publishers, &mut cleaned);
            let Some((next, ends)) = to_its_end(round, shutdown.as_mut()).await? else { return Ok(()) };
            if ends || (next != Next::Now && self.wait(next, listener, shutdown.as_mut()).await) {
                session.close().await;
                return Ok(());
            }
        }
    }

    /// Waits for the lock.
    async fn lock(&self) -> Result<(Session, String), sqlx::Error> {
        let mut session = Session::open(&self.pool, &self.outbox.table).await?;
        let outbox_id = session.outbox_id().await?;
        while !session.try_lock(&outbox_id).await? {
            sleep(self.poll_interval).await;
        }
        Ok((session, outbox_id))
    }

    async fn listen(&self, listener: &mut Option<PgListener>) {
        if listener.is_some() {
            return;
        }
        let listening = async {
            let mut listener = PgListener::connect_with(&self.pool).await?;
            listener.listen(self.outbox.table.channel()).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        match listening.await {
            Ok(new) => *listener = Some(new),
            Err(error) => tracing::warn!(%error, "the relay cannot listen, and looks at each poll interval"),
        }
    }

    /// One batch, or a look whether there is one.
    async fn round(
        &self,
        session: &mut Session,
        outbox_id: &str,
        publishers: &mut Publishers,
        cleaned: &mut Option<Instant>,
    ) -> Result<Next, sqlx::Error> {
        let all = session.advance().await?;
        let rows = session.read(self.batch_messages).await?;
        if !rows.is_empty() {
            let outcome = publishers.publish(outbox_id, rows).await;
            session.mark_published(&outcome.published).await?;
            session.mark_failed(&outcome.failed).await?;
            for (id, reason) in &outcome.failed {
                tracing::error!(id, reason, "the broker refuses a message of the outbox; its key waits");
            }
            if let Some(error) = &outcome.left {
                tracing::warn!(%error, "messages of the outbox are not published yet");
            }
            return Ok(if outcome.has_progress() { Next::Now } else { Next::Idle });
        }
        if cleaned.is_none_or(|at| clock::now() - at >= CLEANING) {
            let done = session.delete_published(self.keep_published).await?;
            *cleaned = done.then(clock::now);
            if !done {
                return Ok(Next::Now);
            }
        }
        Ok(if all { Next::Idle } else { Next::HeldBack })
    }

    /// Waits until there may be something to do; true to shut down.
    async fn wait(&self, next: Next, listener: &mut Option<PgListener>, shutdown: Shutdown<'_>) -> bool {
        let longest =
            if next == Next::HeldBack { HELD_BACK.min(self.poll_interval) } else { self.poll_interval };
        let woken = async {
            // One that cannot listen connects again, and until then the interval has to do.
            let heard = match listener {
                Some(listener) if next == Next::Idle => listener.recv().await.is_ok(),
                _ => false,
            };
            if !heard {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = shutdown => return true,
            () = sleep(longest) => {}
            () = woken => {}
        }
        false
    }
}

/// What the round comes to, and whether it was the last; none if it was that and did not come to an end in time.
async fn to_its_end(
    round: impl Future<Output = Result<Next, sqlx::Error>>,
    shutdown: Shutdown<'_>,
) -> Result<Option<(Next, bool)>, sqlx::Error> {
    let mut round = std::pin::pin!(round);
    tokio::select! {
        biased;
        next = &mut round => Ok(Some((next?, false))),
        () = shutdown => match timeout(GRACE, round).await {
            Ok(next) => Ok(Some((next?, true))),
            Err(_) => Ok(None),
        },
    }
}

/// Whether a table, a column or the one row of `meta` is not there: `undefined_table`, `undefined_column`, `invalid_schema_name`.
fn is_missing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::RowNotFound => true,
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("42P01" | "42703" | "3F000"))
        }
        _ => false,
    }
}
