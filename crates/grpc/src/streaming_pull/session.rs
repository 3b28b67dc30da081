use std::time::Duration;

use broker::{Broker, HealthState, SettleError, Subscriber, Unavailable};
use fanfare_proto::v1::StreamingPullResponse;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use tokio::{select, sync::watch, time};
use tonic::Status;
use types::SubscriptionUid;

use super::{
    SETTLING, TOGETHER, answer,
    flow::Outstanding,
    incoming::{Received, Requests, together},
    leasing::{Batch, Leased, Leasing},
    opening::Opening,
    outbound::{Frame, Sender},
    requests::Settlements,
};
use crate::{bounds, intake, reason::Reason, refusal::Refusal};

/// Results of one request, to come when they are durable.
type Settling = BoxFuture<'static, Result<StreamingPullResponse, SettleError>>;

/// The state of one stream.
pub(crate) struct Session {
    broker: Broker,
    subscriber: Subscriber,
    leasing: Leasing,
    uid: SubscriptionUid,
    outstanding: Outstanding,
    blocks: bool,
    confirm: bool,
    settling: FuturesOrdered<Settling>,
    /// Settlements of the first request.
    first: Settlements,
    sender: Sender,
}

/// Why a stream ends.
enum End {
    /// The client closed its side, and everything it sent is durable.
    Closed,
    /// The client is gone.
    Gone,
    /// With an error.
    Error(Status),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        refusal.log("StreamingPull", None);
        Self::Error(refusal.into())
    }
}

/// What happens next on a stream.
enum Event {
    Requests(Option<Vec<Received>>),
    Durable(Result<StreamingPullResponse, SettleError>),
    Leased(Leased),
    LeaseEnded,
    /// The broker stops delivering, for this reason.
    Stopped(Refusal),
    Gone,
}

/// How far the stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Deliveries and settlements.
    Open,
    /// The client has closed its side: what it sent becomes durable, then the stream ends.
    Closing,
    /// The broker shuts down: what is outstanding can still be settled.
    Draining,
}

impl Session {
    pub(crate) fn new(broker: Broker, opening: Opening, sender: Sender) -> Self {
        Self {
            broker,
            subscriber: opening.subscriber,
            leasing: Leasing::new(opening.consumer, opening.blocks),
            uid: opening.uid,
            outstanding: opening.outstanding,
            blocks: opening.blocks,
            confirm: opening.confirm,
            settling: FuturesOrdered::new(),
            first: opening.settlements,
            sender,
        }
    }

    /// Runs the stream to its end. After the broker began to shut down that is at most `settle_grace` away.
    pub(crate) async fn run(mut self, requests: Requests, settle_grace: Duration) {
        let mut health = self.broker.health();
        let grace = async {
            stopped(&mut health).await;
            time::sleep(settle_grace).await;
        };
        let end = select! {
            end = self.serve(requests) => end,
            () = grace => End::from(Refusal::from(Unavailable::Draining)),
        };
        let status = match end {
            End::Closed | End::Gone => None,
            End::Error(status) => Some(status),
        };
        self.leasing.stop();
        let unsent = self.sender.finish(status).await;
        let leases: Vec<_> =
            unsent.into_iter().flat_map(|numbers| self.outstanding.give_back(numbers, self.uid)).collect();
        self.leasing.release(&leases).await;
    }

    async fn serve(&mut self, mut requests: Requests) -> End {
        let mut health = self.broker.health();
        let mut phase = Phase::Open;
        let first = std::mem::take(&mut self.first);
        if let Err(end) = self.settle(first).await {
            return end;
        }
        loop {
            if let Some(end) = self.over(phase) {
                return end;
            }
            let event = self.next_event(phase, &mut requests, &mut health).await;
            if let Err(end) = self.handle(event, &mut phase).await {
                return end;
            }
        }
    }

    /// Whether nothing is left to do.
    fn over(&self, phase: Phase) -> Option<End> {
        match phase {
            Phase::Closing if self.settling.is_empty() => Some(End::Closed),
            Phase::Draining if self.settling.is_empty() && self.outstanding.is_empty() => {
                Some(Refusal::from(Unavailable::Draining).into())
            }
            _ => None,
        }
    }

