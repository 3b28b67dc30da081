//! Publishers, consumers, changes of policy, upkeep and other subscriptions at the same time, on several threads: who gets what follows from
//! the positions alone.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use broker::{Ask, BacklogAction, Config, UpdateSubscriptionError};
use journal::{MemoryJournal, memory};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use types::{Position, Sequence, TopicSettings};

use crate::{
    filters::only,
    fixture::{Fixture, MANY, ids, no_backoff, ready, sub},
};

const PUBLISHERS: usize = 3;
const PUBLISHES: usize = 300;

/// What happened.
#[derive(Default)]
struct Seen {
    /// The type of each message and how many subscriptions matched it.
    published: Mutex<BTreeMap<Sequence, (char, u32)>>,
    delivered: Mutex<Vec<Sequence>>,
    over: AtomicBool,
}

/// Small segments, checkpoints and memory, so that reading goes over all edges.
async fn tight() -> Arc<Fixture> {
    let journal = memory::Config { segment_bytes: 100_000, ..memory::Config::default() };
    let config = Config { checkpoint_bytes: 1 << 16, tail_cache_bytes: 1 << 20, ..Config::default() };
    let fixture = Fixture::with(MemoryJournal::new(journal), config).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("changing", only("a")).await;
    fixture.subscribe("fixed", only("a")).await;
    Arc::new(fixture)
}

fn start<F: Future<Output = ()> + Send + 'static>(
    fixture: &Arc<Fixture>,
    seen: &Arc<Seen>,
    task: impl FnOnce(Arc<Fixture>, Arc<Seen>) -> F,
) -> JoinHandle<()> {
    tokio::spawn(task(fixture.clone(), seen.clone()))
}

async fn publish(fixture: Arc<Fixture>, seen: Arc<Seen>, publisher: usize) {
    for round in 0..PUBLISHES {
        let of = |index: usize| if (round * 3 + index + publisher).is_multiple_of(3) { 'a' } else { 'b' };
        let types: Vec<_> = (0..round % 7 + 1).map(of).collect();
        let texts: Vec<_> = types.iter().map(|t| format!(r#"{{"t":"{t}","f":"{:200}"}}"#, "")).collect();
        let published = fixture.publish(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let accepted = published.iter().zip(types).map(|(p, t)| (p.id.sequence, (t, p.matched)));
        seen.published.lock().extend(accepted);
    }
}

async fn consume(fixture: Arc<Fixture>, seen: Arc<Seen>) {
    let mut consumer = fixture.consumer("changing");
    let ask = Ask { max_messages: 20, max_bytes: u64::MAX };
    for round in 1_u64.. {
        let Some(taken) = ready(consumer.next(ask)).await else {
            if seen.over.load(Ordering::Relaxed) {
                return;
            }
            continue;
        };
        let taken = taken.unwrap();
        if round.is_multiple_of(9) {
            consumer.release(&ids(&taken));
            continue;
        }
        fixture.ack("changing", &taken).await;
        seen.delivered.lock().extend(taken.iter().map(|delivery| delivery.message_id.sequence));
    }
}

async fn look_after(fixture: Arc<Fixture>, seen: Arc<Seen>) {
    while !seen.over.load(Ordering::Relaxed) {
        fixture.broker.run_upkeep().await;
        fixture.backlog("changing").await;
        tokio::task::yield_now().await;
    }
}

async fn come_and_go(fixture: Arc<Fixture>, seen: Arc<Seen>) {
    while !seen.over.load(Ordering::Relaxed) {
        fixture.subscribe("guest", only("nobody")).await;
        assert!(ready(fixture.consumer("guest").next(MANY)).await.is_none());
        fixture.broker.delete_subscription(&sub("guest")).await.unwrap();
    }
}

/// Changes the policy until the publishers are done; which was in force from which position on.
async fn change(fixture: &Fixture, publishers: &[JoinHandle<()>]) -> Vec<(Position, Option<char>)> {
    let mut rules = vec![(0, Some('a'))];
    for round in 0.. {
        if publishers.iter().all(JoinHandle::is_finished) {
            break;
        }
        let to = [Some('b'), None, Some('b'), Some('a')][round % 4];
        let settings = to.map_or_else(no_backoff, |t| only(&t.to_string()));
        let keep = BacklogAction::Keep;
        match fixture.broker.update_subscription(&sub("changing"), |s| *s = settings.clone(), keep).await {
            Ok(updated) => rules.push((updated.info.position, to)),
            Err(UpdateSubscriptionError::TooManyPolicies { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
    rules
}

/// What the rules let in, having checked how many each publish matched.
fn expected(seen: &Seen, rules: &[(Position, Option<char>)]) -> Vec<Sequence> {
    let published = seen.published.lock();
    let lets_in = |sequence: Sequence, t: char, matched: u32| {
        let rule = rules.iter().rev().find(|(position, _)| *position < sequence).unwrap().1;
        let lets_in = rule.is_none_or(|only| only == t);
        assert_eq!(matched, u32::from(lets_in) + u32::from(t == 'a'), "{sequence}");
        lets_in
    };
    let let_in = published.iter().filter(|(sequence, (t, matched))| lets_in(**sequence, *t, *matched));
    let_in.map(|(sequence, _)| *sequence).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_delivered_follows_from_positions_whatever_else_happens() {
    let mut fixture = tight().await;
    let seen = Arc::new(Seen::default());
    let publishers: Vec<_> =
        (0..PUBLISHERS).map(|number| start(&fixture, &seen, |f, s| publish(f, s, number))).collect();
    let mut others: Vec<_> = (0..3).map(|_| start(&fixture, &seen, consume)).collect();
    others.push(start(&fixture, &seen, look_after));
    others.push(start(&fixture, &seen, come_and_go));
    let rules = change(&fixture, &publishers).await;
    for publisher in publishers {
        publisher.await.unwrap();
    }
    while fixture.backlog("changing").await > 0 {
        tokio::task::yield_now().await;
    }
    seen.over.store(true, Ordering::Relaxed);
    for other in others {
        other.await.unwrap();
    }
    let mut delivered = seen.delivered.lock().clone();
    delivered.sort_unstable();
    assert_eq!(delivered, expected(&seen, &rules), "{} changes", rules.len());
    let fixed = seen.published.lock().values().filter(|(t, _)| *t == 'a').count() as u64;
    Arc::get_mut(&mut fixture).unwrap().crash().await;
    assert_eq!((fixture.backlog("changing").await, fixture.backlog("fixed").await), (0, fixed));
}
