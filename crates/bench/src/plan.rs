//! What is done to whom, in which sizes. A run takes some two seconds, and three rounds of all some 20 minutes: a system that is many times slower
//! publishes as many times less, which the report says for each. What is at a fixed rate is the same for all.

use load::{
    Workload,
    own::ManySubscriptions,
    workload::{Drain, FanOut, ManyTopics, Publish, Steady, UnaryPublish},
};

use crate::{
    own::{Idle, Recovery},
    systems::Kind,
};

/// One workload at one size, and who is put to it.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// As in [`Case`](crate::results::Case).
    pub key: String,
    /// For people.
    pub title: String,
    /// In the order of each round.
    pub entries: Vec<(Kind, Job)>,
}

/// What is done in a run.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    /// What every system can be put to.
    Shared(Workload),
    /// W9.
    Unary(UnaryPublish),
    /// W6.
    Many(ManySubscriptions),
    /// W7.
    Idle(Idle),
    /// W8.
    Recovery(Recovery),
}

/// Published and not acknowledged, at most.
const OUTSTANDING: usize = 1_000;
const KIB: usize = 1_024;
/// The matrix, less what `workloads` and `systems` leave out: an empty list leaves out nothing.
pub(crate) fn plan(quick: bool, workloads: &[String], systems: &[Kind]) -> Vec<Planned> {
    let mut plan = if quick { small() } else { large() };
    plan.retain(|case| workloads.is_empty() || workloads.iter().any(|name| covers(name, &case.key)));
    for case in &mut plan {
        case.entries.retain(|(kind, _)| systems.is_empty() || systems.contains(kind));
    }
    plan.retain(|case| !case.entries.is_empty());
    plan
}

/// Whether `W2` or `W2/16` means this case.
fn covers(name: &str, key: &str) -> bool {
    let rest =
        key.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| &key[name.len()..]);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn large() -> Vec<Planned> {
    let mut plan: Vec<_> = [(256, 1_000_000), (KIB, 600_000), (16 * KIB, 80_000)].map(publish).into();
    plan.extend([(1, 400_000), (4, 250_000), (16, 120_000), (64, 40_000)].map(fan_out));
    plan.push(steady(Steady { rate: 1_000, seconds: 5, warm_up_seconds: 1, bytes: KIB, subscriptions: 4 }));
    plan.push(drain(200_000));
    plan.push(many_topics(ManyTopics { topics: 1_000, seconds: 4, warm_up_seconds: 1, bytes: KIB }));
    plan.extend([ManySubscriptions::few(), ManySubscriptions::many()].map(many_subscriptions));
    plan.push(idle(Idle { topics: 100, subscriptions: 100_000 }));
    plan.extend([64, 256, 1_024].map(|mib| recovery(Recovery { mib })));
    plan.extend([(1, 5_000), (64, 40_000), (256, 40_000)].map(unary));
    plan
}

fn small() -> Vec<Planned> {
    let few = ManySubscriptions { rate: 200, seconds: 1, warm_up_seconds: 0, ..ManySubscriptions::few() };
    let many = ManySubscriptions { subscriptions: 200, ..few };
    vec![
        publish((KIB, 3_000)),
        fan_out((4, 1_000)),
        steady(Steady { rate: 300, seconds: 1, warm_up_seconds: 0, bytes: KIB, subscriptions: 2 }),
        drain(1_000),
        many_topics(ManyTopics { topics: 20, seconds: 1, warm_up_seconds: 0, bytes: KIB }),
        many_subscriptions(few),
        many_subscriptions(many),
        idle(Idle { topics: 2, subscriptions: 200 }),
        recovery(Recovery { mib: 2 }),
        unary((16, 500)),
    ]
}

fn publish((bytes, messages): (usize, u64)) -> Planned {
    let workload = Workload::Publish(Publish { messages, bytes, outstanding: OUTSTANDING });
    shared(
        format!("W1/{bytes}"),
        format!("one publisher, {bytes} bytes a message, no subscription"),
        &workload,
    )
}

