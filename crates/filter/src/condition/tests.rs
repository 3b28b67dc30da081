use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use proptest::prelude::*;

use super::*;

fn text(value: &str) -> Scalar<'_> {
    Scalar::String(Cow::Borrowed(value))
}

fn part(text: &str, ignore_case: bool) -> Text {
    Text { text: text.into(), ignore_case }
}

fn pattern(literals: &[&str]) -> Condition {
    Condition::Wildcard(Pattern { literals: literals.iter().map(|l| Box::from(*l)).collect() })
}

fn cidr(network: &str, prefix: u8) -> Condition {
    Condition::Cidr(Cidr::new(network.parse().unwrap(), prefix).unwrap())
}

fn range(low: Option<(f64, bool)>, high: Option<(f64, bool)>) -> Condition {
    let bound = |(at, inclusive)| Bound { at: Number(at), inclusive };
    Condition::Range(Range { low: low.map(bound), high: high.map(bound) })
}

fn assert_holds(condition: &Condition, values: &[(&str, bool)]) {
    for (value, expected) in values {
        assert_eq!(condition.holds(&text(value)), *expected, "{condition:?} for {value:?}");
    }
}

#[test]
fn types_never_mix() {
    let conditions = [
        Condition::Null,
        Condition::Bool(true),
        Condition::Bool(false),
        Condition::Number(Number(100.0)),
        Condition::Exact("100".into()),
        Condition::Exact("null".into()),
        Condition::Exact("true".into()),
    ];
    let values = [
        Scalar::Null,
        Scalar::Bool(true),
        Scalar::Bool(false),
        Scalar::Number(100.0),
        text("100"),
        text("null"),
        text("true"),
    ];
    for (i, condition) in conditions.iter().enumerate() {
        for (j, value) in values.iter().enumerate() {
            assert_eq!(condition.holds(value), i == j, "{condition:?} for {value:?}");
        }
    }
    for value in &values {
        assert!(Condition::Exists.holds(value));
    }
}

#[test]
fn only_texts_have_beginnings_and_addresses_and_only_numbers_lie_in_ranges() {
    let conditions = [
        Condition::Prefix(part("1", false)),
        Condition::Suffix(part("1", false)),
        Condition::EqualsIgnoreCase("1".into()),
        pattern(&["1", ""]),
        cidr("0.0.0.0", 0),
    ];
    for condition in conditions {
        assert!(!condition.holds(&Scalar::Number(1.0)), "{condition:?}");
        assert!(!condition.holds(&Scalar::Null), "{condition:?}");
    }
    assert!(!range(Some((0.0, true)), None).holds(&text("1")));
}

#[test]
fn case_counts_unless_it_is_ignored() {
    assert_holds(&Condition::Exact("Rugby".into()), &[("Rugby", true), ("rugby", false), ("Rugby ", false)]);
    assert_holds(
        &Condition::EqualsIgnoreCase("rugby".into()),
        &[("Rugby", true), ("RUGBY", true), ("rugb", false), ("rugbys", false), ("", false)],
    );
    assert_holds(
        &Condition::Prefix(part("bas", false)),
        &[("baseball", true), ("Baseball", false), ("ba", false)],
    );
    assert_holds(&Condition::Prefix(part("bas", true)), &[("BASeball", true), ("bas", true), ("BA", false)]);
    assert_holds(
        &Condition::Suffix(part(".png", false)),
        &[("a.png", true), ("a.PNG", false), ("png", false)],
    );
    assert_holds(&Condition::Suffix(part(".png", true)), &[("a.PnG", true), (".png", true), ("png", false)]);
}

#[test]
fn beginnings_and_ends_are_nowhere_else() {
    for ignore_case in [false, true] {
        assert_holds(
            &Condition::Prefix(part("ab", ignore_case)),
            &[("ab", true), ("abc", true), ("xab", false), ("b", false), ("", false)],
        );
        assert_holds(
            &Condition::Suffix(part("ab", ignore_case)),
            &[("ab", true), ("cab", true), ("abx", false), ("b", false), ("", false)],
        );
    }
}

