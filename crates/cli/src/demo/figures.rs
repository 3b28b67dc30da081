//! What the broker says of a subscription, as far as the demo shows and checks it.

use fanfare_client::{
    Client,
    admin::AdminError,
    proto::{BreakerState, GetSubscriptionStatsResponse, PushEndpointState, PushStats},
};

use super::story::Role;

/// A subscription in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) backlog: u64,
    pub(super) acked: u64,
    pub(super) failed_attempts: u64,
    pub(super) dead_lettered: u64,
    pub(super) filtered_out: u64,
    /// Dropped, expired or damaged: nothing of that happens in the demo.
    pub(super) lost: u64,
    /// What its push endpoint is up to; empty if it has none.
    pub(super) endpoint: &'static str,
}

impl Figures {
    /// Of all subscriptions, in the order of [`Role::ALL`].
    pub(super) async fn ask(client: &Client) -> Result<[Self; 4], AdminError> {
        let mut all: [Self; 4] = Default::default();
        for (figures, role) in all.iter_mut().zip(Role::ALL) {
            *figures = client.server().subscription_stats(role.name()).await?.into();
        }
        Ok(all)
    }

    /// Attempts after a failed one, in the table that is live and in the sum alike.
    pub(super) fn retries(&self) -> u64 {
        self.failed_attempts.saturating_sub(self.dead_lettered)
    }

    /// Whether its endpoint has consented and has a worker.
    pub(super) fn is_served(&self) -> bool {
        self.endpoint.starts_with("breaker")
    }
}

impl From<GetSubscriptionStatsResponse> for Figures {
    fn from(stats: GetSubscriptionStatsResponse) -> Self {
        Self {
            backlog: stats.backlog,
            acked: stats.acked,
            failed_attempts: stats.failed_attempts,
            dead_lettered: stats.dead_lettered,
            filtered_out: stats.filtered_attributes
                + stats.filtered_no_attributes
                + stats.filtered_body
                + stats.filtered_invalid_body,
            lost: stats.dropped
                + stats.expired_message
                + stats.expired_age
                + stats.expired_bytes
                + stats.damaged,
            endpoint: stats.push.as_ref().map(endpoint).unwrap_or_default(),
        }
    }
}

/// In a word or two.
fn endpoint(push: &PushStats) -> &'static str {
    let state = push.endpoint.unwrap_or_default().state();
    match (state, push.breaker()) {
        (PushEndpointState::Pending, _) => "asked for consent",
        (PushEndpointState::Disabled, _) => "disabled",
        (_, BreakerState::Open) => "breaker open",
        (_, BreakerState::HalfOpen) => "breaker half open",
        (_, BreakerState::Closed) => "breaker closed",
        _ => "no worker",
    }
}

#[cfg(test)]
mod tests {
    use fanfare_client::proto::PushEndpoint;

    use super::*;

    #[test]
    fn what_is_filtered_out_or_lost_is_summed_whatever_the_reason() {
        let stats = GetSubscriptionStatsResponse {
            filtered_attributes: 1,
            filtered_no_attributes: 10,
            filtered_body: 100,
            filtered_invalid_body: 1_000,
            dropped: 1,
            expired_message: 10,
            expired_age: 100,
            expired_bytes: 1_000,
            damaged: 10_000,
            ..GetSubscriptionStatsResponse::default()
        };
        let figures = Figures::from(stats);
        assert_eq!((figures.filtered_out, figures.lost, figures.endpoint), (1_111, 11_111, ""));
    }

    #[test]
    fn an_endpoint_that_has_not_agreed_yet_is_told_from_one_whose_breaker_is_open() {
        let of = |state: PushEndpointState, breaker: BreakerState| {
            let mut push = PushStats { endpoint: Some(PushEndpoint::default()), ..PushStats::default() };
            push.set_breaker(breaker);
            push.endpoint.as_mut().unwrap().set_state(state);
            endpoint(&push)
        };
        assert_eq!(of(PushEndpointState::Pending, BreakerState::Closed), "asked for consent");
        assert_eq!(of(PushEndpointState::Active, BreakerState::Open), "breaker open");
        assert_eq!(of(PushEndpointState::Active, BreakerState::Unspecified), "no worker");
    }
}
