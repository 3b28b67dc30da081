use std::time::Duration;

use types::{Invalid, limits};

/// What an operator can choose about the broker itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bytes of one message as encoded. 1 KiB to 8 MiB, default 1 MiB.
    pub max_message_bytes: usize,
    /// Bytes of recent log kept in memory for all topics together. At least 1 MiB, default 64 MiB.
    pub tail_cache_bytes: usize,
    /// Bytes of log after which a topic's state is checkpointed, which bounds recovery. At least 64 KiB, default 64 MiB.
    pub checkpoint_bytes: u64,
    /// How often retention, checkpoints and unused subscriptions are looked after. 100 ms to 1 h, default 10 s.
    pub upkeep_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_bytes: limits::MESSAGE_BYTES,
            tail_cache_bytes: 64 << 20,
            checkpoint_bytes: 64 << 20,
            upkeep_interval: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Checks every value against its limits.
    ///
    /// # Errors
    /// The first value that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        if !(1 << 10..=8 << 20).contains(&self.max_message_bytes) {
            return Err(Invalid::new(
                "max_message_bytes",
                format!("is {}, must be 1024 to 8388608", self.max_message_bytes),
            ));
        }
        if self.tail_cache_bytes < 1 << 20 {
            return Err(Invalid::new(
                "tail_cache_bytes",
                format!("is {}, must be at least 1048576", self.tail_cache_bytes),
            ));
        }
        if self.checkpoint_bytes < 1 << 16 {
            return Err(Invalid::new(
                "checkpoint_bytes",
                format!("is {}, must be at least 65536", self.checkpoint_bytes),
            ));
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(&self.upkeep_interval) {
            return Err(Invalid::new(
                "upkeep_interval",
                format!("is {:?}, must be 100ms to 1h", self.upkeep_interval),
            ));
        }
        Ok(())
    }
}
