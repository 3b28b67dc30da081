//! The index finds what the specification matches: for random policies that come, change and go, and random messages.

use std::borrow::Cow;

use filter::{Attribute, ClassId, Content, Index, Matches, Policy, Scalar};
use types::FilterScope;

use crate::index_world::{ATTRIBUTES, Random, attribute, body, policy};

/// Pairs of a message and a policy.
const PAIRS: usize = 60_000;
/// With `FANFARE_LONG` set.
const PAIRS_LONG: usize = 1_200_000;
/// Policies at a time; then messages between two changes of them.
const POLICIES: usize = 40;
const MESSAGES: usize = 4;

/// An index, and what should be in it.
struct World {
    random: Random,
    index: Index,
    matches: Matches,
    policies: Vec<(String, Policy, ClassId)>,
    pairs: usize,
    matched: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            index: Index::new(seed),
            matches: Matches::default(),
            policies: Vec::new(),
            pairs: 0,
            matched: 0,
        }
    }

    fn add(&mut self) {
        let scope = if self.random.percent(50) { FilterScope::Attributes } else { FilterScope::Body };
        let text = policy(&mut self.random, scope == FilterScope::Body);
        let Ok(policy) = Policy::parse(scope, &text) else { return };
        let class = self.index.add(&policy);
        for (other, with, of) in &self.policies {
            assert_eq!(*with == policy, *of == class, "{other} and {text}");
        }
        self.policies.push((text, policy, class));
    }

    fn remove(&mut self) {
        let at = self.random.below(self.policies.len());
        let (_, _, class) = self.policies.swap_remove(at);
        self.index.remove(class);
    }

    /// One more policy, one less, or both, which is what an update is.
    fn change(&mut self) {
        let (add, remove) = self.random.pick(&[(true, false), (false, true), (true, true)]);
        if remove && self.policies.len() > POLICIES / 2 {
            self.remove();
        }
        if add && self.policies.len() < POLICIES {
            self.add();
        }
    }

    fn check_message(&mut self) {
        let body = body(&mut self.random);
        let mut attributes = Vec::new();
        for name in ATTRIBUTES {
            if self.random.percent(45) {
                attributes.push((name, attribute(&mut self.random)));
            }
        }
        let attributes: Vec<(&str, Attribute<'_>)> =
            attributes.iter().map(|(name, values)| (*name, decoded(values.as_deref()))).collect();
        self.check(&Content { attributes: &attributes, body: body.as_bytes() });
    }

    fn check(&mut self, content: &Content<'_>) {
        self.index.find(content, &mut self.matches);
        let found = &self.matches.classes;
        assert!(found.is_sorted_by(|one, next| one < next), "{found:?}");
        let mut expected: Vec<ClassId> = Vec::new();
        for (text, policy, class) in &self.policies {
            let matches = policy.matches(content);
            assert_eq!(
                matches,
                found.binary_search(class).is_ok(),
                "{:?} {text}\nattributes {:?}\nbody {}",
                policy.scope(),
                content.attributes,
                String::from_utf8_lossy(content.body),
            );
            expected.extend(matches.then_some(*class));
        }
        self.pairs += self.policies.len();
        self.matched += expected.len();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(*found, expected, "classes that nobody has");
    }
}

fn decoded(values: Option<&[String]>) -> Attribute<'static> {
    match values {
        None => Attribute::Binary,
        Some([value]) => Attribute::Scalar(scalar(value)),
        Some(values) => Attribute::Array(values.iter().map(|value| scalar(value)).collect()),
    }
}

fn scalar(json: &str) -> Scalar<'static> {
    match serde_json::from_str(json).unwrap() {
        serde_json::Value::String(text) => Scalar::String(Cow::Owned(text)),
        serde_json::Value::Number(number) => Scalar::Number(number.as_f64().unwrap()),
        serde_json::Value::Bool(value) => Scalar::Bool(value),
        _ => Scalar::Null,
    }
}

#[test]
fn the_index_finds_exactly_what_matches() {
    let pairs = if std::env::var_os("FANFARE_LONG").is_some() { PAIRS_LONG } else { PAIRS };
    let seed = std::env::var("FANFARE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("FANFARE_SEED={seed}");
    let mut world = World::new(seed);
    while world.pairs < pairs {
        world.change();
        for _ in 0..MESSAGES {
            world.check_message();
        }
    }
    println!("{} pairs, {} of them matched", world.pairs, world.matched);
    let percent = world.matched * 100 / world.pairs;
    assert!((5..60).contains(&percent), "{percent} % matched: too few or too many to tell anything");
}
