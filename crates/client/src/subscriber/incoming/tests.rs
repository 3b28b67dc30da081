use std::convert::Infallible;

use fanfare_proto::v1;
use prost::Message as _;
use tokio::sync::mpsc;
use tonic::codegen::http::HeaderMap;

use super::*;

type Frame = http_body::Frame<Bytes>;

/// A body of what is sent.
struct Sent(mpsc::Receiver<Frame>);

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}

fn stream() -> (mpsc::Sender<Frame>, Incoming) {
    let (sender, receiver) = mpsc::channel(100);
    (sender, Incoming::new(Body::new(Sent(receiver))))
}

fn answer(number: u64) -> v1::StreamingPullResponse {
    let acked = vec![v1::DeliveryRange { first: number, last: number }];
    v1::StreamingPullResponse { acked, ..v1::StreamingPullResponse::default() }
}

fn framed(number: u64) -> Vec<u8> {
    in_frame(&answer(number).encode_to_vec())
}

fn in_frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0][..], &length, bytes].concat()
}

fn trailers(status: &Status) -> Frame {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).unwrap();
    Frame::trailers(trailers)
}

#[tokio::test]
async fn answers_come_out_wherever_frames_end() {
    let bytes = Bytes::from([framed(1), framed(2), framed(3)].concat());
    for size in 1..=bytes.len() {
        let (sender, mut incoming) = stream();
        for start in (0..bytes.len()).step_by(size) {
            let piece = bytes.slice(start..bytes.len().min(start + size));
            sender.send(Frame::data(piece)).await.unwrap();
        }
        drop(sender);
        for number in 1..=3 {
            assert_eq!(incoming.next().await.unwrap().unwrap().acked, answer(number).acked, "{size}");
        }
        assert!(incoming.next().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_answer_of_which_a_part_has_come_is_not_lost_by_who_does_not_wait() {
    let (sender, mut incoming) = stream();
    let bytes = Bytes::from(framed(7));
    sender.send(Frame::data(bytes.slice(..6))).await.unwrap();
    tokio::select! {
        biased;
        answer = incoming.next() => panic!("{answer:?} has come"),
        () = std::future::ready(()) => {}
    }
    sender.send(Frame::data(bytes.slice(6..))).await.unwrap();
    assert_eq!(incoming.next().await.unwrap().unwrap().acked, answer(7).acked);
}

#[tokio::test]
async fn a_stream_ends_with_its_status() {
    for (status, wanted) in [(Status::ok(""), None), (Status::aborted("why"), Some(tonic::Code::Aborted))] {
        let (sender, mut incoming) = stream();
        sender.send(Frame::data(framed(1).into())).await.unwrap();
        sender.send(trailers(&status)).await.unwrap();
        assert!(incoming.next().await.unwrap().is_some());
        assert_eq!(incoming.next().await.err().map(|status| status.code()), wanted);
    }
}

#[tokio::test]
async fn an_answer_that_is_compressed_or_too_long_or_none_is_refused() {
    let too_long = u32::try_from(ANSWER_BYTES + 1).unwrap().to_be_bytes();
    let cases = [
        (vec![1, 0, 0, 0, 0], tonic::Code::Internal),
        ([&[0][..], &too_long].concat(), tonic::Code::OutOfRange),
        (vec![0, 0, 0, 0, 1, 0x2a], tonic::Code::Internal),
    ];
    for (bytes, wanted) in cases {
        let (sender, mut incoming) = stream();
        sender.send(Frame::data(bytes.into())).await.unwrap();
        assert_eq!(incoming.next().await.unwrap_err().code(), wanted);
    }
}

/// A field of this tag that has a length.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// An answer of two blocks: one of message 1, and one of messages 2 to 4, of which the third is these bytes.
fn two_blocks(third: &[u8]) -> Vec<u8> {
    let stored = |sequence: u8, message: &[u8]| field(15, &[&[8, sequence], &*field(15, message)].concat());
    let good = v1::Message { data: "data".into(), ..v1::Message::default() }.encode_to_vec();
    let second = [stored(2, &good), stored(3, third), stored(4, &good)].concat();
    [field(5, &stored(1, &good)), field(5, &second), answer(9).encode_to_vec()].concat()
}

#[tokio::test]
async fn an_answer_of_which_one_message_cannot_be_read_hands_out_none_and_confirms_nothing() {
    let cases: [(&[u8], Option<[usize; 2]>); 3] =
        [(&[0x0a, 1, 7], Some([1, 3])), (&[0x0a, 2, 7], None), (&[0xff], None)];
    for (third, wanted) in cases {
        let (sender, mut incoming) = stream();
        sender.send(Frame::data(in_frame(&two_blocks(third)).into())).await.unwrap();
        let answer = incoming.next().await.map(Option::unwrap);
        let counts =
            answer.as_ref().map(|answer| [0, 1].map(|block: usize| answer.blocks[block].messages.len()));
        assert_eq!(counts.ok(), wanted, "{answer:?}");
        assert!(answer.err().is_none_or(|status| status.code() == tonic::Code::Internal));
    }
}
