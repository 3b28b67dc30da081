use std::process::Stdio;

use crate::support::tools;

use super::Person;

async fn with_orders() -> Person {
    let person = Person::new().await;
    person.run(&["topic", "create", "orders"]).good();
    person.run(&["sub", "create", "all", "--topic", "orders"]).good();
    person
}

fn data(person: &Person) -> String {
    person.run(&["pull", "all", "--max", "1000", "--data", "--ack"]).stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_file_of_events_is_published_whole_and_once() {
    let person = with_orders().await;
    let file = tools::file("../crates/cli/data/orders.jsonl");
    let publish = ["publish", "orders", "--json-lines", "--file", file.to_str().unwrap()];
    assert_eq!(person.run(&publish).good(), "published 1000 messages\n");
    assert_eq!(person.run(&publish).good(), "published 0 messages, 1000 were published before\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_one_message_a_line() {
    let person = with_orders().await;
    assert_eq!(person.type_in(&["publish", "orders"], "a\n\nb\nc").good(), "published 3 messages\n");
    assert_eq!(data(&person), "a\nb\nc\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_is_named_and_what_was_before_it_is_published() {
    let person = with_orders().await;
    person.file("in.jsonl", "{\"data\": \"a\"}\n{\"data\": \"b\"}\n{\"dta\": \"c\"}\n{\"data\": \"d\"}\n");
    let ended = person.run(&["publish", "orders", "--json-lines", "--file", "in.jsonl"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), "published 2 messages\n"));
    assert!(ended.stderr.starts_with("fanfare: in.jsonl:3: unknown field `dta`"), "{}", ended.stderr);
    person.file("in.jsonl", "{\"data\": \"a\"}\n{\"data\": \"b\"}\n{\"data\": \"c\"}\n{\"data\": \"d\"}\n");
    let rest = ["publish", "orders", "--json-lines", "--file", "in.jsonl", "--from-line", "3"];
    assert_eq!(person.run(&rest).good(), "published 2 messages\n");
    assert_eq!(data(&person), "a\nb\nc\nd\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_broker_refuses_is_named_by_its_line() {
    let person = with_orders().await;
    let ended = person
        .type_in(&["publish", "orders", "--json-lines"], "{\"data\": \"a\"}\n{\"ordering_key\": \"k\"}\n");
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("fanfare: standard input:2: "), "{}", ended.stderr);
}

/// Runs a command whose standard output nobody reads.
fn unread(person: &Person, arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = person.command(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_gone_does_not_stop_what_is_published_and_hides_no_failure() {
    let person = with_orders().await;
    person.file("in.txt", &"a line\n".repeat(5_000));
    let (code, notes) = unread(&person, &["publish", "orders", "--json", "--file", "in.txt"]);
    assert_eq!((code, notes.as_str()), (Some(0), "published 5000 messages\n"));
    person.file("bad.jsonl", "{\"data\": \"a\"}\n{\"dta\": \"b\"}\n");
    let (code, notes) = unread(&person, &["publish", "orders", "--json-lines", "--file", "bad.jsonl"]);
    assert_eq!(code, Some(2), "{notes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_full_is_said_once_and_the_messages_are_published() {
    let person = with_orders().await;
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = person.command(&["publish", "orders", "a"]).stdout(full).output().unwrap();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{notes}");
    assert_eq!(notes.matches("No space left").count(), 1, "{notes}");
    assert!(notes.starts_with("fanfare: standard output: No space left"), "{notes}");
    assert_eq!(data(&person), "a\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_as_a_whole_is_one_message_also_if_it_is_empty() {
    let person = with_orders().await;
    let whole = ["publish", "orders", "--whole", "--attr", "type=ping"];
    assert_eq!(person.run(&whole).good(), "published 1 message\n");
    let refused = person.run(&["publish", "orders", "--whole"]);
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    assert!(!refused.stderr.contains("--from-line"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn ack_ids_are_settled_also_if_nobody_reads_what_became_of_them() {
    let person = with_orders().await;
    person.type_in(&["publish", "orders"], "a\nb\n").good();
    let pulled = person.run(&["pull", "all", "--max", "2", "--json"]).good();
    let ids = pulled.lines().map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        message["ackId"].as_str().unwrap().to_owned()
    });
    let ids: Vec<_> = ids.collect();
    let again = ["ack", "all", &ids[0], &ids[1]];
    assert_eq!(unread(&person, &again), (Some(0), String::new()));
    assert_eq!(unread(&person, &again), (Some(8), "fanfare: 0 acknowledged, 2 not\n".to_owned()));
}
