use futures_util::{FutureExt as _, StreamExt as _};
use http_body_util::Full;
use types::push::PushSettings;

use super::*;
use crate::{
    AnyCarrier,
    support::{certificates::Authority, config, delivery, delivery_of, endpoint, servers, settings},
};

fn carrier(url: &str) -> AnyCarrier {
    crate::support::carrier(settings(url))
}

async fn deliver(carrier: &AnyCarrier) -> Answer {
    let mut answers = carrier.deliver(&[delivery(1)]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

async fn to_raw(answer: impl Into<Vec<u8>>, then_close: bool) -> Answer {
    let at = servers::raw(answer.into(), then_close).await;
    deliver(&carrier(&format!("http://{at}"))).await
}

fn answering(status: u16, body: &str) -> http::Response<Full<Bytes>> {
    http::Response::builder().status(status).body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

#[tokio::test]
async fn a_webhook_gets_the_request_and_its_answer_comes_back() {
    let mut server = servers::http(|_| answering(202, "thanks")).await;
    let answer = deliver(&carrier(&format!("{}/hook?for=billing", server.url("http")))).await;
    let thanks = Answer {
        response: Response::Http(202),
        retry_after: None,
        body: Bytes::from_static(b"thanks"),
        error: String::new(),
    };
    assert_eq!(answer, thanks);

    let seen = server.seen.recv().await.unwrap();
    assert_eq!(
        (seen.head.method.as_str(), seen.head.uri.to_string().as_str()),
        ("POST", "/hook?for=billing")
    );
    assert_eq!(seen.head.headers["accept-encoding"], "identity");
    assert_eq!(seen.head.headers["host"], server.address.to_string());
    assert!(!seen.body.is_empty());
}

#[tokio::test]
async fn http_2_is_spoken_with_who_offers_it_in_tls() {
    for (offered, spoken) in [("h2", http::Version::HTTP_2), ("http/1.1", http::Version::HTTP_11)] {
        let authority = Authority::new();
        let mut server =
            servers::https(authority.issue("127.0.0.1").server(&[offered]), |_| answering(200, "")).await;
        let push =
            PushSettings { trusted_certificates: Some(authority.pem), ..settings(&server.url("https")) };
        assert_eq!(deliver(&crate::support::carrier(push)).await.response, Response::Http(200));
        assert_eq!(server.seen.recv().await.unwrap().head.version, spoken);
    }
}

#[tokio::test]
async fn a_message_of_1_mib_arrives_whole_and_so_do_50_at_once() {
    let data = Bytes::from(vec![b'm'; 1 << 20]);
    let authority = Authority::new();
    for offered in ["h2", "http/1.1"] {
        let tls = authority.issue("127.0.0.1").server(&[offered]);
        let mut server = servers::https(tls, |_| answering(200, "")).await;
        let trusted_certificates = Some(authority.pem.clone());
        let push = PushSettings { trusted_certificates, ..settings(&server.url("https")) };
        let carrier = crate::support::carrier(push);
        let messages: Vec<_> = (1..=50).map(|n| [delivery_of(n, data.clone())]).collect();
        let answers =
            futures_util::future::join_all(messages.iter().map(|message| carrier.deliver(message))).await;
        for answer in answers.iter().flatten() {
            assert_eq!(answer.response, Response::Http(200), "{offered}: {}", answer.error);
            assert_eq!(server.seen.recv().await.unwrap().body, data, "{offered}");
        }
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let mut server = servers::http(|_| answering(200, "ok")).await;
    let carrier = carrier(&server.url("http"));
    for _ in 0..3 {
        deliver(&carrier).await;
        assert_eq!(server.seen.recv().await.unwrap().connection, 0);
    }
}

#[tokio::test]
async fn every_status_comes_back_as_it_is_with_its_words() {
    for status in [200, 204, 300, 404, 410, 429, 500, 503, 599] {
        let at = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n");
        let answer = to_raw(at, false).await;
        assert_eq!(answer.response, Response::Http(status));
        assert_eq!(answer.error.is_empty(), (200..300).contains(&status), "{}", answer.error);
        assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let mut elsewhere = servers::http(|_| answering(200, "")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url("http");
        let head = format!("HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(to_raw(head, false).await.response, Response::Http(status));
    }
    deliver(&carrier(&format!("{}/direct", elsewhere.url("http")))).await;
    assert_eq!(elsewhere.seen.recv().await.unwrap().head.uri.path(), "/direct", "it is the first that came");
}

#[tokio::test]
async fn half_answers_and_what_is_no_http_are_failures_of_the_protocol() {
    for (answer, close) in [
        (&b""[..], true),
        (b"HTTP/1.1 200 OK\r\n", true),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", true),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal", true),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx", false),
        (b"\x15\x03\x01\x00\x02\x02\x28", true),
        (b"SSH-2.0-OpenSSH_9.9\r\n", false),
        (b"HTTP/9.9 200 OK\r\n\r\n", false),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", false),
    ] {
        let answered = to_raw(answer, close).await;
        let shown = String::from_utf8_lossy(answer);
        assert_eq!(answered.response, Response::Failed(Failure::Protocol), "{shown}: {}", answered.error);
        assert!(!answered.error.is_empty(), "{shown}");
    }
}

#[tokio::test]
async fn a_head_without_end_or_measure_is_no_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(3 * READ_AHEAD));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(HEADERS + 1));
    for head in [long, many] {
        assert_eq!(to_raw(head, false).await.response, Response::Failed(Failure::Protocol));
    }
    let just = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{}\r\n", "x: y\r\n".repeat(HEADERS - 1));
    assert_eq!(to_raw(just, false).await.response, Response::Http(200));
}

#[tokio::test]
async fn a_body_is_cut_at_64_kib_and_the_status_counts() {
    let body = "b".repeat(10 << 20);
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    let answer = to_raw(endless, false).await;
    assert_eq!(answer.response, Response::Http(200));
    assert_eq!(answer.body, vec![b'b'; limits::ATTEMPT_RESPONSE_BYTES]);
}

#[tokio::test]
async fn a_body_is_not_waited_for_past_64_kib() {
    let sent = |bytes: usize| {
        let frame = Ok::<_, std::io::Error>(hyper::body::Frame::data(Bytes::from(vec![b'b'; bytes])));
        let and_nothing_more = futures_util::stream::pending();
        http_body_util::StreamBody::new(futures_util::stream::iter([frame]).chain(and_nothing_more))
    };
    let cut = read(sent(limits::PUSH_RESPONSE_BYTES + 1)).now_or_never().unwrap().unwrap();
    assert_eq!(cut.len(), limits::PUSH_RESPONSE_BYTES);
    assert!(read(sent(limits::PUSH_RESPONSE_BYTES)).now_or_never().is_none(), "it may be over");
}

#[tokio::test]
async fn what_is_compressed_stays_compressed() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00";
    let answer = to_raw(&head[..], false).await;
    assert_eq!((answer.response, &answer.body[..]), (Response::Http(200), &b"\x1f\x8b\x08\x00"[..]));
}

#[tokio::test]
async fn a_body_that_never_ends_is_waited_for_so_long_and_the_status_counts() {
    let at = servers::raw(b"HTTP/1.1 500 X\r\ncontent-length: 10\r\n\r\nbeg".to_vec(), false).await;
    let carrier = carrier(&format!("http://{at}"));
    tokio::time::pause();
    // The clock stands still while there is something to do, and moves on to the next deadline when there is nothing.
    let answer = deliver(&carrier).await;
    assert_eq!((answer.response, &answer.body[..]), (Response::Http(500), &b"beg"[..]));
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_made_again() {
    let server = servers::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), true).await;
    let carrier = carrier(&format!("http://{server}"));
    for _ in 0..20 {
        assert_eq!(deliver(&carrier).await.response, Response::Http(200));
    }
}