    async fn next_event(
        &mut self,
        phase: Phase,
        requests: &mut Requests,
        health: &mut watch::Receiver<HealthState>,
    ) -> Event {
        let now = self.broker.now();
        self.outstanding.expire(now);
        let room = self.outstanding.room().filter(|_| phase == Phase::Open);
        let is_full = room.is_none() && phase != Phase::Closing && !self.outstanding.is_empty();
        if phase != Phase::Open {
            self.leasing.stop();
        }
        select! {
            received = requests.next(), if phase != Phase::Closing && self.settling.len() + TOGETHER <= SETTLING => {
                Event::Requests(received.map(|first| together(first, requests)))
            }
            Some(durable) = self.settling.next(), if !self.settling.is_empty() => Event::Durable(durable),
            leased = self.leasing.next(&self.sender.frames, room), if phase == Phase::Open => Event::Leased(leased),
            why = stopped(health), if phase == Phase::Open => Event::Stopped(why),
            () = time::sleep(self.outstanding.earliest_end().since(now)), if is_full => Event::LeaseEnded,
            () = self.sender.frames.closed() => Event::Gone,
        }
    }

    async fn handle(&mut self, event: Event, phase: &mut Phase) -> Result<(), End> {
        match event {
            Event::Requests(Some(requests)) => self.settle_all(requests).await?,
            Event::Requests(None) => *phase = Phase::Closing,
            Event::Durable(results) => self.report(results.map_err(Refusal::from)?).await?,
            Event::Leased(Some(Ok(batch))) => self.deliver(batch).await?,
            Event::Leased(Some(Err(error))) => return self.stop(error.into(), phase),
            Event::Leased(None) | Event::Gone => return Err(End::Gone),
            Event::Stopped(refusal) => return self.stop(refusal, phase),
            Event::LeaseEnded => self.outstanding.expire(self.broker.now()),
        }
        Ok(())
    }

    /// Nothing more is delivered; at shutdown what was delivered can still be settled.
    fn stop(&mut self, why: Refusal, phase: &mut Phase) -> Result<(), End> {
        if why.reason() != Reason::BrokerDraining {
            return Err(why.into());
        }
        *phase = Phase::Draining;
        Ok(())
    }

    /// Settles what has come. Without confirmations, all of it together, within a limit: one record in the log instead of many. A bad
    /// request ends the stream after those before it are settled.
    async fn settle_all(&mut self, requests: Vec<Received>) -> Result<(), End> {
        let mut together = Settlements::default();
        for request in requests {
            let settlements = match self.read(request) {
                Ok(settlements) => settlements,
                Err(end) => {
                    self.settle(together).await?;
                    return Err(end);
                }
            };
            together.append(settlements);
            if (self.confirm && together.has_ids()) || together.is_full() {
                self.settle(std::mem::take(&mut together)).await?;
            }
        }
        self.settle(together).await
    }

    fn read(&self, request: Received) -> Result<Settlements, End> {
        let request = request.map_err(|status| End::Error(intake::refined(status, "acks")))?;
        let delivered = self.blocks.then(|| self.outstanding.last());
        Ok(Settlements::read_later(bounds::open(request)?, self.uid, delivered)?)
    }

    async fn settle(&mut self, settlements: Settlements) -> Result<(), End> {
        if settlements.is_empty() {
            return Ok(());
        }
        let settled = settlements.settle(&self.subscriber, &mut self.outstanding).await;
        self.settling.push_back(settled.map_err(Refusal::from)?.durable().boxed());
        Ok(())
    }

    async fn report(&mut self, results: StreamingPullResponse) -> Result<(), End> {
        if !self.confirm {
            return Ok(());
        }
        for part in answer::cut(results) {
            let frame = Frame { pieces: answer::results(&part).into(), numbers: 0..0 };
            self.sender.send(frame).await.map_err(|_| End::Gone)?;
        }
        Ok(())
    }

    async fn deliver(&mut self, batch: Batch) -> Result<(), End> {
        let (numbers, pieces) = match batch {
            Batch::Messages(deliveries) => {
                let numbers = self.outstanding.delivered(&deliveries);
                (numbers, answer::messages(deliveries))
            }
            Batch::Blocks(mut blocks) => {
                let numbers = self.outstanding.delivered_blocks(&mut blocks);
                (numbers, answer::blocks(blocks, self.uid, self.leasing.log()))
            }
        };
        if let Err(numbers) = self.sender.send(Frame { pieces: pieces.into(), numbers }).await {
            let leases = self.outstanding.give_back(numbers, self.uid);
            self.leasing.release(&leases).await;
            return Err(End::Gone);
        }
        Ok(())
    }
}

/// Returns when the broker stops delivering, and why.
async fn stopped(health: &mut watch::Receiver<HealthState>) -> Refusal {
    let stops = |state: &HealthState| matches!(state, HealthState::Draining | HealthState::Poisoned(_));
    match health.wait_for(stops).await.as_deref() {
        Ok(HealthState::Poisoned(why)) => Refusal::new(Reason::JournalPoisoned, why),
        // Without a sender the broker is gone, which is as good as shut down.
        _ => Unavailable::Draining.into(),
    }
}
