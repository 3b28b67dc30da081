//! Every metric there is: name, unit, meaning, labels.
//!
//! Names follow OpenTelemetry (`fanfare.messages.published`); the exporter makes Prometheus names of them
//! (`fanfare_messages_published_total`): dots become underscores, the unit becomes a suffix, counters end in `_total`.

/// What a metric's value does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process or the thing counted begins anew.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// What a metric has one series for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The process.
    None,
    /// Each topic, up to [`super::Limits::max_topics`].
    Topic,
    /// Each subscription, up to [`super::Limits::max_subscriptions`].
    Subscription,
}

impl Label {
    /// The label's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Topic => "topic",
            Self::Subscription => "subscription",
        }
    }
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its OpenTelemetry name.
    pub name: &'static str,
    /// Its unit, in UCUM; an annotation (`{message}`) is no part of the Prometheus name.
    pub unit: &'static str,
    /// What it says.
    pub help: &'static str,
    /// What its value does.
    pub kind: Kind,
    /// What it has one series for.
    pub label: Label,
    /// The label that tells the parts of a value apart, where it has parts ([`super::Snapshot::by`]).
    pub part: &'static str,
}

impl Metric {
    /// With another name for the label of its parts.
    const fn by(self, part: &'static str) -> Self {
        Self { part, ..self }
    }
}

const MESSAGES: &str = "{message}";
const BYTES: &str = "By";
const SECONDS: &str = "s";

const fn counter(label: Label, name: &'static str, unit: &'static str, help: &'static str) -> Metric {
    Metric { name, unit, help, kind: Kind::Counter, label, part: "reason" }
}

