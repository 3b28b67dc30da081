//! Bodies that are made to take long or deep: they come back, from a small stack, and the index and the specification agree on them.
//! How long they take is measured by the bench; a test has no clock, but quadratic time over these would be minutes.

use filter::{Content, Index, Matches, Policy};
use types::limits::{FILTER_BODY_DEPTH, FILTER_DEPTH};
use types::{FilterScope, limits};

const STACK: usize = 512 << 10;
const BYTES: usize = 256 << 10;

/// Finds what a body matches with many policies at once, and asks some of them one by one.
fn check(policies: &[Policy], body: &str) -> usize {
    let mut index = Index::new(5);
    let classes: Vec<_> = policies.iter().map(|policy| index.add(policy)).collect();
    let content = Content { attributes: &[], body: body.as_bytes() };
    let mut matches = Matches::default();
    index.find(&content, &mut matches);
    for (policy, class) in policies.iter().zip(&classes).step_by(policies.len().div_ceil(4)) {
        assert_eq!(policy.matches(&content), matches.classes.contains(class), "{policy:?}");
    }
    matches.classes.len()
}

fn policies(count: usize, text: impl Fn(usize) -> String) -> Vec<Policy> {
    (0..count).map(|i| Policy::parse(FilterScope::Body, &text(i)).unwrap()).collect()
}

/// As many pieces as fit, between a beginning and an end.
fn filled(begin: &str, end: &str, piece: impl Fn(usize) -> String) -> String {
    let mut body = begin.to_owned() + &piece(0);
    for i in 1.. {
        let piece = piece(i);
        if body.len() + piece.len() + end.len() >= BYTES {
            break;
        }
        body = body + "," + &piece;
    }
    body + end
}

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(test).unwrap().join().unwrap();
}

