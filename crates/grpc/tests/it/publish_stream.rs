use fanfare_proto::v1::{self, publish_stream_response::Outcome};
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::fixture::{Server, data, message, reason, soon};

fn request(topic: &str, data: &[&str]) -> v1::PublishStreamRequest {
    let messages = data.iter().map(|data| message(data)).collect();
    v1::PublishStreamRequest { topic: topic.into(), messages, stop_at_error: false }
}

async fn answers(server: &Server, requests: Vec<v1::PublishStreamRequest>) -> Vec<Result<Outcome, Status>> {
    let answers = server.publisher().publish_stream(stream::iter(requests)).await.unwrap().into_inner();
    soon(answers.map(|answer| answer.map(|answer| answer.outcome.unwrap())).collect()).await
}

fn results(answer: &Result<Outcome, Status>) -> &[v1::PublishResult] {
    match answer {
        Ok(Outcome::Published(published)) => &published.results,
        other => panic!("{other:?}"),
    }
}

fn error(answer: &Result<Outcome, Status>) -> &v1::RequestError {
    match answer {
        Ok(Outcome::Error(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_request_is_answered_in_order_and_the_topic_need_be_named_only_once() {
    let server = Server::with_topic().await;
    let mut requests = vec![request("t", &["0", "1"])];
    requests.extend((0..500).map(|_| request("", &["x"])));
    let answers = answers(&server, requests).await;
    assert_eq!((answers.len(), results(&answers[0]).len()), (501, 2));
    let sequences: Vec<_> = answers.iter().flat_map(results).map(|result| result.sequence).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn a_refused_request_is_answered_in_its_place_and_the_stream_goes_on() {
    let server = Server::with_topic().await;
    let requests =
        vec![request("t", &["a"]), request("missing", &["b"]), request("", &[]), request("t", &["c"])];
    let answers = answers(&server, requests).await;
    assert_eq!((results(&answers[0]).len(), results(&answers[3]).len()), (1, 1));
    let missing = error(&answers[1]);
    assert_eq!((missing.code, missing.reason.as_str()), (Code::NotFound as i32, "TOPIC_NOT_FOUND"));
    let empty = error(&answers[2]);
    assert_eq!((empty.code, empty.field.as_str()), (Code::InvalidArgument as i32, "messages"));
    assert!(empty.message.contains("must have 1 to 1000"), "{}", empty.message);
    assert_eq!(server.pull(10).await.iter().map(data).collect::<Vec<_>>(), ["a", "c"]);
}

#[tokio::test]
async fn a_stream_that_names_no_topic_is_told_so() {
    let server = Server::with_topic().await;
    let answers = answers(&server, vec![request("", &["a"]), request("t", &["b"])]).await;
    assert_eq!(error(&answers[0]).field, "topic");
    assert_eq!(results(&answers[1]).len(), 1);
}

#[tokio::test]
async fn with_stop_at_error_nothing_behind_a_refused_request_is_accepted() {
    let server = Server::with_topic().await;
    let first = v1::PublishStreamRequest { stop_at_error: true, ..request("t", &["a"]) };
    let answers = answers(&server, vec![first, request("missing", &["b"]), request("t", &["c"])]).await;
    assert_eq!(answers.len(), 2);
    assert_eq!(results(&answers[0]).len(), 1);
    assert_eq!(reason(answers[1].as_ref().unwrap_err()), "TOPIC_NOT_FOUND");
    assert_eq!(server.pull(10).await.iter().map(data).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn a_request_that_is_too_large_ends_the_stream_after_the_answers_before_it() {
    let server = Server::with_topic().await;
    let large = "x".repeat(20 << 20);
    let answers = answers(&server, vec![request("t", &["a"]), request("t", &[&large])]).await;
    assert_eq!(results(&answers[0]).len(), 1);
    let status = answers[1].as_ref().unwrap_err();
    assert_eq!((status.code(), reason(status).as_str()), (Code::InvalidArgument, "REQUEST_TOO_LARGE"));
}

#[tokio::test]
async fn the_stream_ends_when_the_broker_drains() {
    let server = Server::with_topic().await;
    let (requests, mut answers) = open(&server).await;
    requests.send(request("t", &["a"])).await.unwrap();
    assert!(soon(answers.message()).await.unwrap().is_some());
    server.broker.start_drain();
    requests.send(request("t", &["b"])).await.unwrap();
    let status = soon(answers.message()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "BROKER_DRAINING"));
}

async fn open(
    server: &Server,
) -> (mpsc::Sender<v1::PublishStreamRequest>, Streaming<v1::PublishStreamResponse>) {
    let (sender, requests) = mpsc::channel(1);
    let answers = server.publisher().publish_stream(ReceiverStream::new(requests)).await.unwrap();
    (sender, answers.into_inner())
}

#[tokio::test]
async fn while_the_disk_stands_still_no_more_than_64_requests_are_taken() {
    let server = Server::with_topic().await;
    server.journal.hold();
    let requests = (0..500).map(|n| request("t", &[&n.to_string()]));
    let answers = server.publisher().publish_stream(stream::iter(requests)).await.unwrap().into_inner();
    let taken = || server.broker.topic_stats(&"t".parse().unwrap()).unwrap().published;
    while taken() < 64 {
        server.answer_one_call().await;
    }
    for _ in 0..200 {
        server.answer_one_call().await;
    }
    assert_eq!(taken(), 64);
    server.journal.release();
    assert_eq!(soon(answers.collect::<Vec<_>>()).await.len(), 500);
}
