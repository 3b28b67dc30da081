//! What a worker is told of its share: all of it first, then what has changed since.

use std::collections::{HashMap, VecDeque};

use broker::{AssignedEndpoint, HealthState, PushWorker, Unavailable};
use fanfare_proto::v1;
use futures_util::{Stream, stream};
use prost::Message as _;
use tokio::sync::watch;
use tonic::Status;
use types::{SubscriptionUid, limits};

use crate::{
    convert::push::{self, Secrets},
    page::PAGE_BYTES,
    reason::Reason,
    refusal::Refusal,
};

/// One worker's share, and how much of it the worker knows.
#[derive(Debug)]
pub(super) struct Assignments {
    place: PushWorker,
    health: watch::Receiver<HealthState>,
    told: Told,
}

impl Assignments {
    pub(super) fn new(place: PushWorker, health: watch::Receiver<HealthState>) -> Self {
        Self { place, health, told: Told::default() }
    }

    /// Leaves the workers when it is dropped. Ends with an error when the broker can no longer do what a worker asks.
    pub(super) fn stream(self) -> impl Stream<Item = Result<v1::WorkResponse, Status>> + Send {
        stream::try_unfold(self, |mut share| async move {
            let response = share.next().await.inspect_err(|refusal| refusal.log("Work", None))?;
            Ok::<_, Status>(Some((response, share)))
        })
    }

    async fn next(&mut self) -> Result<v1::WorkResponse, Refusal> {
        loop {
            if let Some(page) = self.told.page() {
                return Ok(page);
            }
            tokio::select! {
                biased;
                refusal = end(&mut self.health) => return Err(refusal),
                () = self.place.changed() => self.told.compare(self.place.assigned()),
            }
        }
    }
}

/// Returns when the broker stops, and why.
async fn end(health: &mut watch::Receiver<HealthState>) -> Refusal {
    let ended = health.wait_for(|state| matches!(state, HealthState::Draining | HealthState::Poisoned(_)));
    match ended.await.as_deref() {
        Ok(HealthState::Poisoned(cause)) => Refusal::new(Reason::JournalPoisoned, cause),
        _ => Unavailable::Draining.into(),
    }
}

/// What the worker was told, and what it is to be told next.
#[derive(Debug, Default)]
struct Told {
    /// All that it knows, once the rest is sent.
    known: HashMap<SubscriptionUid, AssignedEndpoint>,
    assigned: VecDeque<AssignedEndpoint>,
    withdrawn: VecDeque<SubscriptionUid>,
    /// It has been told something, though it may be that there is nothing.
    begun: bool,
    /// There is something to tell, though it may be that there is nothing.
    due: bool,
    /// It has been told all of the share that there was when it joined.
    complete: bool,
}

impl Told {
    /// Takes over what the share is now. Nothing is left to be sent of an earlier one.
    fn compare(&mut self, share: Vec<AssignedEndpoint>) {
        let share: HashMap<_, _> = share.into_iter().map(|endpoint| (endpoint.uid, endpoint)).collect();
        self.withdrawn.extend(self.known.keys().filter(|uid| !share.contains_key(*uid)));
        let news = share.values().filter(|endpoint| self.known.get(&endpoint.uid) != Some(*endpoint));
        self.assigned.extend(news.cloned());
        self.known = share;
        self.due = !self.begun || !self.withdrawn.is_empty() || !self.assigned.is_empty();
    }

    /// The next page of it; none if all is said.
    fn page(&mut self) -> Option<v1::WorkResponse> {
        if !self.due {
            return None;
        }
        self.begun = true;
        let withdrawn = self.withdrawn.drain(..self.withdrawn.len().min(limits::PUSH_ENDPOINT_PAGE));
        let withdrawn = withdrawn.map(|uid| uid.0.to_string()).collect();
        let assigned = self.some_assigned();
        self.due = !self.withdrawn.is_empty() || !self.assigned.is_empty();
        self.complete |= !self.due;
        Some(v1::WorkResponse { assigned, withdrawn, complete: self.complete })
    }

    /// As many as fit, at least one if there is one.
    fn some_assigned(&mut self) -> Vec<v1::AssignedEndpoint> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.assigned.front().filter(|_| page.len() < limits::PUSH_ENDPOINT_PAGE) {
            let next = to_proto(next);
            bytes += next.encoded_len();
            if bytes > PAGE_BYTES && !page.is_empty() {
                break;
            }
            page.push(next);
            self.assigned.pop_front();
        }
        page
    }
}

