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
async fn a_file_of_requests_in_the_json_of_the_api_is_published_whole_and_once() {
    let person = with_orders().await;
    let file = tools::file("data/orders.jsonl");
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
