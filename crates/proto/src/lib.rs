//! The generated code of `proto/`: messages, clients and servers of package `fanfare.v1`, and the descriptors for
//! reflection. No logic but the texts of identifiers ([`ids`]).
//!
//! [`v1`] is what everyone uses. The [`server`] side is the broker's own: its answers hold stored messages as the bytes they
//! are ([`encoded`]), and its requests are bytes until they have been looked at ([`undecoded`]).

#![forbid(unsafe_code)]

pub mod encoded;
pub mod ids;
pub mod undecoded;

/// Package `fanfare.v1`. The documentation of each item is that of the .proto file.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("fanfare.v1");
}

/// Package `fanfare.push.v1`: what a subscriber serves so that messages can be pushed to it by gRPC.
pub mod push {
    /// Its first version. The documentation of each item is that of the .proto file.
    #[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/push/fanfare.push.v1.rs"));
    }
}

/// The servers of the package, one module a service.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
pub mod server {
    include!(concat!(env!("OUT_DIR"), "/server/fanfare.v1.rs"));
}

/// The encoded `google.protobuf.FileDescriptorSet` of the package and all that it imports.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
