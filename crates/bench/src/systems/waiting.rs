//! Acknowledgements that come as futures, one a message or one a batch, in the order of sending.

use anyhow::{Context as _, Result};
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::mpsc;

/// Gives how many messages it stands for.
pub(super) type Acknowledged = BoxFuture<'static, Result<usize>>;

/// Takes futures for a [`Waiting`].
#[derive(Clone)]
pub(super) struct Sent(mpsc::UnboundedSender<Acknowledged>);

impl Sent {
    /// Whoever drops the receipts does not want to know. What waits is bounded by what a workload has outstanding.
    pub(super) fn push(&self, future: Acknowledged) {
        _ = self.0.send(future);
    }
}

/// The receipts of a publisher.
pub(crate) struct Waiting {
    sent: mpsc::UnboundedReceiver<Acknowledged>,
    first: Option<Acknowledged>,
}

/// Both ends.
pub(super) fn waiting() -> (Sent, Waiting) {
    let (sender, sent) = mpsc::unbounded_channel();
    (Sent(sender), Waiting { sent, first: None })
}

impl load::Receipts for Waiting {
    async fn next(&mut self) -> Result<usize> {
        if self.first.is_none() {
            self.first = Some(self.sent.recv().await.context("the publisher is gone")?);
        }
        let first = self.first.as_mut().context("it was put there")?;
        let mut acknowledged = first.await?;
        self.first = None;
        // All that is there already: the caller refills by as many, so batches stay large.
        while let Ok(mut next) = self.sent.try_recv() {
            let Some(result) = (&mut next).now_or_never() else {
                self.first = Some(next);
                break;
            };
            acknowledged += result?;
        }
        Ok(acknowledged)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use anyhow::anyhow;
    use load::Receipts as _;

    use super::*;

    #[tokio::test]
    async fn what_is_acknowledged_is_counted_up_to_the_first_that_is_not() {
        let (sent, mut waiting) = waiting();
        sent.push(Box::pin(ready(Ok(2))));
        sent.push(Box::pin(ready(Ok(3))));
        sent.push(Box::pin(pending()));
        sent.push(Box::pin(ready(Ok(7))));
        assert_eq!(waiting.next().await.unwrap(), 5);
        assert!(waiting.next().now_or_never().is_none(), "a later one does not overtake it");
    }

    #[tokio::test]
    async fn a_refusal_and_a_publisher_that_is_gone_are_errors() {
        let (sent, mut waiting) = waiting();
        sent.push(Box::pin(ready(Err(anyhow!("no")))));
        assert_eq!(waiting.next().await.unwrap_err().to_string(), "no");
        drop(sent);
        waiting.first = None;
        assert!(waiting.next().await.is_err());
    }
}
