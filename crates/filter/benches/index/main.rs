//! What one message costs, by how many policies there are: with the index, and with a loop over the policies in the same run. And what a
//! policy costs that comes or goes, a body that is read, and a body that is made to take long.
//!
//! `cargo bench -p filter` measures. Without `--bench`, as in `cargo test --benches`, each bench runs once, small.

#![expect(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a bench prints ratios, and its numbers are small"
)]

mod hostile;
mod workload;

use std::cell::{LazyCell, RefCell};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use criterion::measurement::{Measurement, WallTime};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use filter::{Attribute, ClassId, Content, Index, Matches, Policy};
use parking_lot::RwLock;
use types::FilterScope;
use workload::{Random, Workload};

const MESSAGES: usize = 256;

/// Whether this run measures, and not only sees whether everything works.
fn measures() -> bool {
    std::env::args().any(|argument| argument == "--bench")
        && !std::env::args().any(|argument| argument == "--test")
}

fn sizes() -> &'static [u64] {
    if measures() { &[10, 1_000, 10_000, 100_000] } else { &[10, 100] }
}

/// Measures, and returns the median in nanoseconds.
fn median(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut routine: impl FnMut()) -> f64 {
    let samples = RefCell::new(Vec::new());
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let start = WallTime.start();
            (0..times).for_each(|_| routine());
            let took = WallTime.end(start);
            samples.borrow_mut().push(took.as_secs_f64() * 1e9 / times as f64);
            took
        });
    });
    let mut samples = samples.into_inner();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// A topic: its policies, and who has which.
struct Topic {
    index: Index,
    distinct: Vec<Policy>,
    subscribers: Vec<Vec<u32>>,
    messages: Vec<Vec<(&'static str, Attribute<'static>)>>,
}

impl Topic {
    fn new(workload: Workload, size: u64) -> Self {
        let mut random = Random(1);
        let mut topic = Self {
            index: Index::new(1),
            distinct: Vec::new(),
            subscribers: Vec::new(),
            messages: Vec::new(),
        };
        for subscriber in 0..size as u32 {
            let policy = workload::policy(workload, &mut random, size);
            let ClassId(class) = topic.index.add(&policy);
            if class as usize == topic.subscribers.len() {
                topic.subscribers.push(Vec::new());
                topic.distinct.push(policy);
            }
            topic.subscribers[class as usize].push(subscriber);
        }
        topic.messages = (0..MESSAGES).map(|_| workload::message(&mut random, size)).collect();
        topic
    }

    fn by_index(&self, message: usize, matches: &mut Matches, receivers: &mut Vec<u32>) {
        receivers.clear();
        let content = Content { attributes: &self.messages[message % MESSAGES], body: b"" };
        self.index.find(&content, matches);
        for class in &matches.classes {
            receivers.extend_from_slice(&self.subscribers[class.0 as usize]);
        }
    }

    /// How many get a message, on the average. The first messages are looked at by both, to see that they agree.
    fn receivers(&self) -> f64 {
        let (mut matches, mut receivers, mut looped) = (Matches::default(), Vec::new(), Vec::new());
        let mut sum = 0;
        for message in 0..MESSAGES {
            self.by_index(message, &mut matches, &mut receivers);
            sum += receivers.len();
            if message < 8 {
                self.by_loop(message, &mut looped);
                assert_eq!(receivers, looped);
            }
        }
        sum as f64 / MESSAGES as f64
    }

    fn by_loop(&self, message: usize, receivers: &mut Vec<u32>) {
        receivers.clear();
        let content = Content { attributes: &self.messages[message % MESSAGES], body: b"" };
        for (policy, subscribers) in self.distinct.iter().zip(&self.subscribers) {
            if policy.matches(&content) {
                receivers.extend_from_slice(subscribers);
            }
        }
    }
}

fn find(criterion: &mut Criterion) {
    for workload in [Workload::Selective, Workload::Mixed, Workload::Broad] {
        for size in sizes() {
            let topic = LazyCell::new(|| Topic::new(workload, *size));
            let (mut matches, mut receivers) = (Matches::default(), Vec::new());
            let mut group = criterion.benchmark_group(format!("{workload:?} {size}"));
            let mut next = 0;
            let index = median(&mut group, "index", || {
                next += 1;
                topic.by_index(next, &mut matches, &mut receivers);
                black_box(&receivers);
            });
            let naive = median(&mut group, "loop", || {
                next += 1;
                topic.by_loop(next, &mut receivers);
                black_box(&receivers);
            });
            group.finish();
            if measures() && index > 0.0 && naive > 0.0 {
                let (distinct, receivers) = (topic.distinct.len(), topic.receivers());
                println!("{workload:?} {size}: {distinct} distinct, {receivers:.1} receivers a message");
                println!(
                    "{workload:?} {size}: index {index:.0} ns, loop {naive:.0} ns, ratio {:.1}",
                    naive / index
                );
            }
        }
    }
}

