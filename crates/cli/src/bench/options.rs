use clap::{Args, Subcommand, value_parser};
use load::{
    Workload,
    workload::{FanOut, Publish, Steady},
};

use crate::{
    Error,
    output::count,
    value::{self, human_size},
};

/// Deliveries of a run: what has come is remembered, a byte each.
const MOST_DELIVERIES: u64 = 500_000_000;
/// The least that says which message it is.
const SMALLEST: u64 = load::SMALLEST_BODY as u64;
/// No broker takes a larger one.
const LARGEST: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(super) load: Load,
}

#[derive(Debug, Subcommand)]
pub(super) enum Load {
    /// Publish as fast as the broker acknowledges.
    #[command(after_help = "Examples:
  fanfare bench publish
  fanfare bench publish --messages 1000000 --bytes 256 --outstanding 5000")]
    Publish {
        #[command(flatten)]
        size: Size,
        #[command(flatten)]
        speed: Speed,
    },
    /// Publish as fast as it acknowledges, while every subscription receives and acknowledges every message.
    #[command(after_help = "Examples:
  fanfare bench fan-out
  fanfare bench fan-out --subscriptions 16 --json | jq .deliveriesPerSecond")]
    FanOut {
        #[command(flatten)]
        size: Size,
        #[command(flatten)]
        speed: Speed,
        /// Subscriptions, each with one consumer.
        #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = value_parser!(u64).range(1..=1_000))]
        subscriptions: u64,
    },
    /// Publish at a fixed rate and measure from when each message was due until every subscription has it.
    #[command(after_help = "Examples:
  fanfare bench latency
  fanfare bench latency --rate 10000 --subscriptions 4 --seconds 30")]
    Latency {
        #[command(flatten)]
        size: Size,
        /// Messages a second.
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=1_000_000))]
        rate: u64,
        /// How long it is measured.
        #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = value_parser!(u64).range(1..=3_600))]
        seconds: u64,
        /// How long it runs before that.
        #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = value_parser!(u64).range(0..=3_600))]
        warm_up_seconds: u64,
        /// Subscriptions, each with one consumer.
        #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = value_parser!(u64).range(1..=1_000))]
        subscriptions: u64,
    },
}

/// What every load has.
#[derive(Debug, Clone, Args)]
pub(super) struct Size {
    /// Bytes of each message.
    #[arg(long, value_name = "SIZE", default_value = "1KiB", value_parser = bytes)]
    pub(super) bytes: u64,
    /// Connections to the broker, which publisher and consumers share.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = value_parser!(u64).range(1..=256))]
    pub(super) connections: u64,
}

/// What is as fast as it can be.
#[derive(Debug, Clone, Args)]
pub(super) struct Speed {
    /// Messages to publish.
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100_000, value_parser = value_parser!(u64).range(1..=100_000_000))]
    messages: u64,
    /// Messages published and not acknowledged, at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=10_000))]
    outstanding: u64,
}

fn bytes(text: &str) -> Result<u64, String> {
    match value::size(text)? {
        bytes @ SMALLEST..=LARGEST => Ok(bytes),
        _ => Err(format!("must be {SMALLEST} B to {}", human_size(LARGEST))),
    }
}

/// Every value has a bound that fits.
fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Load {
    pub(super) fn size(&self) -> &Size {
        match self {
            Self::Publish { size, .. } | Self::FanOut { size, .. } | Self::Latency { size, .. } => size,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publish",
            Self::FanOut { .. } => "fan-out",
            Self::Latency { .. } => "latency",
        }
    }

    pub(super) fn subscriptions(&self) -> u64 {
        match self {
            Self::Publish { .. } => 0,
            Self::FanOut { subscriptions, .. } | Self::Latency { subscriptions, .. } => *subscriptions,
        }
    }

    pub(super) fn workload(&self) -> Result<Workload, Error> {
        let (bytes, subscriptions) = (small(self.size().bytes), small(self.subscriptions()));
        let workload = match self {
            Self::Publish { speed, .. } => {
                let outstanding = small(speed.outstanding);
                Workload::Publish(Publish { messages: speed.messages, bytes, outstanding })
            }
            Self::FanOut { speed, .. } => {
                let outstanding = small(speed.outstanding);
                Workload::FanOut(FanOut { messages: speed.messages, bytes, outstanding, subscriptions })
            }
            Self::Latency { rate, seconds, warm_up_seconds, .. } => {
                let (rate, seconds, warm_up_seconds) = (*rate, *seconds, *warm_up_seconds);
                Workload::Steady(Steady { rate, seconds, warm_up_seconds, bytes, subscriptions })
            }
        };
        let expected = workload.expected();
        let most = expected.published.max(expected.delivered);
        match most <= MOST_DELIVERIES {
            true => Ok(workload),
            false => Err(Error::Usage(format!(
                "that makes {most} messages or deliveries; a run has at most {MOST_DELIVERIES}"
            ))),
        }
    }

    /// What is asked for, in a line.
    pub(super) fn sentence(&self) -> String {
        let size = human_size(self.size().bytes);
        let connections = count(self.size().connections, "connection");
        let to = match self.subscriptions() {
            0 => "to no subscription".to_owned(),
            number => format!("to {}", count(number, "subscription")),
        };
        match self {
            Self::Publish { speed, .. } | Self::FanOut { speed, .. } => {
                let Speed { messages, outstanding } = speed;
                let messages = count(*messages, "message");
                format!("{messages} of {size} {to}, {outstanding} outstanding, {connections}")
            }
            Self::Latency { rate, seconds, warm_up_seconds, .. } => {
                let warm = match warm_up_seconds {
                    0 => String::new(),
                    seconds => format!(" after {seconds} s to warm up"),
                };
                format!("{rate} messages of {size} a second {to} for {seconds} s{warm}, {connections}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn parse(line: &str) -> Result<Load, clap::Error> {
        Line::try_parse_from(["bench"].into_iter().chain(line.split(' '))).map(|line| line.bench.load)
    }

    #[test]
    fn a_load_is_what_the_line_says_or_the_default() {
        let load = parse("fan-out --messages 10 --bytes 2KiB --subscriptions 3 --outstanding 7").unwrap();
        let expected = FanOut { messages: 10, bytes: 2_048, outstanding: 7, subscriptions: 3 };
        assert_eq!(load.workload().unwrap(), Workload::FanOut(expected));
        assert_eq!(load.sentence(), "10 messages of 2 KiB to 3 subscriptions, 7 outstanding, 4 connections");
        let load = parse("publish").unwrap();
        let expected = Publish { messages: 100_000, bytes: 1_024, outstanding: 1_000 };
        assert_eq!(load.workload().unwrap(), Workload::Publish(expected));
        let load = parse("latency --rate 50 --warm-up-seconds 0 --connections 1").unwrap();
        let expected = Steady { rate: 50, seconds: 10, warm_up_seconds: 0, bytes: 1_024, subscriptions: 4 };
        assert_eq!(load.workload().unwrap(), Workload::Steady(expected));
        assert_eq!(
            load.sentence(),
            "50 messages of 1 KiB a second to 4 subscriptions for 10 s, 1 connection"
        );
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for bad in [
            "publish --messages 0",
            "publish --bytes 15",
            "publish --bytes 1TiB",
            "publish --outstanding 0",
            "fan-out --subscriptions 0",
            "fan-out --subscriptions 1001",
            "fan-out --connections 0",
            "latency --rate 0",
            "latency --seconds 0",
            "publish --messages -1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let huge = parse("fan-out --messages 100000000 --subscriptions 1000").unwrap();
        assert!(matches!(huge.workload(), Err(Error::Usage(_))));
    }
}
