//! The task of a publisher: the only place that waits.

use std::{pin::Pin, sync::Arc, time::Duration};

use fanfare_proto::v1::PublishResult;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tonic::Code;

use super::{
    blame::End,
    shared::Shared,
    state::{Due, State},
    stream::Stream,
};
use crate::{
    ServerError, clock,
    connect::{Lines, Picked},
    retry::Backoff,
};

pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) state: State,
    pub(super) line: Line,
    pub(super) way: Way,
    pub(super) backoff: Backoff,
    /// Tells who flushes or shuts down.
    pub(super) settled_below: watch::Sender<u64>,
}

/// How to come to a stream.
pub(super) struct Way {
    pub(super) lines: Lines,
    pub(super) topic: String,
    /// How long a stream may say nothing while it owes an answer, or its opening take.
    pub(super) patience: Duration,
}

/// The stream, or what there is of it.
pub(super) enum Line {
    Closed,
    /// The last one failed; the next try is then.
    Waiting(Instant),
    Opening(Picked, Opening),
    /// And since when it is quiet, or owes something.
    Open(Picked, Box<Stream>, Instant),
}

type Opening = Pin<Box<dyn Future<Output = Result<Box<Stream>, ServerError>> + Send>>;

/// What a line has to say.
enum Event {
    MayOpen,
    Opened(Picked, Result<Box<Stream>, ServerError>),
    Answered(Picked, Result<Vec<PublishResult>, ServerError>),
}

impl Task {
    /// Runs until the publisher is closed and everything has its outcome.
    pub(super) async fn run(mut self) {
        loop {
            self.state.take(self.shared.inbox.lock().collect());
            let due = self.act();
            self.settled_below.send_if_modified(|below| {
                let settled = self.state.settled_below();
                std::mem::replace(below, settled) != settled
            });
            if self.state.is_over() {
                return;
            }
            let wake_at = self.line.wake_at(&self.state);
            if self.shared.inbox.lock().wake_at(wake_at) {
                continue;
            }
            tokio::select! {
                () = self.shared.bell.notified() => {}
                () = at(due) => {}
                event = self.line.event(self.state.is_in_flight(), self.way.patience) => self.hear(event),
            }
        }
    }

    /// Sends what is due, or opens a stream for it. When to look again.
    fn act(&mut self) -> Due {
        loop {
            let now = clock::now();
            let due = self.state.due(now);
            match (due, &mut self.line) {
                (Due::Now, Line::Open(_, stream, since)) => {
                    if !self.state.is_in_flight() {
                        *since = now;
                    }
                    stream.send(self.state.next_request());
                }
                (Due::Now, Line::Closed) => {
                    self.line = self.way.open();
                    return Due::Open;
                }
                (due, Line::Open(..) | Line::Closed) => return due,
                (_, Line::Waiting(_) | Line::Opening(..)) => return Due::Open,
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::MayOpen => self.line = Line::Closed,
            Event::Opened(picked, Ok(stream)) => {
                picked.works();
                self.line = Line::Open(picked, stream, clock::now());
            }
            Event::Opened(picked, Err(error)) => self.ended(&picked, &End { error, was_open: false }),
            Event::Answered(picked, Ok(results)) => match self.state.answered(results) {
                Ok(settled) => {
                    self.backoff.reset();
                    self.line.heard_at(clock::now());
                    self.shared.settle(settled);
                }
                Err(_) => {
                    let error = ServerError::local(Code::Internal, "an answer that fits no request");
                    self.ended(&picked, &End { error, was_open: true });
                }
            },
            Event::Answered(picked, Err(error)) => self.ended(&picked, &End { error, was_open: true }),
        }
    }

    /// The stream is dropped, and with it what is on it.
    fn ended(&mut self, picked: &Picked, end: &End) {
        match end.error.is_of_the_connection() {
            true => picked.failed(),
            false => picked.works(),
        }
        let mut again_at = clock::now();
        self.line = Line::Closed;
        if end.error.is_transient() {
            again_at = clock::after(again_at, self.backoff.next(end.error.retry_after()));
            self.line = Line::Waiting(again_at);
        }
        tracing::debug!(error = %end.error, topic = self.way.topic, "a publisher's stream has ended");
        let settled = self.state.ended(end, again_at);
        self.shared.settle(settled);
    }
}

impl Drop for Task {
    /// Also when the runtime ends: whoever publishes later must not wait for it.
    fn drop(&mut self) {
        self.shared.close();
        let collected = self.shared.inbox.lock().collect();
        // Not under the lock, because it wakes futures.
        drop(collected);
    }
}

impl Way {
    fn open(&self) -> Line {
        let picked = self.lines.pick();
        let (patience, topic) = (self.patience, self.topic.clone());
        let stream = Stream::open(self.lines.clone(), picked.channel(), topic);
        let opening =
            async move { timeout(patience, stream).await.unwrap_or_else(|_| Err(late())).map(Box::new) };
        Line::Opening(picked, Box::pin(opening))
    }
}

impl Line {
    /// Whether and when the task is to be woken for more messages.
    fn wake_at(&self, state: &State) -> super::inbox::WakeAt {
        match self {
            Self::Closed | Self::Open(..) => state.wake_at(),
            Self::Waiting(_) | Self::Opening(..) => super::inbox::WakeAt::NEVER,
        }
    }

    fn heard_at(&mut self, now: Instant) {
        if let Self::Open(_, _, since) = self {
            *since = now;
        }
    }

    /// Cancel safe.
    async fn event(&mut self, owes: bool, patience: Duration) -> Event {
        match self {
            Self::Closed => std::future::pending().await,
            Self::Waiting(until) => {
                sleep_until(*until).await;
                Event::MayOpen
            }
            Self::Opening(picked, opening) => Event::Opened(picked.clone(), opening.await),
            Self::Open(picked, stream, since) => {
                let answer = match owes {
                    true => timeout_at(clock::after(*since, patience), stream.answer()).await,
                    false => Ok(stream.answer().await),
                };
                Event::Answered(picked.clone(), answer.unwrap_or_else(|_| Err(late())))
            }
        }
    }
}

fn late() -> ServerError {
    ServerError::local(Code::DeadlineExceeded, "the broker did not answer in time")
}

async fn at(due: Due) {
    match due {
        Due::Now => {}
        Due::At(time) => sleep_until(time).await,
        Due::Open => std::future::pending().await,
    }
}
