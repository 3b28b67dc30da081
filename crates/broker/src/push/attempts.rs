//! Reading the attempts to push a message back from the log.

use std::collections::VecDeque;

use journal::{Frame, ReadError};
use types::{MessageId, Sequence, SubscriptionName, SubscriptionUid, limits, push::Attempt};

use crate::{AttemptsError, Broker, Unavailable, record::read_attempt_of, topic::Topic};

/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;

impl Broker {
    /// The attempts to push a message that the log still has, in order; the latest [`limits::ATTEMPTS_READ`]. Reads the log from the message on. A report
    /// that came twice counts once.
    ///
    /// # Errors
    /// See [`AttemptsError`].
    pub async fn attempts(
        &self,
        name: &SubscriptionName,
        message: MessageId,
    ) -> Result<Vec<Attempt>, AttemptsError> {
        self.inner.shared.check_serving()?;
        let subscription = self.inner.subscription(name)?;
        let topic = subscription.topic()?;
        if message.log != topic.id || message.sequence >= topic.visible() {
            return Err(AttemptsError::MessageNotFound(message));
        }
        Ok(topic.attempts(subscription.uid, message.sequence).await?)
    }
}

impl Topic {
    async fn attempts(&self, uid: SubscriptionUid, sequence: Sequence) -> Result<Vec<Attempt>, Unavailable> {
        let end = self.visible();
        let mut at = sequence.max(self.first_position());
        let mut attempts = VecDeque::new();
        while at < end {
            match self.log.read(at, READ_BYTES).await {
                Ok(frames) => {
                    for frame in &frames {
                        collect(frame, uid, sequence, &mut attempts)?;
                    }
                    at = frames.last().map_or(end, Frame::end);
                }
                // What is damaged is reported by who needs it; here the other attempts are still worth having.
                Err(ReadError::Corrupt { to, .. }) => at = to,
                Err(ReadError::Trimmed { first }) => at = first,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(attempts.into())
    }
}

fn collect(
    frame: &Frame,
    uid: SubscriptionUid,
    sequence: Sequence,
    attempts: &mut VecDeque<Attempt>,
) -> Result<(), Unavailable> {
    for record in frame.batch.records() {
        let Some(attempt) = read_attempt_of(&record, uid, sequence)? else { continue };
        if attempts.contains(&attempt) {
            continue;
        }
        if attempts.len() == limits::ATTEMPTS_READ {
            attempts.pop_front();
        }
        attempts.push_back(attempt);
    }
    Ok(())
}
