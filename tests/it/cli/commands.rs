use super::Person;

#[tokio::test(flavor = "multi_thread")]
async fn topics_and_subscriptions_are_created_listed_changed_and_deleted() {
    let person = Person::new().await;
    insta::assert_snapshot!(person.session(&[
        &["topic", "list"],
        &["topic", "create", "orders", "--max-age", "30d", "--label", "team=shop"],
        &["topic", "create", "orders"],
        &["topic", "update", "orders", "--max-bytes", "1GiB", "--reset", "retention.max_age"],
        &["topic", "get", "orders"],
        &["topic", "get", "orders", "--json"],
        &["topic", "list"],
        &["sub", "create", "billing", "--topic", "orders", "--ack-deadline", "5m", "--min-backoff", "5s"],
        &["sub", "create", "refunds", "--topic", "orders", "--filter", r#"{"type": ["order.refunded"]}"#],
        &["sub", "update", "billing", "--max-backoff", "1m", "--max-attempts", "3"],
        &["sub", "update", "refunds", "--filter", r#"{"type": ["order.returned"]}"#],
        &["sub", "update", "refunds", "--reevaluate"],
        &["sub", "update", "refunds", "--reset", "filter_policy"],
        &["sub", "get", "billing"],
        &["sub", "pause", "billing"],
        &["sub", "list"],
        &["sub", "resume", "billing"],
        &["sub", "seek", "billing", "earliest"],
        &["sub", "delete", "refunds"],
        &["topic", "delete", "orders"],
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_published_pulled_and_settled() {
    let person = Person::new().await;
    insta::assert_snapshot!(person.session(&[
        &["topic", "create", "orders"],
        &["sub", "create", "billing", "--topic", "orders"],
        &[
            "publish",
            "orders",
            "order 4711",
            "--attr",
            "type=order.created",
            "--key",
            "c7",
            "--correlation-id",
            "o-1"
        ],
        &["publish", "orders", "order 4712", "--number", "total=99.5", "--json"],
        &["stats"],
        &["stats", "topic", "orders"],
        &["filter", "test", r#"{"type": ["order.refunded"]}"#, "--topic", "orders", "--last", "5"],
        &["filter", "test", r#"{"type": ["order.refunded"]}"#, "--attr", "type=order.created"],
        &["topic", "delete", "orders"],
        &["tail", "orders", "--from", "earliest", "--max", "2"],
        &["tail", "--subscription", "billing", "--from", "earliest", "--max", "1", "--json"],
        &["pull", "billing", "--ack"],
        &["pull", "billing"],
        &["pull", "billing"],
        &["stats", "sub", "billing"],
        &["sub", "list"],
        &["sub", "delete", "billing", "--force"],
        &["info", "--color", "never"],
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ack_id_that_was_pulled_is_settled_once() {
    let person = Person::new().await;
    person.run(&["topic", "create", "orders"]).good();
    person.run(&["sub", "create", "billing", "--topic", "orders"]).good();
    person.run(&["publish", "orders", "a"]).good();
    let pulled: serde_json::Value =
        serde_json::from_str(&person.run(&["pull", "billing", "--json"]).good()).unwrap();
    let ack_id = pulled["ackId"].as_str().unwrap();
    person.run(&["extend", "billing", ack_id, "--by", "1m"]).good();
    person.type_in(&["ack", "billing", "-"], &format!("{ack_id}\n")).good();
    let again = person.run(&["nack", "billing", ack_id]);
    assert_eq!(again.code, Some(8), "{}", again.stderr);
    assert!(again.stdout.contains("settled already"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_is_as_it_was() {
    let person = Person::new().await;
    let pages: [&[&str]; 5] = [
        &["--help"],
        &["topic", "--help"],
        &["sub", "create", "-h"],
        &["publish", "--help"],
        &["tail", "--help"],
    ];
    insta::assert_snapshot!(person.session(&pages));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_read_enough_ends_tail_and_nothing_is_left_behind() {
    let person = Person::new().await;
    person.run(&["topic", "create", "orders"]).good();
    person.run(&["publish", "orders", "a"]).good();
    let mut command = person.command(&["tail", "orders", "--from", "earliest"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.ends_with("  a\n"), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(person.run(&["sub", "list"]).good().starts_with("no subscriptions"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_tail_well_and_its_subscription_is_deleted() {
    let person = Person::new().await;
    person.run(&["topic", "create", "orders"]).good();
    person.run(&["publish", "orders", "a"]).good();
    let mut command = person.command(&["tail", "orders", "--from", "earliest"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut String::new()).unwrap();
    let sent =
        std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(person.run(&["sub", "list"]).good().starts_with("no subscriptions"));
}
