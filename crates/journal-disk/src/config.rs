//! What an operator chooses of this engine.

use std::time::Duration;

use types::Invalid;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// When an append is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`: what was acknowledged survives a power cut.
    Fsync,
    /// After the write; an `fdatasync` follows at this interval. A power cut loses what was acknowledged since.
    Interval(Duration),
}

/// The engine's settings. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Default: [`Durability::Fsync`].
    pub durability: Durability,
    /// Threads that write and sync. Default 4; that many logs are committed at the same time.
    pub committers: usize,
    /// A segment is closed after so much. Default 64 MiB.
    pub segment_bytes: u64,
    /// The largest batch. Default 16 MiB.
    pub batch_bytes: u64,
    /// Accepted and not yet written, of one log. Default 32 MiB.
    pub pending_bytes: u64,
    /// Space is taken in steps as large as the segment is by then, but at least this. Default 64 KiB.
    pub chunk_min_bytes: u64,
    /// And at most this. Default 4 MiB.
    pub chunk_max_bytes: u64,
    /// Kept free for acks, failures and settings when the disk is full. Default 16 MiB.
    pub reserve_bytes: u64,
    /// How often a full disk is looked at again. Default 1 s.
    pub space_retry: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            committers: 4,
            segment_bytes: 64 * MIB,
            batch_bytes: 16 * MIB,
            pending_bytes: 32 * MIB,
            chunk_min_bytes: 64 * KIB,
            chunk_max_bytes: 4 * MIB,
            reserve_bytes: 16 * MIB,
            space_retry: Duration::from_secs(1),
        }
    }
}

impl Config {
    /// Checks every field against what can work.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        let ranges = [
            ("segment_bytes", self.segment_bytes, 512..=TIB),
            ("batch_bytes", self.batch_bytes, 1..=GIB),
            ("pending_bytes", self.pending_bytes, 1..=64 * GIB),
            ("chunk_min_bytes", self.chunk_min_bytes, 1..=GIB),
            ("chunk_max_bytes", self.chunk_max_bytes, 1..=GIB),
            ("reserve_bytes", self.reserve_bytes, 0..=TIB),
        ];
        for (field, value, range) in ranges {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(Invalid::new(field, format!("is {value}, must be {least} to {most}")));
            }
        }
        if !(1..=64).contains(&self.committers) {
            return Err(Invalid::new("committers", format!("is {}, must be 1 to 64", self.committers)));
        }
        ordered(("batch_bytes", self.batch_bytes), ("pending_bytes", self.pending_bytes))?;
        ordered(("chunk_min_bytes", self.chunk_min_bytes), ("chunk_max_bytes", self.chunk_max_bytes))?;
        durations(self)
    }
}

fn ordered((low_name, low): (&str, u64), (high_name, high): (&str, u64)) -> Result<(), Invalid> {
    if low <= high {
        return Ok(());
    }
    Err(Invalid::new(low_name, format!("is {low}, more than {high_name} ({high})")))
}

fn durations(config: &Config) -> Result<(), Invalid> {
    if config.durability == Durability::Interval(Duration::ZERO) {
        return Err(Invalid::new("durability", "an interval of 0 s: use fsync"));
    }
    let allowed = Duration::from_millis(10)..=Duration::from_secs(5);
    if allowed.contains(&config.space_retry) {
        return Ok(());
    }
    Err(Invalid::new("space_retry", format!("is {:?}, must be 10 ms to 5 s", config.space_retry)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn a_field_that_breaks_a_rule_is_named() {
        let broken = [
            ("committers", Config { committers: 0, ..Config::default() }),
            ("segment_bytes", Config { segment_bytes: 511, ..Config::default() }),
            ("segment_bytes", Config { segment_bytes: u64::MAX, ..Config::default() }),
            ("pending_bytes", Config { pending_bytes: u64::MAX, ..Config::default() }),
            ("chunk_min_bytes", Config { chunk_min_bytes: 0, ..Config::default() }),
            ("chunk_max_bytes", Config { chunk_max_bytes: u64::MAX, ..Config::default() }),
            ("reserve_bytes", Config { reserve_bytes: u64::MAX, ..Config::default() }),
            ("batch_bytes", Config { batch_bytes: 64 * MIB, ..Config::default() }),
            ("chunk_min_bytes", Config { chunk_min_bytes: 8 * MIB, ..Config::default() }),
            ("durability", Config { durability: Durability::Interval(Duration::ZERO), ..Config::default() }),
            ("space_retry", Config { space_retry: Duration::from_secs(9), ..Config::default() }),
        ];
        for (field, config) in broken {
            assert_eq!(config.validate().unwrap_err().field, field);
        }
    }
}
