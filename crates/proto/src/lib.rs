//! The generated code of `proto/`: messages, clients and servers of package `fanfare.v1`, and the descriptors for
//! reflection. No logic.
//!
//! [`v1`] is what everyone uses. [`encoded`] is for the broker's own delivery, which sends stored messages as the bytes
//! they are.

#![forbid(unsafe_code)]

pub mod encoded;

/// Package `fanfare.v1`. The documentation of each item is that of the .proto file.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("fanfare.v1");
}

/// The encoded `google.protobuf.FileDescriptorSet` of the package and all that it imports.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
