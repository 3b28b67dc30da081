//! What push settings may not be, in creation and in update alike; and what each mask changes of them.

use fanfare_proto::v1::{self, push_authentication::Method};
use tonic::Code;

use crate::{
    call::{Row, all_are_refused, row},
    fixture::{Server, mask, reason},
    push::{SECRET, config, get, push_of},
};

/// Creating and updating take the same settings: both are sent.
fn settings(change: impl FnOnce(&mut v1::PushConfig), field: &'static str, text: &'static str) -> [Row; 2] {
    let mut push = config();
    change(&mut push);
    let settings = Some(v1::SubscriptionSettings { push: Some(push), ..Default::default() });
    let create = v1::CreateSubscriptionRequest {
        name: "n".into(),
        topic: "t".into(),
        settings: settings.clone(),
        start: None,
    };
    let update = v1::UpdateSubscriptionRequest {
        name: "s".into(),
        settings,
        update_mask: mask(&["push"]),
        ..Default::default()
    };
    [row(create, field, text), row(update, field, text)]
}

#[tokio::test]
async fn bad_push_settings_are_refused() {
    let bearer = |token: &str| {
        let method = Some(Method::Bearer(v1::BearerAuthentication { token: token.into() }));
        Some(v1::PushAuthentication { method })
    };
    let header = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let rows = [
        settings(|p| p.endpoint.clear(), "settings.push.endpoint", "has 0 bytes"),
        settings(|p| p.endpoint = "topic:no such".into(), "settings.push.endpoint", ""),
        settings(|p| p.endpoint = "topic:t".into(), "settings.push.endpoint", "own topic"),
        settings(|p| p.content = 9, "settings.push.content", "no known value"),
        settings(|p| p.headers = header("host", ""), "settings.push.headers", "set by the broker"),
        settings(|p| p.headers = header("x-a", "a\nb"), "settings.push.headers[\"x-a\"]", "visible ASCII"),
        settings(
            |p| p.headers = (0..33).map(|n| (format!("x-{n}"), String::new())).collect(),
            "settings.push.headers",
            "the limit is 32",
        ),
        settings(
            |p| p.authentication = bearer("a b"),
            "settings.push.authentication.bearer.token",
            "visible ASCII",
        ),
        settings(
            |p| p.signing_secrets = vec!["whsec_AAAA".into()],
            "settings.push.signing_secrets[0]",
            "24 to 64",
        ),
        settings(
            |p| p.signing_secrets = vec![String::new(); 3],
            "settings.push.signing_secrets",
            "the limit is 2",
        ),
        settings(|p| p.max_concurrency = Some(0), "settings.push.max_concurrency", "1 to 1000"),
        settings(
            |p| p.error_rules = vec![Default::default()],
            "settings.push.error_rules[0].status",
            "required",
        ),
    ];
    all_are_refused(rows.into_iter().flatten().collect()).await;
}

fn update(paths: &[&str], push: Option<v1::PushConfig>) -> v1::UpdateSubscriptionRequest {
    let settings = Some(v1::SubscriptionSettings { push, ..Default::default() });
    v1::UpdateSubscriptionRequest {
        name: "s".into(),
        settings,
        update_mask: mask(paths),
        ..Default::default()
    }
}

async fn updated(server: &Server, paths: &[&str], push: Option<v1::PushConfig>) -> v1::Subscription {
    let request = update(paths, push);
    let answer = server.subscriptions().update_subscription(request).await.unwrap().into_inner();
    answer.subscription.unwrap()
}

#[tokio::test]
async fn settings_that_were_read_can_be_sent_back_with_a_mask_and_keep_their_secrets() {
    let server = Server::with_topic().await;
    let mut push = config();
    push.signing_secrets = vec![SECRET.into()];
    let before = push_of(updated(&server, &["push"], Some(push)).await);
    let mut back = before.clone();
    back.max_concurrency = Some(3);
    back.headers = [("x-team".to_owned(), "billing".to_owned())].into();
    let after =
        push_of(updated(&server, &["push.headers", "push.max_concurrency"], Some(back.clone())).await);
    assert_eq!((after.max_concurrency, after.headers.len()), (Some(3), 1));
    assert_eq!(after.signing_keys, before.signing_keys);
    // And so with masks that name nothing of push.
    assert_eq!(push_of(updated(&server, &["labels"], Some(back.clone())).await), after);
    let whole = server.subscriptions().update_subscription(update(&["push"], Some(back))).await.unwrap_err();
    assert!(whole.message().starts_with("settings.push.signing_secrets: are missing"), "{whole:?}");
}

#[tokio::test]
async fn what_a_mask_names_and_the_request_leaves_out_goes_back_to_its_default() {
    let server = Server::with_topic().await;
    let mut push = config();
    push.signing_secrets = vec![SECRET.into()];
    push.max_batch = Some(1);
    push.max_concurrency = Some(3);
    updated(&server, &["push"], Some(push)).await;
    let after = push_of(updated(&server, &["push.signing_secrets", "push.max_concurrency"], None).await);
    assert_eq!((after.signing_keys.len(), after.max_concurrency), (0, Some(64)));
    assert_eq!(after.endpoint, config().endpoint);
    let gone = updated(&server, &["push"], None).await;
    assert_eq!((gone.settings.unwrap().push, gone.push_endpoint), (None, None));
}

#[tokio::test]
async fn parts_of_push_settings_that_there_are_not_are_refused_unless_the_endpoint_is_among_them() {
    let server = Server::with_topic().await;
    let refused =
        server.subscriptions().update_subscription(update(&["push.breaker"], None)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    assert!(refused.message().starts_with("update_mask: names parts of push settings"), "{refused:?}");
    assert_eq!(get(&server).await.settings.unwrap().push, None);
    let none =
        server.subscriptions().update_subscription(update(&["push.endpoint"], None)).await.unwrap_err();
    assert!(none.message().starts_with("settings.push.endpoint: has 0 bytes"), "{none:?}");
    let first = updated(&server, &["push.endpoint"], Some(config())).await;
    assert_eq!(first.push_endpoint.as_ref().unwrap().state(), v1::PushEndpointState::Pending);
    assert_eq!(push_of(first).endpoint, config().endpoint);
}