fn fan_out((subscriptions, messages): (usize, u64)) -> Planned {
    let workload = FanOut { messages, bytes: KIB, outstanding: OUTSTANDING, subscriptions };
    let plural = if subscriptions == 1 { "" } else { "s" };
    let title =
        format!("one publisher, {subscriptions} subscription{plural}, 1 KiB; deliveries, each settled");
    shared(format!("W2/{subscriptions}"), title, &Workload::FanOut(workload))
}

fn steady(steady: Steady) -> Planned {
    let Steady { rate, subscriptions, .. } = steady;
    let title = format!("{rate} messages a second to {subscriptions} subscriptions, from when each was due");
    shared(format!("W3/{rate}x{subscriptions}"), title, &Workload::Steady(steady))
}

fn drain(messages: u64) -> Planned {
    let workload = Workload::Drain(Drain { messages, bytes: KIB, outstanding: OUTSTANDING });
    let title = "a backlog of one subscription that was offline, received and settled".to_owned();
    shared("W4/backlog".to_owned(), title, &workload)
}

fn many_topics(many: ManyTopics) -> Planned {
    let topics = many.topics;
    let title = format!("{topics} topics, one message a second each");
    shared(format!("W5/{topics}"), title, &Workload::ManyTopics(many))
}

fn shared(key: String, title: String, workload: &Workload) -> Planned {
    let can = Kind::all().into_iter().filter(|kind| kind.can(workload));
    let entry = |kind: Kind| (kind, Job::Shared(workload.clone().divided(slower(kind, workload))));
    Planned { key, title, entries: can.map(entry).collect() }
}

fn many_subscriptions(many: ManySubscriptions) -> Planned {
    let ManySubscriptions { subscriptions, matching, rate, .. } = many;
    let title = format!(
        "publishing {rate} messages a second to a topic with {subscriptions} filtered subscriptions, {matching} matching each"
    );
    ours(format!("W6/{subscriptions}"), title, Job::Many(many))
}

fn idle(idle: Idle) -> Planned {
    let Idle { subscriptions, topics } = idle;
    let title =
        format!("{subscriptions} subscriptions of {topics} topics that do nothing, and a restart with them");
    ours(format!("W7/{subscriptions}"), title, Job::Idle(idle))
}

fn recovery(recovery: Recovery) -> Planned {
    let mib = recovery.mib;
    let title =
        format!("a start after kill -9 with a backlog of {mib} MiB, which is then received and settled");
    ours(format!("W8/{mib}"), title, Job::Recovery(recovery))
}

fn ours(key: String, title: String, job: Job) -> Planned {
    Planned { key, title, entries: vec![(Kind::FanfareFsync, job)] }
}

fn unary((concurrent, messages): (usize, u64)) -> Planned {
    let job = Job::Unary(UnaryPublish { messages, bytes: KIB, concurrent });
    let can = Kind::all().into_iter().filter(|kind| kind.can_unary());
    let plural = if concurrent == 1 { "" } else { "s" };
    Planned {
        key: format!("W9/{concurrent}"),
        title: format!("one message of 1 KiB a call, {concurrent} caller{plural}"),
        entries: can.map(|kind| (kind, job.clone())).collect(),
    }
}

