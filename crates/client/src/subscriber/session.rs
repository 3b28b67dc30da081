//! The task of a consumer: connects, carries deliveries to the user and settlements to the broker, and connects again.
//!
//! # Invariants
//!
//! - It never waits for the user: what was delivered has a place in the channel to the user, because what is held is bounded.
//! - It ends when it is stopped and all that was handed out is settled and confirmed ([`drain`](super::drain)), or with an error that is the
//!   last thing that the user gets.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};
use tonic::Code;

use super::{
    ConsumeError, OnShutdown, SubscriberBuilder,
    book::{Book, Most},
    fetched::Fetched,
    leases::Terms,
    outbox::Outbox,
    transport::{self, Connection, Facts},
    wire::Answer,
};
use crate::{
    ServerError, clock,
    connect::Lines,
    retry::{Backoff, RetryPolicy},
};
/// What goes to the user.
pub(super) type Frame = Result<Fetched, ConsumeError>;

/// A stream that lasted so long worked, even if nothing came on it.
const WORKED: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) lines: Lines,
    pub(super) subscription: String,
    pub(super) outbox: Arc<Outbox>,
    pub(super) book: Book,
    pub(super) reach: Reach,
    frames: mpsc::Sender<Frame>,
    stop: oneshot::Receiver<OnShutdown>,
    incarnation: Option<String>,
}

/// The user's ends.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) frames: mpsc::Receiver<Frame>,
    /// Dropped, what is handed out stays good as long as it is held.
    pub(super) stop: oneshot::Sender<OnShutdown>,
}

/// How consuming is to end. None: when nothing is held any more.
pub(super) type Stop = Option<OnShutdown>;

/// Why a stream is left.
enum Left {
    Stopped(Stop),
    Broken(ServerError),
}

impl Session {
    pub(super) fn new(builder: SubscriberBuilder) -> (Self, Ends) {
        let most = Most { messages: builder.max_outstanding_messages, bytes: builder.max_outstanding_bytes };
        // A frame holds a message at least; see `Book` for how many there are. One more place is for the error.
        let (sender, frames) = mpsc::channel(Book::frames(most) + 1);
        let (stop, stopped) = oneshot::channel();
        let outbox = Arc::<Outbox>::default();
        let terms = Terms { first: Duration::ZERO, extension: builder.lease, longest: builder.max_lease };
        let session = Self {
            lines: builder.lines,
            subscription: builder.subscription,
            book: Book::new(outbox.clone(), most, terms),
            outbox,
            reach: Reach::new(builder.retry),
            frames: sender,
            stop: stopped,
            incarnation: None,
        };
        (session, Ends { frames, stop })
    }

    /// Consumes to the end.
    pub(super) async fn run(mut self) {
        match self.consume().await {
            Ok((stop, connection)) => self.drain(stop, connection).await,
            Err(error) => {
                tracing::warn!(subscription = %self.subscription, %error, "consuming ends");
                // Nobody may be there to get it.
                _ = self.frames.try_send(Err(error));
            }
        }
    }

    async fn consume(&mut self) -> Result<(Stop, Option<Connection>), ConsumeError> {
        loop {
            let error = match self.connect().await {
                Err(Left::Stopped(stop)) => return Ok((stop, None)),
                Err(Left::Broken(error)) => error,
                Ok(mut connection) => match self.serve(&mut connection).await {
                    Left::Stopped(stop) => return Ok((stop, Some(connection))),
                    Left::Broken(error) => error,
                },
            };
            self.book.disconnected(clock::now());
            let wait = self.reach.failed(error)?;
            select! {
                stop = &mut self.stop => return Ok((stop.ok(), None)),
                () = sleep(wait) => {}
            }
        }
    }

    async fn connect(&mut self) -> Result<Connection, Left> {
        let found = select! {
            biased;
            stop = &mut self.stop => return Err(Left::Stopped(stop.ok())),
            found = transport::find(&self.lines, &self.subscription) => found,
        };
        let (way, facts) = found.map_err(Left::Broken)?;
        self.learn(&facts).map_err(Left::Broken)?;
        self.book.collect();
        let settlements = self.book.request(clock::now()).unwrap_or_default();
        let room = self.book.room();
        let opened = select! {
            biased;
            stop = &mut self.stop => return Err(Left::Stopped(stop.ok())),
            opened = way.open(room, settlements) => opened,
        };
        opened.inspect(|_| self.reach.reached()).map_err(Left::Broken)
    }

