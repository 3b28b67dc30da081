//! Compiles proto/ without protoc.

use std::io;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["bare.proto"], ["proto"]).map_err(io::Error::other)?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)
}
