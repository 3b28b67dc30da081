//! The sum at the end, and whether it is right: what the file has, what the broker counted and what the consumers saw must agree.
//!
//! Three sources that know nothing of each other are compared: the shipped events (with [`Role::wants`]), the broker's figures, and the
//! consumers' testimonies.

use std::fmt::Write as _;

use super::{figures::Figures, story::Role, witness::Testimony};

/// All that was counted.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Events in the file.
    pub(super) events: u64,
    /// Different message IDs that the broker answered.
    pub(super) stored: u64,
    /// Messages that the broker says the topic has taken.
    pub(super) published: u64,
    /// Subscriptions that the broker answered for each message, in all.
    pub(super) matched: u64,
    pub(super) accounts: Vec<Account>,
}

/// What was counted of one subscription.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) role: Role,
    /// Events of the file that it wants.
    pub(super) wanted: u64,
    /// The broker's word.
    pub(super) broker: Figures,
    /// Its consumer's.
    pub(super) consumer: Testimony,
}

impl Facts {
    /// What does not add up; empty if all does.
    pub(super) fn complaints(&self) -> Vec<String> {
        let wanted: u64 = self.accounts.iter().map(|account| account.wanted).sum();
        let mut complaints = Vec::new();
        let mut equal = |what: &str, left: u64, right: u64| {
            if left != right {
                complaints.push(format!("{what}: {left} and {right}"));
            }
        };
        equal("events shipped, and messages that the broker answered as stored", self.events, self.stored);
        equal("events shipped, and messages that the topic has taken", self.events, self.published);
        equal("matches that the file has, and that the broker answered", wanted, self.matched);
        complaints.extend(self.accounts.iter().flat_map(|account| account.complaints(self.published)));
        complaints
    }

    /// As a table.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "{:<10} {:<16} {:>9}   {:>9}   {:>12}   {:>13}   {:>7}\n",
            "", "", "published", "delivered", "filtered out", "dead-lettered", "retries"
        );
        for account in &self.accounts {
            let Figures { filtered_out, dead_lettered, .. } = account.broker;
            let (name, how) = (account.role.name(), account.role.how());
            let (delivered, retries) = (account.consumer.delivered(), account.broker.retries());
            let _ = writeln!(
                table,
                "{name:<10} {how:<16} {:>9} = {delivered:>9} + {filtered_out:>12} + {dead_lettered:>13}   {retries:>7}",
                self.published,
            );
        }
        table
    }
}

