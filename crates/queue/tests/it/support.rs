//! A queue with a log of its records, and short ways to say what tests say often.

use std::time::Duration;

use queue::{Ask, Counts, ExpiryReason, LeaseError, LeaseRef, Leased, Offer, Queue, Record};
use types::{
    ExponentialBackoff, KeyHash, RetryPolicy, Sequence, SubscriptionSettings, SubscriptionUid, Timestamp,
};

pub(crate) const UID: SubscriptionUid = SubscriptionUid(7);

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A message that may be delivered at once and for ever.
pub(crate) fn message(sequence: Sequence) -> Offer {
    Offer {
        sequence,
        bytes: 100,
        key: None,
        deliver_at: Timestamp::EPOCH,
        expire_at: Timestamp::MAX,
        expiry: ExpiryReason::MessageExpiry,
    }
}

pub(crate) fn keyed(sequence: Sequence, key: &str) -> Offer {
    Offer { key: Some(KeyHash::of(key)), ..message(sequence) }
}

/// Leases of 30 s; waits of 1 s, 2 s, 4 s without jitter; three attempts.
pub(crate) fn settings() -> SubscriptionSettings {
    let retry = ExponentialBackoff { jitter: false, ..ExponentialBackoff::default() };
    SubscriptionSettings {
        ack_deadline: seconds(30),
        retry: RetryPolicy::Exponential(retry),
        max_attempts: 3,
        ..SubscriptionSettings::default()
    }
}

pub(crate) fn ordered() -> SubscriptionSettings {
    SubscriptionSettings { ordered: true, ..settings() }
}

/// What a broker does with a queue, with a clock that the test moves.
pub(crate) struct Subject {
    pub(crate) queue: Queue,
    pub(crate) now: Timestamp,
    pub(crate) records: Vec<Record>,
    boot: u32,
}

impl Subject {
    /// Starts at sequence 1.
    pub(crate) fn new(settings: SubscriptionSettings) -> Self {
        Self {
            queue: Queue::new(UID, settings, 1, 1),
            now: Timestamp::from_millis(1_000_000),
            records: Vec::new(),
            boot: 1,
        }
    }

    pub(crate) fn with(settings: SubscriptionSettings, offers: &[Offer]) -> Self {
        let mut subject = Self::new(settings);
        subject.read(offers);
        subject
    }

    pub(crate) fn read(&mut self, offers: &[Offer]) {
        let to = offers.last().map_or(self.queue.cursor(), |last| last.sequence + 1);
        self.queue.read_on(offers, to);
        self.queue.assert_invariants();
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// Applies a record and keeps it, as the log would.
    pub(crate) fn write(&mut self, record: Record) {
        self.queue.apply(&record);
        self.queue.assert_invariants();
        self.records.push(record);
    }

    pub(crate) fn lease(&mut self, max_messages: usize) -> Vec<Leased> {
        self.lease_bytes(max_messages, u64::MAX)
    }

    pub(crate) fn lease_bytes(&mut self, max_messages: usize, max_bytes: u64) -> Vec<Leased> {
        let leasable = self.queue.leasable(self.now);
        if let Some(mark) = self.queue.decide_mark() {
            self.write(mark);
        }
        let leased = lease(&mut self.queue, self.now, Ask { max_messages, max_bytes });
        self.queue.assert_invariants();
        assert!(leased.len() <= leasable, "a lease gives no more than what is leasable");
        leased
    }

    pub(crate) fn lease_sequences(&mut self, max_messages: usize) -> Vec<Sequence> {
        self.lease(max_messages).iter().map(|leased| leased.sequence).collect()
    }

    /// The only message that is due.
    pub(crate) fn lease_one(&mut self) -> Leased {
        let leased = self.lease(usize::MAX);
        assert_eq!(leased.len(), 1, "one message is due: {leased:?}");
        leased[0]
    }

    pub(crate) fn ack(&mut self, claims: &[LeaseRef]) -> Vec<Result<(), LeaseError>> {
        let mut outcomes = Vec::new();
        if let Some(record) = self.queue.decide_ack(self.now, claims, &mut outcomes) {
            self.write(record);
        }
        outcomes
    }

    /// Without the checks that would take long in a large window.
    pub(crate) fn ack_unchecked(&mut self, claims: &[LeaseRef]) {
        let record = self.queue.decide_ack(self.now, claims, &mut Vec::new());
        record.iter().for_each(|record| self.queue.apply(record));
    }

    pub(crate) fn nack(&mut self, leased: Leased) -> Result<(), LeaseError> {
        self.nack_after(leased, None)
    }

    pub(crate) fn nack_after(&mut self, leased: Leased, delay: Option<Duration>) -> Result<(), LeaseError> {
        let mut outcomes = Vec::new();
        for record in self.queue.decide_nack(self.now, &[(claim(leased), delay)], &mut outcomes) {
            self.write(record);
        }
        outcomes[0]
    }

    /// What time has done; the records of it.
    pub(crate) fn due(&mut self) -> Vec<Record> {
        let records = self.queue.decide_due(self.now, usize::MAX);
        for record in &records {
            self.write(record.clone());
        }
        assert_eq!(self.queue.decide_due(self.now, usize::MAX), [], "what is due happens once");
        records
    }

    /// Nacks the only message until it is exhausted, waiting in between.
    pub(crate) fn exhaust(&mut self) {
        for _ in 0..self.queue.settings().attempts() {
            let leased = self.lease_one();
            self.nack(leased).unwrap();
            self.advance(seconds(3_600));
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.queue.counts(self.now)
    }

    /// Everything volatile is lost; nothing was checkpointed.
    pub(crate) fn crash(&mut self) {
        self.boot += 1;
        self.queue = Queue::new(UID, self.queue.settings().clone(), 1, self.boot);
        for record in &self.records {
            self.queue.apply(record);
        }
        self.queue.assert_invariants();
    }
}

/// The deliveries of one lease call, one by one.
pub(crate) fn lease(queue: &mut Queue, now: Timestamp, ask: Ask) -> Vec<Leased> {
    let mut runs = Vec::new();
    queue.lease(now, ask, &mut runs);
    runs.iter().flat_map(queue::LeasedRun::deliveries).collect()
}

/// The messages that a record says are acknowledged.
pub(crate) fn acknowledged(record: &Record) -> Option<Vec<Sequence>> {
    let Record::SettledRuns { runs } = record else { return None };
    Some(runs.iter().flat_map(|(first, count)| *first..first + count).collect())
}

pub(crate) fn claim(leased: Leased) -> LeaseRef {
    LeaseRef { sequence: leased.sequence, lease: leased.lease }
}

pub(crate) fn claims(leased: &[Leased]) -> Vec<LeaseRef> {
    leased.iter().map(|leased| claim(*leased)).collect()
}
