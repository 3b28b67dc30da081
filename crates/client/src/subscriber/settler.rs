//! Single pulls and settlements by ack ID: for command lines, and for who settles elsewhere than they received.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use fanfare_proto::v1::{self, subscriber_service_client::SubscriberServiceClient};
use tonic::transport::Channel;

use super::AckError;
use crate::{ReceivedMessage, ServerError, connect::Lines, message::duration, retry::Repeat};

/// Beyond the wait of a pull, until a call counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one answer: the longest pull, and what is around its messages.
const ANSWER_BYTES: usize = 12 << 20;

/// Pulls and settles, one call at a time. Nothing is extended or given back by itself.
#[derive(Debug, Clone)]
pub struct Settler {
    lines: Lines,
    subscription: String,
}

/// Why a pull or a settlement failed as a whole.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The broker refused it; nothing was changed.
    #[error("{0}")]
    Refused(#[source] ServerError),
    /// No answer came. A settlement may have been made; messages that were pulled come again when their leases have run out.
    #[error("the broker did not answer: {0}")]
    NoAnswer(#[source] ServerError),
}

impl From<ServerError> for SettleError {
    fn from(error: ServerError) -> Self {
        if error.is_certainly_undone() { Self::Refused(error) } else { Self::NoAnswer(error) }
    }
}

/// What became of one ack ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleOutcome {
    /// Which.
    pub ack_id: String,
    /// Whether it was settled.
    pub result: Result<(), AckError>,
}

fn client(channel: Channel) -> SubscriberServiceClient<Channel> {
    SubscriberServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES)
}

impl Settler {
    pub(crate) fn new(lines: Lines, subscription: String) -> Self {
        Self { lines, subscription }
    }

    /// Leases up to `max_messages` (1 to 1,000) messages, waiting up to `wait` (at most 60 s) for the first. Each comes with its ack ID.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn pull(
        &self,
        max_messages: u32,
        wait: Duration,
    ) -> Result<Vec<(String, ReceivedMessage)>, SettleError> {
        let request = v1::PullRequest {
            subscription: self.subscription.clone(),
            max_messages,
            wait: Some(duration(wait)),
            ..v1::PullRequest::default()
        };
        let call = async |channel, request| client(channel).pull(request).await;
        // Not repeated without an answer: it may have leased messages, which then wait for the end of their leases.
        let patience = wait.saturating_add(PATIENCE);
        let pulled = self.lines.call_within(patience, Repeat::IfRefused, request, call).await?;
        let received = pulled.messages.into_iter().map(ReceivedMessage::from);
        Ok(received.map(|message| (message.ack_id().to_owned(), message)).collect())
    }

    /// Settles messages as done. One outcome an ack ID, in their order. If an answer was lost and the call made again, a message that is found
    /// settled counts as acknowledged by the first.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn ack(&self, ack_ids: Vec<String>) -> Result<Vec<SettleOutcome>, SettleError> {
        let acked = self.acknowledge(Repeat::Safe, ack_ids).await?;
        Ok(acked.results.into_iter().map(|result| acked_outcome(result, acked.is_repeated)).collect())
    }

    /// Gives messages back as failed; they come again after `delay`, or as the subscription's retry policy says.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn nack(
        &self,
        ack_ids: Vec<String>,
        delay: Option<Duration>,
    ) -> Result<Vec<SettleOutcome>, SettleError> {
        let results = self.give_back(Repeat::Safe, ack_ids, delay.map(duration)).await?;
        Ok(results.into_iter().map(outcome).collect())
    }

    /// Moves the end of leases to so long from now, or by the subscription's `ack_deadline`.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn extend(
        &self,
        ack_ids: Vec<String>,
        lease: Option<Duration>,
    ) -> Result<Vec<SettleOutcome>, SettleError> {
        let outcome = |result: v1::ExtendResult| {
            let settled = settled(result.outcome());
            SettleOutcome { ack_id: result.ack_id, result: settled }
        };
        let results = self.extend_by(ack_ids, lease.map(duration)).await?;
        Ok(results.into_iter().map(outcome).collect())
    }

    pub(super) async fn acknowledge(
        &self,
        repeat: Repeat,
        ack_ids: Vec<String>,
    ) -> Result<Acknowledged, ServerError> {
        let request = v1::AcknowledgeRequest { subscription: self.subscription.clone(), ack_ids };
        let tries = AtomicU32::new(0);
        let call = |channel, request| {
            tries.fetch_add(1, Ordering::Relaxed);
            async move { client(channel).acknowledge(request).await }
        };
        let results = self.lines.call(repeat, request, call).await?.results;
        Ok(Acknowledged { results, is_repeated: tries.into_inner() > 1 })
    }

    pub(super) async fn give_back(
        &self,
        repeat: Repeat,
        ack_ids: Vec<String>,
        delay: Option<prost_types::Duration>,
    ) -> Result<Vec<v1::SettleResult>, ServerError> {
        let request = v1::NackRequest { subscription: self.subscription.clone(), ack_ids, delay };
        let call = async |channel, request| client(channel).nack(request).await;
        Ok(self.lines.call(repeat, request, call).await?.results)
    }

    pub(super) async fn extend_by(
        &self,
        ack_ids: Vec<String>,
        ack_deadline: Option<prost_types::Duration>,
    ) -> Result<Vec<v1::ExtendResult>, ServerError> {
        let subscription = self.subscription.clone();
        let request = v1::ExtendLeaseRequest { subscription, ack_ids, ack_deadline };
        let call = async |channel, request| client(channel).extend_lease(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?.results)
    }
}

/// What an acknowledgement came to.
pub(super) struct Acknowledged {
    pub(super) results: Vec<v1::SettleResult>,
    /// An earlier try may have made it.
    pub(super) is_repeated: bool,
}

fn acked_outcome(result: v1::SettleResult, is_repeated: bool) -> SettleOutcome {
    let SettleOutcome { ack_id, result } = outcome(result);
    let is_made_before = is_repeated && result == Err(AckError::AlreadySettled);
    SettleOutcome { ack_id, result: if is_made_before { Ok(()) } else { result } }
}

fn outcome(result: v1::SettleResult) -> SettleOutcome {
    let settled = settled(result.outcome());
    SettleOutcome { ack_id: result.ack_id, result: settled }
}

/// What the broker's word means.
pub(super) fn settled(outcome: v1::LeaseOutcome) -> Result<(), AckError> {
    match outcome {
        v1::LeaseOutcome::Ok => Ok(()),
        v1::LeaseOutcome::FencedBySeek => Err(AckError::FencedBySeek),
        v1::LeaseOutcome::AlreadySettled => Err(AckError::AlreadySettled),
        v1::LeaseOutcome::Expired | v1::LeaseOutcome::Superseded | v1::LeaseOutcome::Unspecified => {
            Err(AckError::LeaseExpired)
        }
    }
}
