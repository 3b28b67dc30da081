//! Policies and messages of the three workloads, over attributes.
//!
//! - *Selective*: a tenant of N/10, and six of ten times a type.
//! - *Mixed*: every operator, and up to four broad conditions beside it. One message in some thousand satisfies the narrow one.
//! - *Broad*: types, regions and quantities alone, so that a message matches one policy in forty. Many policies are alike.

use std::borrow::Cow;

use filter::{Attribute, Policy, Scalar};
use types::FilterScope;

/// Splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    Selective,
    Mixed,
    Broad,
}

const TYPES: u64 = 10;
const REGIONS: u64 = 8;
const FILES: u64 = 2_000;
const PRICES: u64 = 10_000;

fn tenants(of: u64) -> u64 {
    (of / 10).max(1)
}

fn users(of: u64) -> u64 {
    of.max(10)
}

fn address(random: &mut Random) -> String {
    let some = random.next();
    format!("10.{}.{}.{}", some >> 16 & 255, some >> 8 & 255, some & 255)
}

/// Policies of a workload; `of` is how many there are in all.
pub(crate) fn policy(workload: Workload, random: &mut Random, of: u64) -> Policy {
    let keys = match workload {
        Workload::Selective => selective(random, of),
        Workload::Mixed => mixed(random, of),
        Workload::Broad => broad(random),
    };
    Policy::parse(FilterScope::Attributes, &format!("{{{}}}", keys.join(","))).expect("a valid policy")
}

fn selective(random: &mut Random, of: u64) -> Vec<String> {
    let mut keys = vec![format!(r#""tenant":["tenant-{}"]"#, random.below(tenants(of)))];
    if random.below(10) < 6 {
        keys.push(format!(r#""type":["type-{}"]"#, random.below(TYPES)));
    }
    keys
}

/// Tenants and users grow with the number of policies; what there is of paths, prices and addresses does not, so that the more policies
/// there are the more of them a message comes near to.
fn mixed(random: &mut Random, of: u64) -> Vec<String> {
    let user = random.below(users(of));
    let file = random.below(FILES);
    let price = random.below(PRICES);
    let bits = 14 + random.below(11);
    let mut keys = vec![match random.below(100) {
        0..45 => format!(r#""tenant":["tenant-{}"]"#, random.below(tenants(of))),
        45..52 => format!(r#""user":["user-{user}","user-{}","user-{}"]"#, user + 1, user + 7),
        52..64 => format!(r#""path":[{{"prefix":"/files/{file}/"}}]"#),
        64..72 => format!(r#""path":[{{"suffix":"-{file}.png"}}]"#),
        72..80 => format!(r#""user":[{{"equals-ignore-case":"USER-{user}"}}]"#),
        80..83 => format!(r#""path":[{{"wildcard":"/files/*/x-{file}.png"}}]"#),
        83..91 => format!(r#""price":[{{"numeric":[">=",{price},"<",{}]}}]"#, price + 1 + random.below(40)),
        _ => format!(r#""address":[{{"cidr":"{}/{bits}"}}]"#, address(random)),
    }];
    let broad = [
        format!(r#""type":[{{"anything-but":["type-{}"]}}]"#, random.below(TYPES)),
        r#""region":[{"exists":true}]"#.to_owned(),
        format!(r#""qty":[{{"numeric":[">",{}]}}]"#, random.below(50) * 10),
        format!(r#""region":[{{"anything-but":["region-{}"]}}]"#, random.below(REGIONS)),
        r#""debug":[{"exists":false}]"#.to_owned(),
    ];
    let first = random.below(5);
    for i in 0..random.below(5) {
        let condition = &broad[(first + i) as usize % 5];
        let key = condition.split(':').next();
        if keys.iter().all(|other| other.split(':').next() != key) {
            keys.push(condition.clone());
        }
    }
    keys
}

fn broad(random: &mut Random) -> Vec<String> {
    let mut keys = Vec::new();
    let which = random.below(10);
    if which < 8 {
        keys.push(format!(r#""type":["type-{}"]"#, random.below(TYPES)));
    }
    if which < 6 || which >= 8 {
        keys.push(format!(r#""region":["region-{}"]"#, random.below(REGIONS)));
    }
    let low = random.below(20) * 25;
    keys.push(match random.below(2) {
        0 => format!(r#""qty":[{{"numeric":[">",{low}]}}]"#),
        _ => format!(r#""qty":[{{"numeric":[">=",{low},"<",{}]}}]"#, low + 250),
    });
    keys
}

/// A message of eight or nine attributes that may satisfy policies of a workload of this size.
pub(crate) fn message(random: &mut Random, of: u64) -> Vec<(&'static str, Attribute<'static>)> {
    let text = |text: String| Attribute::Scalar(Scalar::String(Cow::Owned(text)));
    let number = |number: u64| Attribute::Scalar(Scalar::Number(number as f64));
    let mut attributes = vec![
        ("tenant", text(format!("tenant-{}", random.below(tenants(of))))),
        ("type", text(format!("type-{}", random.below(TYPES)))),
        ("region", text(format!("region-{}", random.below(REGIONS)))),
        ("qty", number(random.below(500))),
        ("user", text(format!("User-{}", random.below(users(of))))),
        ("path", text(format!("/files/{}/x-{}.png", random.below(FILES), random.below(FILES)))),
        ("price", number(random.below(PRICES))),
        ("address", text(address(random))),
    ];
    if random.below(2) == 0 {
        attributes.push(("trace", text(format!("{:032x}", random.next()))));
    }
    attributes
}
