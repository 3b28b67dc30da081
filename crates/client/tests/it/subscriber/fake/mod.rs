//! Against a broker that only plays it: the test reads what the client sends and says what is answered.

mod scenes;
mod service;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use fanfare_client::{
    Client,
    proto::{self, StreamingPullRequest, StreamingPullResponse},
};
use fanfare_proto::server::{
    subscriber_service_server::SubscriberServiceServer,
    subscription_service_server::SubscriptionServiceServer,
};
use parking_lot::Mutex;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;

use super::support::soon;

type Answers = mpsc::Sender<Result<proto::StreamingPullResponse, Status>>;

/// One stream, seen from the broker.
pub(crate) struct Stream {
    requests: tonic::Streaming<fanfare_proto::undecoded::StreamingPullRequest>,
    answers: Answers,
}

/// What the services share.
#[derive(Clone)]
pub(crate) struct Play {
    streams: mpsc::Sender<Stream>,
    /// What the next streams are refused with.
    refusals: Arc<Mutex<VecDeque<Status>>>,
    subscription: Arc<Mutex<proto::Subscription>>,
    /// Ack IDs that were settled by unary calls.
    unary: Arc<Mutex<Vec<String>>>,
    /// Unary calls to come that are carried out and not answered.
    losses: Arc<AtomicUsize>,
    /// Whether streams are told of to the test and never answered, not even opened.
    is_silent: Arc<AtomicBool>,
}

/// See the module.
pub(crate) struct Fake {
    play: Play,
    streams: mpsc::Receiver<Stream>,
    pub(crate) client: Client,
    _stop: oneshot::Sender<()>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(16);
        let play = Play {
            streams: sender,
            refusals: Arc::default(),
            subscription: Arc::new(Mutex::new(subscription("1"))),
            unary: Arc::default(),
            losses: Arc::default(),
            is_silent: Arc::default(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tonic::transport::Server::builder()
            .add_service(SubscriberServiceServer::new(play.clone()))
            .add_service(SubscriptionServiceServer::new(play.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(async {
            tokio::select! {
                served = serving => served.unwrap(),
                _ = stopped => {}
            }
        });
        let client = Client::connect(format!("http://{address}")).unwrap();
        Self { play, streams, client, _stop: stop }
    }

    /// The next stream that the client opens.
    pub(crate) async fn stream(&mut self) -> Stream {
        soon(self.streams.recv()).await.unwrap()
    }

    pub(crate) fn refuse(&self, status: Status) {
        self.play.refusals.lock().push_back(status);
    }

    pub(crate) fn unary(&self) -> Vec<String> {
        self.play.unary.lock().clone()
    }

    pub(crate) fn lose_answers(&self, count: usize) {
        self.play.losses.store(count, Ordering::SeqCst);
    }

    pub(crate) fn be_silent(&self) {
        self.play.is_silent.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_now(&self, subscription: proto::Subscription) {
        *self.play.subscription.lock() = subscription;
    }
}

pub(crate) fn subscription(incarnation: &str) -> proto::Subscription {
    proto::Subscription { incarnation: incarnation.into(), ..proto::Subscription::default() }
}

impl Stream {
    /// What the client sends next.
    pub(crate) async fn request(&mut self) -> StreamingPullRequest {
        let request = soon(self.requests.message()).await.unwrap().expect("the client goes on");
        fanfare_proto::undecoded::Incoming::read(request.bytes).unwrap()
    }

    /// Whether the client has closed its side, or is gone.
    pub(crate) async fn is_closed(&mut self) -> bool {
        !matches!(soon(self.requests.message()).await, Ok(Some(_)))
    }

    pub(crate) async fn answer(&self, response: StreamingPullResponse) {
        soon(self.answers.send(Ok(response))).await.unwrap();
    }

    /// Ends the stream.
    pub(crate) async fn end(self, status: Status) {
        soon(self.answers.send(Err(status))).await.unwrap();
    }
}
