use broker::HealthState;
use serde_json::{Value, json};

/// Whether the process should get traffic, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// The log is being read back.
    Recovering,
    /// A push worker is not let in by its broker yet, or not any more; with the reason, if there is one.
    Joining(Option<String>),
    /// Everything works.
    Ready,
    /// Publishes are refused; consuming, which is what frees space, goes on. So it stays ready.
    OutOfSpace,
    /// The process is stopping.
    Draining,
    /// The journal failed, with the cause; the process is about to end.
    Failed(String),
}

impl Readiness {
    /// Whether a load balancer should send traffic here.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self, Self::Ready | Self::OutOfSpace)
    }

    /// What `/readyz` says. Damage is a reason to look, and none to send traffic elsewhere.
    pub(crate) fn report(&self, damage: Option<String>) -> Value {
        let (state, reason) = match self {
            Self::Recovering => ("recovering", Some("the log is being read".to_owned())),
            Self::Joining(why) => {
                let why = why.as_deref().unwrap_or("the broker has not answered yet");
                ("joining", Some(why.to_owned()))
            }
            Self::Ready => ("ready", None),
            Self::OutOfSpace => {
                ("out_of_space", Some("the disk is nearly full: publishes are refused".to_owned()))
            }
            Self::Draining => ("draining", Some("the process is stopping".to_owned())),
            Self::Failed(cause) => ("failed", Some(cause.clone())),
        };
        let reasons: Vec<_> = reason.into_iter().chain(damage).collect();
        json!({ "ready": self.is_ready(), "state": state, "reasons": reasons })
    }
}

impl From<&HealthState> for Readiness {
    fn from(health: &HealthState) -> Self {
        match health {
            HealthState::Serving => Self::Ready,
            HealthState::OutOfSpace => Self::OutOfSpace,
            HealthState::Draining => Self::Draining,
            HealthState::Poisoned(cause) => Self::Failed(cause.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broker_that_takes_or_gives_messages_is_ready() {
        let cases = [
            (HealthState::Serving, true, "ready"),
            (HealthState::OutOfSpace, true, "out_of_space"),
            (HealthState::Draining, false, "draining"),
            (HealthState::Poisoned("fdatasync: EIO".to_owned()), false, "failed"),
        ];
        for (health, ready, state) in cases {
            let readiness = Readiness::from(&health);
            assert_eq!((readiness.is_ready(), &readiness.report(None)["state"]), (ready, &json!(state)));
        }
        assert!(!Readiness::Recovering.is_ready() && !Readiness::Joining(None).is_ready());
    }

    #[test]
    fn the_report_gives_the_cause_of_a_failure() {
        let report = Readiness::Failed("fdatasync: EIO".to_owned()).report(None);
        assert_eq!(report, json!({ "ready": false, "state": "failed", "reasons": ["fdatasync: EIO"] }));
    }
}
