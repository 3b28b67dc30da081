//! The public surface of the crate `fanfare-client` is what crates/client/public-api.txt says.
//!
//! A line that goes away or changes is a breaking change, and a new one a promise: both are to be seen in a review. To write the file anew:
//! `FANFARE_BLESS=1 cargo test -p e2e public_api`.

use std::{env, fs, process::Command};

use crate::support::tools;

const LISTING: &str = "../crates/client/public-api.txt";

#[test]
fn the_public_surface_of_the_client_is_the_one_that_is_written_down() {
    let listing = tools::file(LISTING);
    let found = surface();
    if env::var_os("FANFARE_BLESS").is_some() {
        fs::write(&listing, &found).unwrap();
    }
    let written = fs::read_to_string(&listing).unwrap_or_default();
    let gone: Vec<_> = written.lines().filter(|line| !found.lines().any(|other| other == *line)).collect();
    let new: Vec<_> = found.lines().filter(|line| !written.lines().any(|other| other == *line)).collect();
    assert!(gone.is_empty() && new.is_empty(), "gone (breaking): {gone:#?}\nnew: {new:#?}");
}

/// One line an item, without what every type has.
fn surface() -> String {
    let mut rustdoc = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    // The packages that test.sh has documented, so that what they depend on is there.
    rustdoc.args(["doc", "--quiet", "--locked", "--no-deps", "--all-features"]);
    rustdoc.args(["-p", "fanfare-client", "-p", "fanfare-proto", "-p", "fanfare-testkit"]);
    rustdoc.env("RUSTDOC", tools::file("../.ci/rustdoc-json")).current_dir(tools::file(".."));
    let output = rustdoc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The test binary is target/debug/deps/it-….
    let target = env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let json = target.join("doc/fanfare_client.json");
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap();
    api.items().map(|item| format!("{item}\n")).collect()
}
