//! Random operations. Times are in milliseconds and small, so that things meet.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::Index};
use types::{
    BackoffShape, ExhaustedAction, ExponentialBackoff, PhasedBackoff, RetryPolicy, SubscriptionSettings,
    push::AttemptVerdict,
};

/// No backoff that [`settings`] draws is longer.
pub(crate) const LONGEST_WAIT: u64 = 40;

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Publish(Vec<Publish>),
    Read {
        most: usize,
    },
    Lease {
        messages: usize,
        bytes: u64,
        marks: bool,
    },
    Leasable,
    Ack(Vec<Pick>),
    Nack(Vec<(Pick, Option<u64>)>),
    Extend(Pick, u64),
    Release(Pick),
    Report(Vec<(Pick, AttemptVerdict)>),
    Advance(u64),
    Due {
        limit: usize,
    },
    Seek(Index),
    Trim(Index),
    /// A new filter policy takes some out of the window.
    FilterOut(Vec<Index>),
    Pause,
    Resume,
    Settings(SubscriptionSettings),
    Checkpoint,
    Crash,
}

#[derive(Debug, Clone)]
pub(crate) struct Publish {
    /// Positions that other records took since the message before.
    pub(crate) gap: u64,
    pub(crate) key: Option<u64>,
    pub(crate) bytes: u32,
    pub(crate) delay: u64,
    pub(crate) life: Option<(u64, bool)>,
}

/// One of the leases that were ever given out, the latest most often.
#[derive(Debug, Clone)]
pub(crate) struct Pick {
    pub(crate) back: usize,
    pub(crate) twist: Twist,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Twist {
    None,
    OtherLease,
    OtherMessage,
}

pub(crate) fn operations() -> impl Strategy<Value = Vec<Op>> {
    vec(operation(), 1..64)
}

fn operation() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => vec(publish(), 1..5).prop_map(Op::Publish),
        8 => (1_usize..8).prop_map(|most| Op::Read { most }),
        12 => (0_usize..6, 0_u64..400, prop::bool::weighted(0.9))
            .prop_map(|(messages, bytes, marks)| Op::Lease { messages, bytes, marks }),
        2 => Just(Op::Leasable),
        8 => vec(pick(), 0..5).prop_map(Op::Ack),
        8 => vec((pick(), option::weighted(0.3, 0_u64..60)), 0..5).prop_map(Op::Nack),
        2 => (pick(), 0_u64..60).prop_map(|(pick, by)| Op::Extend(pick, by)),
        2 => pick().prop_map(Op::Release),
        8 => vec((pick(), verdict()), 0..5).prop_map(Op::Report),
        8 => (1_u64..60).prop_map(Op::Advance),
        6 => prop_oneof![Just(usize::MAX), 0_usize..4].prop_map(|limit| Op::Due { limit }),
        1 => any::<Index>().prop_map(Op::Seek),
        1 => any::<Index>().prop_map(Op::Trim),
        1 => vec(any::<Index>(), 0..4).prop_map(Op::FilterOut),
        1 => Just(Op::Pause),
        2 => Just(Op::Resume),
        1 => settings(false).prop_map(Op::Settings),
        1 => Just(Op::Checkpoint),
        2 => Just(Op::Crash),
    ]
}

fn publish() -> impl Strategy<Value = Publish> {
    (
        0_u64..3,
        option::weighted(0.7, 0_u64..3),
        1_u32..200,
        prop_oneof![3 => Just(0), 1 => 1_u64..60],
        option::weighted(0.2, (1_u64..150, any::<bool>())),
    )
        .prop_map(|(gap, key, bytes, delay, life)| Publish { gap, key, bytes, delay, life })
}

fn pick() -> impl Strategy<Value = Pick> {
    let twist =
        prop_oneof![10 => Just(Twist::None), 1 => Just(Twist::OtherLease), 1 => Just(Twist::OtherMessage)];
    (prop_oneof![4 => 0_usize..4, 1 => 0_usize..40], twist).prop_map(|(back, twist)| Pick { back, twist })
}

fn verdict() -> impl Strategy<Value = AttemptVerdict> {
    prop_oneof![
        2 => Just(AttemptVerdict::Acknowledge),
        3 => (0_u32..4).prop_map(|failed_attempts| AttemptVerdict::AcknowledgeLate { failed_attempts }),
        4 => option::weighted(0.5, 0_u64..60)
            .prop_map(|wait| AttemptVerdict::Retry { at_least: wait.map(Duration::from_millis) }),
        1 => Just(AttemptVerdict::Reject),
        3 => (0_u64..60).prop_map(|after| AttemptVerdict::Release { after: Duration::from_millis(after) }),
    ]
}

pub(crate) fn settings(ordered: bool) -> impl Strategy<Value = SubscriptionSettings> {
    let retry = prop_oneof![
        (0_u64..10, 10_u64..=LONGEST_WAIT, any::<bool>()).prop_map(|(min, max, jitter)| {
            RetryPolicy::Exponential(ExponentialBackoff {
                min_backoff: Duration::from_millis(min),
                max_backoff: Duration::from_millis(max),
                multiplier: 2.0,
                jitter,
            })
        }),
        (0_u32..2, 0_u32..2, 0_u32..3).prop_map(|(no_delay_retries, min_delay_retries, backoff_retries)| {
            RetryPolicy::Phased(PhasedBackoff {
                no_delay_retries,
                min_delay_retries,
                backoff_retries,
                max_delay_retries: 1,
                min_delay: Duration::from_millis(5),
                max_delay: Duration::from_millis(30),
                shape: BackoffShape::Arithmetic,
            })
        }),
    ];
    let exhausted = prop_oneof![3 => Just(ExhaustedAction::DeadLetter), 1 => Just(ExhaustedAction::Drop)];
    (10_u64..80, retry, 1_u32..5, exhausted, prop_oneof![3 => Just(100_u32), 1 => 1_u32..4]).prop_map(
        move |(ack_deadline, retry, max_attempts, when_exhausted, max_in_flight)| SubscriptionSettings {
            ack_deadline: Duration::from_millis(ack_deadline),
            ordered,
            retry,
            max_attempts,
            when_exhausted,
            max_in_flight,
            ..SubscriptionSettings::default()
        },
    )
}
