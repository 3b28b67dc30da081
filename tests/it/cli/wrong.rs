use super::Person;

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_with_what_to_do_next() {
    let person = Person::new().await;
    insta::assert_snapshot!(person.session(&[
        &["topic", "get", "nope"],
        &["pull", "nope"],
        &["publish", "nope", "x"],
        &["topic", "create", "not/a/name"],
        &["topic", "create", "orders", "--max-age", "30"],
        &["topic", "update", "orders"],
        &["topic", "create", "orders", "--endpoint", "localhost:1"],
        &["info", "--endpoint", "http://127.0.0.1:1", "--timeout", "100ms"],
        &["info", "--context", "nowhere"],
        &["ack", "nope", "x"],
        &["tail"],
        &["tail", "orders", "--take"],
        &["context", "add", "", "--endpoint", "http://localhost:1"],
        &["sub", "seek", "nope", "yesterday"],
        &["publish", "nope", "--file", "no/such/file"],
    ]));
}
