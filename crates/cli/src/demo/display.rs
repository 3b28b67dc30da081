//! What is shown while it runs: on a terminal a table that is drawn anew, elsewhere a line whenever something has changed, once a second.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::{clock, figures::Figures, story::Role};

/// Between two lines, where there is no terminal.
const LINES: Duration = Duration::from_secs(1);
const HEADER: &str = "                                       delivered   retried   backlog   dead   endpoint";

/// How far everything is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) published: u64,
    /// Different messages, by the consumers' own counts.
    pub(super) delivered: [u64; 4],
    pub(super) figures: [Figures; 4],
}

/// Where it is shown.
pub(super) enum Display {
    Table { publishing: ProgressBar, rows: Vec<ProgressBar>, all: MultiProgress },
    Lines { started: Instant, last: Option<Box<(Instant, Progress)>> },
}

impl Display {
    /// For so many events to be published.
    pub(super) fn new(events: u64) -> Self {
        if io::stdout().is_terminal() { Self::table(events) } else { Self::lines() }
    }

    fn lines() -> Self {
        Self::Lines { started: clock::now(), last: None }
    }

    fn table(events: u64) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let style = |template| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let publishing =
            all.add(ProgressBar::new(events).with_style(style("  publishing   {bar:40} {pos} of {len}")));
        let row = || all.add(ProgressBar::new_spinner().with_style(style("  {wide_msg}")));
        let rows: Vec<_> = (0..=Role::ALL.len()).map(|_| row()).collect();
        Self::Table { publishing, rows, all }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        match self {
            Self::Table { publishing, rows, .. } => {
                publishing.set_position(progress.published);
                let texts = std::iter::once(HEADER.to_owned())
                    .chain((0..Role::ALL.len()).map(|at| row(progress, at)));
                rows.iter().zip(texts).for_each(|(bar, text)| bar.set_message(text));
            }
            Self::Lines { started, last } => {
                let now = clock::now();
                let is_due = |(at, before): &(Instant, Progress)| now >= *at + LINES && before != progress;
                if last.as_deref().is_none_or(is_due) {
                    // A reader that is gone is no reason to stop.
                    let _ = writeln!(anstream::stdout(), "{}", line(now - *started, progress));
                    *last = Some(Box::new((now, progress.clone())));
                }
            }
        }
    }

    /// Ends it; the table goes, what is printed next says more.
    pub(super) fn end(self) {
        if let Self::Table { publishing, rows, all } = self {
            publishing.finish_and_clear();
            rows.iter().for_each(ProgressBar::finish_and_clear);
            let _ = all.clear();
        }
    }
}

fn row(progress: &Progress, at: usize) -> String {
    let (role, figures) = (Role::ALL[at], &progress.figures[at]);
    let (name, how, delivered) = (role.name(), role.how(), progress.delivered[at]);
    let Figures { backlog, dead_lettered, endpoint, .. } = figures;
    let retries = figures.retries();
    format!("{name:<12} {how:<25} {delivered:>9} {retries:>9} {backlog:>9} {dead_lettered:>6}   {endpoint}")
}

/// The same in a line, without what is nothing.
fn line(elapsed: Duration, progress: &Progress) -> String {
    let mut line = format!("{:>5.1} s  published {}", elapsed.as_secs_f64(), progress.published);
    for (at, figures) in progress.figures.iter().enumerate() {
        line += &format!("; {} {}", Role::ALL[at].name(), progress.delivered[at]);
        let notes = [
            (figures.retries(), "retried"),
            (figures.backlog, "waiting"),
            (figures.dead_lettered, "dead-lettered"),
        ];
        let notes =
            notes.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let notes: Vec<_> = notes.chain(trouble(figures.endpoint)).collect();
        if !notes.is_empty() {
            line += &format!(" ({})", notes.join(", "));
        }
    }
    line
}

fn trouble(endpoint: &str) -> Option<String> {
    (!endpoint.is_empty() && endpoint != "breaker closed").then(|| endpoint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        let mut progress = Progress { published: 40, delivered: [40, 3, 38, 0], ..Progress::default() };
        progress.figures[0].failed_attempts = 2;
        progress.figures[2] = Figures { backlog: 2, endpoint: "breaker closed", ..Figures::default() };
        progress.figures[3] = Figures {
            backlog: 39,
            dead_lettered: 1,
            // The eighth was the last: no attempt came after it.
            failed_attempts: 8,
            endpoint: "breaker open",
            ..Figures::default()
        };
        progress
    }

    #[test]
    fn a_line_says_what_is_not_nothing() {
        let expected = "  1.5 s  published 40; billing 40 (2 retried); fraud 3; warehouse 38 (2 waiting); \
                        mailer 0 (7 retried, 39 waiting, 1 dead-lettered, breaker open)";
        assert_eq!(line(Duration::from_millis(1_500), &progress()), expected);
    }

    #[test]
    fn rows_stand_under_their_heads() {
        let row = row(&progress(), 3);
        for (head, value) in [("delivered", " 0"), ("retried", " 7"), ("backlog", "39"), ("dead", " 1")] {
            let end = HEADER.find(head).unwrap() + head.len();
            assert!(row[..end].ends_with(value), "{head}\n{HEADER}\n{row}");
        }
        assert_eq!(row.find("breaker open"), HEADER.find("endpoint"));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_terminal_a_line_comes_when_something_has_changed_and_at_most_each_second() {
        let mut display = Display::lines();
        let shown = |display: &Display| match display {
            Display::Lines { last: Some(shown), .. } => shown.1.published,
            _ => panic!("nothing was shown"),
        };
        display.show(&Progress { published: 1, ..Progress::default() });
        display.show(&Progress { published: 2, ..Progress::default() });
        assert_eq!(shown(&display), 1);
        tokio::time::advance(LINES).await;
        display.show(&Progress { published: 3, ..Progress::default() });
        assert_eq!(shown(&display), 3);
    }
}
