use proptest::prelude::*;

use super::*;

const WINDOW: Duration = Duration::from_secs(300);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn id(text: &str) -> Id {
    Id::of(text.as_bytes())
}

#[test]
fn an_id_is_known_inside_the_window_and_new_at_its_end() {
    let mut seen = Deduplication::default();
    seen.remember(id("a"), at(10), 7);
    assert_eq!(seen.find(&id("a"), at(309), WINDOW), Some(7));
    assert_eq!(seen.find(&id("a"), at(310), WINDOW), None);
    assert_eq!(seen.find(&id("b"), at(10), WINDOW), None);
}

#[test]
fn forgetting_an_old_use_of_an_id_keeps_the_newer_one() {
    let mut seen = Deduplication::default();
    seen.remember(id("a"), at(10), 7);
    seen.remember(id("a"), at(400), 9);
    seen.forget_old(at(500), WINDOW);
    assert_eq!(seen.find(&id("a"), at(500), WINDOW), Some(9));
    assert_eq!(seen.snapshot(), (vec![(id("a").name, at(400), 9)], vec![]));
}

#[test]
fn a_window_of_zero_finds_nothing() {
    let mut seen = Deduplication::default();
    seen.remember(id("a"), at(10), 7);
    assert_eq!(seen.find(&id("a"), at(10), Duration::ZERO), None);
}

#[test]
fn a_client_that_counts_costs_one_run_a_publish() {
    let mut seen = Deduplication::default();
    for number in 1..=10_000u64 {
        let publish = number / 100;
        seen.remember(id(&format!("client-{number}")), at(publish), 2 * publish + number);
    }
    assert_eq!(limits::DEDUPLICATION_IDS - seen.room(), 101);
    assert_eq!(seen.find(&id("client-4711"), at(100), WINDOW), Some(2 * 47 + 4_711));
    assert_eq!(seen.find(&id("client-10001"), at(100), WINDOW), None);
    seen.forget_old(at(400), WINDOW);
    assert_eq!(seen.by_name.len(), 0);
}

#[test]
fn a_number_that_comes_again_outside_the_window_splits_the_run_it_was_in() {
    let mut seen = Deduplication::default();
    for number in 1..=9 {
        seen.remember(id(&format!("c-{number}")), at(10), 100 + number);
    }
    seen.remember(id("c-5"), at(400), 500);
    let find = |number: u64| seen.find(&id(&format!("c-{number}")), at(11), WINDOW);
    assert_eq!((find(4), find(5), find(6), find(9)), (Some(104), Some(500), Some(106), Some(109)));
    let (_, runs) = seen.snapshot();
    let lengths: Vec<_> = runs.iter().map(|run| (run.1, run.2.get(), run.4)).collect();
    assert_eq!(lengths, [(1, 4, 101), (6, 4, 106), (5, 1, 500)]);
}

/// What a topic that remembers each ID by itself would say.
#[derive(Default)]
struct Model(HashMap<(u8, u64), (Timestamp, Sequence)>);

#[derive(Debug, Clone)]
struct Publish {
    name: u8,
    first: u64,
    count: u64,
    later: u64,
    is_replayed: bool,
}

fn publish() -> impl Strategy<Value = Publish> {
    (0..3u8, 0..30u64, 1..8u64, 0..200u64, any::<bool>()).prop_map(
        |(name, first, count, later, is_replayed)| Publish { name, first, count, later, is_replayed },
    )
}

fn text(name: u8, number: u64) -> String {
    match number {
        0 => format!("name{name}"),
        number => format!("name{name}-{number}"),
    }
}

proptest! {
    #[test]
    fn runs_say_what_ids_by_themselves_would_say(publishes in prop::collection::vec(publish(), 1..60), restore in 0..60usize) {
        let (mut seen, mut model) = (Deduplication::default(), Model::default());
        let (mut now, mut sequence) = (at(0), 0);
        for (index, publish) in publishes.iter().enumerate() {
            now = now.plus(Duration::from_secs(publish.later));
            if index == restore {
                let (whole, runs) = seen.snapshot();
                seen = Deduplication::restore(&whole, &runs);
            }
            if !publish.is_replayed {
                seen.forget_old(now, WINDOW);
            }
            sequence += 3;
            for number in publish.first..publish.first + publish.count {
                let key = (publish.name, number);
                let known = model.0.get(&key).filter(|(at, _)| at.plus(WINDOW) > now).map(|(_, first)| *first);
                prop_assert_eq!(seen.find(&id(&text(publish.name, number)), now, WINDOW), known);
                if known.is_none() {
                    seen.remember(id(&text(publish.name, number)), now, sequence);
                    model.0.insert(key, (now, sequence));
                    sequence += 1;
                }
            }
        }
        seen.forget_old(now.plus(WINDOW), WINDOW);
        prop_assert_eq!((seen.by_age.len(), seen.by_name.len()), (0, 0));
    }
}
