use std::{fmt, str::FromStr};

use anyhow::{Result, bail};
use load::Workload;

/// A system with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`about` says it")]
pub enum Kind {
    FanfareFsync,
    FanfareInterval,
    NatsFsync,
    NatsBuffered,
    RedisFsync,
    RedisBuffered,
    RabbitQuorum,
    TonicStream,
    TonicUnary,
}

impl Kind {
    /// All of them, ours first and the ceiling last.
    pub fn all() -> [Self; 9] {
        [
            Self::FanfareFsync,
            Self::FanfareInterval,
            Self::NatsFsync,
            Self::NatsBuffered,
            Self::RedisFsync,
            Self::RedisBuffered,
            Self::RabbitQuorum,
            Self::TonicStream,
            Self::TonicUnary,
        ]
    }

    /// As it is written on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::FanfareFsync => "fanfare-fsync",
            Self::FanfareInterval => "fanfare-interval",
            Self::NatsFsync => "nats-fsync",
            Self::NatsBuffered => "nats-buffered",
            Self::RedisFsync => "redis-fsync",
            Self::RedisBuffered => "redis-buffered",
            Self::RabbitQuorum => "rabbit-quorum",
            Self::TonicStream => "tonic-stream",
            Self::TonicUnary => "tonic-unary",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::FanfareFsync => "Fanfare, acknowledged after an fsync",
            Self::FanfareInterval => "Fanfare, an fsync every 100 ms",
            Self::NatsFsync => "NATS JetStream, file storage, sync_interval always",
            Self::NatsBuffered => "NATS JetStream, file storage, an fsync every 2 minutes (default)",
            Self::RedisFsync => "Redis Streams, appendfsync always",
            Self::RedisBuffered => "Redis Streams, appendfsync everysec",
            Self::RabbitQuorum => "RabbitMQ, quorum queues with publisher confirms",
            Self::TonicStream => "bare tonic, streams; keeps nothing",
            Self::TonicUnary => "bare tonic, unary echo; keeps nothing",
        }
    }

    /// Whether an acknowledged publish has been flushed to the disk.
    pub fn acknowledges_after_fsync(self) -> bool {
        matches!(self, Self::FanfareFsync | Self::NatsFsync | Self::RedisFsync | Self::RabbitQuorum)
    }

    /// Whether it can do this at all: bare tonic keeps nothing for a subscriber that is away, and its unary form has no subscribers.
    pub fn can(self, workload: &Workload) -> bool {
        match self {
            Self::TonicStream => !matches!(workload, Workload::Drain(_)),
            Self::TonicUnary => false,
            _ => true,
        }
    }

    /// Whether it has an acknowledged call for one message.
    pub fn can_unary(self) -> bool {
        matches!(self, Self::FanfareFsync | Self::FanfareInterval | Self::TonicUnary)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        if let Some(kind) = Self::all().into_iter().find(|kind| kind.name() == name) {
            return Ok(kind);
        }
        let names = Self::all().map(Self::name).join(", ");
        bail!("{name} is none of the systems: {names}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_another_is_refused_with_all_names() {
        for kind in Kind::all() {
            assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
        }
        let refused = "kafka".parse::<Kind>().unwrap_err().to_string();
        assert!(Kind::all().iter().all(|kind| refused.contains(kind.name())), "{refused}");
    }
}
