//! Compiles proto/ without protoc. Two passes: everything as usual, and the server side of SubscriberService once more
//! with the hand-written answers of `src/encoded.rs`.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use prost::Message as _;
use tonic_prost_build::{Builder, FileDescriptorSet};

const FILES: [&str; 6] = [
    "fanfare/v1/admin_service.proto",
    "fanfare/v1/message.proto",
    "fanfare/v1/publisher_service.proto",
    SUBSCRIBER,
    "fanfare/v1/subscription_service.proto",
    "fanfare/v1/topic_service.proto",
];
const SUBSCRIBER: &str = "fanfare/v1/subscriber_service.proto";

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());

    let descriptors = protox::compile(FILES, [&root]).map_err(io::Error::other)?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        // Sorted, so that equal messages have equal bytes.
        .btree_map(".")
        .compile_fds(descriptors.clone())?;
    encoded_server(&out, descriptors)
}

/// The server of SubscriberService over `crate::encoded`'s answers; every other type is the usual one.
fn encoded_server(out: &Path, mut descriptors: FileDescriptorSet) -> io::Result<()> {
    let out = out.join("encoded");
    fs::create_dir_all(&out)?;
    descriptors.file.retain(|file| file.name() == SUBSCRIBER);
    let builder: Builder = tonic_prost_build::configure();
    builder
        .build_client(false)
        .out_dir(&out)
        .extern_path(".fanfare.v1", "crate::v1")
        .extern_path(".fanfare.v1.PullResponse", "crate::encoded::PullResponse")
        .extern_path(".fanfare.v1.StreamingPullResponse", "crate::encoded::StreamingPullResponse")
        .compile_fds(descriptors)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
