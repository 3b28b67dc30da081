//! Requests that stay bytes until someone has looked at them.
//!
//! On the wire an empty part of a repeated field takes two bytes; decoded it takes up to a few hundred. Whoever decodes first and
//! counts then has paid already. So the requests that have repeated fields or maps reach their service as an [`Undecoded`],
//! and the service's crate, which knows the limits, counts before it decodes.
//!
//! # Invariants
//!
//! - Taking a request in allocates nothing that grows with what is in it: the bytes are those that the transport read.
//! - What has no repeated field is decoded here, as usual.

use std::marker::PhantomData;

use bytes::{Buf as _, Bytes};
use prost::{DecodeError, Message};
use tonic::{
    Status,
    codec::{DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;

use crate::v1;

/// The bytes of a `T`, or of something that is none.
#[derive(Debug, Clone)]
pub struct Undecoded<T> {
    /// As they came.
    pub bytes: Bytes,
    what: PhantomData<fn() -> T>,
}

impl<T> Undecoded<T> {
    /// These bytes.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, what: PhantomData }
    }
}

/// The requests with repeated fields or maps, by the names that build.rs gives them.
macro_rules! undecoded {
    ($($request:ident)*) => {
        $(
            #[doc = concat!("[`v1::", stringify!($request), "`].")]
            pub type $request = Undecoded<v1::$request>;
        )*
    };
}

undecoded! {
    AcknowledgeRequest CreateSubscriptionRequest CreateTopicRequest ExtendLeaseRequest NackRequest PublishRequest
    PublishStreamRequest ReportAttemptsRequest ReportEndpointsRequest StreamingPullRequest TestFilterRequest UpdateSubscriptionRequest UpdateTopicRequest
}

/// What the servers make of a request's bytes.
pub trait Incoming: Sized {
    /// Takes them in.
    ///
    /// # Errors
    /// They are no such request.
    fn read(bytes: Bytes) -> Result<Self, DecodeError>;
}

impl<T> Incoming for Undecoded<T> {
    fn read(bytes: Bytes) -> Result<Self, DecodeError> {
        Ok(Self::new(bytes))
    }
}

impl<T: Message + Default> Incoming for T {
    fn read(bytes: Bytes) -> Result<Self, DecodeError> {
        T::decode(bytes)
    }
}

/// The servers' codec.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<fn() -> (T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Incoming + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Reader(PhantomData)
    }
}

/// The decoder of [`Codec`].
#[derive(Debug)]
pub struct Reader<U>(PhantomData<fn() -> U>);

impl<U: Incoming> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        // As tonic-prost says it.
        U::read(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