impl Account {
    fn complaints(&self, published: u64) -> Vec<String> {
        let Figures { backlog, acked, failed_attempts, dead_lettered, filtered_out, lost, .. } = self.broker;
        let (name, delivered) = (self.role.name(), self.consumer.delivered());
        let mut complaints = Vec::new();
        let mut require = |holds: bool, what: String| {
            if !holds {
                complaints.push(format!("{name}: {what}"));
            }
        };
        let sum = delivered + filtered_out + dead_lettered;
        require(
            sum == published,
            format!("delivered, filtered out and dead-lettered are {sum}, published were {published}"),
        );
        let settled = delivered + dead_lettered;
        require(
            settled == self.wanted,
            format!("{settled} are delivered or dead-lettered, of {} that it wants", self.wanted),
        );
        require(
            acked == delivered,
            format!("the broker counted {acked} acknowledged, the consumer took {delivered}"),
        );
        require(backlog == 0, format!("{backlog} are not settled"));
        require(lost == 0, format!("{lost} were dropped or expired"));
        let refused = self.consumer.refused;
        require(
            failed_attempts >= refused,
            format!("the consumer failed {refused} attempts, the broker counted {failed_attempts}"),
        );
        let disorder = self.consumer.disorder().filter(|_| self.role.is_ordered());
        require(disorder.is_none(), format!("order was broken, {}", disorder.unwrap_or_default()));
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{
        story::Outcome,
        witness::tests::{seen, testimony},
    };

    const FAILED: Outcome = Outcome::Failed("why");

    /// Three events: billing has all, of which one failed once; fraud one; at the mailer one is dead.
    fn facts() -> Facts {
        let taken = |sequence| seen("a", sequence, 1, Outcome::Taken);
        let billing = [seen("a", 1, 1, FAILED), seen("a", 1, 2, Outcome::Taken), taken(2), taken(3)];
        let account = |role, wanted, broker, seen: &[_]| Account {
            role,
            wanted,
            broker,
            consumer: testimony(seen.iter().cloned()),
        };
        let figures = Figures::default;
        Facts {
            events: 3,
            stored: 3,
            published: 3,
            matched: 7,
            accounts: vec![
                account(Role::Billing, 3, Figures { acked: 3, failed_attempts: 1, ..figures() }, &billing),
                account(Role::Fraud, 1, Figures { acked: 1, filtered_out: 2, ..figures() }, &[taken(2)]),
                account(
                    Role::Mailer,
                    3,
                    Figures { acked: 2, failed_attempts: 2, dead_lettered: 1, ..figures() },
                    &[taken(1), seen("b", 2, 1, FAILED), seen("b", 2, 2, FAILED), taken(3)],
                ),
            ],
        }
    }

    #[test]
    fn what_adds_up_is_not_complained_about_and_is_shown_as_a_sum() {
        let facts = facts();
        assert_eq!(facts.complaints(), Vec::<String>::new());
        let table = facts.table();
        let mailer = table.lines().find(|line| line.starts_with("mailer")).unwrap();
        let numbers: Vec<u64> = mailer.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert_eq!(numbers, [3, 2, 0, 1, 1], "{table}");
    }

    /// The only complaint after a change.
    fn complaint(change: impl FnOnce(&mut Facts)) -> String {
        let mut facts = facts();
        change(&mut facts);
        let complaints = facts.complaints();
        assert!(!complaints.is_empty(), "nobody noticed");
        complaints.join("\n")
    }

    #[test]
    fn a_message_that_the_broker_did_not_store_or_stored_twice_is_noticed() {
        assert!(complaint(|facts| facts.stored = 2).contains("answered as stored: 3 and 2"));
        assert!(complaint(|facts| facts.published = 4).contains("the topic has taken: 3 and 4"));
        assert!(complaint(|facts| facts.matched = 6).contains("that the broker answered: 7 and 6"));
    }

    #[test]
    fn a_message_that_never_reached_its_consumer_is_noticed() {
        let lost = complaint(|facts| {
            facts.accounts[0].consumer =
                testimony((1..=2).map(|sequence| seen("a", sequence, 1, Outcome::Taken)));
        });
        assert!(
            lost.contains("billing: delivered, filtered out and dead-lettered are 2, published were 3"),
            "{lost}"
        );
        assert!(lost.contains("the broker counted 3 acknowledged, the consumer took 2"), "{lost}");
    }

    #[test]
    fn a_filter_that_matched_the_wrong_messages_is_noticed_although_the_sum_is_right() {
        let wrong = complaint(|facts| facts.accounts[1].wanted = 2);
        assert!(wrong.contains("fraud: 1 are delivered or dead-lettered, of 2 that it wants"), "{wrong}");
    }

    #[test]
    fn what_is_not_settled_or_given_up_is_noticed() {
        assert!(
            complaint(|facts| facts.accounts[0].broker.backlog = 1).contains("billing: 1 are not settled")
        );
        assert!(complaint(|facts| facts.accounts[0].broker.lost = 1).contains("billing: 1 were dropped"));
        assert!(
            complaint(|facts| facts.accounts[2].broker.failed_attempts = 1).contains("failed 2 attempts")
        );
    }

    #[test]
    fn a_key_out_of_order_is_noticed_where_order_is_promised() {
        let backwards = || testimony((1..=3).rev().map(|sequence| seen("a", sequence, 1, Outcome::Taken)));
        let broken = complaint(|facts| facts.accounts[0].consumer = backwards());
        assert_eq!(broken, "billing: order was broken, a: m2 came after m3");
        let mut facts = facts();
        facts.accounts[2].consumer = testimony([3, 1].map(|sequence| seen("a", sequence, 1, Outcome::Taken)));
        facts.accounts[2].consumer.refused = 2;
        assert_eq!(facts.complaints(), Vec::<String>::new());
    }
}
