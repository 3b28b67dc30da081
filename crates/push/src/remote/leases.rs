use std::{sync::Arc, time::Duration};

use broker::{AssignedEndpoint, Delivery, Outcome};
use fanfare_proto::{
    encoded,
    v1::{self, subscriber_service_client::SubscriberServiceClient},
};
use http::uri::PathAndQuery;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tonic::{client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;
use types::{
    AckId, SubscriptionUid,
    push::{AttemptReport, AttemptVerdict},
};

use super::{Line, PATIENCE, Remote, answer, connect::ANSWER_BYTES, read, tell};
use crate::{BackendError, Leases};

/// How long one call waits for a message.
const WAIT: Duration = Duration::from_secs(20);

type Leased = Result<Vec<Delivery>, BackendError>;

/// The leases of one endpoint's subscription. See [`Remote`].
#[derive(Debug)]
pub struct RemoteLeases(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    remote: Remote,
    line: Line,
    subscription: String,
    uid: SubscriptionUid,
    wait: Mutex<Wait>,
}

/// A call that waits for messages.
#[derive(Debug, Default)]
struct Wait {
    /// What the one under way asks for.
    under_way: Option<(usize, u64)>,
    /// Who wants its answer.
    for_whom: Option<oneshot::Sender<Leased>>,
}

impl RemoteLeases {
    pub(super) fn new(remote: Remote, line: Line, endpoint: &AssignedEndpoint) -> Self {
        let subscription = endpoint.subscription.to_string();
        Self(Arc::new(Inner { remote, line, subscription, uid: endpoint.uid, wait: Mutex::default() }))
    }
}

impl Leases for RemoteLeases {
    /// A call that waits is not broken off when this is dropped, since a message may be on its way by then; it is taken up again by the
    /// next, or its message is given back.
    async fn next(&self, max_messages: usize, max_bytes: u64) -> Leased {
        let ask = (max_messages, max_bytes);
        let (sender, receiver) = oneshot::channel();
        let is_new = {
            let wait = &mut *self.0.wait.lock();
            wait.for_whom = Some(sender);
            // One that asks for something else runs beside it, and finds nobody.
            wait.under_way.replace(ask) != Some(ask)
        };
        if is_new {
            tokio::spawn(self.0.clone().wait(ask));
        }
        receiver.await.unwrap_or_else(|_| Err(BackendError::Unavailable("the call broke".to_owned())))
    }

    async fn try_next(&self, max_messages: usize, max_bytes: u64) -> Leased {
        let (sender, receiver) = oneshot::channel();
        let inner = self.0.clone();
        tokio::spawn(async move {
            let leased = inner.pull((max_messages, max_bytes), Duration::ZERO).await;
            inner.hand_over(leased, Some(sender)).await;
        });
        receiver.await.unwrap_or_else(|_| Err(BackendError::Unavailable("the call broke".to_owned())))
    }

    async fn extend(&self, ids: &[AckId], by: Duration) -> Result<(), BackendError> {
        let request = v1::ExtendLeaseRequest {
            subscription: self.0.subscription.clone(),
            ack_ids: ids.iter().map(ToString::to_string).collect(),
            ack_deadline: Some(tell::duration(by)),
        };
        let mut service = SubscriberServiceClient::new(self.0.line.channel());
        answer(PATIENCE, service.extend_lease(self.0.remote.request(request))).await?;
        Ok(())
    }

    async fn report(&self, reports: Vec<AttemptReport>) -> Result<Vec<Outcome>, BackendError> {
        self.0.report(reports).await
    }
}

impl Inner {
    /// Calls until there is something, or nobody waits any more.
    async fn wait(self: Arc<Self>, ask: (usize, u64)) {
        loop {
            let leased = self.pull(ask, WAIT).await;
            let for_whom = {
                let wait = &mut *self.wait.lock();
                let goes_on = wait.under_way == Some(ask)
                    && leased.as_ref().is_ok_and(Vec::is_empty)
                    && wait.for_whom.as_ref().is_some_and(|sender| !sender.is_closed());
                if goes_on {
                    continue;
                }
                match wait.under_way.take_if(|under_way| *under_way == ask) {
                    Some(_) => wait.for_whom.take(),
                    None => None,
                }
            };
            return self.hand_over(leased, for_whom).await;
        }
    }

    /// To who waits; what nobody waits for goes back.
    async fn hand_over(&self, leased: Leased, for_whom: Option<oneshot::Sender<Leased>>) {
        let refused = match for_whom {
            Some(sender) => sender.send(leased).err(),
            None => Some(leased),
        };
        let Some(Ok(deliveries)) = refused else { return };
        let give_back = |delivery: &Delivery| AttemptReport {
            ack_id: delivery.ack_id,
            verdict: AttemptVerdict::Release { after: Duration::ZERO },
            attempt: None,
        };
        let reports: Vec<_> = deliveries.iter().map(give_back).collect();
        if reports.is_empty() {
            return;
        }
        if let Err(error) = self.report(reports).await {
            tracing::warn!(subscription = %self.subscription, %error, "messages were not given back, and wait for the end of their leases");
        }
    }

    async fn pull(&self, (messages, bytes): (usize, u64), wait: Duration) -> Leased {
        let request = v1::PullRequest {
            subscription: self.subscription.clone(),
            max_messages: u32::try_from(messages).unwrap_or(u32::MAX),
            max_bytes: bytes,
            wait: Some(tell::duration(wait)),
        };
        let request = self.remote.request(request);
        let mut client: Grpc<Channel> =
            Grpc::new(self.line.channel()).max_decoding_message_size(ANSWER_BYTES);
        let pulled = answer(wait + PATIENCE, async move {
            client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
            let path = PathAndQuery::from_static("/fanfare.v1.SubscriberService/Pull");
            let codec = ProstCodec::<v1::PullRequest, encoded::PullResponse>::default();
            client.unary(request, path, codec).await
        });
        let deliveries: Vec<_> = pulled.await?.messages.into_iter().filter_map(read::delivery).collect();
        // Of another subscription of the same name.
        if deliveries.iter().any(|delivery| delivery.ack_id.subscription != self.uid) {
            return Err(BackendError::Gone);
        }
        Ok(deliveries)
    }

    async fn report(&self, reports: Vec<AttemptReport>) -> Result<Vec<Outcome>, BackendError> {
        let count = reports.len();
        let request = v1::ReportAttemptsRequest {
            subscription: self.subscription.clone(),
            reports: reports.into_iter().map(tell::attempt_report).collect(),
        };
        let mut service = self.remote.service();
        let response = answer(PATIENCE, service.report_attempts(self.remote.request(request))).await?;
        let outcomes: Vec<_> = response.results.iter().map(read::outcome).collect();
        if outcomes.len() == count {
            return Ok(outcomes);
        }
        Err(BackendError::Unavailable("the broker answered less than it was told".to_owned()))
    }
}
