//! What time alone does: leases end, messages expire, waits are over.

use std::sync::Arc;

use types::Timestamp;

use super::Subscription;
use crate::{Unavailable, topic::Topic};

/// Messages whose lease or life ends in one step under the lock.
const DUE_AT_ONCE: usize = 1_000;

impl Subscription {
    /// The deadline that the broker knew of has come, and its entry is taken.
    pub(crate) async fn due(self: &Arc<Self>) -> Result<(), Unavailable> {
        self.peek().armed = Timestamp::MAX;
        let Ok(topic) = self.topic() else { return Ok(()) };
        let ended = self.end_what_is_over(&topic).await;
        // Even if nothing was due in the log, a wait may be over; and if the log takes no records, this is to be done again.
        let mut state = self.peek();
        if !state.deleted {
            let now = self.shared.time.now();
            state.queue.leasable(now);
            self.changed(&mut state, now);
        }
        ended
    }

    async fn end_what_is_over(self: &Arc<Self>, topic: &Arc<Topic>) -> Result<(), Unavailable> {
        loop {
            let step = topic
                .retry_when_busy(|| {
                    let settled =
                        self.try_settle(topic, |state, now| state.queue.decide_due(now, DUE_AT_ONCE));
                    // Deleted meanwhile: nothing is due any more.
                    Ok::<_, Unavailable>(settled.unwrap_or(Ok((None, Vec::new()))))
                })
                .await?;
            match step {
                (None, _) => return Ok(()),
                (Some(_), records) => self.report(topic, records),
            }
        }
    }
}
