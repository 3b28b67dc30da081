//! What is in the messages, and the filter policies that look at it. What each policy lets in is written down by hand: it is what the
//! broker is judged by.

use broker::BacklogAction;
use bytes::Bytes;
use types::{FilterPolicy, FilterScope};

use super::random::Random;
use crate::history::{Kind, Kinds, Uid};

/// How a body begins, by its kind. What follows is the name and filler.
const BODIES: [&str; 6] =
    [r#"{"t":"a","#, r#"{"t":"b","#, r#"{"t":"c","#, r#"{"t":["a","b"],"#, "{", "no JSON "];
const A: Kind = 0;
const B: Kind = 1;
const C: Kind = 2;
const A_AND_B: Kind = 3;
const NO_TYPE: Kind = 4;

/// Policies, and what each lets in. The last body is no JSON object, which matches none of them.
const POLICIES: [(&str, Kinds); 6] = [
    (r#"{"t":["a"]}"#, Kinds::of(&[A, A_AND_B])),
    (r#"{"t":["b"]}"#, Kinds::of(&[B, A_AND_B])),
    (r#"{"t":["a","b"]}"#, Kinds::of(&[A, B, A_AND_B])),
    (r#"{"t":[{"anything-but":["a"]}]}"#, Kinds::of(&[B, C, A_AND_B])),
    (r#"{"t":[{"exists":false}]}"#, Kinds::of(&[NO_TYPE])),
    (r#"{"t":["nothing"]}"#, Kinds::of(&[])),
];
const NAME: &str = r#""n":"#;

/// Some policy, or none.
pub(crate) fn some_policy(random: &mut Random) -> Option<FilterPolicy> {
    let index = random.weighted(&[20, 15, 15, 15, 5, 5, 25]);
    let (json, _) = POLICIES.get(index)?;
    Some(FilterPolicy { json: (*json).into(), scope: FilterScope::Body })
}

/// What a policy lets in.
pub(crate) fn kinds(policy: Option<&FilterPolicy>) -> Kinds {
    let Some(policy) = policy else { return Kinds::ALL };
    let known = POLICIES.iter().find(|(json, _)| *policy.json == **json);
    known.expect("the simulation knows its policies").1
}

pub(crate) fn some_kind(random: &mut Random) -> Kind {
    random.of(&[A, A, A, B, B, C, C, A_AND_B, NO_TYPE, 5])
}

pub(crate) fn some_action(random: &mut Random) -> BacklogAction {
    random.of(&[BacklogAction::Keep, BacklogAction::Reevaluate])
}

/// A body of this kind with the message's name in it, and filler that differs from message to message.
pub(crate) fn payload_of(uid: Uid, kind: Kind, bytes: usize) -> Bytes {
    let filler: String = uid.to_string().chars().cycle().take(bytes).collect();
    format!(r#"{}{NAME}{uid},"x":"{filler}"}}"#, BODIES[kind as usize]).into()
}

/// The name in a payload; zero, which no message has, if there is none.
pub(crate) fn uid_of(payload: &[u8]) -> Uid {
    let text = std::str::from_utf8(payload).unwrap_or_default();
    let name = text.split_once(NAME).and_then(|(_, name)| name.split_once(','));
    name.and_then(|(name, _)| name.parse().ok()).unwrap_or(0)
}
