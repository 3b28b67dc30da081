//! What a real broker refuses, and what that does to the rest.

use fanfare_client::{
    Message,
    publisher::{MessageFate, PublishError},
};

use super::support::{NEVER, Setup, outcome, within};

fn is_refused(outcome: &Result<impl Sized, PublishError>, reason: &str) -> bool {
    matches!(outcome, Err(PublishError::Refused(error)) if error.reason() == reason)
}

fn is_paused<T>(outcome: &Result<T, PublishError>, key: &str) -> bool {
    matches!(outcome, Err(PublishError::KeyPaused { ordering_key }) if ordering_key == key)
}

fn bad(text: &'static str) -> Message {
    Message::new(text).content_type("ä")
}

#[tokio::test]
async fn a_topic_that_does_not_exist_fails_every_message_and_pauses_its_keys() {
    let setup = Setup::new().await;
    let publisher = setup.client.publisher("nowhere").build();
    let (a, b) = (publisher.publish("a"), publisher.publish(Message::new("b").ordering_key("k")));
    for future in [a, b] {
        let outcome = outcome(future).await;
        assert!(is_refused(&outcome, "TOPIC_NOT_FOUND"), "{outcome:?}");
        assert_eq!(outcome.unwrap_err().fate(), MessageFate::NotStored);
    }
    assert!(is_paused(&outcome(publisher.publish(Message::new("c").ordering_key("k"))).await, "k"));
    setup.client.topics().create("nowhere").await.unwrap();
    publisher.resume("k");
    outcome(publisher.publish(Message::new("d").ordering_key("k"))).await.unwrap();
}

#[tokio::test]
async fn one_bad_message_of_a_batch_fails_alone() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(NEVER).build();
    let before = publisher.publish("before");
    let (bad, after) = (publisher.publish(bad("bad")), publisher.publish("after"));
    within(publisher.flush()).await;
    assert!(is_refused(&outcome(bad).await, "INVALID_FIELD"));
    assert!(outcome(before).await.is_ok() && outcome(after).await.is_ok());
    assert_eq!(setup.texts(2).await, ["before", "after"]);
}

#[tokio::test]
async fn a_key_whose_message_failed_is_paused_until_it_is_resumed() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(NEVER).batch_messages(3).build();
    let keyed = |message: Message, key: &str| publisher.publish(message.ordering_key(key));
    let first = keyed("1".into(), "k");
    let failed = keyed(bad("2"), "k");
    // In the same batch, and in another that is on its way too.
    let behind = [keyed("3".into(), "k"), keyed("4".into(), "k")];
    let other = keyed("other".into(), "l");
    within(publisher.flush()).await;
    assert!(is_refused(&outcome(failed).await, "INVALID_FIELD"));
    for future in behind {
        assert!(is_paused(&outcome(future).await, "k"));
    }
    assert!(outcome(first).await.is_ok() && outcome(other).await.is_ok());
    assert!(is_paused(&within(publisher.enqueue(Message::new("5").ordering_key("k"))).await, "k"));
    publisher.resume("l");
    assert!(is_paused(&outcome(keyed("6".into(), "k")).await, "k"));
    publisher.resume("k");
    let resumed = keyed("7".into(), "k");
    within(publisher.flush()).await;
    outcome(resumed).await.unwrap();
    assert_eq!(setup.texts(3).await, ["1", "other", "7"]);
}

#[tokio::test]
async fn all_paused_keys_can_be_resumed_at_once() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().build();
    for key in ["k", "l"] {
        assert!(outcome(publisher.publish(bad("bad").ordering_key(key))).await.is_err());
        assert!(is_paused(&outcome(publisher.publish(Message::new("x").ordering_key(key))).await, key));
    }
    publisher.resume_all();
    for key in ["k", "l"] {
        outcome(publisher.publish(Message::new(key).ordering_key(key))).await.unwrap();
    }
    assert_eq!(setup.texts(2).await, ["k", "l"]);
}

#[tokio::test]
async fn messages_without_a_key_never_pause() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().build();
    assert!(is_refused(&outcome(publisher.publish(bad("bad"))).await, "INVALID_FIELD"));
    outcome(publisher.publish("good")).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_too_large_fails_alone() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().batch_delay(NEVER).build();
    let sizes = [10, 2 << 20, 20, 11 << 20, 30, 70 << 20, 40];
    let futures: Vec<_> = sizes.iter().map(|size| publisher.publish(vec![b'x'; *size])).collect();
    within(publisher.flush()).await;
    let mut reasons = Vec::new();
    for future in futures {
        reasons.push(match outcome(future).await {
            Ok(_) => "stored".to_owned(),
            Err(PublishError::Refused(error)) => error.reason().to_owned(),
            Err(error) => panic!("{error:?}"),
        });
    }
    // The broker's limits are 1 MiB a message and 10 MiB a request; the last is more than any broker takes, and is not even sent.
    let expected = ["stored", "INVALID_FIELD", "stored", "REQUEST_TOO_LARGE", "stored", "", "stored"];
    assert_eq!(reasons, expected);
    let stored: Vec<_> = setup.stored(4).await.iter().map(|message| message.data().len()).collect();
    assert_eq!(stored, [10, 20, 30, 40]);
}

#[tokio::test]
async fn an_empty_message_is_refused_and_says_why() {
    let setup = Setup::new().await;
    let refused = outcome(setup.publisher().build().publish("")).await;
    assert!(is_refused(&refused, "INVALID_FIELD"), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("messages[0]"));
}

#[tokio::test]
async fn where_every_message_is_refused_each_says_so() {
    let setup = Setup::new().await;
    let publisher = setup.publisher().build();
    let futures: Vec<_> = (0..1_000).map(|_| publisher.publish(bad("a"))).collect();
    for future in futures {
        assert!(is_refused(&outcome(future).await, "INVALID_FIELD"));
    }
    outcome(publisher.publish("b")).await.unwrap();
    assert_eq!(setup.texts(1).await, ["b"]);
}
