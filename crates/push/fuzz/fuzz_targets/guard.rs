#![no_main]

use std::net::IpAddr;

use push::{Config, Guard, Host, Target};

// Whatever is written: what the guard lets through is read the same way twice, has no user and no fragment, is at an allowed
// port, and is no address that std, too, knows as one of the machine or of a private network. Nothing may panic.
libfuzzer_sys::fuzz_target!(|text: &str| {
    let guard = Guard::new(&Config { allow_http: true, ..Config::default() });
    for endpoint in [text.to_owned(), format!("https://{text}"), format!("grpc://{text}:7000")] {
        let target = guard.target(&endpoint);
        assert_eq!(target, guard.target(&endpoint));
        if let Ok(target) = target {
            check(&target);
        }
    }
});

fn check(target: &Target) {
    assert!([80, 443].contains(&target.port()) || target.port() >= 1_024, "{target:?}");
    let uri = target.uri().to_string();
    assert!(!uri.contains('#') && !uri.split('/').nth(2).unwrap_or_default().contains('@'), "{uri}");
    if let Some(IpAddr::V4(ip)) = target.address() {
        let inside = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified();
        assert!(!inside && !ip.is_multicast() && !ip.is_broadcast() && !ip.is_documentation(), "{ip}");
    }
    if let Some(IpAddr::V6(ip)) = target.address() {
        assert!(ip.segments()[0] & 0xe000 == 0x2000, "{ip} is not global unicast");
    }
    // A name of digits and dots alone would be an address to some other reader.
    if let Host::Name(name) = target.host() {
        assert!(name.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'.'), "{name}");
    }
}
