//! Bodies that are made to take long.

use std::fmt::Write as _;

use filter::Policy;
use types::FilterScope;

use crate::workload::Random;

/// Policies over the items of orders, many of them on two or three fields of one item, and over keys of all kinds.
pub(crate) fn policy(random: &mut Random, of: u64) -> Policy {
    let some = random.below(of);
    let keys = match random.below(10) {
        0..4 => format!(r#""items":{{"id":[{some}],"kind":["kind-{}"]}}"#, random.below(50)),
        4 => format!(
            r#""items":{{"id":[{some}],"qty":[{{"numeric":[">",{}]}}]}},"tenant":["t"]"#,
            random.below(100)
        ),
        5 => {
            format!(r#""items":{{"kind":["kind-{}"],"qty":[{{"numeric":[">",{some}]}}]}}"#, random.below(50))
        }
        6 => format!(r#""items":{{"sub":{{"x":[{some}],"y":[1]}},"kind":[{{"anything-but":["kind-1"]}}]}}"#),
        7 => format!(r#""key-{some}":[1],"key-{}":[2]"#, random.below(of)),
        8 => format!(r#""text":[{{"wildcard":"x*{some}*y"}}]"#),
        _ if some.is_multiple_of(32) => format!(r#""text":[{{"wildcard":"*{some}*"}}]"#),
        _ => format!(r#""text":[{{"prefix":"text-{some}"}}],"tags":[{some}]"#),
    };
    Policy::parse(FilterScope::Body, &format!("{{{keys}}}")).expect("a valid policy")
}

/// Bodies of about so many bytes.
pub(crate) fn bodies(bytes: usize) -> Vec<(&'static str, String)> {
    let mut random = Random(3);
    let mut filled = |begin: &str, end: &str, mut piece: Box<dyn FnMut(u64, &mut Random) -> String>| {
        let mut body = begin.to_owned();
        for i in 0.. {
            let piece = piece(i, &mut random);
            if body.len() + piece.len() + end.len() + 1 > bytes {
                break;
            }
            let _ = write!(body, "{}{piece}", if i == 0 { "" } else { "," });
        }
        body + end
    };
    let item = |i: u64, random: &mut Random| {
        format!(
            r#"{{"id":{},"kind":"kind-{}"}}"#,
            random.below(10_000),
            if i.is_multiple_of(2) { 90 } else { 91 }
        )
    };
    let nested = |_: u64, random: &mut Random| {
        let some = random.below(10_000);
        format!(r#"{{"kind":"kind-1","sub":[{{"x":{some},"y":0}},{{"x":0,"y":1}}]}}"#)
    };
    let deep = format!(r#"{}1{}"#, r#"{"items":["#.repeat(62), "]}".repeat(62));
    let opened = r#"{"items":[{"sub":["#;
    vec![
        ("items that hit policies", filled(r#"{"items":["#, "]}", Box::new(item))),
        ("items in one tenant", filled(r#"{"tenant":"t","items":["#, "]}", Box::new(item))),
        (
            "the same item",
            filled(r#"{"items":["#, "]}", Box::new(|_, _| r#"{"id":7,"kind":"kind-90","qty":0}"#.to_owned())),
        ),
        (
            "items with large quantities",
            filled(
                r#"{"items":["#,
                "]}",
                Box::new(|i, _| {
                    if i % 50 == 1 {
                        format!(r#"{{"kind":"kind-{}","qty":0}}"#, i / 50 % 50)
                    } else {
                        format!(r#"{{"kind":"no","qty":{i}}}"#)
                    }
                }),
            ),
        ),
        ("items in items", filled(r#"{"items":["#, "]}", Box::new(nested))),
        (
            "one item of many",
            filled(
                opened,
                r#"],"kind":"kind-1"},{"kind":"x"}]}"#,
                Box::new(|i, _| format!(r#"{{"x":{},"y":1}}"#, i % 10_000)),
            ),
        ),
        ("wide", filled("{", "}", Box::new(|i, _| format!(r#""key-{}":{}"#, i % 12_000, 3)))),
        (
            "wide items",
            filled(r#"{"items":[{"id":1},{"#, "}]}", Box::new(|i, _| format!(r#""key-{i}":{i}"#))),
        ),
        ("one key", filled("{", "}", Box::new(|i, _| format!(r#""items":[{{"id":{i}}}]"#)))),
        (
            "dotted keys",
            filled("{", "}", Box::new(|i, _| format!(r#""items.id":{i},"items":{{"kind":"kind-{i}"}}"#))),
        ),
        ("deep", filled(r#"{"items":["#, "]}", Box::new(move |_, _| deep.clone()))),
        (
            "deep lists",
            filled(
                r#"{"items":["#,
                "]}",
                Box::new(|_, _| format!("{}1{}", "[".repeat(120), "]".repeat(120))),
            ),
        ),
        ("one number often", filled(r#"{"text":"text-7","tags":["#, "]}", Box::new(|_, _| "1".to_owned()))),
        (
            "many numbers",
            filled(r#"{"text":"text-7","tags":["#, "]}", Box::new(|i, _| (i % 10_000).to_string())),
        ),
        ("one text", format!(r#"{{"text":"x{}y"}}"#, "1".repeat(bytes - 13))),
        ("one text of digits", format!(r#"{{"text":"x{}y"}}"#, "9876501234".repeat(bytes / 10 - 2))),
        ("one text with escapes", format!(r#"{{"text":"{}"}}"#, "\\n".repeat(bytes / 2 - 7))),
        (
            "what nobody asks for",
            filled(r#"{"z":["#, "]}", Box::new(|i, _| format!(r#"{{"a":"b","c":[{i}]}}"#))),
        ),
        ("no JSON at the end", filled(r#"{"items":["#, "]", Box::new(item))),
    ]
}