/// One policy that comes, and one that goes, among 10,000.
fn add_and_remove(criterion: &mut Criterion) {
    let size = if measures() { 10_000 } else { 100 };
    for workload in [Workload::Selective, Workload::Mixed, Workload::Broad] {
        let mut index = LazyCell::new(|| Topic::new(workload, size).index);
        let mut random = Random(2);
        let policies: Vec<Policy> =
            (0..1_000).map(|_| workload::policy(workload, &mut random, size)).collect();
        let mut group = criterion.benchmark_group(format!("change {workload:?} {size}"));
        // As many are added as are removed, and only one of the two is timed.
        for timed_add in [true, false] {
            group.bench_function(if timed_add { "add" } else { "remove" }, |bencher| {
                let index = &mut *index;
                bencher.iter_custom(|times| {
                    let mut took = Duration::ZERO;
                    for _ in 0..times.div_ceil(1_000) {
                        let start = WallTime.start();
                        let classes: Vec<ClassId> = policies.iter().map(|policy| index.add(policy)).collect();
                        took += if timed_add { WallTime.end(start) } else { Duration::ZERO };
                        let start = WallTime.start();
                        classes.into_iter().for_each(|class| index.remove(class));
                        took += if timed_add { Duration::ZERO } else { WallTime.end(start) };
                    }
                    took.mul_f64(times as f64 / (times.div_ceil(1_000) * 1_000) as f64)
                });
            });
        }
        group.finish();
    }
}

/// What a policy takes in memory, itself included: by how much the process grows. First of all, before there is memory to use again.
fn memory(_: &mut Criterion) {
    let size = if measures() { 10_000 } else { 100 };
    for workload in [Workload::Selective, Workload::Mixed, Workload::Broad] {
        let (mut index, mut random) = (Index::new(1), Random(1));
        let before = resident();
        (0..size).for_each(|_| _ = index.add(&workload::policy(workload, &mut random, size)));
        let grown = resident().saturating_sub(before) as f64;
        println!(
            "{workload:?} {size}: {:.0} bytes for each of {} policies",
            grown / index.len() as f64,
            index.len()
        );
        // Otherwise the next one would use its memory.
        std::mem::forget(index);
    }
}

/// Bytes of memory that the process has, where that can be read.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).map_or(0, |pages: usize| pages * 4096)
}

const BODY: &str = r#"{"order":{"id":48213,"customer":"c-1187","total":129.95},"status":"paid","tags":["new","eu"],"items":[{"sku":"ab-12","qty":2},{"sku":"x"}],"vip":true}"#;

/// A body of 150 bytes, of which six values are asked for, or none: the time of one policy's index is nearly all reading.
fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body of 150 bytes");
    let asked = r#"{"order":{"id":[1],"customer":["x"],"total":[1]},"status":["x"],"vip":[false],"items":{"sku":["y"]}}"#;
    let matched = r#"{"order":{"id":[48213],"customer":["c-1187"],"total":[129.95]},"status":["paid"],"vip":[true],"items":{"sku":["x"]}}"#;
    for (name, policy) in
        [("six values", asked), ("six values that match", matched), ("nothing", r#"{"z":[1]}"#)]
    {
        let mut index = Index::new(1);
        index.add(&Policy::parse(FilterScope::Body, policy).expect("a valid policy"));
        let mut matches = Matches::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                index.find(&Content { attributes: &[], body: BODY.as_bytes() }, &mut matches);
                assert_eq!(matches.body, None);
            });
        });
    }
    group.finish();
}

fn hostile_bodies(criterion: &mut Criterion) {
    let (size, bytes) = if measures() { (10_000, &[256 << 10, 1 << 20][..]) } else { (200, &[4 << 10][..]) };
    let mut index = Index::new(1);
    let mut random = Random(1);
    let policies: Vec<Policy> = (0..size).map(|_| hostile::policy(&mut random, size)).collect();
    policies.iter().for_each(|policy| _ = index.add(policy));
    let mut matches = Matches::default();
    for bytes in bytes {
        let mut group = criterion.benchmark_group(format!("hostile bodies of {} KiB", bytes >> 10));
        group
            .sample_size(10)
            .measurement_time(Duration::from_secs(1))
            .warm_up_time(Duration::from_millis(200));
        for (name, body) in hostile::bodies(*bytes) {
            group.bench_function(name, |bencher| {
                bencher
                    .iter(|| index.find(&Content { attributes: &[], body: body.as_bytes() }, &mut matches));
            });
        }
        group.finish();
    }
}

/// What a message costs while another thread adds and removes policies without a pause, each under the lock that the broker has: a change is
/// so short that a matcher hardly waits.
fn beside_changes(criterion: &mut Criterion) {
    let size = if measures() { 10_000 } else { 100 };
    let topic = RwLock::new(Topic::new(Workload::Mixed, size));
    let mut random = Random(2);
    let coming: Vec<_> = (0..64).map(|_| workload::policy(Workload::Mixed, &mut random, size)).collect();
    let (mut matches, mut message) = (Matches::default(), 0);
    let mut find = || {
        let topic = topic.read();
        message = (message + 1) % MESSAGES;
        topic.index.find(&Content { attributes: &topic.messages[message], body: b"" }, &mut matches);
        black_box(&matches.classes);
    };
    let mut group = criterion.benchmark_group(format!("match Mixed {size}"));
    let alone = median(&mut group, "alone", &mut find);
    let over = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        scope.spawn(|| {
            for policy in coming.iter().cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
                let class = topic.write().index.add(policy);
                topic.write().index.remove(class);
            }
        });
        let beside = median(&mut group, "beside changes", &mut find);
        over.store(true, Ordering::Relaxed);
        beside
    });
    group.finish();
    println!(
        "match Mixed {size}: alone {alone:.0} ns, beside changes {beside:.0} ns, ratio {:.1}",
        beside / alone
    );
}

criterion_group!(benches, memory, read, add_and_remove, hostile_bodies, find, beside_changes);
criterion_main!(benches);
