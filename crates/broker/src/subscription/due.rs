//! What time alone does: leases end, messages expire, waits are over.

use std::sync::Arc;

use types::Timestamp;

use super::Subscription;
use crate::Unavailable;

/// Messages whose lease or life ends in one step under the lock.
const DUE_AT_ONCE: usize = 1_000;

impl Subscription {
    /// The deadline that the broker knew of has come.
    pub(crate) async fn due(self: &Arc<Self>) -> Result<(), Unavailable> {
        self.peek().armed = Timestamp::MAX;
        let Ok(topic) = self.topic() else { return Ok(()) };
        loop {
            let step = topic
                .retry_when_busy(|| {
                    self.try_settle(&topic, |state, now| state.queue.decide_due(now, DUE_AT_ONCE))
                        .map_err(Unavailable::from)
                })
                .await;
            match step {
                Ok((None, _)) => break,
                Ok((Some(_), records)) => self.report(&topic, records),
                // Deleted meanwhile: nothing is due any more.
                Err(_) if self.peek().deleted => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // Even if nothing was due in the log, a wait may be over.
        let mut state = self.peek();
        let now = self.shared.time.now();
        state.queue.leasable(now);
        self.changed(&mut state, now);
        Ok(())
    }
}
