//! A broker in another process, over its public API.
//!
//! # Invariants
//!
//! - A message that was leased for a call that nobody waits for any more is given back, so dropping a call loses nothing.
//! - The wait of one endpoint takes one call of one connection, and no more than [`lines::ENDPOINTS`] share a connection: however many
//!   endpoints a worker has, none waits for another's call to end.
//! - The token is in no log line and no error.

mod connect;
mod leases;
mod lines;
mod read;
mod tell;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use broker::AssignedEndpoint;
use fanfare_proto::v1::{self, push_service_client::PushServiceClient};
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status, Streaming, metadata::MetadataValue, transport::Channel};
use types::{limits, push::Secret};

use crate::{Assignments, Backend, BackendError, BrokerAddresses, Changes, EndpointChange, EndpointFigures};
pub use connect::RemoteError;
pub use leases::RemoteLeases;
use lines::{Line, Lines};

/// Until a call that does not wait for messages counts as not answered.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker in another process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    lines: Lines,
    /// For all that is not about one endpoint's messages.
    main: Channel,
    authorization: MetadataValue<tonic::metadata::Ascii>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Remote {
    /// Connects when there is something to say, and again whenever it has to. `http://host:port` or `https://host:port`; certificates are
    /// checked against those that the system trusts and those of a file in PEM.
    ///
    /// # Errors
    /// The URL, the token or the file cannot be used.
    pub fn connect(url: &str, token: &Secret, ca_file: Option<&Path>) -> Result<Self, RemoteError> {
        let lines = Lines::new(connect::Broker::new(url, ca_file)?);
        let mut authorization =
            MetadataValue::try_from(format!("Bearer {}", token.reveal())).map_err(|_| RemoteError::Token)?;
        authorization.set_sensitive(true);
        let main = lines.dial();
        Ok(Self(Arc::new(Inner { lines, main, authorization })))
    }

    /// Where the broker has been found so far, and will have been.
    pub fn addresses(&self) -> BrokerAddresses {
        self.0.lines.found().clone()
    }

    fn service(&self) -> PushServiceClient<Channel> {
        PushServiceClient::new(self.0.main.clone()).max_decoding_message_size(connect::ANSWER_BYTES)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.0.authorization.clone());
        request
    }
}

/// The answer of a call, if it comes in time.
async fn answer<T>(
    patience: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, BackendError> {
    match timeout(patience, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(status.into()),
        Err(_) => Err(BackendError::Unavailable("no answer in time".to_owned())),
    }
}

impl Backend for Remote {
    type Assignments = RemoteAssignments;
    type Leases = RemoteLeases;

    async fn join(&self) -> Result<RemoteAssignments, BackendError> {
        let mut service = self.service();
        let share = answer(PATIENCE, service.work(self.request(v1::WorkRequest {}))).await?;
        Ok(RemoteAssignments(share))
    }

    async fn leases(&self, endpoint: &AssignedEndpoint) -> Result<RemoteLeases, BackendError> {
        let line = Line::new(&self.0.lines);
        Ok(RemoteLeases::new(self.clone(), line, endpoint))
    }

    async fn begin_confirmation(
        &self,
        endpoint: &AssignedEndpoint,
        token: &str,
    ) -> Result<bool, BackendError> {
        let request = self.request(v1::BeginConfirmationRequest {
            subscription: endpoint.subscription.to_string(),
            endpoint: endpoint.push.endpoint.clone(),
            token: token.to_owned(),
            incarnation: endpoint.uid.0.to_string(),
        });
        Ok(answer(PATIENCE, self.service().begin_confirmation(request)).await?.granted)
    }

    async fn change(&self, endpoint: &AssignedEndpoint, change: EndpointChange) -> Result<(), BackendError> {
        let (state, reason) = tell::change(change);
        let request = self.request(v1::SetEndpointStateRequest {
            subscription: endpoint.subscription.to_string(),
            endpoint: endpoint.push.endpoint.clone(),
            state: state.into(),
            disabled_reason: reason.into(),
            incarnation: endpoint.uid.0.to_string(),
        });
        answer(PATIENCE, self.service().set_endpoint_state(request)).await?;
        Ok(())
    }

    async fn report(&self, figures: Vec<EndpointFigures>) {
        let mut reports = figures.into_iter().map(tell::endpoint);
        loop {
            let page: Vec<_> = reports.by_ref().take(limits::PUSH_ENDPOINT_PAGE).collect();
            if page.is_empty() {
                return;
            }
            let request = self.request(v1::ReportEndpointsRequest { reports: page });
            if let Err(error) = answer(PATIENCE, self.service().report_endpoints(request)).await {
                tracing::debug!(%error, "the broker was not told how the endpoints are");
                return;
            }
        }
    }
}

/// See [`Remote`].
#[derive(Debug)]
pub struct RemoteAssignments(Streaming<v1::WorkResponse>);

impl Assignments for RemoteAssignments {
    async fn next(&mut self) -> Result<Changes, BackendError> {
        match self.0.message().await? {
            Some(response) => Ok(read::changes(response)),
            None => Err(BackendError::Unavailable("the broker has ended the stream".to_owned())),
        }
    }
}

impl From<Status> for BackendError {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            Code::NotFound => Self::Gone,
            Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::InvalidArgument => {
                Self::Refused(message)
            }
            _ => Self::Unavailable(message),
        }
    }
}
