//! Unary calls, each with its time-out and its retries.

use std::future::Future;

use tonic::{Code, Request, Response, Status, transport::Channel};

use super::Lines;
use crate::{
    ServerError, clock,
    retry::{Backoff, Repeat},
};

impl Lines {
    /// Calls, on the next endpoint in turn at each try.
    pub(crate) async fn call<Q, A, F>(
        &self,
        repeat: Repeat,
        request: Q,
        call: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<A, ServerError>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let timeout = self.0.request_timeout;
        self.call_within(timeout, repeat, request, call).await
    }

    /// Likewise, for calls that wait at the broker.
    pub(crate) async fn call_within<Q, A, F>(
        &self,
        timeout: std::time::Duration,
        repeat: Repeat,
        request: Q,
        call: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<A, ServerError>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let give_up = clock::now() + self.retry().within;
        let mut backoff = Backoff::new(self.retry());
        loop {
            let picked = self.pick();
            let trying = call(picked.channel(), self.request(request.clone()));
            let error: ServerError = match tokio::time::timeout(timeout, trying).await {
                Ok(Ok(response)) => {
                    picked.works();
                    return Ok(response.into_inner());
                }
                Ok(Err(status)) => status.into(),
                Err(_) => ServerError::local(Code::DeadlineExceeded, "the broker did not answer in time"),
            };
            match error.is_of_the_connection() {
                true => picked.failed(),
                false => picked.works(),
            }
            let wait = backoff.next(error.retry_after());
            if !repeat.allows(&error) || clock::now() + wait > give_up {
                return Err(error);
            }
            tracing::debug!(%error, ?wait, "a call failed and is made again");
            tokio::time::sleep(wait).await;
        }
    }
}
