use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Invalid, limits};

/// How long a message that failed waits before the next attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryPolicy {
    /// Each wait a multiple of the one before.
    Exponential(ExponentialBackoff),
    /// SNS's four phases.
    Phased(PhasedBackoff),
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::Exponential(ExponentialBackoff::default())
    }
}

/// `min_backoff * multiplier^(failures - 1)`, at most `max_backoff`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExponentialBackoff {
    /// Wait after the first failure; zero retries at once. Default 1 s.
    pub min_backoff: Duration,
    /// Longest wait. Default 10 min (Google Pub/Sub's).
    pub max_backoff: Duration,
    /// At least 1. Default 2.
    pub multiplier: f64,
    /// Full jitter: the wait is spread evenly between `min_backoff` and the computed one. Default on.
    pub jitter: bool,
}

impl Default for ExponentialBackoff {
    fn default() -> Self {
        Self {
            min_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(600),
            multiplier: 2.0,
            jitter: true,
        }
    }
}

/// SNS's delivery policy: retries at once, then at the shortest delay, then growing, then at the longest.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhasedBackoff {
    /// Immediate phase: retries without delay (`numNoDelayRetries`).
    pub no_delay_retries: u32,
    /// Pre-backoff phase: retries `min_delay` apart (`numMinDelayRetries`).
    pub min_delay_retries: u32,
    /// Backoff phase: retries between `min_delay` and `max_delay`.
    pub backoff_retries: u32,
    /// Post-backoff phase: retries `max_delay` apart (`numMaxDelayRetries`). After it the message is exhausted.
    pub max_delay_retries: u32,
    /// `minDelayTarget`.
    pub min_delay: Duration,
    /// `maxDelayTarget`.
    pub max_delay: Duration,
    /// `backoffFunction`: how the backoff phase gets from `min_delay` to `max_delay`.
    pub shape: BackoffShape,
}

/// How the backoff phase grows from its shortest to its longest delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackoffShape {
    /// Equal steps.
    Linear,
    /// Steps that grow evenly.
    Arithmetic,
    /// Equal factors.
    Geometric,
    /// Doubling, so that the growth comes late.
    Exponential,
}

impl PhasedBackoff {
    /// Attempts in all: the first delivery and every retry of the four phases.
    pub fn attempts(&self) -> u32 {
        [self.no_delay_retries, self.min_delay_retries, self.backoff_retries, self.max_delay_retries]
            .iter()
            .fold(1, |sum: u32, retries| sum.saturating_add(*retries))
    }
}

impl RetryPolicy {
    /// Checks every field against its limit.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        match self {
            Self::Exponential(policy) => {
                delays(("min_backoff", policy.min_backoff), ("max_backoff", policy.max_backoff))?;
                if (1.0..=limits::BACKOFF_MULTIPLIER_MAX).contains(&policy.multiplier) {
                    return Ok(());
                }
                Err(Invalid::new(
                    "multiplier",
                    format!("is {}, must be 1 to {}", policy.multiplier, limits::BACKOFF_MULTIPLIER_MAX),
                ))
            }
            Self::Phased(policy) => {
                delays(("min_delay", policy.min_delay), ("max_delay", policy.max_delay))?;
                if policy.attempts() <= limits::MAX_ATTEMPTS_MAX {
                    return Ok(());
                }
                Err(Invalid::new(
                    "max_delay_retries",
                    format!(
                        "the phases add up to {} attempts, the limit is {}",
                        policy.attempts(),
                        limits::MAX_ATTEMPTS_MAX
                    ),
                ))
            }
        }
    }
}

fn delays((low_name, low): (&str, Duration), (high_name, high): (&str, Duration)) -> Result<(), Invalid> {
    if high > limits::BACKOFF_MAX {
        return Err(Invalid::new(high_name, format!("is {high:?}, the limit is {:?}", limits::BACKOFF_MAX)));
    }
    if low > high {
        return Err(Invalid::new(low_name, format!("is {low:?}, more than {high_name} ({high:?})")));
    }
    Ok(())
}
