//! What a subscription's filter policy has made of the messages, without a look at any: what the topic accepted less what it matched.

use types::FilterScope;

use crate::{
    FilterStats,
    topic::{Figures, Filter, Unmatchable},
};

/// Counts since the process started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Of the policies before.
    before: FilterStats,
    /// What the figures were when the policy came into force.
    base: Figures,
}

impl Tally {
    /// Counting starts.
    pub(crate) fn from(figures: Figures) -> Self {
        Self { before: FilterStats::default(), base: figures }
    }

    /// A policy comes into force.
    pub(crate) fn begin(&mut self, figures: Figures) {
        self.base = figures;
    }

    /// The policy is no longer in force.
    pub(crate) fn end(&mut self, filter: &Filter, figures: Figures) {
        self.before = self.stats(Some(filter), figures);
    }

    /// So many messages left the queue because a new policy does not match them.
    pub(crate) fn left(&mut self, messages: u64) {
        self.before.left_backlog += messages;
    }

    pub(crate) fn stats(&self, filter: Option<&Filter>, figures: Figures) -> FilterStats {
        let mut stats = self.before;
        let Some(filter) = filter else { return stats };
        let evaluated = figures.published.saturating_sub(self.base.published);
        let matched = figures.matched.wrapping_sub(self.base.matched).min(evaluated);
        let since = |of: fn(&Unmatchable) -> u64| {
            let messages = of(&figures.unmatchable).saturating_sub(of(&self.base.unmatchable));
            messages.min(evaluated - matched)
        };
        stats.evaluated += evaluated;
        stats.matched += matched;
        match filter.checked.policy.scope() {
            FilterScope::Attributes => {
                let without = since(|u| u.without_attributes);
                stats.no_attributes += without;
                stats.attributes += evaluated - matched - without;
            }
            FilterScope::Body => {
                let invalid = since(|u| u.unreadable_bodies);
                stats.invalid_body += invalid;
                stats.body += evaluated - matched - invalid;
            }
        }
        stats
    }
}