#[test]
fn case_is_folded_character_by_character() {
    assert_eq!(fold("ÄÖÜ Éa Ж Σ"), "äöü éa ж σ");
    assert_eq!(fold("ΟΔΟΣ"), "οδοσ", "no final sigma: characters do not depend on their neighbours");
    assert_eq!(fold("ß"), "ß");
    assert_eq!(fold("\u{212a}"), "k", "the Kelvin sign");
    assert_eq!(fold("İ"), "i\u{307}");
    assert_holds(
        &Condition::EqualsIgnoreCase(fold("STRASSE").into()),
        &[("straße", false), ("Strasse", true)],
    );
    assert_holds(&Condition::EqualsIgnoreCase(fold("Kelvin").into()), &[("\u{212a}elvin", true)]);
    assert_holds(
        &Condition::Suffix(part(&fold("İ"), true)),
        &[("xİ", true), ("xi\u{307}", true), ("x", false)],
    );
}

#[test]
fn patterns_match_with_gaps_that_may_be_empty() {
    assert_holds(&pattern(&["", ""]), &[("", true), ("anything", true)]);
    assert_holds(&pattern(&["a", "a"]), &[("aa", true), ("aba", true), ("a", false), ("ab", false)]);
    assert_holds(&pattern(&["", "b", ""]), &[("b", true), ("abc", true), ("ac", false)]);
    assert_holds(&pattern(&["ab", "ba"]), &[("abba", true), ("aba", false), ("abxba", true)]);
    assert_holds(
        &pattern(&["a", "b", "b", "c"]),
        &[("abbc", true), ("abc", false), ("axbxbxc", true), ("abcbc", true), ("abb", false)],
    );
    assert_holds(&pattern(&["", "ü", "é"]), &[("über é", true), ("über e", false)]);
}

#[test]
fn a_hostile_value_takes_a_pattern_no_longer_than_its_length() {
    let value = "a".repeat(1 << 20);
    let literals: Vec<String> =
        (0..17).map(|i| format!("{}{}", "a".repeat(1000), if i == 15 { "b" } else { "" })).collect();
    let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
    // Quadratic would be 2^40 steps, hours; this is some milliseconds, and the test has no clock.
    assert!(!pattern(&literals).holds(&text(&value)));
    assert!(pattern(&literals[..15]).holds(&text(&value)));
}

#[test]
fn numbers_are_compared_as_numbers() {
    let same = Condition::Number(Number(301.5));
    assert!(same.holds(&Scalar::Number(3.015e2)));
    assert!(!same.holds(&Scalar::Number(301.50001)));
    let zero = Condition::Number(Number(0.0));
    assert!(zero.holds(&Scalar::Number(-0.0)));
    assert_eq!(Number(0.0), Number(-0.0));
    let hashes = RandomState::new();
    assert_eq!(hashes.hash_one(Number(0.0)), hashes.hash_one(Number(-0.0)));
}

#[test]
fn ranges_hold_their_ends_if_they_say_so() {
    let at = |condition: &Condition, value| condition.holds(&Scalar::Number(value));
    let half_open = range(Some((0.0, false)), Some((5.0, true)));
    for (value, expected) in [(-1.0, false), (-0.0, false), (0.00001, true), (5.0, true), (5.00001, false)] {
        assert_eq!(at(&half_open, value), expected, "{value}");
    }
    let other = range(Some((0.0, true)), Some((5.0, false)));
    for (value, expected) in [(-0.00001, false), (-0.0, true), (0.0, true), (4.99999, true), (5.0, false)] {
        assert_eq!(at(&other, value), expected, "{value}");
    }
    assert!(at(&range(None, Some((5.0, false))), -1e300));
    assert!(at(&range(Some((5.0, false)), None), 1e300));
}

