//! A comparison: each case round by round, all systems within each round, so that what disturbs the machine for a while disturbs all.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, Result};
use tokio::time::timeout;

use crate::{
    measure::Measured,
    plan::{Job, Planned},
    results::{Case, Run},
    systems::Kind,
};

/// A run that takes longer has failed.
const RUN_ENDS_WITHIN: Duration = Duration::from_secs(300);

/// Makes a run.
pub(crate) trait Lab {
    /// On a freshly started system in a fresh directory, which is gone afterwards.
    fn run(&self, kind: Kind, job: &Job) -> impl Future<Output = Result<Measured>>;
}

/// Makes all runs of a case. What fails or is not correct is told and counts for nothing; the others go on. `note` hears of each run.
pub(crate) async fn case(planned: &Planned, rounds: u32, lab: &impl Lab, mut note: impl FnMut(&Run)) -> Case {
    let mut runs = Vec::new();
    for round in 1..=rounds {
        for (kind, job) in &planned.entries {
            let result = timeout(RUN_ENDS_WITHIN, lab.run(*kind, job)).await;
            let result = result.context("it did not end within 5 minutes").flatten();
            let run = judged(round, *kind, result);
            note(&run);
            runs.push(run);
        }
    }
    Case { key: planned.key.clone(), title: planned.title.clone(), runs }
}

fn judged(round: u32, kind: Kind, result: Result<Measured>) -> Run {
    let (measured, failure) = match result {
        Ok(measured) => {
            let failure = measured.correctness.complaint();
            (measured, failure)
        }
        Err(error) => (Measured::default(), Some(format!("{error:#}"))),
    };
    let Measured { messages, mut figures, correctness } = measured;
    if failure.is_some() {
        figures.clear();
    }
    Run { round, system: kind.name().to_owned(), messages, figures, correctness, failure }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeMap, future::pending};

    use anyhow::bail;
    use load::Correctness;

    use super::*;
    use crate::{metric::Metric, plan::plan};

    const THREE: [Kind; 3] = [Kind::FanfareFsync, Kind::NatsFsync, Kind::RedisFsync];

    /// NATS loses, Redis breaks in the second round, or hangs.
    #[derive(Default)]
    struct Fake {
        order: RefCell<Vec<Kind>>,
        hangs: bool,
    }

    impl Lab for Fake {
        async fn run(&self, kind: Kind, _: &Job) -> Result<Measured> {
            self.order.borrow_mut().push(kind);
            let figures = BTreeMap::from([(Metric::Throughput, 1.0)]);
            let lost = Correctness { missing: 2, ..Correctness::default() };
            match kind {
                Kind::NatsFsync => Ok(Measured { correctness: lost, figures, messages: 9 }),
                Kind::RedisFsync if self.hangs => pending().await,
                Kind::RedisFsync if self.order.borrow().len() > 3 => bail!("broken"),
                _ => Ok(Measured { figures, messages: 9, ..Measured::default() }),
            }
        }
    }

    async fn run(lab: &Fake) -> Case {
        let plan = plan(false, &["W2/4".to_owned()], &THREE);
        case(&plan[0], 2, lab, |_| {}).await
    }

    #[tokio::test]
    async fn systems_take_turns_within_each_round() {
        let lab = Fake::default();
        let case = run(&lab).await;
        assert_eq!(*lab.order.borrow(), [THREE, THREE].concat());
        assert_eq!(case.runs.iter().map(|run| run.round).collect::<Vec<_>>(), [1, 1, 1, 2, 2, 2]);
    }

    #[tokio::test]
    async fn a_run_that_is_not_correct_or_breaks_counts_for_nothing_and_the_others_do() {
        let case = run(&Fake::default()).await;
        let values = |kind: Kind| case.values(kind.name(), Metric::Throughput).len();
        assert_eq!([values(THREE[0]), values(THREE[1]), values(THREE[2])], [2, 0, 1]);
        let why = |place: usize| case.runs[place].failure.as_deref();
        assert_eq!((why(0), why(1), why(5)), (None, Some("2 missing"), Some("broken")));
        assert!(case.runs[1].figures.is_empty(), "it is not shown as a figure, either");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_hangs_ends_after_five_minutes_as_a_failure() {
        let case = run(&Fake { hangs: true, ..Fake::default() }).await;
        let failure = case.runs[2].failure.as_deref().unwrap();
        assert!(failure.contains("did not end within 5 minutes"), "{failure}");
        assert_eq!(case.runs.len(), 6);
    }
}