#[tokio::test]
async fn no_connection_is_told_from_no_answer() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = deliver(&carrier(&format!("http://{free}"))).await;
    assert_eq!(answer.response, Response::Failed(Failure::Connect));
    assert!(answer.error.contains(&free.to_string()), "{}", answer.error);
}

#[tokio::test]
async fn a_name_that_is_private_when_it_is_delivered_to_is_denied() {
    use crate::support::{Dials, Names, transport};
    let dials = Dials::refusing();
    let transport = transport(&config(), Names::answering(&[&["10.0.0.1"]]), Arc::clone(&dials));
    let carrier = transport.carrier(&endpoint(settings("https://hooks.example"))).unwrap();
    let answer = deliver(&carrier).await;
    assert_eq!(answer.response, Response::Failed(Failure::Denied));
    assert_eq!(
        answer.error,
        "10.0.0.1 must not be connected to: private, 10.0.0.0/8 (RFC 1918); the operator can allow it (push.allow_networks)"
    );
    assert!(dials.dialled.lock().is_empty());
}

#[tokio::test]
async fn consent_is_given_by_the_token_and_by_nothing_else() {
    let given = servers::http(|_| answering(200, "token")).await;
    assert_eq!(carrier(&given.url("http")).confirm("token").await, Consent::Given);
    let other = servers::http(|_| answering(200, "other")).await;
    assert_eq!(carrier(&other.url("http")).confirm("token").await, Consent::NotYet);
    let failing = servers::http(|_| answering(500, "token")).await;
    assert!(matches!(carrier(&failing.url("http")).confirm("token").await, Consent::Failed(_)));
}

#[tokio::test]
async fn a_request_for_consent_ends_with_the_time_of_a_request() {
    let silent = servers::raw(Vec::new(), false).await;
    let carrier = carrier(&format!("http://{silent}"));
    tokio::time::pause();
    assert_eq!(carrier.confirm("token").await, Consent::Failed("no answer in 15s".to_owned()));
}
