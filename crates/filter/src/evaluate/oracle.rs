//! The same semantics put another way, which shares no code with the evaluator: every value of a body is listed with the elements that
//! it is in, and an alternative matches if values can be chosen for its leaves, no two of them in different elements of one list.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use types::FilterScope;

use super::any_holds;
use crate::policy::Alternative;
use crate::{Content, Policy, Scalar};

/// A body as it is written.
#[derive(Debug, Clone)]
enum Json {
    Number(u8),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

/// A body as it is understood.
#[derive(Debug)]
enum Meaning {
    Number(u8),
    List(Vec<Meaning>),
    Object(BTreeMap<String, Meaning>),
}

/// A value: its path, and for each list on the way which one that is and which of its elements it is in.
struct Field {
    path: Vec<String>,
    value: f64,
    elements: Vec<(usize, usize)>,
}

fn written(json: &Json) -> String {
    match json {
        Json::Number(number) => number.to_string(),
        Json::List(elements) => format!("[{}]", elements.iter().map(written).collect::<Vec<_>>().join(",")),
        Json::Object(entries) => {
            let mut text = String::new();
            for (key, value) in entries {
                let _ =
                    write!(text, "{}\"{key}\":{}", if text.is_empty() { "" } else { "," }, written(value));
            }
            format!("{{{text}}}")
        }
    }
}

fn meant(json: &Json) -> Meaning {
    let mut meaning = None;
    write(&mut meaning, &[], json);
    meaning.unwrap_or_else(|| unreachable!("a value was written"))
}

/// Writes a value where the path leads, in the order of the text: into an object that is there, in the place of anything else.
fn write(place: &mut Option<Meaning>, path: &[&str], json: &Json) {
    if let [step, rest @ ..] = path {
        return in_object(place, |entries| {
            let mut entry = entries.remove(*step);
            write(&mut entry, rest, json);
            entries.extend(entry.map(|entry| ((*step).to_owned(), entry)));
        });
    }
    match json {
        Json::Number(number) => *place = Some(Meaning::Number(*number)),
        Json::List(elements) => *place = Some(Meaning::List(elements.iter().map(meant).collect())),
        Json::Object(entries) => {
            in_object(place, |_| ());
            for (key, value) in entries {
                // `a.b: x` is `a: {b: x}`.
                write(place, &key.split('.').collect::<Vec<_>>(), value);
            }
        }
    }
}

fn in_object(place: &mut Option<Meaning>, change: impl FnOnce(&mut BTreeMap<String, Meaning>)) {
    let mut entries = match place.take() {
        Some(Meaning::Object(entries)) => entries,
        _ => BTreeMap::new(),
    };
    change(&mut entries);
    *place = Some(Meaning::Object(entries));
}

struct Fields {
    all: Vec<Field>,
    lists: usize,
}

impl Fields {
    fn of(body: &Json) -> Vec<Field> {
        let mut fields = Self { all: Vec::new(), lists: 0 };
        fields.list(&meant(body), &[], &[]);
        fields.all
    }

    fn list(&mut self, meaning: &Meaning, path: &[String], elements: &[(usize, usize)]) {
        match meaning {
            Meaning::Number(number) => {
                self.all.push(Field {
                    path: path.to_vec(),
                    value: (*number).into(),
                    elements: elements.to_vec(),
                });
            }
            Meaning::Object(entries) => {
                for (key, value) in entries {
                    self.list(value, &[path, std::slice::from_ref(key)].concat(), elements);
                }
            }
            Meaning::List(values) => {
                self.lists += 1;
                let mut flat = Vec::new();
                flatten(values, &mut flat);
                let list = self.lists;
                for (index, value) in flat.into_iter().enumerate() {
                    // A value that ends here goes through no element: it is a choice for each leaf.
                    let object = matches!(value, Meaning::Object(_));
                    let within = [elements, &[(list, index)]].concat();
                    self.list(value, path, if object { &within } else { elements });
                }
            }
        }
    }
}

fn flatten<'m>(values: &'m [Meaning], flat: &mut Vec<&'m Meaning>) {
    for value in values {
        match value {
            Meaning::List(inner) => flatten(inner, flat),
            value => flat.push(value),
        }
    }
}