fn to_proto(endpoint: &AssignedEndpoint) -> v1::AssignedEndpoint {
    v1::AssignedEndpoint {
        subscription: endpoint.subscription.to_string(),
        topic: endpoint.topic.to_string(),
        incarnation: endpoint.uid.0.to_string(),
        push: Some(push::to_proto(&endpoint.push, Secrets::Shown)),
        endpoint: Some(push::endpoint(&endpoint.status)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use types::push::{EndpointStatus, PushSettings};

    use super::*;

    fn endpoint(uid: u128, bytes: usize) -> AssignedEndpoint {
        let push = PushSettings {
            endpoint: "https://example.com/".into(),
            trusted_certificates: Some("x".repeat(bytes)),
            ..PushSettings::default()
        };
        AssignedEndpoint {
            subscription: format!("s{uid}").parse().unwrap(),
            topic: "t".parse().unwrap(),
            uid: SubscriptionUid(uid.try_into().unwrap()),
            push: Arc::new(push),
            status: EndpointStatus::Active,
        }
    }

    /// All pages that are due, as numbers of endpoints and withdrawals.
    fn pages(told: &mut Told) -> Vec<(usize, usize)> {
        let pages = std::iter::from_fn(|| told.page());
        pages.map(|page| (page.assigned.len(), page.withdrawn.len())).collect()
    }

    #[test]
    fn the_first_answer_comes_even_if_there_is_nothing_and_no_other_one_does() {
        let mut told = Told::default();
        assert_eq!(pages(&mut told), []);
        told.compare(Vec::new());
        assert_eq!(pages(&mut told), [(0, 0)]);
        told.compare(Vec::new());
        assert_eq!(pages(&mut told), []);
    }

    #[test]
    fn the_answer_that_completes_the_first_share_says_so_and_each_later_one_does() {
        let mut told = Told::default();
        let complete = |told: &mut Told| -> Vec<_> {
            std::iter::from_fn(|| told.page()).map(|page| page.complete).collect()
        };
        told.compare((0..2_500).map(|uid| endpoint(uid, 0)).collect());
        assert_eq!(complete(&mut told), [false, false, true]);
        told.compare(Vec::new());
        assert_eq!(complete(&mut told), [true, true, true]);
        let mut nothing = Told::default();
        nothing.compare(Vec::new());
        assert_eq!(complete(&mut nothing), [true]);
    }

    #[test]
    fn only_what_has_changed_is_said_again() {
        let mut told = Told::default();
        told.compare(vec![endpoint(1, 0), endpoint(2, 0), endpoint(3, 0)]);
        assert_eq!(pages(&mut told), [(3, 0)]);
        let disabled = AssignedEndpoint { status: EndpointStatus::default(), ..endpoint(2, 0) };
        told.compare(vec![endpoint(1, 0), disabled.clone(), endpoint(4, 0)]);
        let page = told.page().unwrap();
        let mut said: Vec<_> = page.assigned.iter().map(|endpoint| endpoint.incarnation.as_str()).collect();
        said.sort_unstable();
        assert_eq!((said, page.withdrawn), (vec!["2", "4"], vec!["3".to_owned()]));
        told.compare(vec![endpoint(1, 0), disabled, endpoint(4, 0)]);
        assert_eq!(pages(&mut told), []);
    }

    #[test]
    fn a_page_has_a_thousand_endpoints_and_about_3_mib_at_most() {
        let mut told = Told::default();
        told.compare((0..2_500).map(|uid| endpoint(uid, 0)).collect());
        assert_eq!(pages(&mut told), [(1_000, 0), (1_000, 0), (500, 0)]);
        told.compare(Vec::new());
        assert_eq!(pages(&mut told), [(0, 1_000), (0, 1_000), (0, 500)]);
        told.compare((0..200).map(|uid| endpoint(uid, 32 << 10)).collect());
        let pages = pages(&mut told);
        assert_eq!(pages.iter().map(|page| page.0).sum::<usize>(), 200);
        assert!(pages.len() == 3 && pages.iter().all(|page| page.0 < 96), "{pages:?}");
    }
}
