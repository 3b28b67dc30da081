use std::process::Stdio;

use super::Person;

/// Nothing is on the broker.
fn is_clean(person: &Person) -> bool {
    person.run(&["topic", "list"]).good().starts_with("no topics")
        && person.run(&["sub", "list"]).good().starts_with("no subscriptions")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_load_is_measured_and_leaves_nothing_behind() {
    let person = Person::new().await;
    let loads: [&[&str]; 3] = [
        &["bench", "publish", "--messages", "500", "--bytes", "100"],
        &["bench", "fan-out", "--messages", "500", "--subscriptions", "3"],
        &[
            "bench",
            "latency",
            "--rate",
            "200",
            "--seconds",
            "1",
            "--warm-up-seconds",
            "0",
            "--subscriptions",
            "3",
        ],
    ];
    for (load, (published, delivered)) in loads.into_iter().zip([(500, 0), (500, 1_500), (200, 600)]) {
        let printed = person.run(&[load, &["--json"]].concat()).good();
        let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((&report["load"], &report["published"]), (&load[1].into(), &published.into()), "{report}");
        assert_eq!((&report["delivered"], &report["missing"]), (&delivered.into(), &0.into()), "{report}");
        assert_eq!((&report["duplicate"], &report["outOfOrder"]), (&0.into(), &0.into()), "{report}");
        assert!(report["publishLatency"]["p50Ms"].as_f64().unwrap() > 0.0, "{report}");
        assert_eq!(report["deliveryLatency"].is_object(), delivered > 0, "{report}");
        assert_eq!(report["sharesTheMachine"], true, "{report}");
        assert!(is_clean(&person), "{load:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_of_a_project_stays_in_it() {
    let person = Person::new().await;
    let lines = ["bench", "fan-out", "--messages", "10", "--subscriptions", "2", "--project", "shop"];
    person.run(&lines).good();
    assert!(person.run(&["topic", "list", "--project", "shop"]).good().starts_with("no topics"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_interrupted_deletes_what_it_made() {
    let person = Person::new().await;
    person.run(&["topic", "create", "orders"]).good();
    let mut command = person.command(&["bench", "latency", "--seconds", "3600", "--subscriptions", "2"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let is_under_way = |_: &u32| {
        let stats = person.run(&["stats", "--json"]).good();
        let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
        stats["subscriptions"].as_array().unwrap().iter().any(|of| of["acked"] != "0")
    };
    assert!((0..1_000).any(|look| is_under_way(&look)), "nothing is ever delivered");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted"), "{stderr}");
    assert!(person.run(&["sub", "list"]).good().starts_with("no subscriptions"));
    let left = person.run(&["topic", "list"]).good();
    assert!(left.contains("orders") && !left.contains("bench-"), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_without_a_broker_or_of_nothing_is_refused() {
    let person = Person::new().await;
    let nobody = ["bench", "publish", "--endpoint", "http://127.0.0.1:1", "--timeout", "100ms"];
    assert_eq!(person.run(&nobody).code, Some(7));
    assert_eq!(person.run(&["bench", "fan-out", "--messages", "0"]).code, Some(2));
    assert_eq!(
        person.run(&["bench", "fan-out", "--messages", "100000000", "--subscriptions", "1000"]).code,
        Some(2)
    );
    assert_eq!(person.run(&["bench"]).code, Some(2));
    // The broker takes at most 1 MiB, and says so.
    let large = person.run(&["bench", "publish", "--messages", "10", "--bytes", "2MiB"]);
    assert_eq!(large.code, Some(6), "{}", large.stderr);
    assert!(is_clean(&person));
}
