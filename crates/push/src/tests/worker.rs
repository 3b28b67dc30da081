use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use broker::AssignedEndpoint;
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use types::{
    Invalid,
    push::{DisabledReason, EndpointStatus},
};

use super::support::{
    Carry, Reply, RuntimeClock, StandIn, endpoint, millis, now, pass, reply, seconds, until,
};
use crate::{BackendError, Carriers, Changes, Config, Consent, Worker};

type ReplyOf = dyn Fn(u64, u64, u32) -> Reply + Send + Sync;

/// Endpoints that do what a test says, by their uid.
#[derive(Clone)]
pub(super) struct Endpoints {
    reply: Arc<ReplyOf>,
    pub(super) trusted: bool,
    pub(super) consent: Consent,
    made: Arc<Mutex<Vec<(u64, Carry)>>>,
    tokens: Arc<AtomicUsize>,
}

impl Endpoints {
    pub(super) fn new(reply: impl Fn(u64, u64, u32) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            reply: Arc::new(reply),
            trusted: false,
            consent: Consent::Given,
            made: Arc::default(),
            tokens: Arc::default(),
        }
    }

    /// The carriers that were made for one, in order.
    pub(super) fn of(&self, uid: u64) -> Vec<Carry> {
        let made = self.made.lock();
        made.iter().filter(|(of, _)| *of == uid).map(|(_, carry)| carry.clone()).collect()
    }

    /// All that were made.
    pub(super) fn of_all(&self) -> Vec<Carry> {
        self.made.lock().iter().map(|(_, carry)| carry.clone()).collect()
    }

    /// Messages that came to one.
    pub(super) fn count(&self, uid: u64) -> usize {
        self.of(uid).iter().map(Carry::count).sum()
    }
}

impl Carriers for Endpoints {
    type Carrier = Carry;

    fn carrier(&self, endpoint: &AssignedEndpoint) -> Result<Carry, Invalid> {
        if endpoint.push.endpoint.starts_with("http:") {
            return Err(Invalid::new("endpoint", "must be https"));
        }
        let (reply, uid) = (self.reply.clone(), endpoint.uid.0);
        let carry = Carry::new(move |sequence, attempt| reply(uid, sequence, attempt));
        carry.consent(self.consent.clone());
        self.made.lock().push((uid, carry.clone()));
        Ok(carry)
    }

    fn is_trusted(&self, _: &AssignedEndpoint) -> bool {
        self.trusted
    }

    fn token(&self) -> Option<String> {
        Some(format!("token-{}", self.tokens.fetch_add(1, Ordering::SeqCst)))
    }
}

/// The whole share, or more of it.
pub(super) fn changes(assigned: Vec<AssignedEndpoint>) -> Changes {
    Changes { assigned, withdrawn: Vec::new(), is_complete: true }
}