fn consistent(chosen: &[&Field]) -> bool {
    let all = || chosen.iter().flat_map(|field| &field.elements);
    all().all(|(list, index)| all().all(|(other, at)| other != list || at == index))
}

fn can_choose(alternative: &Alternative, fields: &[Field], chosen: &mut Vec<usize>, next: usize) -> bool {
    let Some(leaf) = alternative.leaves.get(next) else {
        return consistent(&chosen.iter().map(|field| &fields[*field]).collect::<Vec<_>>());
    };
    let at = |field: &Field| field.path.iter().map(String::as_str).eq(leaf.path.iter().map(|step| &**step));
    if leaf.or_absent && !fields.iter().any(at) {
        return can_choose(alternative, fields, chosen, next + 1);
    }
    (0..fields.len()).any(|number| {
        let field = &fields[number];
        if !at(field) || !any_holds(&leaf.conditions, &Scalar::Number(field.value)) {
            return false;
        }
        chosen.push(number);
        let could = can_choose(alternative, fields, chosen, next + 1);
        chosen.pop();
        could
    })
}

const KEYS: [&str; 7] = ["a", "b", "c", "a.b", "a.c", "b.c", "a."];
const PATHS: [&str; 8] = ["a", "b", "a.b", "a.c", "b.c", "a.b.c", "a.b.a", "a.a.b"];
const LEAVES: [&str; 6] =
    ["[1]", "[2]", "[1,3]", r#"[{"exists":false}]"#, r#"[{"exists":false},1]"#, r#"[{"anything-but":[1]}]"#];

fn any_value() -> impl Strategy<Value = Json> {
    (1..4_u8).prop_map(Json::Number).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            2 => prop::collection::vec((prop::sample::select(&KEYS[..]), inner.clone()), 0..4).prop_map(Json::Object),
            1 => prop::collection::vec(inner, 0..4).prop_map(Json::List),
        ]
    })
}

fn any_body() -> impl Strategy<Value = Json> {
    prop::collection::vec((prop::sample::select(&KEYS[..]), any_value()), 1..5).prop_map(Json::Object)
}

fn any_policy() -> impl Strategy<Value = String> {
    let leaf = || (prop::sample::select(&PATHS[..]), prop::sample::select(&LEAVES[..]));
    prop::collection::btree_map(prop::sample::select(&PATHS[..]), prop::sample::select(&LEAVES[..]), 1..4)
        .prop_flat_map(move |leaves| (Just(leaves), prop::option::weighted(0.3, (leaf(), leaf()))))
        .prop_map(|(leaves, or)| {
            let mut keys: Vec<String> =
                leaves.iter().map(|(path, list)| format!(r#""{path}":{list}"#)).collect();
            if let Some(((one, of_one), (other, of_other))) = or {
                keys.push(format!(r#""$or":[{{"{one}":{of_one}}},{{"{other}":{of_other}}}]"#));
            }
            format!("{{{}}}", keys.join(","))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("FANFARE_LONG").is_some() { 200_000 } else { 3_000 }))]

    #[test]
    fn a_body_matches_if_values_can_be_chosen(body in any_body(), policy in any_policy()) {
        let policy = Policy::parse(FilterScope::Body, &policy).unwrap();
        let fields = Fields::of(&body);
        let could = policy.alternatives.iter().any(|alternative| can_choose(alternative, &fields, &mut Vec::new(), 0));
        let text = written(&body);
        let matches = policy.matches(&Content { attributes: &[], body: text.as_bytes() });
        prop_assert_eq!(matches, could, "{}", text);
    }
}