    fn learn(&mut self, facts: &Facts) -> Result<(), ServerError> {
        let incarnation = self.incarnation.get_or_insert_with(|| facts.incarnation.clone());
        if *incarnation != facts.incarnation {
            let why = "the subscription was deleted, and one of its name was created since";
            return Err(ServerError::local(Code::NotFound, why));
        }
        self.book.set_ack_deadline(facts.ack_deadline);
        Ok(())
    }

    /// Until it is stopped, or the stream breaks.
    async fn serve(&mut self, connection: &mut Connection) -> Left {
        let (opened, mut can_send) = (clock::now(), true);
        loop {
            self.book.collect();
            self.book.tick(clock::now());
            let wants_to_send = can_send && self.book.wants_to_send(clock::now());
            select! {
                // First: what is given back because of it must not go by this stream. Then what makes room.
                biased;
                stop = &mut self.stop => return Left::Stopped(stop.ok()),
                place = connection.requests.reserve(), if wants_to_send => match place {
                    Ok(place) => _ = self.book.request(clock::now()).map(|request| place.send(request)),
                    // The stream is over; its end says why.
                    Err(_) => can_send = false,
                },
                answer = connection.answers.next() => {
                    if let Err(error) = answer.and_then(|answer| self.take(answer)) {
                        if clock::now() - opened > WORKED {
                            self.reach.worked();
                        }
                        return Left::Broken(error);
                    }
                    self.reach.worked();
                }
                () = self.outbox.posted() => {}
                () = at(self.book.wakes()), if !wants_to_send && can_send => {}
            }
        }
    }

    /// Takes in an answer and hands on its messages; those that nobody wants give themselves back.
    pub(super) fn take(&mut self, answer: Answer) -> Result<(), ServerError> {
        let fetched = self
            .book
            .answer(clock::now(), answer)
            .map_err(|_| ServerError::local(Code::Internal, "the broker answers what it was not asked"))?;
        for fetched in fetched {
            _ = self.frames.try_send(Ok(fetched));
        }
        Ok(())
    }
}

/// Also when it panics or its runtime ends: handles are told that nobody knows.
impl Drop for Session {
    fn drop(&mut self) {
        self.outbox.close();
        self.book.abandon();
    }
}

/// Never, if there is no time.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Whether the broker can be reached, and for how long not.
#[derive(Debug)]
pub(super) struct Reach {
    policy: RetryPolicy,
    backoff: Backoff,
    /// The first failure since the broker was reached.
    failing_since: Option<Instant>,
}

impl Reach {
    fn new(policy: RetryPolicy) -> Self {
        Self { policy, backoff: Backoff::new(policy), failing_since: None }
    }

    /// A stream was opened. One that breaks at once is still no reason to hurry.
    fn reached(&mut self) {
        self.failing_since = None;
    }

    /// A stream, or a call in its place, did its work.
    pub(super) fn worked(&mut self) {
        self.failing_since = None;
        self.backoff.reset();
    }

    /// How long to wait until the next try; the error if there is to be none.
    pub(super) fn failed(&mut self, error: ServerError) -> Result<Duration, ConsumeError> {
        if error.code() == Code::NotFound || is_of_another_subscription(&error) {
            return Err(ConsumeError::Gone(error));
        }
        if !error.is_transient() {
            return Err(ConsumeError::Refused(error));
        }
        let now = clock::now();
        let since = *self.failing_since.get_or_insert(now);
        let wait = self.backoff.next(error.retry_after());
        if now.duration_since(since).saturating_add(wait) > self.policy.within {
            return Err(ConsumeError::Unreachable(error));
        }
        tracing::debug!(%error, ?wait, "a subscription's stream is opened again");
        Ok(wait)
    }
}

/// The broker does not know what is held: it is of a subscription that had this one's name.
fn is_of_another_subscription(error: &ServerError) -> bool {
    ["acks[", "nacks[", "extensions["].iter().any(|field| error.field().starts_with(field))
}