#[test]
fn addresses_are_told_by_their_first_bits() {
    assert_holds(
        &cidr("10.0.0.77", 24),
        &[("10.0.0.0", true), ("10.0.0.255", true), ("10.0.1.0", false), ("10.0.0", false), ("", false)],
    );
    assert_holds(&cidr("10.0.0.1", 32), &[("10.0.0.1", true), ("10.0.0.2", false)]);
    assert_holds(&cidr("1.2.3.4", 0), &[("255.0.0.1", true), ("::1", false), ("10.0.0.1/8", false)]);
    assert_holds(&cidr("10.0.0.0", 8), &[("10.00.0.1", false), ("10.0.0.1:80", false), (" 10.0.0.1", false)]);
    assert_holds(
        &cidr("2001:db8::ffff", 32),
        &[
            ("2001:db8::1", true),
            ("2001:0DB8:0000:0000:0000:0000:0000:0001", true),
            ("2001:db8::1.2.3.4", true),
            ("2001:db9::1", false),
            ("[2001:db8::1]", false),
            ("2001:db8::1%eth0", false),
        ],
    );
    assert_holds(&cidr("::1", 128), &[("::1", true), ("0:0:0:0:0:0:0:1", true), ("::2", false)]);
    assert_eq!(Cidr::new("10.0.0.0".parse().unwrap(), 33), None);
    assert_eq!(Cidr::new("::".parse().unwrap(), 129), None);
}

#[test]
fn a_mapped_address_is_the_ipv4_address() {
    assert_holds(
        &cidr("10.0.0.0", 8),
        &[("::ffff:10.1.2.3", true), ("::FFFF:0a01:0203", true), ("::ffff:11.1.2.3", false)],
    );
    assert_eq!(cidr("::ffff:10.0.0.0", 104), cidr("10.0.0.0", 8));
    assert_holds(&cidr("::", 0), &[("::ffff:10.1.2.3", false), ("10.1.2.3", false), ("::1", true)]);
}

#[test]
fn anything_but_holds_for_every_other_value_of_any_type() {
    let rugby = Condition::AnythingBut(Box::new([
        Condition::Exact("rugby".into()),
        Condition::Prefix(part("ten", false)),
        Condition::Number(Number(1.0)),
    ]));
    assert_holds(&rugby, &[("rugby", false), ("tennis", false), ("Rugby", true), ("", true), ("1", true)]);
    for (value, expected) in [(Scalar::Number(1.0), false), (Scalar::Number(2.0), true)] {
        assert_eq!(rugby.holds(&value), expected);
    }
    assert!(rugby.holds(&Scalar::Null) && rugby.holds(&Scalar::Bool(false)));
}

/// All ways to place the literals, tried one by one.
fn matches_somehow(literals: &[&str], value: &str) -> bool {
    match literals {
        [] => false,
        [last] => value.ends_with(last),
        [literal, rest @ ..] => value
            .match_indices(*literal)
            .any(|(at, _)| value.get(at + literal.len()..).is_some_and(|left| matches_somehow(rest, left))),
    }
}

proptest! {
    #[test]
    fn a_pattern_matches_if_its_literals_can_be_placed_somehow(
        literals in prop::collection::vec("[ab]{0,2}", 2..5), value in "[ab]{0,9}",
    ) {
        let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
        let placed = value.strip_prefix(literals[0]).is_some_and(|rest| matches_somehow(&literals[1..], rest));
        prop_assert_eq!(pattern(&literals).holds(&text(&value)), placed);
    }

    #[test]
    fn ignoring_case_is_comparing_what_is_folded(value in "\\PC{0,6}", expected in "\\PC{0,3}") {
        let (folded, expected) = (fold(&value), fold(&expected));
        for expected in [&expected, &folded] {
            let value = text(&value);
            prop_assert_eq!(Condition::EqualsIgnoreCase(expected.as_str().into()).holds(&value), folded == *expected);
            prop_assert_eq!(Condition::Prefix(part(expected, true)).holds(&value), folded.starts_with(expected));
            prop_assert_eq!(Condition::Suffix(part(expected, true)).holds(&value), folded.ends_with(expected));
        }
    }
}
