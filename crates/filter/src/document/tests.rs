use super::*;
use crate::UnreadableBody::{self, Invalid, NotAnObject};
use crate::paths::Hashes;
use types::limits::FILTER_BODY_DEPTH;

/// What a document has: paths and values, in order.
fn read(asked: &[&str], body: &[u8]) -> Result<Vec<String>, UnreadableBody> {
    let mut paths = Paths::new(Hashes::new(1));
    let asked: Vec<PathId> =
        asked.iter().map(|path| paths.hold(&path.split('.').collect::<Vec<_>>())).collect();
    let mut document = Document::default();
    // Its memory is used, so that what the first left behind would show.
    let _ = document.read(&paths, br#"{"a": {"b": [{"c": 1}, {"c": "\n"}]}, "b": [2], "c": 3, "#);
    let tree = document.read(&paths, body)?;
    let values = asked.iter().flat_map(|path| tree.values(*path)).filter_map(|node| tree.scalar(node));
    Ok(values.map(|value| format!("{value:?}")).collect())
}

fn numbers(asked: &[&str], body: &str) -> String {
    let all = read(asked, body.as_bytes()).unwrap();
    all.join(" ").replace("Number(", "").replace(".0)", "")
}

#[test]
fn only_what_is_asked_for_is_kept() {
    let body = r#"{"a": {"b": 1, "c": 2}, "b": 3, "c": [4, [5, []], {"d": 6}], "d": {}}"#;
    assert_eq!(numbers(&["a.b", "c", "a", "d", "c.d"], body), "1 4 5 6");
    assert_eq!(numbers(&["x", "b.x"], body), "");
    let texts = br#"{"a": "x\ny", "b": ["\u00e9", true, null, false, "p"]}"#;
    assert_eq!(
        read(&["a", "b"], texts).unwrap(),
        [r#"String("x\ny")"#, r#"String("é")"#, "Bool(true)", "Null", "Bool(false)", r#"String("p")"#]
    );
}

#[test]
fn keys_are_split_at_their_dots() {
    for body in
        [r#"{"a.b": 1, "a": {"c": 2}}"#, r#"{"a": {"c": 2}, "a.b": 1}"#, r#"{"a": {"b": 1}, "a.c": 2}"#]
    {
        assert_eq!(numbers(&["a.b", "a.c"], body), "1 2", "{body}");
    }
    assert_eq!(numbers(&["a.b.c"], r#"{"a.b": {"c": 1}}"#), "1");
    assert_eq!(numbers(&["a.b.c"], r#"{"a": {"b.c": 1}}"#), "1");
    assert_eq!(numbers(&["a", "a.b"], r#"{"a.": 1, ".a": 2, "a..b": 3, ".": 4, "": 5}"#), "");
}

#[test]
fn objects_with_one_key_are_merged_and_of_anything_else_the_last_counts() {
    assert_eq!(numbers(&["a.b", "a.c"], r#"{"a": {"b": 1}, "x": 0, "a": {"c": 2}}"#), "1 2");
    assert_eq!(numbers(&["a.b", "a.c"], r#"{"a": {"b": 1}, "a": {"b": 3, "c": 2}}"#), "3 2");
    assert_eq!(numbers(&["a.b"], r#"{"a": {"b": 1}, "a": {}}"#), "1");
    assert_eq!(numbers(&["a", "a.b"], r#"{"a": {"b": 1}, "a": 2}"#), "2");
    assert_eq!(numbers(&["a", "a.b"], r#"{"a": 2, "a": {"b": 1}}"#), "1");
    assert_eq!(numbers(&["a"], r#"{"a": [1, 2], "a": [3]}"#), "3");
    assert_eq!(numbers(&["a"], r#"{"a": [1, 2], "a": []}"#), "");
    assert_eq!(numbers(&["a.b"], r#"{"a": [{"b": 1}, {"b": 2}], "a": {"b": 3}}"#), "3");
    assert_eq!(numbers(&["a.b"], r#"{"a": {"b": 1}, "a": [{"b": 2}, {"b": 3}]}"#), "2 3");
    assert_eq!(
        numbers(&["a.b"], r#"{"a": {"b": 1}, "a": 5, "a": {"c": 1}}"#),
        "",
        "dead once, dead for good"
    );
    assert_eq!(
        numbers(&["a.b"], r#"{"a": {"b": 1}, "a": 5, "a": {"b": 2}}"#),
        "2",
        "and another in its place"
    );
    assert_eq!(numbers(&["a"], r#"{"a": 5, "a.c": 1}"#), "", "a key with dots replaces what is on its way");
    assert_eq!(numbers(&["a.b", "a"], r#"{"a.b": 1, "a": 5}"#), "5");
    assert_eq!(numbers(&["a.b"], r#"{"a": [{"b": 1, "b": 2}, {"b": 3, "b": 4}]}"#), "2 4");
}

#[test]
fn whether_a_body_can_be_read_does_not_depend_on_who_asks() {
    let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let deepest = format!(r#"{{"a": {}}}"#, nested(FILTER_BODY_DEPTH - 1, "1"));
    let too_deep = format!(r#"{{"a": {}}}"#, nested(FILTER_BODY_DEPTH, "1"));
    let cases: Vec<(Vec<u8>, Option<UnreadableBody>)> = vec![
        (b"{}".to_vec(), None),
        (b" \n{\"a\": 1}\t ".to_vec(), None),
        (br#"{"a": "\ud83d\ude00"}"#.to_vec(), None),
        (deepest.into_bytes(), None),
        (objects(FILTER_BODY_DEPTH).into_bytes(), None),
        (too_deep.into_bytes(), Some(Invalid)),
        (objects(FILTER_BODY_DEPTH + 1).into_bytes(), Some(Invalid)),
        (nested(100_000, "").into_bytes(), Some(Invalid)),
        (b"".to_vec(), Some(Invalid)),
        (b"{\"a\": 1".to_vec(), Some(Invalid)),
        (b"{\"a\": 1} x".to_vec(), Some(Invalid)),
        (b"{} {}".to_vec(), Some(Invalid)),
        (b"{\"a\": 1,}".to_vec(), Some(Invalid)),
        (b"{\"a\": \"\xff\"}".to_vec(), Some(Invalid)),
        (b"{\"\xff\": 1}".to_vec(), Some(Invalid)),
        (b"{\"a\": \"\\ud800\"}".to_vec(), Some(Invalid)),
        (b"{\"\\ud800\": 1}".to_vec(), Some(Invalid)),
        (b"{\"a\": 1e999}".to_vec(), Some(Invalid)),
        (b"\xef\xbb\xbf{}".to_vec(), Some(Invalid)),
        (b"[{\"a\": 1}]".to_vec(), Some(NotAnObject)),
        (b"null".to_vec(), Some(NotAnObject)),
        (b"\"{}\"".to_vec(), Some(NotAnObject)),
    ];
    for (body, expected) in cases {
        for asked in [&[][..], &["a"], &["b"], &["a.a.a.a", "a"]] {
            let body_text = String::from_utf8_lossy(&body[..body.len().min(80)]);
            assert_eq!(read(asked, &body).err(), expected, "{body_text} for {asked:?}");
        }
    }
}

#[test]
fn a_large_document_leaves_no_large_memory_behind() {
    let mut paths = Paths::new(Hashes::new(1));
    paths.hold(&["a"]);
    let mut document = Document::default();
    let body = format!(r#"{{"a": [{}1, "{}\n"]}}"#, "1,".repeat(100_000), "x".repeat(100_000));
    assert_eq!(
        document.read(&paths, body.as_bytes()).unwrap().values(paths.child(ROOT, "a").unwrap()).count(),
        100_002
    );
    document.read(&paths, b"{}").unwrap();
    assert!(document.nodes.capacity() <= NODES_KEPT && document.unescaped.capacity() <= TEXT_KEPT);
}
