use super::{Person, end};

#[tokio::test(flavor = "multi_thread")]
async fn a_context_is_the_way_to_a_broker_and_a_token_is_never_shown() {
    let person = Person::new().await;
    let endpoint = format!("http://{}", person.broker());
    let add =
        ["context", "add", "here", "--endpoint", &endpoint, "--project", "shop", "--token-stdin", "--use"];
    person.type_in(&add, "s3cret\n").good();
    let mut shown = String::new();
    for arguments in [
        &["context", "list"][..],
        &["context", "show"],
        &["context", "show", "--json"],
        &["topic", "create", "orders", "--json"],
    ] {
        let mut command = person.command(arguments);
        command.env_remove("FANFARE_ENDPOINT");
        shown += &end(command, "").good();
    }
    assert!(shown.contains(&endpoint) && shown.contains("projects/shop/topics/orders"), "{shown}");
    assert!(!shown.contains("s3cret") && shown.contains("(set)"), "{shown}");
    let kept = std::fs::read_to_string(person.home.path().join(".config/fanfare/client.toml")).unwrap();
    assert!(kept.contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_starts_with_the_variables_of_the_client_set() {
    let person = Person::new().await;
    let variables = [
        "ENDPOINT",
        "TOKEN",
        "TOKEN_FILE",
        "CONTEXT",
        "PROJECT",
        "CA",
        "CLIENT_CERT",
        "CLIENT_KEY",
        "CLIENT_CONFIG",
    ];
    let mut command = person.command(&["config"]);
    command.envs(variables.map(|name| (format!("FANFARE_{name}"), "x")));
    end(command, "").good();
}