/// How many times fewer messages make a run take some two seconds, by what these systems are known to reach on two cores.
fn slower(kind: Kind, workload: &Workload) -> u64 {
    let (is_drain, is_wide) = match workload {
        Workload::Drain(_) => (true, false),
        Workload::FanOut(fan_out) => (false, fan_out.subscriptions > 4),
        _ => (false, false),
    };
    let (drain, wide, others) = match kind {
        // What takes so long is to publish the backlog, not to drain it.
        Kind::NatsFsync => (10, 50, 50),
        Kind::RabbitQuorum => (4, 40, 20),
        Kind::RedisFsync => (1, 5, 5),
        Kind::NatsBuffered => (1, 12, 5),
        Kind::RedisBuffered => (1, 4, 2),
        Kind::FanfareFsync | Kind::FanfareInterval | Kind::TonicStream | Kind::TonicUnary => (1, 1, 1),
    };
    if is_drain {
        drain
    } else if is_wide {
        wide
    } else {
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::{GOALS, Of};

    fn kinds(case: &Planned) -> Vec<Kind> {
        case.entries.iter().map(|(kind, _)| *kind).collect()
    }

    #[test]
    fn every_goal_is_about_a_case_of_the_full_matrix_and_a_system_that_is_in_it() {
        let plan = plan(false, &[], &[]);
        let case = |key: &str| plan.iter().find(|case| case.key == key).unwrap_or_else(|| panic!("{key}"));
        for goal in GOALS {
            assert!(kinds(case(goal.case)).contains(&Kind::FanfareFsync));
            match goal.of {
                Of::System(name) => assert!(kinds(case(goal.case)).iter().any(|kind| kind.name() == name)),
                Of::Case(key) => _ = case(key),
                Of::Itself | Of::BestFsyncPeer | Of::BestPeer => {}
            }
        }
    }

    #[test]
    fn both_matrices_have_every_workload_and_no_key_twice() {
        for quick in [false, true] {
            let plan = plan(quick, &[], &[]);
            for workload in 1..=9 {
                assert!(plan.iter().any(|case| case.key.starts_with(&format!("W{workload}/"))), "{workload}");
            }
            let mut keys: Vec<_> = plan.iter().map(|case| &case.key).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), plan.len());
        }
    }

    #[test]
    fn even_the_quick_matrix_puts_every_system_to_every_workload_that_it_can_do() {
        let (small, large) = (plan(true, &[], &[]), plan(false, &[], &[]));
        for workload in 1..=9 {
            let of = |plan: &[Planned]| {
                let case = plan.iter().find(|case| case.key.starts_with(&format!("W{workload}/"))).unwrap();
                kinds(case)
            };
            assert_eq!(of(&small), of(&large), "W{workload}");
        }
        for kind in Kind::all() {
            assert!(small.iter().any(|case| kinds(case).contains(&kind)), "{kind}");
        }
    }

    #[test]
    fn a_workload_and_a_system_leave_out_all_others() {
        let keys = |names: &[&str], systems: &[Kind]| -> Vec<String> {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            plan(false, &names, systems).into_iter().map(|case| case.key).collect()
        };
        assert_eq!(keys(&["w2"], &[]), ["W2/1", "W2/4", "W2/16", "W2/64"]);
        assert_eq!(keys(&["W2/1", "W4"], &[]), ["W2/1", "W4/backlog"]);
        assert!(keys(&["W", "W2/", "nonsense", ""], &[]).is_empty());
        assert_eq!(keys(&["W9/64"], &[Kind::TonicUnary]), ["W9/64"]);
        assert!(keys(&["W6"], &[Kind::RedisFsync]).is_empty());
        let only = plan(true, &["W1".to_owned()], &[Kind::RabbitQuorum]);
        assert_eq!(kinds(&only[0]), [Kind::RabbitQuorum]);
    }

    #[test]
    fn a_slow_system_publishes_less_and_what_is_at_a_fixed_rate_is_the_same() {
        let plan = plan(false, &["W1/1024".to_owned(), "W3".to_owned()], &[]);
        let of = |case: &Planned, kind: Kind| {
            let job = case.entries.iter().find(|(of, _)| *of == kind).map(|(_, job)| job.clone());
            let Some(Job::Shared(workload)) = job else { panic!("{kind} is not in it") };
            workload.expected().published
        };
        assert_eq!(of(&plan[0], Kind::FanfareFsync), 50 * of(&plan[0], Kind::NatsFsync));
        assert_eq!(of(&plan[1], Kind::FanfareFsync), of(&plan[1], Kind::NatsFsync));
    }
}
