//! Push endpoints at a scrape.

use broker::PushFigures;
use telemetry::metrics::{self, Label, Metric, Snapshot};
use types::push::{BreakerState, EndpointReport, EndpointStatus};

/// All endpoints of the broker, counted.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    pending: u32,
    active: u32,
    disabled: u32,
    unattended: u32,
}

impl Endpoints {
    pub(super) fn count(&mut self, figures: &PushFigures) {
        *match figures.status {
            EndpointStatus::Pending(_) => &mut self.pending,
            EndpointStatus::Active => &mut self.active,
            EndpointStatus::Disabled { .. } => &mut self.disabled,
        } += 1;
        self.unattended += u32::from(!figures.has_worker);
    }

    /// Always the same three states, so that each series is there before it moves.
    pub(super) fn observe(&self, into: &mut Snapshot) {
        let states = [("pending", self.pending), ("active", self.active), ("disabled", self.disabled)];
        into.value_by(&metrics::PUSH_ENDPOINTS, &states.map(|(state, count)| (state, count.into())));
        into.value(&metrics::PUSH_ENDPOINTS_UNATTENDED, self.unattended.into());
    }
}

/// The endpoint of one subscription.
pub(super) fn endpoint(into: &mut Snapshot, subscription: &str, admitted: bool, figures: &PushFigures) {
    let report = &figures.report;
    into.row(Label::Subscription, subscription, &values(report));
    into.by(&metrics::SUBSCRIPTION_PUSH_ATTEMPTS, subscription, admitted, &outcomes(report));
    // States cannot be added up, and without a worker nobody knows.
    if admitted && figures.has_worker {
        let state = match report.breaker {
            BreakerState::Closed => 0.0,
            BreakerState::Open => 1.0,
            BreakerState::HalfOpen => 2.0,
        };
        into.row(Label::Subscription, subscription, &[(&metrics::SUBSCRIPTION_PUSH_BREAKER, state)]);
    }
}

fn values(report: &EndpointReport) -> [(&'static Metric, f64); 6] {
    [
        (&metrics::SUBSCRIPTION_PUSH_TIMEOUTS, report.timeouts as f64),
        (&metrics::SUBSCRIPTION_PUSH_DURATION, report.attempt_time.as_secs_f64()),
        (&metrics::SUBSCRIPTION_PUSH_POSTPONED, report.postponed as f64),
        (&metrics::SUBSCRIPTION_PUSH_BREAKER_OPENED, report.breaker_opened as f64),
        (&metrics::SUBSCRIPTION_PUSH_CONCURRENCY, report.concurrency.into()),
        (&metrics::SUBSCRIPTION_PUSH_IN_FLIGHT, report.in_flight.into()),
    ]
}

/// Always the same three.
fn outcomes(report: &EndpointReport) -> [(&'static str, f64); 3] {
    [
        ("delivered", report.delivered as f64),
        ("retried", report.retried as f64),
        ("rejected", report.rejected as f64),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use telemetry::metrics::{Limits, Metrics, Source};
    use types::push::DisabledReason;

    use super::*;

    #[derive(Debug)]
    struct Two(Vec<PushFigures>);

    impl Source for Two {
        fn observe(&self, into: &mut Snapshot) {
            let mut endpoints = Endpoints::default();
            for (number, figures) in self.0.iter().enumerate() {
                let name = format!("s{number}");
                let admitted = into.row(Label::Subscription, &name, &[]);
                endpoints.count(figures);
                endpoint(into, &name, admitted, figures);
            }
            endpoints.observe(into);
        }
    }

    fn figures(status: EndpointStatus, has_worker: bool) -> PushFigures {
        let report =
            EndpointReport { breaker: BreakerState::Open, in_flight: 3, ..EndpointReport::default() };
        PushFigures { status, has_worker, report }
    }

    #[test]
    fn endpoints_beyond_the_limit_are_added_up_except_for_their_breakers() {
        let limits = Limits { max_subscriptions: 1, ..Limits::default() };
        let metrics = Metrics::new(&limits, Vec::new()).unwrap();
        let disabled =
            EndpointStatus::Disabled { reason: DisabledReason::Gone, at: types::Timestamp::from_millis(1) };
        let active = || figures(EndpointStatus::Active, true);
        let endpoints = vec![active(), active(), active(), figures(disabled, false)];
        metrics.add_source(Arc::new(Two(endpoints)));
        let text = metrics.render().unwrap();
        let has = |line: &str| text.lines().any(|found| found == line);
        assert!(has("fanfare_subscription_push_in_flight{subscription=\"s0\"} 3"), "{text}");
        assert!(has("fanfare_subscription_push_in_flight{subscription=\"other\"} 9"), "{text}");
        let breakers: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("fanfare_subscription_push_breaker_state{"))
            .collect();
        assert_eq!(breakers, ["fanfare_subscription_push_breaker_state{subscription=\"s0\"} 1"]);
        assert!(has("fanfare_push_endpoints{state=\"active\"} 3"), "{text}");
        assert!(has("fanfare_push_endpoints{state=\"disabled\"} 1"), "{text}");
        assert!(has("fanfare_push_endpoints_unattended 1"), "{text}");
    }
}
