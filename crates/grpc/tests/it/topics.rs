use fanfare_proto::v1;

use crate::fixture::{Server, mask, seconds};

fn named(name: &str) -> v1::CreateTopicRequest {
    v1::CreateTopicRequest { name: name.into(), settings: None }
}

async fn list(server: &Server, page_size: u32, page_token: String) -> (Vec<String>, String) {
    let request = v1::ListTopicsRequest { project: "p".into(), page_size, page_token };
    let page = server.topics().list_topics(request).await.unwrap().into_inner();
    (page.topics.into_iter().map(|topic| topic.name).collect(), page.next_page_token)
}

#[tokio::test]
async fn a_topic_is_created_once_and_shown_with_its_defaults() {
    let server = Server::start().await;
    let create =
        || async { server.topics().create_topic(named("orders")).await.unwrap().into_inner().topic.unwrap() };
    let created = create().await;
    assert_eq!(created.name, "projects/default/topics/orders");
    let settings = created.settings.clone().unwrap();
    assert_eq!(settings.deduplication_window, Some(seconds(300)));
    assert_eq!(settings.retention.unwrap().max_age, Some(seconds(604_800)));
    assert_eq!(create().await, created);
    let request = v1::GetTopicRequest { name: "projects/default/topics/orders".into() };
    assert_eq!(server.topics().get_topic(request).await.unwrap().into_inner().topic, Some(created));
}

#[tokio::test]
async fn an_update_changes_what_the_mask_names_and_nothing_else() {
    let server = Server::with_topic().await;
    let update = |settings, paths: &[&str]| {
        let request = v1::UpdateTopicRequest { name: "t".into(), settings, update_mask: mask(paths) };
        let mut topics = server.topics();
        async move { topics.update_topic(request).await.unwrap().into_inner().topic.unwrap() }
    };
    let settings = v1::TopicSettings {
        keep_settled: true,
        deduplication_window: Some(seconds(0)),
        ..Default::default()
    };
    let before = update(None, &["labels"]).await;
    let changed = update(Some(settings), &["deduplication_window"]).await;
    let found = changed.settings.unwrap();
    assert_eq!((found.deduplication_window, found.keep_settled), (Some(seconds(0)), false));
    assert!(changed.position > before.position, "the change has a place in the log");
    let reset = update(None, &["deduplication_window"]).await.settings.unwrap();
    assert_eq!(reset.deduplication_window, Some(seconds(300)), "a named field that is absent is reset");
}

#[tokio::test]
async fn topics_are_listed_by_project_page_by_page() {
    let server = Server::start().await;
    for name in ["b", "c", "a"] {
        server.topics().create_topic(named(&format!("projects/p/topics/{name}"))).await.unwrap();
    }
    server.topics().create_topic(named("elsewhere")).await.unwrap();
    let (first, token) = list(&server, 2, String::new()).await;
    assert_eq!(first, ["projects/p/topics/a", "projects/p/topics/b"]);
    let (second, end) = list(&server, 2, token).await;
    assert_eq!((second, end.as_str()), (vec!["projects/p/topics/c".to_owned()], ""));
}

#[tokio::test]
async fn a_topic_created_again_is_another_one() {
    let server = Server::with_topic().await;
    server.publish(&["old"]).await;
    let get = || async {
        let request = v1::GetTopicRequest { name: "t".into() };
        server.topics().get_topic(request).await.unwrap().into_inner().topic.unwrap()
    };
    let old = get().await;
    server.topics().delete_topic(v1::DeleteTopicRequest { name: "t".into(), force: true }).await.unwrap();
    server.set_up().await;
    assert_ne!(get().await.incarnation, old.incarnation);
    server.publish(&["new"]).await;
    assert_eq!(server.pull(10).await.len(), 1);
}
