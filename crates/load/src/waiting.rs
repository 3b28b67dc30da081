//! What is there already is taken with what was waited for, the same way for every system: batches stay as large as they come.

use anyhow::{Context as _, Result};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::sync::mpsc;

use crate::Receipts;

/// Messages taken from a stream before they are settled.
const TOGETHER: usize = 512;

/// Waits for an item of a stream, and takes with it those that are there, a bounded number of them.
///
/// # Errors
/// The stream has ended, or an item was not taken.
pub async fn take_ready<S: Stream + Unpin>(
    stream: &mut S,
    mut take: impl FnMut(S::Item) -> Result<()>,
) -> Result<()> {
    let mut next = stream.next().await;
    for _ in 1..TOGETHER {
        take(next.context("the stream has ended")?)?;
        let Some(ready) = stream.next().now_or_never() else { return Ok(()) };
        next = ready;
    }
    take(next.context("the stream has ended")?)
}

/// Takes futures for a [`Waiting`]: one a message or one a batch, in the order of sending. Each gives how many messages it stands for.
#[derive(Debug)]
pub struct Sent<F>(mpsc::UnboundedSender<F>);

impl<F> Sent<F> {
    /// Whoever drops the receipts does not want to know. What waits is bounded by what a workload has outstanding.
    pub fn push(&self, future: F) {
        _ = self.0.send(future);
    }
}

/// The receipts of a publisher whose acknowledgements come as futures.
#[derive(Debug)]
pub struct Waiting<F> {
    sent: mpsc::UnboundedReceiver<F>,
    first: Option<F>,
}

/// Both ends.
pub fn waiting<F>() -> (Sent<F>, Waiting<F>) {
    let (sender, sent) = mpsc::unbounded_channel();
    (Sent(sender), Waiting { sent, first: None })
}

impl<F: Future<Output = Result<usize>> + Send + Unpin + 'static> Receipts for Waiting<F> {
    async fn next(&mut self) -> Result<usize> {
        if self.first.is_none() {
            self.first = Some(self.sent.recv().await.context("the publisher is gone")?);
        }
        let first = self.first.as_mut().context("it was put there")?;
        let result = first.await;
        self.first = None;
        let mut acknowledged = result?;
        // All that is there already: the caller refills by as many.
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
    use futures_util::{future::BoxFuture, stream};

    use super::*;

    type Boxed = BoxFuture<'static, Result<usize>>;

    #[tokio::test]
    async fn what_is_acknowledged_is_counted_up_to_the_first_that_is_not() {
        let (sent, mut waiting) = waiting::<Boxed>();
        sent.push(Box::pin(ready(Ok(2))));
        sent.push(Box::pin(ready(Ok(3))));
        sent.push(Box::pin(pending()));
        sent.push(Box::pin(ready(Ok(7))));
        assert_eq!(waiting.next().await.unwrap(), 5);
        assert!(waiting.next().now_or_never().is_none(), "a later one does not overtake it");
    }

    #[tokio::test]
    async fn a_refusal_and_a_publisher_that_is_gone_are_errors() {
        let (sent, mut waiting) = waiting::<Boxed>();
        sent.push(Box::pin(ready(Err(anyhow!("no")))));
        assert_eq!(waiting.next().await.unwrap_err().to_string(), "no");
        drop(sent);
        assert_eq!(waiting.next().await.unwrap_err().to_string(), "the publisher is gone");
    }

    async fn taken(stream: &mut (impl Stream<Item = usize> + Unpin)) -> Result<Vec<usize>> {
        let mut all = Vec::new();
        take_ready(stream, |item| {
            all.push(item);
            Ok(())
        })
        .await?;
        Ok(all)
    }

    #[tokio::test]
    async fn what_is_ready_is_taken_and_no_more_than_fits() {
        let mut few = stream::iter(0..3).chain(stream::pending());
        assert_eq!(taken(&mut few).await.unwrap(), [0, 1, 2]);
        let mut many = stream::iter(0..TOGETHER + 1).chain(stream::pending());
        assert_eq!(taken(&mut many).await.unwrap(), Vec::from_iter(0..TOGETHER));
        assert_eq!(taken(&mut many).await.unwrap(), [TOGETHER]);
    }

    #[tokio::test]
    async fn a_stream_that_has_ended_or_an_item_that_is_refused_is_an_error() {
        assert!(taken(&mut stream::empty()).await.is_err());
        assert!(taken(&mut stream::iter(0..3)).await.is_err(), "nothing more comes");
        let refused = take_ready(&mut stream::iter(0..3), |item| anyhow::bail!("not {item}")).await;
        assert_eq!(refused.unwrap_err().to_string(), "not 0");
    }
}
