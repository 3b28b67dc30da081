//! What one message costs a queue. `cargo bench -p queue` measures; with `-- --test` each bench runs once, small.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use queue::{Ask, ExpiryReason, LeaseRun, LeasedRun, Offer, Queue};
use types::{KeyHash, Sequence, SubscriptionSettings, SubscriptionUid, Timestamp};

const BATCH: usize = 100;

/// Offers, leases and acknowledges in batches, with `in_hand` messages under lease all the time.
struct Cycle {
    queue: Queue,
    next: Sequence,
    now: Timestamp,
    keys: Option<u64>,
    held: std::collections::VecDeque<LeasedRun>,
    offers: Vec<Offer>,
    leased: Vec<LeasedRun>,
    refused: Vec<(usize, queue::LeaseError)>,
}

impl Cycle {
    fn new(in_hand: usize, keys: Option<u64>) -> Self {
        let settings =
            SubscriptionSettings { ordered: keys.is_some(), max_in_flight: 100_000, ..Default::default() };
        let mut cycle = Self {
            queue: Queue::new(SubscriptionUid(1), settings, 1, 1),
            next: 1,
            now: Timestamp::from_millis(1),
            keys,
            held: Default::default(),
            offers: Vec::new(),
            leased: Vec::new(),
            refused: Vec::new(),
        };
        while cycle.held.len() * BATCH < in_hand {
            cycle.offer_and_lease();
        }
        cycle
    }

    fn step(&mut self) {
        self.offer_and_lease();
        let run = self.held.pop_front().expect("as many runs are held as were leased");
        let claims = [LeaseRun { first_lease: run.first_lease, messages: &run.messages }];
        if let Some(record) = self.queue.decide_ack_runs(self.now, &claims, &mut self.refused) {
            self.queue.apply(&record);
        }
        assert!(self.refused.is_empty());
    }

    fn offer_and_lease(&mut self) {
        self.offers.clear();
        for _ in 0..BATCH {
            self.offers.push(self.offer());
            self.next += 1;
        }
        // Records of others lie in between.
        self.next += 3;
        self.queue.read_on(&self.offers, self.next);
        self.now = Timestamp::from_micros(self.now.as_micros() + 100);
        black_box(self.queue.leasable(self.now));
        if let Some(mark) = self.queue.decide_mark() {
            self.queue.apply(&mark);
        }
        self.leased.clear();
        let ask = Ask { max_messages: BATCH, max_bytes: u64::MAX };
        self.queue.lease(self.now, ask, &mut self.leased);
        assert_eq!(self.leased.iter().map(|run| run.messages.len()).sum::<usize>(), BATCH);
        self.held.extend(self.leased.drain(..));
    }

    fn offer(&self) -> Offer {
        Offer {
            sequence: self.next,
            bytes: 1_000,
            key: self.keys.map(|keys| KeyHash(self.next % keys)),
            deliver_at: Timestamp::EPOCH,
            expire_at: Timestamp::from_millis(1_000_000_000),
            expiry: ExpiryReason::MessageExpiry,
        }
    }
}

fn offer_lease_ack(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("offer_lease_ack");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, in_hand, keys) in [
        ("drained each time", 0, None),
        ("1000 in flight", 1_000, None),
        ("10000 in flight", 10_000, None),
        ("1000 in flight, ordered", 1_000, Some(10_000)),
    ] {
        let mut cycle = Cycle::new(in_hand, keys);
        group.bench_function(name, |bencher| bencher.iter(|| cycle.step()));
    }
    group.finish();
}

/// A lease that nobody settles, in a queue with many: what running out costs.
fn leases_that_run_out(criterion: &mut Criterion) {
    let mut cycle = Cycle::new(10_000, None);
    cycle.now = cycle.now.plus(std::time::Duration::from_secs(29));
    let mut group = criterion.benchmark_group("decide_due");
    group.bench_function("none of 10000", |bencher| {
        bencher.iter(|| black_box(cycle.queue.decide_due(cycle.now, BATCH)));
    });
    let later = cycle.now.plus(std::time::Duration::from_secs(10));
    group.bench_function("100 of 10000", |bencher| {
        bencher.iter(|| black_box(cycle.queue.decide_due(later, BATCH)));
    });
    group.finish();
}

criterion_group!(benches, offer_lease_ack, leases_that_run_out);
criterion_main!(benches);
