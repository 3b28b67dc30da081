use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::{AssignedEndpoint, Delivery, Outcome};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use types::{
    AckId, SubscriptionName, SubscriptionUid,
    push::{AttemptReport, EndpointReport},
};

use super::Queue;
use crate::{Assignments, Backend, BackendError, Changes, EndpointChange, EndpointFigures, Leases};

/// A broker. Cheap to clone.
#[derive(Clone)]
pub(in crate::tests) struct StandIn(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    queues: HashMap<SubscriptionUid, Queue>,
    share: Option<mpsc::Receiver<Result<Changes, BackendError>>>,
    joined: usize,
    changes: Vec<(SubscriptionUid, EndpointChange)>,
    refuses_changes: u32,
    asked: Vec<String>,
    refuses_asking: u32,
    reports: HashMap<SubscriptionName, EndpointReport>,
}

impl StandIn {
    pub(in crate::tests) fn new() -> Self {
        Self(Arc::default())
    }

    /// An endpoint's messages.
    pub(in crate::tests) fn queue(&self, uid: SubscriptionUid) -> Queue {
        self.0.lock().queues.entry(uid).or_insert_with(|| Queue::new(uid)).clone()
    }

    /// What the next who joins gets to hear.
    pub(in crate::tests) fn share(&self) -> mpsc::Sender<Result<Changes, BackendError>> {
        let (sender, receiver) = mpsc::channel(100);
        self.0.lock().share = Some(receiver);
        sender
    }

    /// Times that a worker joined.
    pub(in crate::tests) fn joined(&self) -> usize {
        self.0.lock().joined
    }

    /// What it was told of endpoints.
    pub(in crate::tests) fn changes(&self) -> Vec<(SubscriptionUid, EndpointChange)> {
        self.0.lock().changes.clone()
    }

    /// It is not available for the next so many changes.
    pub(in crate::tests) fn refuse_changes(&self, times: u32) {
        self.0.lock().refuses_changes = times;
    }

    /// Tokens of the requests for consent that it granted.
    pub(in crate::tests) fn asked(&self) -> Vec<String> {
        self.0.lock().asked.clone()
    }

    /// It does not grant the next so many.
    pub(in crate::tests) fn refuse_asking(&self, times: u32) {
        self.0.lock().refuses_asking = times;
    }

    /// What it was told last of how an endpoint is.
    pub(in crate::tests) fn report_of(&self, endpoint: &AssignedEndpoint) -> Option<EndpointReport> {
        self.0.lock().reports.get(&endpoint.subscription).cloned()
    }
}

impl Backend for StandIn {
    type Assignments = Share;
    type Leases = Queue;

    async fn join(&self) -> Result<Share, BackendError> {
        let state = &mut *self.0.lock();
        let share = state.share.take().ok_or(BackendError::Unavailable("away".to_owned()))?;
        state.joined += 1;
        Ok(Share(share))
    }

    async fn leases(&self, endpoint: &AssignedEndpoint) -> Result<Queue, BackendError> {
        Ok(self.queue(endpoint.uid))
    }

    async fn begin_confirmation(&self, _: &AssignedEndpoint, token: &str) -> Result<bool, BackendError> {
        let state = &mut *self.0.lock();
        if state.refuses_asking > 0 {
            state.refuses_asking -= 1;
            return Ok(false);
        }
        state.asked.push(token.to_owned());
        Ok(true)
    }

    async fn change(&self, endpoint: &AssignedEndpoint, change: EndpointChange) -> Result<(), BackendError> {
        let state = &mut *self.0.lock();
        if state.refuses_changes > 0 {
            state.refuses_changes -= 1;
            return Err(BackendError::Unavailable("away".to_owned()));
        }
        state.changes.push((endpoint.uid, change));
        Ok(())
    }

    async fn report(&self, figures: Vec<EndpointFigures>) {
        let reports = figures.into_iter().map(|figures| (figures.subscription, figures.report));
        self.0.lock().reports.extend(reports);
    }
}

/// What a test says.
pub(in crate::tests) struct Share(mpsc::Receiver<Result<Changes, BackendError>>);

impl Assignments for Share {
    async fn next(&mut self) -> Result<Changes, BackendError> {
        self.0.recv().await.unwrap_or(Err(BackendError::Unavailable("away".to_owned())))
    }
}

impl Leases for Queue {
    async fn next(&self, most: usize, bytes: u64) -> Result<Vec<Delivery>, BackendError> {
        Self::next(self, most, bytes).await
    }

    async fn try_next(&self, most: usize, bytes: u64) -> Result<Vec<Delivery>, BackendError> {
        Self::try_next(self, most, bytes)
    }

    async fn extend(&self, _: &[AckId], by: Duration) -> Result<(), BackendError> {
        Self::extend(self, by)
    }

    async fn report(&self, reports: Vec<AttemptReport>) -> Result<Vec<Outcome>, BackendError> {
        Self::report(self, reports).await
    }
}
