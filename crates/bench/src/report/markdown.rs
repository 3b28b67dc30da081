//! The tables. Pure: from results alone.

use std::fmt::Write as _;

use super::format;
use crate::{
    built::Profile,
    goals::{GOALS, Verdict},
    metric::Metric,
    results::{Case, Class, Results},
};

/// The whole report; charts are linked to as `{charts}/NAME.svg`.
pub(crate) fn render(results: &Results, charts: &str) -> String {
    let mut text = String::new();
    if results.quick {
        text += "**A quick run: the sizes are so small that the figures say nothing but that everything works.**\n\n";
    }
    text += &conditions(results);
    text += &goals(results);
    text += &super::charts::links(results, charts);
    text += "## Results\n\nThe median of the rounds, in brackets the least and the greatest. A dash: not measured.\n\n";
    for case in &results.cases {
        text += &case_tables(results, case);
    }
    text += &failures(results);
    text += &systems(results);
    text
}

fn conditions(results: &Results) -> String {
    let machine = &results.machine;
    let rounds = results.cases.iter().flat_map(|case| &case.runs).map(|run| run.round).max().unwrap_or(0);
    format!(
        "Measured {} of {}, the broker {}, with\n\n```\n{}\n```\n\non {} ({} cores for servers and clients together), {} MiB of memory, Linux {}, {}; {rounds} round{}, the \
         systems in turn within each.\n\n",
        results.finished,
        results.commit.as_ref().map_or("no known commit".to_owned(), |commit| format!("commit {commit}")),
        match results.broker {
            Profile::Unknown => "of unknown build".to_owned(),
            known => format!("a {known} build"),
        },
        results.command,
        machine.cpu,
        machine.cores,
        figure_of(machine.memory_mib),
        machine.kernel,
        machine.file_system,
        if rounds == 1 { "" } else { "s" },
    )
}

fn figure_of(mib: u64) -> String {
    // Memory is far below what a double holds exactly.
    format::figure(mib as f64)
}

fn goals(results: &Results) -> String {
    let mut text = "## Goals\n\nOf Fanfare with fsync. Ratios are of the same round.\n\n".to_owned();
    text += "| | goal | measured | |\n|---|---|---|---|\n";
    for goal in GOALS {
        let judged = goal.judge(results);
        let verdict = match judged.verdict() {
            Verdict::Met => "met",
            Verdict::NotMet => "**not met**",
            Verdict::NotMeasured => "not measured",
        };
        let against = judged.against.as_ref().map(|name| format!(" x {name}")).unwrap_or_default();
        let measured = judged.measured.map(|spread| format::spread(Some(spread)) + &against);
        let measured = measured.unwrap_or_else(|| "-".to_owned());
        _ = writeln!(text, "| {} ({}) | {} | {measured} | {verdict} |", goal.what, goal.case, goal.stated());
    }
    text + "\n"
}

fn case_tables(results: &Results, case: &Case) -> String {
    let mut text = format!("### {}: {}\n\n", case.key, case.title);
    let metrics: Vec<_> = Metric::ALL.into_iter().filter(|metric| case.has(*metric)).collect();
    let heads: Vec<_> = metrics.iter().map(|metric| metric.heading()).collect();
    _ = writeln!(text, "| | published | {} | correct |", heads.join(" | "));
    _ = writeln!(text, "|---|{}", "---|".repeat(heads.len() + 2));
    for system in results.systems.iter().filter(|system| case.includes(&system.name)) {
        let cells: Vec<_> =
            metrics.iter().map(|metric| format::spread(case.spread(&system.name, *metric))).collect();
        let (messages, correct) = (published(case, &system.name), correct(case, &system.name));
        _ = writeln!(text, "| {} | {messages} | {} | {correct} |", system.title, cells.join(" | "));
    }
    text + "\n" + &ratios(results, case)
}

fn published(case: &Case, system: &str) -> String {
    let messages = case.runs.iter().filter(|run| run.system == system).map(|run| run.messages).max();
    figure_of(messages.unwrap_or_default())
}

fn correct(case: &Case, system: &str) -> String {
    let runs: Vec<_> = case.runs.iter().filter(|run| run.system == system).collect();
    let failed = runs.iter().filter(|run| run.failure.is_some()).count();
    if failed == 0 { "yes".to_owned() } else { format!("**{failed} of {} runs failed**", runs.len()) }
}

/// Fanfare with fsync to each of the others.
fn ratios(results: &Results, case: &Case) -> String {
    let Some(fanfare) = results.fanfare() else { return String::new() };
    let compared = compared(case);
    let others = [Class::FanfareBuffered, Class::FsyncPeer, Class::BufferedPeer, Class::Ceiling];
    let mut rows = String::new();
    for other in results.names(&others) {
        let of = |metric: &Metric| case.ratio(fanfare, other, *metric);
        if compared.iter().any(|metric| of(metric).is_some()) {
            let cells: Vec<_> = compared.iter().map(|metric| format::spread(of(metric))).collect();
            _ = writeln!(rows, "| {other} | {} |", cells.join(" | "));
        }
    }
    if rows.is_empty() {
        return rows;
    }
    let heads: Vec<_> = compared.iter().map(|metric| metric.heading()).collect();
    let line = "---|".repeat(heads.len());
    format!("| {fanfare} : | {} |\n|---|{line}\n{rows}\n", heads.join(" | "))
}

/// Figures whose ratio says something, of those that there are.
fn compared(case: &Case) -> Vec<Metric> {
    let all = [
        Metric::Throughput,
        Metric::ServerCpu,
        Metric::PublishP50,
        Metric::PublishP99,
        Metric::DeliveryP50,
        Metric::DeliveryP99,
    ];
    all.into_iter().filter(|metric| case.has(*metric)).collect()
}

fn failures(results: &Results) -> String {
    let mut text = String::new();
    for (case, run) in results.failures() {
        let (why, more) = match run.failure.as_deref().unwrap_or_default().split_once('\n') {
            Some((first, _)) => (first, " (more in results.json)"),
            None => (run.failure.as_deref().unwrap_or_default(), ""),
        };
        _ = writeln!(text, "- {} {} round {}: {why}{more}", case.key, run.system, run.round);
    }
    if text.is_empty() {
        text
    } else {
        format!("### Runs that failed\n\nThey count for nothing above.\n\n{text}\n")
    }
}

fn systems(results: &Results) -> String {
    let mut text = "## Systems\n\n".to_owned();
    for system in &results.systems {
        let class = match system.class {
            Class::Fanfare | Class::FsyncPeer => "acknowledges after an fsync",
            Class::FanfareBuffered | Class::BufferedPeer => "acknowledges before it is on disk",
            Class::Ceiling => "no broker: the bare transport",
        };
        _ = writeln!(text, "**{}** (`{}`, {}; {class})\n", system.title, system.name, system.version);
        _ = writeln!(text, "```\n{}\n```\n", system.configuration.trim());
    }
    text
}
