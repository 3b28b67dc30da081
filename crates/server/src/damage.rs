//! Damage that was found in the log. It takes nothing away from what is whole, so traffic goes on; but someone has to know.

use std::{fmt, sync::OnceLock};

type Count = Box<dyn Fn() -> u64 + Send + Sync>;

/// Who counts damage, from when there is someone.
#[derive(Default)]
pub(crate) struct Damage {
    engine: OnceLock<Count>,
    broker: OnceLock<Count>,
}

impl Damage {
    /// Asks the engine from now on: places on the disk, whether or not someone reads them.
    pub(crate) fn ask_engine(&self, count: impl Fn() -> u64 + Send + Sync + 'static) {
        _ = self.engine.set(Box::new(count));
    }

    /// Asks the broker from now on: positions that readers passed over.
    pub(crate) fn ask_broker(&self, count: impl Fn() -> u64 + Send + Sync + 'static) {
        _ = self.broker.set(Box::new(count));
    }

    /// What `/readyz` says of it, if there is any.
    pub(crate) fn reason(&self) -> Option<String> {
        let (places, positions) = self.counts();
        (places > 0 || positions > 0).then(|| {
            format!(
                "the log is damaged: {places} damaged places found on the disk and {positions} positions passed over \
                 since the start; the process's log names them"
            )
        })
    }

    fn counts(&self) -> (u64, u64) {
        let ask = |count: &OnceLock<Count>| count.get().map_or(0, |count| count());
        (ask(&self.engine), ask(&self.broker))
    }
}

impl fmt::Debug for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (places, positions) = self.counts();
        f.debug_struct("Damage").field("places", &places).field("positions", &positions).finish()
    }
}