#[test]
fn nesting_does_not_overflow_the_stack() {
    on_a_small_stack(|| {
        let deepest = vec!["a"; FILTER_DEPTH].join(".");
        let all = policies(20, |i| format!(r#"{{"{deepest}": [{i}], "a.b": [{{"exists": false}}]}}"#));
        for levels in [FILTER_DEPTH, FILTER_BODY_DEPTH, FILTER_BODY_DEPTH + 1, 100_000] {
            let objects = format!("{}7{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
            assert_eq!(check(&all, &objects), usize::from(levels == FILTER_DEPTH));
            let lists = format!(r#"{{"{deepest}": {}7{}}}"#, "[".repeat(levels), "]".repeat(levels));
            assert_eq!(check(&all, &lists), usize::from(levels < FILTER_BODY_DEPTH));
            let ignored =
                format!(r#"{{"{deepest}": 7, "z": {}7{}}}"#, "[".repeat(levels), "]".repeat(levels));
            assert_eq!(check(&all, &ignored), usize::from(levels < FILTER_BODY_DEPTH));
            check(&all, &"[".repeat(levels));
            check(&all, &r#"{"a":["#.repeat(levels));
        }
        let mixed = format!("{}{{}}{}", r#"{"a":["#.repeat(62), "]}".repeat(62));
        check(&all, &filled(r#"{"a":["#, "]}", |_| mixed.clone()));
        assert_eq!(check(&all, &format!(r#"{{"{}": 7, "{deepest}": 7}}"#, ".".repeat(BYTES))), 1);
        check(&all, &format!(r#"{{"{}a": 7}}"#, "a.".repeat(BYTES / 2)));
    });
}

#[test]
fn many_elements_do_not_take_many_times_as_many_policies() {
    on_a_small_stack(|| {
        let all = policies(2_000, |i| format!(r#"{{"items": {{"id": [{i}], "kind": ["x"]}}, "top": [1]}}"#));
        let apart =
            filled(r#"{"top": 1, "items": [{"kind": "x"},"#, "]}", |i| format!(r#"{{"id":{i},"kind":"y"}}"#));
        assert_eq!(check(&all, &apart), 0);
        let together = filled(r#"{"top": 1, "items": ["#, "]}", |i| format!(r#"{{"id":{i},"kind":"x"}}"#));
        assert_eq!(check(&all, &together), 2_000);
        let elsewhere = together.replacen("1", "2", 1);
        assert_eq!(check(&all, &elsewhere), 0);
        // Elements inside elements: the outer one fails for all of its inner ones at once.
        let nested =
            policies(500, |i| format!(r#"{{"a": {{"b": {{"id": [{i}]}}, "c": {{"d": [1], "e": [1]}}}}}}"#));
        let siblings = filled("", "", |_| r#"{"d":1},{"e":1}"#.to_owned());
        let inner = filled("", "", |i| format!(r#"{{"id":{}}}"#, i % 500));
        assert_eq!(check(&nested, &format!(r#"{{"a": [{{"b": [{inner}], "c": [{siblings}]}}, {{}}]}}"#)), 0);
    });
}

#[test]
fn wide_objects_and_repeated_keys_are_read_in_one_pass() {
    on_a_small_stack(|| {
        let all = policies(2_000, |i| format!(r#"{{"o": {{"k{i}": [1], "k{}": [1]}}}}"#, i + 1));
        let wide = filled(r#"{"o": [{"k0": 1}, {"#, "}]}", |i| format!(r#""k{i}":1"#));
        assert_eq!(check(&all, &wide), 2_000);
        let repeated = filled(r#"{"o": {"k1": 1}, "#, r#", "o.k0": 1}"#, |i| {
            format!(r#""o.k0":{i},"o":{{"k0":[{i}]}}"#)
        });
        assert_eq!(check(&all, &repeated), 1);
    });
}

#[test]
fn many_values_and_long_ones_are_found_by_many_policies() {
    on_a_small_stack(|| {
        let all = policies(2_000, |i| {
            format!(r#"{{"tags": [{i}, {{"wildcard": "*{i}*x"}}, {{"prefix": "{i}"}}]}}"#)
        });
        assert_eq!(check(&all, &filled(r#"{"tags": ["#, "]}", |i| i.to_string())), 2_000);
        assert_eq!(check(&all, &filled(r#"{"tags": ["#, "]}", |_| "7".to_owned())), 1);
        assert!(check(&all, &format!(r#"{{"tags": "{}x"}}"#, "1".repeat(BYTES))) > 1);
        assert_eq!(check(&all, &format!(r#"{{"tags": "{}"}}"#, r"\n".repeat(BYTES / 2))), 0);
    });
}

#[test]
fn conditions_of_one_policy_that_a_value_leads_to_together_are_asked_once() {
    on_a_small_stack(|| {
        let list = |count: usize, one: &dyn Fn(usize) -> String| {
            let list = (0..count).map(one).collect::<Vec<_>>().join(",");
            Policy::parse(FilterScope::Body, &format!(r#"{{"a": [{list}]}}"#)).unwrap()
        };
        let head = "h".repeat(64);
        let prefixes = list(limits::FILTER_PATTERNS, &|i| format!(r#"{{"prefix": "{head}{i}"}}"#));
        let ranges =
            list(limits::FILTER_PATTERNS, &|i| format!(r#"{{"numeric": [">", {i}e-9, "<", 0.51]}}"#));
        // Of every width, so that each is in a place of its own.
        let widths = list(limits::FILTER_PATTERNS, &|i| {
            format!(r#"{{"numeric": [">", {i}e-9, "<", {}]}}"#, 2_f64.powi(i as i32 % 60))
        });
        let wide = list(limits::FILTER_PATTERNS, &|i| format!(r#"{{"numeric": [">", {i}, "<", 1e30]}}"#));
        let texts: Vec<String> = (0..100).map(|i| format!(r#""{head}x{i}""#)).collect();
        let numbers: Vec<String> = (0..100).map(|i| format!("0.6{i}")).collect();
        let all = [prefixes, ranges, widths, wide];
        assert_eq!(
            check(&all, &format!(r#"{{"a": [{}, {}, 1e300]}}"#, texts.join(","), numbers.join(","))),
            2
        );
    });
}

#[test]
fn what_is_remembered_about_an_element_is_remembered_for_the_same_leaves_only() {
    on_a_small_stack(|| {
        let all = policies(20, |i| {
            let (p, q) = (r#"[{"anything-but": ["0"]}]"#, format!(r#"[{{"anything-but": ["0", "{i}"]}}]"#));
            format!(r#"{{"a": {{"x": [1], "y": {{"p": {p}, "q": {q}}}}}}}"#)
        });
        let body = filled(r#"{"a": ["#, r#",{"x":1,"y":{"p":"z","q":"3"}}]}"#, |_| {
            r#"{"x":1,"y":{"p":"0","q":"0"}}"#.to_owned()
        });
        assert_eq!(check(&all, &body), 19);
    });
}