/// A worker under way.
pub(super) struct Working {
    pub(super) backend: StandIn,
    pub(super) endpoints: Endpoints,
    share: mpsc::Sender<Result<Changes, BackendError>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Working {
    pub(super) fn start(endpoints: Endpoints) -> Self {
        Self::within(Config::default().max_in_flight_bytes, endpoints)
    }

    /// With so many bytes for all endpoints.
    pub(super) fn within(max_in_flight_bytes: u64, endpoints: Endpoints) -> Self {
        let config = Config { max_in_flight_bytes, ..Config::default() };
        let backend = StandIn::new();
        let share = backend.share();
        let shutdown = CancellationToken::new();
        let clock = Arc::new(RuntimeClock::start());
        let worker = Worker::new(backend.clone(), endpoints.clone(), &config, clock);
        let task = tokio::spawn(worker.run(shutdown.clone(), seconds(5)));
        Self { backend, endpoints, share, shutdown, task }
    }

    pub(super) async fn assign(&self, assigned: Vec<AssignedEndpoint>) {
        self.tell(Ok(changes(assigned))).await;
    }

    pub(super) async fn withdraw(&self, endpoint: &AssignedEndpoint) {
        self.tell(Ok(Changes { withdrawn: vec![endpoint.uid], ..changes(Vec::new()) })).await;
    }

    pub(super) async fn tell(&self, news: Result<Changes, BackendError>) {
        self.share.send(news).await.unwrap();
    }

    /// All that the next who joins gets to hear.
    pub(super) async fn tell_next(&self, news: Result<Changes, BackendError>) {
        self.backend.share().send(news).await.unwrap();
    }

    pub(super) async fn shut_down(self) {
        self.shutdown.cancel();
        timeout(seconds(60), self.task).await.unwrap().unwrap();
    }
}

/// Publishes the same to several endpoints; how long each takes.
async fn drain(working: &Working, uids: std::ops::Range<u64>) -> Vec<u128> {
    let began = now();
    let queues: Vec<_> = uids.map(|uid| working.backend.queue(types::SubscriptionUid(uid))).collect();
    queues.iter().for_each(|queue| queue.publish(500));
    let mut took = vec![0; queues.len()];
    while took.contains(&0) {
        pass(millis(1)).await;
        for (queue, took) in queues.iter().zip(&mut took) {
            if queue.open() == 0 && *took == 0 {
                *took = (now() - began).as_millis();
            }
        }
    }
    took
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_and_a_slow_endpoint_change_nothing_for_the_others() {
    let healthy = Endpoints::new(|_, _, _| reply(200, 20));
    let mixed = Endpoints::new(|uid, _, _| match uid {
        0 => Reply::never(),
        1 => reply(200, 14_000),
        _ => reply(200, 20),
    });
    let mut took = Vec::new();
    for endpoints in [healthy, mixed] {
        let working = Working::start(endpoints);
        working.assign((0..20).map(|uid| endpoint(uid, |_| {})).collect()).await;
        (0..2).for_each(|uid| working.backend.queue(types::SubscriptionUid(uid)).publish(5_000));
        pass(seconds(60)).await;
        took.push(drain(&working, 2..20).await);
        working.shut_down().await;
    }
    let slowest = |took: &[u128]| *took.iter().max().unwrap();
    assert!(slowest(&took[1]) <= slowest(&took[0]) * 105 / 100, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_withdrawn_gets_nothing_more_and_gets_it_again_when_it_comes_back() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 500)));
    let one = endpoint(1, |_| {});
    let queue = working.backend.queue(one.uid);
    working.assign(vec![one.clone()]).await;
    queue.publish(100);
    until("some are under way", || working.endpoints.count(1) > 5).await;
    working.withdraw(&one).await;
    until("it has let go", || queue.leased() == 0).await;
    let before = working.endpoints.count(1);
    pass(seconds(60)).await;
    assert_eq!((working.endpoints.count(1), queue.open()), (before, 100 - before));
    working.assign(vec![one]).await;
    until("all is settled", || queue.open() == 0).await;
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_changes_gets_a_new_task_after_the_old_one_has_ended() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 1_000)));
    let one = endpoint(1, |_| {});
    let queue = working.backend.queue(one.uid);
    working.assign(vec![one.clone()]).await;
    queue.publish(50);
    until("the first is under way", || working.endpoints.count(1) > 0).await;
    working.assign(vec![endpoint(1, |push| push.max_concurrency = 3)]).await;
    pass(millis(500)).await;
    assert_eq!(working.endpoints.of(1).len(), 1, "the old one is still at work");
    until("all is settled", || queue.open() == 0).await;
    let carriers = working.endpoints.of(1);
    assert_eq!(carriers.len(), 2);
    assert!(carriers[1].most_under_way() <= 3);
    working.assign(vec![endpoint(1, |push| push.max_concurrency = 3)]).await;
    pass(seconds(5)).await;
    assert_eq!(working.endpoints.of(1).len(), 2, "the same again is nothing new");
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_breaks_is_begun_again_and_the_others_go_on() {
    let broken = Arc::new(AtomicUsize::new(0));
    let working = Working::start(Endpoints::new({
        let broken = broken.clone();
        move |uid, _, _| {
            assert!(uid != 1 || broken.fetch_add(1, Ordering::SeqCst) > 0, "as planned");
            reply(200, 10)
        }
    }));
    working.assign((1..3).map(|uid| endpoint(uid, |_| {})).collect()).await;
    let queues = [1, 2].map(|uid| working.backend.queue(types::SubscriptionUid(uid)));
    queues.iter().for_each(|queue| queue.publish(10));
    until("the other is through", || queues[1].open() == 0).await;
    until("it is through but for the message whose lease runs on", || queues[0].open() == 1).await;
    assert_eq!(working.endpoints.of(1).len(), 2);
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_comes_back_is_joined_again_and_its_word_is_the_whole_share() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 10)));
    working.assign((1..4).map(|uid| endpoint(uid, |_| {})).collect()).await;
    until("all have tasks", || (1..4).all(|uid| working.endpoints.of(uid).len() == 1)).await;
    working.tell(Err(BackendError::Unavailable("restart".into()))).await;
    pass(seconds(30)).await;
    let share = working.backend.share();
    until("it has joined again", || working.backend.joined() == 2).await;
    share.send(Ok(changes(vec![endpoint(1, |_| {})]))).await.unwrap();
    pass(seconds(1)).await;
    (1..4).for_each(|uid| working.backend.queue(types::SubscriptionUid(uid)).publish(10));
    pass(seconds(10)).await;
    let counts = [1, 2, 3].map(|uid| working.endpoints.count(uid));
    assert_eq!(counts, [10, 0, 0]);
    assert_eq!(working.endpoints.of(1).len(), 1, "its task went on");
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn the_broker_hears_how_endpoints_are_while_they_work_and_at_the_end() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 1_000)));
    let one = endpoint(1, |_| {});
    let queue = working.backend.queue(one.uid);
    working.assign(vec![one.clone()]).await;
    queue.publish(100);
    until("it has heard of a delivery", || {
        working.backend.report_of(&one).is_some_and(|report| report.delivered > 0)
    })
    .await;
    let backend = working.backend.clone();
    working.shut_down().await;
    let report = backend.report_of(&one).unwrap();
    assert_eq!(usize::try_from(report.delivered).unwrap(), 100 - queue.open());
    assert_eq!((report.in_flight, queue.leased()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_disabled_endpoint_gets_nothing_until_it_is_active_again() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 1)));
    let active = endpoint(1, |_| {});
    let status = EndpointStatus::Disabled { reason: DisabledReason::Gone, at: types::Timestamp::EPOCH };
    let queue = working.backend.queue(active.uid);
    queue.publish(5);
    working.assign(vec![AssignedEndpoint { status, ..active.clone() }]).await;
    pass(seconds(60)).await;
    assert_eq!(queue.open(), 5);
    working.assign(vec![active]).await;
    until("all is settled", || queue.open() == 0).await;
    working.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cannot_be_delivered_to_says_why() {
    let working = Working::start(Endpoints::new(|_, _, _| reply(200, 1)));
    let plain = endpoint(1, |push| push.endpoint = "http://endpoint.example/".into());
    working.assign(vec![plain.clone()]).await;
    until("it says why", || {
        let report = working.backend.report_of(&plain);
        report.and_then(|report| report.last_error).is_some_and(|error| error.contains("must be https"))
    })
    .await;
    working.shut_down().await;
}
