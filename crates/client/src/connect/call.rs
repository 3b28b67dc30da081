//! Unary calls, each with its time-out and its retries.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
};

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

    /// Calls something that deletes. What is gone when a call is made again that got no answer was deleted by that.
    pub(crate) async fn delete<Q, A, F>(
        &self,
        request: Q,
        call: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<(), ServerError>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let in_doubt = AtomicBool::new(false);
        let noted = |channel, request| {
            let trying = call(channel, request);
            // A try of which nothing is heard leaves it in doubt.
            let before = in_doubt.swap(true, Ordering::Relaxed);
            let in_doubt = &in_doubt;
            async move {
                let answer = trying.await;
                let is_undone = |status: &Status| ServerError::from(status.clone()).is_certainly_undone();
                if answer.as_ref().err().is_none_or(is_undone) {
                    in_doubt.store(before, Ordering::Relaxed);
                }
                answer
            }
        };
        match self.call(Repeat::Safe, request, noted).await {
            Err(error) if error.code() == Code::NotFound && in_doubt.load(Ordering::Relaxed) => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// As [`Self::call`], for calls that wait at the broker: with a time-out of their own.
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
        let give_up = clock::after(clock::now(), self.retry().within);
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
            if !repeat.allows(&error) || clock::after(clock::now(), wait) > give_up {
                return Err(error);
            }
            tracing::debug!(%error, ?wait, "a call failed and is made again");
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests;
