use std::sync::Arc;

use parking_lot::Mutex;
use types::push::PushSettings;

use super::Stopwatch;
use crate::gates::Gates;

/// What is known of an endpoint from one of its tasks to the next. Shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Option<Box<Known>>>>);

#[derive(Debug, Clone)]
struct Known {
    time: Stopwatch,
    gates: Gates,
    /// Whom it is about.
    endpoint: String,
    /// It was disabled since.
    is_resumed: bool,
}

impl Memory {
    /// The gates for a new task, and the time that they count in.
    pub(super) fn take_up(&self, push: &PushSettings, seed: u64) -> (Stopwatch, Gates) {
        let Some(known) = self.0.lock().take() else {
            return (Stopwatch::start(), Gates::new(push, seed));
        };
        let now = known.time.now();
        let gates = match !known.is_resumed && known.endpoint == push.endpoint {
            true => known.gates.renewed(now, push),
            false => known.gates.of_another(now, push, seed),
        };
        (known.time, gates)
    }

    /// The task ends, however it does.
    pub(super) fn keep(&self, time: Stopwatch, gates: &Gates, endpoint: &str) {
        let (gates, endpoint) = (gates.clone(), endpoint.to_owned());
        *self.0.lock() = Some(Box::new(Known { time, gates, endpoint, is_resumed: false }));
    }

    /// The endpoint was disabled: when its owner wants it again, it begins as one of which nothing is known.
    pub(crate) fn is_resumed(&self) {
        if let Some(known) = &mut *self.0.lock() {
            known.is_resumed = true;
        }
    }
}
