//! The stream to the broker.

use std::time::Duration;

use fanfare_proto::v1::{self, subscription_service_client::SubscriptionServiceClient};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

use super::{
    book::Most,
    incoming::{Aside, Incoming},
    wire::Answer,
};
use crate::{
    ServerError, clock,
    connect::{Lines, Picked},
};

/// Until a try to open counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests on their way to the transport.
const REQUESTS: usize = 2;
const STREAMING_PULL: &str = "/fanfare.v1.SubscriberService/StreamingPull";
/// Of a subscription that does not say.
const ACK_DEADLINE: Duration = Duration::from_secs(30);

/// An open stream.
#[derive(Debug)]
pub(super) struct Connection {
    /// Dropped, it closes the client's side: what was sent is confirmed, and then the stream ends.
    pub(super) requests: mpsc::Sender<v1::StreamingPullRequest>,
    pub(super) answers: Answers,
}

/// The broker's side of a stream.
#[derive(Debug)]
pub(super) struct Answers {
    stream: Incoming,
    picked: Picked,
}

/// What a subscription is like now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Another one after the subscription was deleted and created again.
    pub(super) incarnation: String,
    pub(super) ack_deadline: Duration,
}

/// A way that was picked, on which the subscription was found.
#[derive(Debug)]
pub(super) struct Way {
    lines: Lines,
    picked: Picked,
    subscription: String,
}

/// Finds the subscription.
pub(super) async fn find(lines: &Lines, subscription: &str) -> Result<(Way, Facts), ServerError> {
    let way = Way { lines: lines.clone(), picked: lines.pick(), subscription: subscription.to_owned() };
    let request = lines.request(v1::GetSubscriptionRequest { name: subscription.to_owned() });
    let mut client = SubscriptionServiceClient::new(way.picked.channel());
    let found = way.within_patience(client.get_subscription(request)).await?;
    let found = found.into_inner().subscription.unwrap_or_default();
    let deadline = found.settings.and_then(|settings| settings.ack_deadline);
    let ack_deadline = deadline.and_then(|deadline| deadline.try_into().ok()).unwrap_or(ACK_DEADLINE);
    // Leases are reckoned with it, and no instant can say what a broken broker can.
    let ack_deadline = clock::AGES.min(ack_deadline);
    Ok((way, Facts { incarnation: found.incarnation, ack_deadline }))
}

impl Way {
    /// Opens the stream; the first request carries some settlements already.
    pub(super) async fn open(
        self,
        room: Most,
        settlements: v1::StreamingPullRequest,
    ) -> Result<Connection, ServerError> {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let first = v1::StreamingPullRequest {
            subscription: self.subscription.clone(),
            max_outstanding_messages: room.messages,
            max_outstanding_bytes: room.bytes,
            confirm: true,
            blocks: true,
            ..settlements
        };
        // It has room: nothing else was sent.
        _ = requests.try_send(first);
        let request = self.lines.request(ReceiverStream::new(receiver));
        let stream = self.within_patience(streaming_pull(self.picked.channel(), request)).await?;
        Ok(Connection { requests, answers: Answers { stream, picked: self.picked } })
    }

    async fn within_patience<T>(
        &self,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, ServerError> {
        let error: ServerError = match timeout(PATIENCE, call).await {
            Ok(Ok(answer)) => {
                self.picked.works();
                return Ok(answer);
            }
            Ok(Err(status)) => status.into(),
            Err(_) => ServerError::local(Code::DeadlineExceeded, "the broker did not answer in time"),
        };
        note(&self.picked, &error);
        Err(error)
    }
}

/// The generated client's call, but for the answers.
async fn streaming_pull(
    channel: Channel,
    request: tonic::Request<ReceiverStream<v1::StreamingPullRequest>>,
) -> Result<Incoming, Status> {
    let aside = Aside::new(channel);
    let mut client = Grpc::new(aside.clone());
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let codec = ProstCodec::<_, v1::StreamingPullResponse>::default();
    let path = PathAndQuery::from_static(STREAMING_PULL);
    let mut others = client.streaming(request, path, codec).await?.into_inner();
    match aside.kept() {
        Some(incoming) => Ok(incoming),
        // What has answered is no broker, or one that has nothing to deliver.
        None => Err(match others.message().await {
            Err(status) => status,
            Ok(_) => Status::unavailable("the broker has ended the stream"),
        }),
    }
}

fn note(picked: &Picked, error: &ServerError) {
    match error.is_of_the_connection() {
        true => picked.failed(),
        false => picked.works(),
    }
}

impl Answers {
    /// The next, or why there is none. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Answer, ServerError> {
        let error = match self.stream.next().await {
            Ok(Some(answer)) if answer.messages.is_empty() => return Ok(answer),
            Ok(Some(_)) => ServerError::local(
                Code::Unimplemented,
                "the broker is older than this client: it does not deliver in blocks",
            ),
            Ok(None) => ServerError::local(Code::Unavailable, "the broker has ended the stream"),
            Err(status) => status.into(),
        };
        note(&self.picked, &error);
        Err(error)
    }
}
