//! Requests as bytes, for what no client of the generated code would send.

use bytes::BufMut as _;
use fanfare_proto::v1;
use futures_util::StreamExt as _;
use tonic::{
    Request, Status,
    codec::{Codec, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::fixture::Server;

/// Sends these bytes as the only request of a method. Answers are left undecoded, but that of `PublishStream`, whose
/// refusals are answers.
pub(crate) async fn send(server: &Server, method: &str, request: Vec<u8>) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(server.channel.clone()).max_encoding_message_size(64 << 20);
    grpc.ready().await.unwrap();
    let path = format!("/fanfare.v1.{method}").parse().unwrap();
    let requests = futures_util::stream::iter([request]);
    let mut answers = grpc.streaming(Request::new(requests), path, Raw).await?.into_inner();
    while let Some(answer) = answers.next().await {
        if let Some(v1::publish_stream_response::Outcome::Error(error)) = answer?.outcome {
            let details = ErrorDetails::with_error_info(error.reason, "fanfare", []);
            return Err(Status::with_error_details(error.code.into(), error.message, details));
        }
    }
    Ok(())
}

struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = v1::PublishStreamResponse;
    type Encoder = Self;
    type Decoder = ProstDecoder<v1::PublishStreamResponse>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}
