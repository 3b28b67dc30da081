//! The end of a consumer: no more deliveries, and all that was handed out is settled and confirmed.
//!
//! Deliveries cannot be stopped on a stream that goes on. So the client's side of it is closed, which ends deliveries and confirms what was
//! sent, and all that follows, extensions included, goes by unary calls. What had been delivered by then and reaches nobody is given back.
//!
//! # Limits
//!
//! - Handles are waited for as long as [`OnShutdown`] says; without a word, as long as there are any.
//! - Once nothing is held, confirmations are waited for [`CONFIRMATIONS`].

use std::time::Duration;

use fanfare_proto::v1;
use tokio::{
    select,
    time::{Instant, timeout, timeout_at},
};

use super::{
    OnShutdown, Settler,
    session::{Session, Stop, at},
    transport::Connection,
    wire::Answer,
};
use crate::{ServerError, clock, retry::Repeat};

/// At the end, for what is settled and not confirmed; and for a stream whose client's side is closed.
const CONFIRMATIONS: Duration = Duration::from_secs(10);

impl Session {
    /// See the module.
    pub(super) async fn drain(mut self, stop: Stop, connection: Option<Connection>) {
        let until = match stop {
            Some(OnShutdown::Wait(patience)) => clock::now().checked_add(patience),
            Some(OnShutdown::Nack) => Some(clock::now()),
            None => None,
        };
        self.book.collect();
        if let Some(connection) = connection {
            // What it did not confirm is settled again below.
            _ = timeout(CONFIRMATIONS, self.close(connection)).await;
        }
        // Also what went with a stream that was not open yet.
        self.book.disconnected(clock::now());
        self.settle_rest(until).await;
    }

    /// Closes the client's side and reads the stream to its end. Nothing more is sent: what is given back before the broker knows that the stream
    /// is closed would be delivered on it again.
    async fn close(&mut self, connection: Connection) {
        let Connection { requests, mut answers } = connection;
        drop(requests);
        while let Ok(answer) = answers.next().await {
            if self.take(answer).is_err() {
                return;
            }
        }
    }

    /// By unary calls, until nothing is held and nothing unconfirmed, or time is over.
    async fn settle_rest(&mut self, until: Option<Instant>) {
        let settler = Settler::new(self.lines.clone(), self.subscription.clone());
        let mut last = None;
        loop {
            self.book.collect();
            self.book.expect_no_more();
            if until.is_some_and(|until| until <= clock::now()) {
                self.book.give_back_all();
            }
            if self.book.is_empty() {
                return;
            }
            if self.book.is_released() {
                last = last.or_else(|| Some(clock::now() + CONFIRMATIONS));
            }
            let ends = last.or_else(|| until.map(|until| until + CONFIRMATIONS));
            let Some(request) = self.book.request(clock::now()) else {
                self.wait(until).await;
                continue;
            };
            let settled = within(ends, settle(&settler, request)).await;
            let Some(settled) = settled else { return };
            let Ok(()) = self.settled(settled, ends).await else { return };
        }
    }

    /// For handles, for leases that want extending, and for the end of patience.
    async fn wait(&mut self, until: Option<Instant>) {
        select! {
            () = self.outbox.posted() => {}
            () = at(self.book.wakes()) => {}
            () = at(until) => {}
        }
    }

    /// An error if it makes no sense to go on.
    async fn settled(
        &mut self,
        settled: Result<Answer, ServerError>,
        ends: Option<Instant>,
    ) -> Result<(), ()> {
        let error = match settled {
            Ok(answer) => {
                self.reach.worked();
                return self.take(answer).map_err(drop);
            }
            Err(error) => error,
        };
        self.book.disconnected(clock::now());
        let wait = self.reach.failed(error).map_err(|error| {
            tracing::warn!(subscription = %self.subscription, %error, "what is held cannot be settled");
        })?;
        within(ends, tokio::time::sleep(wait)).await.ok_or(())
    }
}

/// Nothing, if time is over before.
async fn within<T>(ends: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match ends {
        Some(ends) => timeout_at(ends, future).await.ok(),
        None => Some(future.await),
    }
}

/// What a stream would do with a request, by unary calls. They are not repeated here: whose answer was lost is settled again by the book, which
/// knows then that it may have been made.
async fn settle(settler: &Settler, request: v1::StreamingPullRequest) -> Result<Answer, ServerError> {
    let mut answer = Answer::default();
    if !request.acks.is_empty() {
        answer.ack_results = settler.acknowledge(Repeat::IfRefused, request.acks).await?.results;
    }
    for nack in request.nacks {
        answer.nack_results.extend(settler.give_back(Repeat::IfRefused, nack.ack_ids, nack.delay).await?);
    }
    for extension in request.extensions {
        let extended = settler.extend_by(extension.ack_ids, extension.ack_deadline).await?;
        answer.extend_results.extend(extended);
    }
    Ok(answer)
}
