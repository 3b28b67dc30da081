//! Which endpoints a worker has, and their tasks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::AssignedEndpoint;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};
use types::{SubscriptionName, SubscriptionUid, push::EndpointStatus};

use super::{Carriers, Shared, follow::News};
use crate::{
    Backend, EndpointFigures,
    endpoint::{End, Figures, Memory, Stop},
};

/// Until a task that failed is begun again.
const PAUSE: Duration = Duration::from_secs(2);
/// Until the broker should have said what it made of the endpoint when its task ended. If it says nothing, it has made that undone
/// meanwhile.
const NEWS: Duration = Duration::from_secs(30);

/// What a task needs to know.
pub(super) struct Job {
    pub(super) endpoint: AssignedEndpoint,
    pub(super) stop: Stop,
    pub(super) status: watch::Receiver<EndpointStatus>,
    pub(super) figures: Figures,
    pub(super) memory: Memory,
}

/// How the endpoints are. Shared.
#[derive(Debug, Clone, Default)]
pub(super) struct Board(Arc<Mutex<HashMap<SubscriptionUid, (SubscriptionName, Figures)>>>);

impl Board {
    /// All of them.
    pub(super) fn reports(&self) -> Vec<EndpointFigures> {
        let board = self.0.lock();
        let figures = board.iter().map(|(uid, (name, figures))| EndpointFigures {
            subscription: name.clone(),
            uid: *uid,
            report: figures.report(),
        });
        figures.collect()
    }
}

/// One endpoint.
struct Slot {
    endpoint: AssignedEndpoint,
    figures: Figures,
    memory: Memory,
    /// It is this worker's.
    is_ours: bool,
    task: Option<Running>,
}

/// Its task.
struct Running {
    id: Id,
    stop: Stop,
    status: watch::Sender<EndpointStatus>,
    /// The endpoint has changed since it was begun.
    is_stale: bool,
}

/// All of them.
pub(super) struct Slots<B, S> {
    shared: Arc<Shared<B, S>>,
    board: Board,
    slots: HashMap<SubscriptionUid, Slot>,
    tasks: JoinSet<End>,
    running: HashMap<Id, SubscriptionUid>,
}

impl<B: Backend, S: Carriers> Slots<B, S> {
    /// None.
    pub(super) fn new(shared: Arc<Shared<B, S>>, board: Board) -> Self {
        Self { shared, board, slots: HashMap::new(), tasks: JoinSet::new(), running: HashMap::new() }
    }

    /// Begins, changes and stops tasks as the broker says.
    pub(super) fn apply(&mut self, news: News) {
        let mut withdrawn = news.changes.withdrawn;
        if let Some(ours) = news.whole {
            withdrawn.extend(self.slots.keys().filter(|uid| !ours.contains(uid)));
        }
        for uid in withdrawn {
            self.withdraw(uid);
        }
        for endpoint in news.changes.assigned {
            self.assign(endpoint);
        }
    }

    /// Waits until a task ends; for ever if there is none.
    pub(super) async fn ended(&mut self) -> Result<(Id, End), JoinError> {
        match self.tasks.join_next_with_id().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// A task has ended: begins the next, if there is something to do.
    pub(super) fn again(&mut self, ended: Result<(Id, End), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(uid) = self.running.remove(&id) else { return };
        let Some(slot) = self.slots.get_mut(&uid) else { return };
        let is_stale = slot.task.take_if(|task| task.id == id).is_some_and(|task| task.is_stale);
        if !slot.is_ours {
            self.remove(uid);
            return;
        }
        let name = &slot.endpoint.subscription;
        match ended {
            _ if is_stale => self.start(uid, Duration::ZERO),
            Ok((_, End::Settled | End::Stopped)) => {}
            Ok((_, End::Told)) => self.start(uid, NEWS),
            Ok((_, End::Failed(error))) => {
                tracing::warn!(subscription = %name, %error, "the endpoint's task failed and is begun again");
                self.start(uid, PAUSE);
            }
            Err(error) => {
                tracing::error!(subscription = %name, %error, "the endpoint's task broke and is begun again");
                self.start(uid, PAUSE);
            }
        }
    }

    /// Stops all of them and waits, a little longer than `grace` if need be.
    pub(super) async fn stop(&mut self, grace: Duration, margin: Duration) {
        for slot in self.slots.values_mut() {
            slot.is_ours = false;
            if let Some(task) = &slot.task {
                task.stop.stop(grace);
            }
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(grace.saturating_add(margin), all).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "endpoints' tasks did not end in time");
            self.tasks.shutdown().await;
        }
    }

    fn assign(&mut self, endpoint: AssignedEndpoint) {
        let uid = endpoint.uid;
        let Some(slot) = self.slots.get_mut(&uid) else {
            let figures = Figures::default();
            self.board.0.lock().insert(uid, (endpoint.subscription.clone(), figures.clone()));
            let memory = Memory::default();
            self.slots.insert(uid, Slot { endpoint, figures, memory, is_ours: true, task: None });
            self.start(uid, Duration::ZERO);
            return;
        };
        let was_ours = std::mem::replace(&mut slot.is_ours, true);
        if was_ours && slot.endpoint == endpoint {
            return;
        }
        let goes_on = was_ours && slot.goes_on(&endpoint);
        slot.endpoint = endpoint;
        match &mut slot.task {
            Some(task) if goes_on => {
                task.status.send_replace(slot.endpoint.status.clone());
            }
            Some(task) => {
                task.is_stale = true;
                task.stop.stop(Duration::MAX);
            }
            None => self.start(uid, Duration::ZERO),
        }
    }

    fn withdraw(&mut self, uid: SubscriptionUid) {
        let Some(slot) = self.slots.get_mut(&uid) else { return };
        slot.is_ours = false;
        match &slot.task {
            Some(task) => task.stop.stop(Duration::MAX),
            None => self.remove(uid),
        }
    }

    fn remove(&mut self, uid: SubscriptionUid) {
        self.slots.remove(&uid);
        self.board.0.lock().remove(&uid);
    }

    fn start(&mut self, uid: SubscriptionUid, pause: Duration) {
        let Some(slot) = self.slots.get_mut(&uid) else { return };
        let (status, receiver) = watch::channel(slot.endpoint.status.clone());
        let stop = Stop::new();
        let (endpoint, figures, memory) = (slot.endpoint.clone(), slot.figures.clone(), slot.memory.clone());
        let job = Job { endpoint, stop: stop.clone(), status: receiver, figures, memory };
        let (shared, paused) = (self.shared.clone(), stop.clone());
        let handle = self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = sleep(pause) => {}
                () = paused.cancelled() => return End::Stopped,
            }
            Box::pin(shared.work(job)).await
        });
        self.running.insert(handle.id(), uid);
        slot.task = Some(Running { id: handle.id(), stop, status, is_stale: false });
    }
}

impl Slot {
    /// Whether its task can go on with the endpoint as it is now: it waits for consent, as before, and has asked once more.
    fn goes_on(&self, endpoint: &AssignedEndpoint) -> bool {
        let is_pending = |endpoint: &AssignedEndpoint| matches!(endpoint.status, EndpointStatus::Pending(_));
        let is_stale = self.task.as_ref().is_none_or(|task| task.is_stale);
        !is_stale
            && is_pending(&self.endpoint)
            && is_pending(endpoint)
            && self.endpoint.push == endpoint.push
            && self.endpoint.subscription == endpoint.subscription
    }
}
