//! Compiles proto/ without protoc. Two passes: messages and clients as usual, and the servers over the hand-written answers of
//! `src/encoded.rs` and requests of `src/undecoded.rs`.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use prost::Message as _;
use tonic_prost_build::{Builder, FileDescriptorSet};

const FILES: [&str; 9] = [
    "fanfare/push/v1/push_endpoint_service.proto",
    "fanfare/v1/admin_service.proto",
    "fanfare/v1/message.proto",
    "fanfare/v1/publisher_service.proto",
    "fanfare/v1/push.proto",
    "fanfare/v1/push_service.proto",
    "fanfare/v1/subscriber_service.proto",
    "fanfare/v1/subscription_service.proto",
    "fanfare/v1/topic_service.proto",
];
/// The package of what subscribers serve.
const PUSH_PACKAGE: &str = "fanfare.push.v1";
/// Answers that hold stored messages.
const ENCODED: [&str; 1] = ["PullResponse"];
/// Requests that have repeated fields or maps.
const UNDECODED: [&str; 13] = [
    "AcknowledgeRequest",
    "CreateSubscriptionRequest",
    "CreateTopicRequest",
    "ExtendLeaseRequest",
    "NackRequest",
    "PublishRequest",
    "PublishStreamRequest",
    "ReportAttemptsRequest",
    "ReportEndpointsRequest",
    "StreamingPullRequest",
    "TestFilterRequest",
    "UpdateSubscriptionRequest",
    "UpdateTopicRequest",
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("proto");
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());

    let descriptors = protox::compile(FILES, [&root]).map_err(io::Error::other)?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut clients = descriptors.clone();
    clients.file.retain(|file| file.package() != PUSH_PACKAGE);
    endpoints(&out, descriptors.clone())?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".")
        // Sorted, so that equal messages have equal bytes.
        .btree_map(".")
        .compile_fds(clients)?;
    servers(&out, descriptors)
}

/// What subscribers serve so that messages can be pushed to them: client and server, as usual.
fn endpoints(out: &Path, mut descriptors: FileDescriptorSet) -> io::Result<()> {
    let out = out.join("push");
    fs::create_dir_all(&out)?;
    for file in descriptors.file.iter_mut().filter(|file| file.package() != PUSH_PACKAGE) {
        file.service.clear();
    }
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .out_dir(out)
        .extern_path(".fanfare.v1", "crate::v1")
        .compile_fds(descriptors)
}

/// The servers over our own types; every other type is the usual one.
fn servers(out: &Path, mut descriptors: FileDescriptorSet) -> io::Result<()> {
    let out = out.join("server");
    fs::create_dir_all(&out)?;
    descriptors.file.retain(|file| file.package() == "fanfare.v1");
    let mut builder: Builder = tonic_prost_build::configure()
        .build_client(false)
        .codec_path("crate::undecoded::Codec")
        .out_dir(&out)
        .extern_path(".fanfare.v1", "crate::v1");
    for (module, names) in [("encoded", &ENCODED[..]), ("undecoded", &UNDECODED)] {
        for name in names {
            builder = builder.extern_path(format!(".fanfare.v1.{name}"), format!("crate::{module}::{name}"));
        }
    }
    builder.compile_fds(descriptors)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
