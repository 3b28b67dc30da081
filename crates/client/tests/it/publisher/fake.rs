//! A broker that stores what it is sent and answers as a script says.

use std::{collections::VecDeque, net::SocketAddr, pin::Pin, sync::Arc};

use fanfare_client::Client;
use fanfare_proto::{
    server::publisher_service_server::{PublisherService, PublisherServiceServer},
    undecoded,
    v1::{self, publish_stream_response::Outcome},
};
use futures_util::Stream;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc},
    task::AbortHandle,
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// What is done with one request.
pub(crate) enum Act {
    /// It is stored, and answered.
    Store,
    /// It is stored, and the stream breaks before the answer.
    StoreAndBreak,
    /// The stream ends with this.
    End(Status),
    /// The stream ends with this, and what comes behind the request is seen and dropped.
    Refuse(Status),
    /// No answer comes, to this and what follows.
    Silence,
    /// The answer has one result too many.
    Babble,
}

/// What came over one stream.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) stop_at_error: bool,
    pub(crate) requests: Vec<v1::PublishStreamRequest>,
}

impl Seen {
    /// The texts of the messages, request by request.
    pub(crate) fn texts(&self) -> Vec<Vec<String>> {
        let text = |message: &v1::NewMessage| String::from_utf8(message.data.to_vec()).unwrap();
        self.requests.iter().map(|request| request.messages.iter().map(text).collect()).collect()
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &v1::NewMessage> {
        self.requests.iter().flat_map(|request| &request.messages)
    }
}

#[derive(Default)]
struct Stage {
    /// One a stream; without one everything is stored.
    scripts: Mutex<VecDeque<Vec<Act>>>,
    seen: Mutex<Vec<Seen>>,
    changed: Notify,
}

/// Dropped, it is gone.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    stage: Arc<Stage>,
    server: AbortHandle,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    /// One that follows a script a stream: an act a request; after the last it stores everything.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Vec<Act>>) -> Self {
        let stage = Arc::new(Stage::default());
        stage.scripts.lock().extend(scripts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = PublisherServiceServer::new(Service(stage.clone()));
        let serving = Server::builder().add_service(service);
        let serving = tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, stage, server: serving.abort_handle() }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(format!("http://{}", self.address)).unwrap()
    }

    /// What came, stream by stream.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.stage.seen.lock().clone()
    }

    pub(crate) async fn wait_until(&self, wanted: impl Fn(&[Seen]) -> bool) {
        let changed = async {
            loop {
                let changed = self.stage.changed.notified();
                if wanted(&self.stage.seen.lock()) {
                    return;
                }
                changed.await;
            }
        };
        super::support::within(changed).await;
    }
}

struct Service(Arc<Stage>);

type Answers = mpsc::Sender<Result<v1::PublishStreamResponse, Status>>;

#[tonic::async_trait]
impl PublisherService for Service {
    async fn publish(
        &self,
        _: Request<undecoded::PublishRequest>,
    ) -> Result<Response<v1::PublishResponse>, Status> {
        Err(Status::unimplemented("publishers use streams"))
    }

    type PublishStreamStream = Pin<Box<dyn Stream<Item = Result<v1::PublishStreamResponse, Status>> + Send>>;

    async fn publish_stream(
        &self,
        request: Request<Streaming<undecoded::PublishStreamRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let script = self.0.scripts.lock().pop_front().unwrap_or_default();
        let index = {
            let mut seen = self.0.seen.lock();
            seen.push(Seen::default());
            seen.len() - 1
        };
        let (answers, stream) = mpsc::channel(1);
        tokio::spawn(play(self.0.clone(), index, script, request.into_inner(), answers));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

async fn play(
    stage: Arc<Stage>,
    index: usize,
    script: Vec<Act>,
    mut requests: Streaming<undecoded::PublishStreamRequest>,
    answers: Answers,
) {
    let mut script = script.into_iter();
    while let Ok(Some(request)) = requests.message().await {
        let request = v1::PublishStreamRequest::decode(request.bytes).unwrap();
        let act = script.next().unwrap_or(Act::Store);
        let answer = match act {
            Act::Store => Ok(published(&request, 0)),
            Act::Babble => Ok(published(&request, 1)),
            Act::StoreAndBreak => Err(Status::unavailable("the connection broke")),
            Act::End(status) => Err(status),
            Act::Refuse(status) => {
                stage.note(index, request);
                _ = answers.send(Err(status)).await;
                drop(answers);
                while let Ok(Some(request)) = requests.message().await {
                    stage.note(index, v1::PublishStreamRequest::decode(request.bytes).unwrap());
                }
                return;
            }
            Act::Silence => {
                stage.note(index, request);
                return while requests.message().await.is_ok_and(|request| request.is_some()) {};
            }
        };
        stage.note(index, request);
        let is_over = answer.is_err();
        if answers.send(answer).await.is_err() || is_over {
            return;
        }
    }
}

impl Stage {
    fn note(&self, index: usize, request: v1::PublishStreamRequest) {
        let seen = &mut self.seen.lock()[index];
        seen.stop_at_error |= request.stop_at_error;
        seen.requests.push(request);
        self.changed.notify_waiters();
    }
}

fn published(request: &v1::PublishStreamRequest, more: usize) -> v1::PublishStreamResponse {
    let result = |message: &v1::NewMessage| v1::PublishResult {
        message_id: String::from_utf8_lossy(&message.data).into_owned(),
        sequence: 1,
        correlation_id: message.correlation_id.clone(),
        ..v1::PublishResult::default()
    };
    let mut results: Vec<_> = request.messages.iter().map(result).collect();
    results.extend((0..more).map(|_| v1::PublishResult::default()));
    v1::PublishStreamResponse { outcome: Some(Outcome::Published(v1::PublishedMessages { results })) }
}