const fn gauge(label: Label, name: &'static str, unit: &'static str, help: &'static str) -> Metric {
    Metric { name, unit, help, kind: Kind::Gauge, label, part: "reason" }
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $id:ident = $metric:expr;)*) => {
        $($(#[$doc])* pub static $id: Metric = $metric;)*
        /// All of them.
        pub static CATALOGUE: &[&Metric] = &[$(&$id),*];
    };
}

catalogue! {
    /// Readiness.
    READY = gauge(Label::None, "fanfare.ready", "", "1 if the process serves (a push worker: its broker has let it in), 0 if not");
    /// Time of recovery.
    RECOVERY_DURATION = gauge(Label::None, "fanfare.recovery.duration", SECONDS, "Time that recovery took at this start");

    /// Topics.
    TOPICS = gauge(Label::None, "fanfare.topics", "{topic}", "Topics that exist");
    /// Subscriptions.
    SUBSCRIPTIONS = gauge(Label::None, "fanfare.subscriptions", "{subscription}", "Subscriptions that exist");
    /// Messages accepted.
    MESSAGES_PUBLISHED = counter(Label::None, "fanfare.messages.published", MESSAGES, "Messages accepted since the start");
    /// Payload accepted.
    PUBLISHED_BYTES = counter(Label::None, "fanfare.messages.published.size", BYTES, "Bytes of messages accepted since the start");
    /// Duplicates.
    MESSAGES_DEDUPLICATED = counter(Label::None, "fanfare.messages.deduplicated", MESSAGES,
        "Publishes answered with an earlier message because of their deduplication ID, since the start");
    /// Deliveries.
    DELIVERIES = counter(Label::None, "fanfare.deliveries", "{delivery}", "Messages delivered since the start, redeliveries included");
    /// Acks.
    MESSAGES_ACKED = counter(Label::None, "fanfare.messages.acked", MESSAGES, "Messages acknowledged since the start");
    /// Failures.
    ATTEMPTS_FAILED = counter(Label::None, "fanfare.attempts.failed", "{attempt}",
        "Delivery attempts that ended in a nack or an expired lease, since the start");
    /// Dead letters.
    MESSAGES_DEAD_LETTERED = counter(Label::None, "fanfare.messages.dead_lettered", MESSAGES,
        "Messages that exhausted their attempts and entered the dead-letter store, since the start");
    /// Damage.
    DAMAGED_POSITIONS = counter(Label::None, "fanfare.log.damaged.positions", "{position}",
        "Log positions that readers found damaged, each time they did, since the start");
    /// Group commits.
    DISK_COMMITS = counter(Label::None, "fanfare.disk.commits", "{commit}",
        "Group commits of the disk engine since the start, each a write and a sync");
    /// Time of group commits.
    DISK_COMMIT_DURATION = counter(Label::None, "fanfare.disk.commit.duration", SECONDS,
        "Time that the group commits took since the start, all together");
    /// Batches committed.
    DISK_BATCHES = counter(Label::None, "fanfare.disk.batches", "{batch}",
        "Batches of records that the disk engine committed since the start");
    /// Bytes committed.
    DISK_WRITTEN_BYTES = counter(Label::None, "fanfare.disk.written.size", BYTES,
        "Bytes that the disk engine committed since the start, headers included");
    /// Torn tails.
    DISK_TORN_BYTES = counter(Label::None, "fanfare.disk.torn.size", BYTES,
        "Bytes of torn tails that the disk engine cut off when it opened logs at this start");
    /// Damage on disk.
    DISK_DAMAGES = counter(Label::None, "fanfare.disk.damages", "{place}",
        "Damaged places that the disk engine found since the start: records, headers of segments, checkpoints");

    /// Messages of a topic.
    TOPIC_PUBLISHED = counter(Label::Topic, "fanfare.topic.messages.published", MESSAGES, "Messages ever accepted by the topic");
    /// Duplicates of a topic.
    TOPIC_DEDUPLICATED = counter(Label::Topic, "fanfare.topic.messages.deduplicated", MESSAGES,
        "Publishes to the topic that were duplicates, since the start");
    /// Subscriptions of a topic.
    TOPIC_SUBSCRIPTIONS = gauge(Label::Topic, "fanfare.topic.subscriptions", "{subscription}", "Subscriptions of the topic");
    /// Log size.
    TOPIC_LOG_BYTES = gauge(Label::Topic, "fanfare.topic.log.size", BYTES, "Bytes that the topic's log takes");
    /// Log segments.
    TOPIC_LOG_SEGMENTS = gauge(Label::Topic, "fanfare.topic.log.segments", "{segment}", "Segments of the topic's log");

    /// Backlog.
    SUBSCRIPTION_BACKLOG = gauge(Label::Subscription, "fanfare.subscription.backlog", MESSAGES,
        "Messages of the subscription that are neither settled nor dead-lettered");
    /// Leased.
    SUBSCRIPTION_LEASED = gauge(Label::Subscription, "fanfare.subscription.leased", MESSAGES,
        "Messages of the subscription that are delivered and not settled yet");
    /// Dead letters.
    SUBSCRIPTION_DEAD_LETTERS = gauge(Label::Subscription, "fanfare.subscription.dead_letters", MESSAGES,
        "Messages in the dead-letter store of the subscription");
    /// Consumers.
    SUBSCRIPTION_CONSUMERS = gauge(Label::Subscription, "fanfare.subscription.consumers", "{consumer}",
        "Pulls under way and open streams of the subscription");
    /// Age of the backlog.
    SUBSCRIPTION_OLDEST_AGE = gauge(Label::Subscription, "fanfare.subscription.oldest_unsettled.age", SECONDS,
        "Time since the oldest unsettled message of the subscription was accepted, 0 if there is none; not for the label other");
    /// Deliveries.
    SUBSCRIPTION_DELIVERIES = counter(Label::Subscription, "fanfare.subscription.deliveries", "{delivery}",
        "Deliveries of the subscription since the start, redeliveries included");
    /// Acks.
    SUBSCRIPTION_ACKED = counter(Label::Subscription, "fanfare.subscription.messages.acked", MESSAGES,
        "Messages that the subscription ever acknowledged");
    /// Failures.
    SUBSCRIPTION_ATTEMPTS_FAILED = counter(Label::Subscription, "fanfare.subscription.attempts.failed", "{attempt}",
        "Delivery attempts of the subscription that ever failed");
    /// Dead-lettered.
    SUBSCRIPTION_DEAD_LETTERED = counter(Label::Subscription, "fanfare.subscription.messages.dead_lettered", MESSAGES,
        "Messages of the subscription that ever entered its dead-letter store");
    /// Dropped.
    SUBSCRIPTION_DROPPED = counter(Label::Subscription, "fanfare.subscription.messages.dropped", MESSAGES,
        "Messages of the subscription that were ever given up after their last attempt");
    /// Evaluated.
    SUBSCRIPTION_FILTER_EVALUATED = counter(Label::Subscription, "fanfare.subscription.filter.evaluated", MESSAGES,
        "Messages that a filter policy of the subscription has decided on, since the start");
    /// Matched.
    SUBSCRIPTION_FILTER_MATCHED = counter(Label::Subscription, "fanfare.subscription.filter.matched", MESSAGES,
        "Messages that a filter policy of the subscription has matched, since the start");
    /// Filtered out.
    SUBSCRIPTION_FILTERED = counter(Label::Subscription, "fanfare.subscription.messages.filtered", MESSAGES,
        "Messages that the subscription did not get because of its filter policy, by reason, since the start");
    /// Expired.
    SUBSCRIPTION_EXPIRED = counter(Label::Subscription, "fanfare.subscription.messages.expired", MESSAGES,
        "Messages of the subscription that ever expired unsettled: by their own time, by retention, or by damage");

    /// Endpoints.
    PUSH_ENDPOINTS = gauge(Label::None, "fanfare.push.endpoints", "{endpoint}",
        "Push endpoints by state: pending (not confirmed yet), active, disabled").by("state");
    /// Push workers' coverage.
    PUSH_ENDPOINTS_UNATTENDED = gauge(Label::None, "fanfare.push.endpoints.unattended", "{endpoint}",
        "Push endpoints that no worker has at the moment");
    /// Attempts to push.
    SUBSCRIPTION_PUSH_ATTEMPTS = counter(Label::Subscription, "fanfare.subscription.push.attempts", "{attempt}",
        "Attempts to push messages of the subscription, by outcome, since the worker has its endpoint").by("outcome");
    /// Attempts without an answer.
    SUBSCRIPTION_PUSH_TIMEOUTS = counter(Label::Subscription, "fanfare.subscription.push.timeouts", "{attempt}",
        "Attempts to push messages of the subscription without an answer in time, since the worker has its endpoint");
    /// Time of attempts.
    SUBSCRIPTION_PUSH_DURATION = counter(Label::Subscription, "fanfare.subscription.push.attempt.duration", SECONDS,
        "Time of all attempts to push messages of the subscription together, since the worker has its endpoint");
    /// Retries held back.
    SUBSCRIPTION_PUSH_POSTPONED = counter(Label::Subscription, "fanfare.subscription.push.postponed", "{attempt}",
        "Retries that the retry budget of the subscription's endpoint held back, since the worker has it");
    /// The breaker.
    SUBSCRIPTION_PUSH_BREAKER = gauge(Label::Subscription, "fanfare.subscription.push.breaker.state", "",
        "The breaker of the subscription's endpoint: 0 closed, 1 open, 2 half-open; not for the label other, nor without a worker");
    /// Breaker openings.
    SUBSCRIPTION_PUSH_BREAKER_OPENED = counter(Label::Subscription, "fanfare.subscription.push.breaker.openings", "{opening}",
        "Times that the breaker of the subscription's endpoint opened, since the worker has it");
    /// Concurrency.
    SUBSCRIPTION_PUSH_CONCURRENCY = gauge(Label::Subscription, "fanfare.subscription.push.concurrency", "{request}",
        "Requests to the subscription's endpoint that may be under way at the moment");
    /// In flight.
    SUBSCRIPTION_PUSH_IN_FLIGHT = gauge(Label::Subscription, "fanfare.subscription.push.in_flight", "{request}",
        "Requests to the subscription's endpoint that are under way at the moment");
}
