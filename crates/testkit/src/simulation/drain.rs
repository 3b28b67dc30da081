//! The end of a run: everything is answered, resumed, delivered and acknowledged, until nothing is left.

use std::time::Duration;

use broker::Ask;

use super::world::World;
use crate::history::{Event, FinalCounts};

/// Rounds of pulling and acknowledging, each with some seconds passing.
const ROUNDS: u32 = 300;
/// Turns that each call gets in a round.
const TURNS: u32 = 12;

impl World {
    /// See the module.
    pub(crate) async fn drain(&mut self) {
        self.finish_calls().await;
        self.hands.clear();
        self.late.clear();
        (0..self.names.len()).for_each(|index| self.ask_for_figures(index));
        self.finish_calls().await;
        for index in 0..self.names.len() {
            if let Some(uid) = self.names[index].uid.filter(|_| !self.names[index].busy) {
                self.set_paused(index, uid, false);
            }
        }
        self.finish_calls().await;
        for round in 0..ROUNDS {
            // What can be delivered now is, before time passes: the in-flight limit of some subscriptions is one message.
            while self.drain_once().await {}
            if self.backlog().await == 0 {
                break;
            }
            self.clock.advance(Duration::from_secs(if round < 40 { 1 } else { 60 }));
            self.mind_deadlines().await;
        }
        // What was past its life when it was read on is in no figure before its expiry is recorded.
        self.mind_deadlines().await;
        self.record_counts().await;
    }

    async fn mind_deadlines(&self) {
        let broker = self.broker().clone();
        self.drive(Box::pin(async move { broker.run_due().await })).await.expect("deadlines are minded");
    }

    /// Pulls and acknowledges. False if nothing came.
    async fn drain_once(&mut self) -> bool {
        for index in 0..self.names.len() {
            self.pull_from(index, Ask { max_messages: 1_000, max_bytes: u64::MAX });
        }
        self.finish_calls().await;
        let mut hands = std::mem::take(&mut self.hands);
        let some = !hands.is_empty();
        while let Some(first) = hands.first().map(|held| held.subscription()) {
            let (ours, others): (Vec<_>, Vec<_>) =
                hands.into_iter().partition(|held| held.subscription() == first);
            self.acknowledge(&ours);
            hands = others;
        }
        self.finish_calls().await;
        some
    }

    /// Lets every call come to its end; those that wait for something are cut off.
    async fn finish_calls(&mut self) {
        for _ in 0..TURNS {
            self.store.settle();
            for index in (0..self.ops.len()).rev() {
                self.poll(index);
            }
            tokio::task::yield_now().await;
        }
        while !self.ops.is_empty() {
            self.cut_off(0);
        }
    }

    async fn backlog(&mut self) -> u64 {
        let mut backlog = 0;
        for index in 0..self.names.len() {
            let (broker, name) = (self.broker().clone(), self.names[index].name.clone());
            let stats = self.drive(Box::pin(async move { broker.subscription_stats(&name).await })).await;
            backlog += stats.map_or(0, |stats| stats.backlog);
        }
        backlog
    }

    async fn record_counts(&mut self) {
        for index in 0..self.names.len() {
            let (broker, name) = (self.broker().clone(), self.names[index].name.clone());
            let Some(uid) = self.names[index].uid else { continue };
            let stats = self.drive(Box::pin(async move { broker.subscription_stats(&name).await })).await;
            let Ok(stats) = stats else { continue };
            let counts = stats.counts;
            let counts = FinalCounts {
                backlog: stats.backlog,
                dead_letters: counts.dead_letters,
                acked: counts.acked,
                dropped: counts.dropped,
                expired: counts.expired_message + counts.expired_age + counts.expired_bytes,
                damaged: counts.damaged,
            };
            self.record(Event::DrainDone { subscription: uid.0, counts });
        }
    }
}
