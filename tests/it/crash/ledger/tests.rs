//! The judge, judged: what is allowed passes, and each fault that is planted is found.

use super::*;

fn id(number: u64) -> Id {
    Id { key: "k".into(), number }
}

/// Three messages that were acknowledged, and what the ordered queue `q` did with them: `d` delivers, `a` sends the
/// ack, `s` has it confirmed, `!` is a crash.
fn verdict(history: &str) -> Verdict {
    let mut ledger = Ledger::default();
    for number in 1..=3 {
        ledger.sends(&id(number));
        ledger.published(&id(number), number);
    }
    for step in history.split(' ') {
        let number = step[1..].parse().unwrap_or(0);
        match &step[..1] {
            "d" => drop(ledger.delivered("q", true, &id(number).text(), number)),
            "a" => ledger.acks("q", &id(number)),
            "s" => ledger.settled("q", &id(number)),
            _ => ledger.crash(),
        }
    }
    ledger.judge()
}

fn counts(history: &str) -> [usize; 4] {
    let Verdict { lost, counts, .. } = verdict(history);
    [lost, counts.order, counts.again, counts.phantom]
}

#[test]
fn what_is_allowed_passes() {
    assert!(verdict("d1 a1 s1 d2 a2 s2 d3 a3 s3").is_good());
    assert!(
        verdict("d1 d1 a1 d2 !0 d1 a1 d2 a2 s2 d3").is_good(),
        "an ack that was not confirmed may be undone"
    );
}

#[test]
fn what_is_planted_is_found() {
    assert_eq!(counts("d1 a1 s1 d2 a2 s2"), [1, 0, 0, 0], "the third is lost");
    assert_eq!(counts("d1 d2 a1 a2 d3 a3"), [0, 1, 0, 0], "the second before the first was acked");
    assert_eq!(counts("d1 a1 d3 a3 d2 a2"), [0, 1, 0, 0], "the third before the second");
    assert_eq!(counts("d1 a1 d3 a3 !0 d2 a2"), [0, 1, 0, 0], "the same across a crash");
    assert_eq!(counts("d1 a1 s1 d2 a2 d3 a3 !0 d1"), [0, 0, 1, 0], "a confirmed ack is undone");
    assert_eq!(counts("d1 a1 d2 a2 d3 a3 d4"), [0, 0, 0, 1], "the fourth was never sent");
}

#[test]
fn a_text_that_was_changed_is_not_taken_for_the_message() {
    assert_eq!(Id::read(&id(5).text()), Some(id(5)));
    assert_eq!(Id::read(&id(5).text().replace('~', "-")), None);
}
