//! Random policies and messages from few words, so that they often have to do with each other.

/// Splitmix64: a seed is all there is to a run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Whether something happens that does so `of` a hundred times.
    pub(crate) fn percent(&mut self, of: usize) -> bool {
        self.below(100) < of
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn list(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> String) -> String {
        let all: Vec<String> = (0..1 + self.below(most)).map(|_| one(self)).collect();
        all.join(",")
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "items", "a.b"];
/// JSON strings as they are written.
const TEXTS: [&str; 14] = [
    r#""""#,
    r#""a""#,
    r#""A""#,
    r#""ab""#,
    r#""aB""#,
    r#""abc""#,
    r#""b""#,
    r#""ba""#,
    r#""É""#,
    r#""\u00e9""#,
    r#""1""#,
    r#""10.0.0.7""#,
    r#""10.1.0.7""#,
    r#""2001:db8::7""#,
];
const NUMBERS: [&str; 10] = ["0", "-0.0", "1", "1e0", "2.5", "-3", "7", "8", "100.00001", "1e9"];
const BLOCKS: [&str; 6] =
    ["10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.7/32", "2001:db8::/32", "2001:db8::7/128"];
const PATTERNS: [&str; 8] = ["a*", "*b", "*", "a*b", "*b*", "a*c*", "ab", "*A*b"];

fn text(random: &mut Random) -> String {
    random.pick(&TEXTS).to_owned()
}

fn number(random: &mut Random) -> String {
    random.pick(&NUMBERS).to_owned()
}

fn numeric(random: &mut Random) -> String {
    let (a, b) = (random.below(12), 1 + random.below(12));
    match random.below(7) {
        0 => format!(r#"{{"numeric":["=",{}]}}"#, number(random)),
        1 => format!(r#"{{"numeric":["<",{}]}}"#, number(random)),
        2 => format!(r#"{{"numeric":["<=",{}]}}"#, number(random)),
        3 => format!(r#"{{"numeric":[">",{}]}}"#, number(random)),
        4 => format!(r#"{{"numeric":[">=",{}]}}"#, number(random)),
        5 => format!(r#"{{"numeric":[">=",{},"<",{}]}}"#, a as i64 - 5, (a + b) as i64 - 5),
        _ => format!(r#"{{"numeric":[">",{a},"<=",{}]}}"#, a + b),
    }
}

fn part(random: &mut Random, operator: &str) -> String {
    if random.percent(30) {
        format!(r#"{{"{operator}":{{"equals-ignore-case":{}}}}}"#, random.pick(&TEXTS[1..]))
    } else {
        format!(r#"{{"{operator}":{}}}"#, random.pick(&TEXTS[1..]))
    }
}

fn anything_but(random: &mut Random) -> String {
    match random.below(6) {
        0 => format!(r#"{{"anything-but":[{}]}}"#, random.list(2, text)),
        1 => format!(r#"{{"anything-but":[{}]}}"#, random.list(2, number)),
        2 => format!(r#"{{"anything-but":{{"prefix":{}}}}}"#, random.pick(&TEXTS[1..])),
        3 => format!(r#"{{"anything-but":{{"suffix":{}}}}}"#, random.pick(&TEXTS[1..])),
        4 => format!(r#"{{"anything-but":{{"wildcard":"{}"}}}}"#, random.pick(&PATTERNS)),
        _ => format!(r#"{{"anything-but":{{"equals-ignore-case":{}}}}}"#, random.pick(&TEXTS)),
    }
}

fn condition(random: &mut Random) -> String {
    match random.below(24) {
        0..7 => text(random),
        7..10 => number(random),
        10 => random.pick(&["null", "true", "false"]).to_owned(),
        11 => format!(r#"{{"equals-ignore-case":{}}}"#, text(random)),
        12 => part(random, "prefix"),
        13 => part(random, "suffix"),
        14 => format!(r#"{{"wildcard":"{}"}}"#, random.pick(&PATTERNS)),
        15..18 => numeric(random),
        18 => format!(r#"{{"cidr":"{}"}}"#, random.pick(&BLOCKS)),
        19..21 => anything_but(random),
        21 => r#"{"exists":true}"#.to_owned(),
        _ => r#"{"exists":false}"#.to_owned(),
    }
}

fn conditions(random: &mut Random) -> String {
    format!("[{}]", random.list(3, condition))
}

/// Keys of one object, each with what it asks for.
fn policy_entries(random: &mut Random, nested: bool, depth: usize) -> String {
    let mut names: Vec<&str> = Vec::new();
    for _ in 0..1 + random.below(3) {
        let name = random.pick(&NAMES);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut entries: Vec<String> = names
        .iter()
        .map(|name| {
            if nested && depth < 3 && random.percent(35) {
                format!(r#""{name}":{{{}}}"#, policy_entries(random, nested, depth + 1))
            } else {
                format!(r#""{name}":{}"#, conditions(random))
            }
        })
        .collect();
    if random.percent(15) {
        let branches: Vec<String> = (0..2 + random.below(2))
            .map(|_| format!("{{{}}}", policy_entries(random, nested && depth < 2, depth + 1)))
            .collect();
        entries.push(format!(r#""$or":[{}]"#, branches.join(",")));
    }
    entries.join(",")
}

/// A policy's text. Not every one is valid: one may be too much of a good thing.
pub(crate) fn policy(random: &mut Random, nested: bool) -> String {
    match random.below(3) {
        0 if nested => policy_over_items(random),
        1 => format!(r#"{{"a":[{}]}}"#, random.list(2, number_asked)),
        _ => format!("{{{}}}", policy_entries(random, nested, 0)),
    }
}

/// What is asked of a small number.
fn number_asked(random: &mut Random) -> String {
    let (a, b) = (random.below(8), 1 + random.below(8));
    match random.below(8) {
        0..3 => a.to_string(),
        3 => format!(r#"{{"numeric":[">",{a}]}}"#),
        4 => format!(r#"{{"numeric":["<",{a}]}}"#),
        5 => format!(r#"{{"numeric":[">=",{a},"<=",{}]}}"#, a + b),
        6 => format!(r#"{{"anything-but":[{a},{b}]}}"#),
        _ => format!(r#"{{"exists":{}}}"#, random.percent(50)),
    }
}

const ITEM_PATHS: [&str; 10] =
    ["items.a", "items.b", "items.c.a", "items.c.b", "items.c", "items", "a", "b.a", "b.b", "items.b.a"];

/// A policy on several fields of one element, and of elements in it.
fn policy_over_items(random: &mut Random) -> String {
    let mut keys: Vec<(&str, String)> = Vec::new();
    for _ in 0..1 + random.below(4) {
        let path = random.pick(&ITEM_PATHS);
        if keys.iter().all(|(other, _)| *other != path) {
            keys.push((path, random.list(2, number_asked)));
        }
    }
    let mut keys: Vec<String> = keys.iter().map(|(path, list)| format!(r#""{path}":[{list}]"#)).collect();
    if random.percent(20) {
        let mut branch = || format!(r#"{{"{}":[{}]}}"#, random.pick(&ITEM_PATHS), number_asked(random));
        keys.push(format!(r#""$or":[{},{}]"#, branch(), branch()));
    }
    format!("{{{}}}", keys.join(","))
}

fn some_numbers(random: &mut Random) -> String {
    let number = |random: &mut Random| random.below(9).to_string();
    if random.percent(80) { number(random) } else { format!("[{}]", random.list(3, number)) }
}

/// Lists of objects in lists of objects, with small numbers.
fn body_of_items(random: &mut Random) -> String {
    let pair =
        |random: &mut Random| format!(r#"{{"a":{},"b":{}}}"#, some_numbers(random), some_numbers(random));
    let item = |random: &mut Random| match random.below(8) {
        0 => some_numbers(random),
        1 => format!(r#"{{"a":{}}}"#, some_numbers(random)),
        2 => format!(r#"{{"b":[{}],"c":{}}}"#, random.list(3, pair), pair(random)),
        3 => pair(random),
        4 => format!(r#"[{}]"#, random.list(2, pair)),
        _ => {
            let (a, b) = (some_numbers(random), some_numbers(random));
            format!(r#"{{"a":{a},"c":[{}],"b":{b}}}"#, random.list(4, pair))
        }
    };
    let (most_pairs, most_items) = random.pick(&[(1, 2), (1, 2), (3, 5)]);
    let (a, b) = (some_numbers(random), random.list(most_pairs, pair));
    format!(r#"{{"a":{a},"items":[{}],"b":[{b}]}}"#, random.list(most_items, item))
}

fn value(random: &mut Random, depth: usize) -> String {
    match random.below(20) {
        0..7 => text(random),
        7..10 => number(random),
        10 => random.pick(&["null", "true", "false"]).to_owned(),
        11..13 => format!("[{}]", random.list(3, |random| value(random, depth + 2))),
        13..16 if depth < 4 => format!("[{}]", random.list(4, |random| object(random, depth + 1))),
        16..19 if depth < 4 => object(random, depth + 1),
        19 => random.pick(&["[]", "{}", "[[]]", "[{}]", "[[1],[\"a\"]]"]).to_owned(),
        _ => text(random),
    }
}

fn object(random: &mut Random, depth: usize) -> String {
    let entry = |random: &mut Random| {
        let name = random
            .pick(&["a", "b", "c", "items", "a.b", "a.items", "items.a", "other", "a.", "..", "\\u0061"]);
        format!(r#""{name}":{}"#, value(random, depth))
    };
    format!("{{{}}}", random.list(4, entry))
}

/// A body; now and then none that can be read.
pub(crate) fn body(random: &mut Random) -> String {
    match random.below(40) {
        0 => random
            .pick(&["", "[]", "1", "{", "{}x", "{\"a\":1e999}", "{\"z\":\"\\ud800\"}", "null", "{}"])
            .to_owned(),
        1 => format!("{}{}{}", "{\"a\":".repeat(126), object(random, 4), "}".repeat(126)),
        2 => format!("{}{}{}", "{\"z\":".repeat(127), object(random, 4), "}".repeat(127)),
        3..22 => body_of_items(random),
        _ => object(random, 0),
    }
}

/// A value as an attribute has it; of a list each element, and [`None`] for a binary one.
pub(crate) fn attribute(random: &mut Random) -> Option<Vec<String>> {
    match random.below(20) {
        0 => None,
        1 => Some(Vec::new()),
        2..4 => Some((0..1 + random.below(3)).map(|_| scalar(random)).collect()),
        4..7 => Some((0..1 + random.below(3)).map(|_| random.below(9).to_string()).collect()),
        _ => Some(vec![scalar(random)]),
    }
}

fn scalar(random: &mut Random) -> String {
    match random.below(10) {
        0..6 => text(random),
        6..9 => number(random),
        _ => random.pick(&["null", "true", "false"]).to_owned(),
    }
}

/// Names of attributes; some that no policy asks for.
pub(crate) const ATTRIBUTES: [&str; 6] = ["a", "b", "c", "items", "a.b", "other"];
