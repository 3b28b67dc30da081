use super::*;

fn guard(change: impl FnOnce(&mut Config)) -> Guard {
    let mut config = Config { allow_http: true, ..Config::default() };
    change(&mut config);
    Guard::new(&config)
}

fn networks(of: &[&str]) -> Vec<Network> {
    of.iter().map(|network| network.parse().unwrap()).collect()
}

fn denies(guard: &Guard, address: &str) -> Option<String> {
    guard.check(address.parse().unwrap()).err().map(|denied| denied.rule)
}

#[test]
fn every_vector_is_refused_for_the_reason_it_is_there_for() {
    let guard = guard(|_| ());
    let count: usize = vectors::WRITTEN.iter().map(|(_, urls)| urls.len()).sum();
    assert!(count >= 150, "{count}");
    for (words, urls) in vectors::WRITTEN {
        for url in *urls {
            let refusal = guard.target(url).expect_err(url).to_string();
            assert!(refusal.contains(words), "{url:?}: {refusal}");
        }
    }
}

#[test]
fn public_endpoints_are_let_through_as_what_they_are() {
    let guard = guard(|_| ());
    for (url, host, port, uri) in [
        ("https://example.com", "example.com", 443, "https://example.com/"),
        ("https://EXAMPLE.com:8443/Hook?a=B", "example.com", 8_443, "https://example.com:8443/Hook?a=B"),
        ("http://example.com:80/", "example.com", 80, "http://example.com/"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "https://xn--bcher-kva.example/"),
        ("https://example.com.", "example.com.", 443, "https://example.com./"),
        ("https://8.8.8.8", "8.8.8.8", 443, "https://8.8.8.8/"),
        ("https://0x8.8.2056", "8.8.8.8", 443, "https://8.8.8.8/"),
        ("https://[2606:4700::1111]:9000", "[2606:4700::1111]", 9_000, "https://[2606:4700::1111]:9000/"),
        ("https://[::ffff:8.8.8.8]", "8.8.8.8", 443, "https://[::ffff:808:808]/"),
        ("https://my_service.example/a%20b", "my_service.example", 443, "https://my_service.example/a%20b"),
        ("https://example.com/a/../b", "example.com", 443, "https://example.com/b"),
        ("grpc://example.com:80", "example.com", 80, "http://example.com/"),
        ("grpcs://Example.com:443", "example.com", 443, "https://example.com/"),
        ("grpcs://[2606:4700::1111]:50051", "[2606:4700::1111]", 50_051, "https://[2606:4700::1111]:50051/"),
    ] {
        let target = guard.target(url).expect(url);
        assert_eq!((target.host().to_string().as_str(), target.port()), (host, port), "{url}");
        assert_eq!(target.uri().to_string(), uri, "{url}");
    }
}

#[test]
fn endpoints_without_tls_are_refused_unless_the_operator_allows_them() {
    let guard = guard(|config| config.allow_http = false);
    for url in ["http://8.8.8.8", "grpc://8.8.8.8:443"] {
        assert!(matches!(guard.target(url), Err(UrlError::Plain(_))), "{url}");
    }
    assert!(guard.target("https://8.8.8.8").is_ok());
    assert!(guard.target("grpcs://8.8.8.8:443").is_ok());
}

#[test]
fn allowed_networks_go_before_the_built_in_list_and_denied_ones_before_both() {
    let guard = guard(|config| {
        config.allow_networks = networks(&["10.0.0.0/8", "fd00::/8"]);
        config.deny_networks = networks(&["10.9.0.0/16", "8.8.8.0/24"]);
    });
    assert_eq!(denies(&guard, "10.1.1.1:443"), None);
    assert_eq!(denies(&guard, "[::ffff:10.1.1.1]:443"), None);
    assert_eq!(denies(&guard, "[fd00::1]:443"), None);
    assert_eq!(denies(&guard, "10.9.1.1:443").unwrap(), "the operator denies 10.9.0.0/16");
    assert_eq!(denies(&guard, "[::ffff:10.9.1.1]:443").unwrap(), "the operator denies 10.9.0.0/16");
    assert_eq!(denies(&guard, "8.8.8.8:443").unwrap(), "the operator denies 8.8.8.0/24");
    let private = denies(&guard, "192.168.0.1:443").unwrap();
    assert!(
        private.starts_with("private, 192.168.0.0/16 (RFC 1918); the operator can allow it"),
        "{private}"
    );
}

#[test]
fn a_clouds_metadata_are_denied_inside_an_allowed_network_but_not_if_allowed_by_address() {
    let wide = guard(|config| config.allow_networks = networks(&["0.0.0.0/0", "::/0"]));
    for address in
        ["169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fd00:ec2::254]:80", "168.63.129.16:80"]
    {
        assert_eq!(denies(&wide, address).unwrap(), "it is a cloud's metadata service", "{address}");
    }
    assert_eq!(denies(&wide, "169.254.1.1:80"), None);

    let exact = guard(|config| config.allow_networks = networks(&["169.254.169.254/32", "fd00:ec2::254"]));
    assert_eq!(denies(&exact, "169.254.169.254:80"), None);
    assert_eq!(denies(&exact, "[fd00:ec2::254]:80"), None);

    let both = guard(|config| {
        config.allow_networks = networks(&["169.254.169.254"]);
        config.deny_networks = networks(&["169.254.0.0/16"]);
    });
    assert!(denies(&both, "169.254.169.254:80").is_some());
}

#[test]
fn no_address_is_never_an_endpoint() {
    let guard = guard(|config| config.allow_networks = networks(&["0.0.0.0/0", "::/0", "0.0.0.0", "::"]));
    for address in ["0.0.0.0:80", "[::]:80", "[::ffff:0.0.0.0]:80"] {
        assert_eq!(denies(&guard, address).unwrap(), "it is no address", "{address}");
    }
}

#[test]
fn the_broker_is_never_an_endpoint_whatever_is_allowed() {
    let everything = networks(&["0.0.0.0/0", "::/0", "127.0.0.1", "10.0.0.5"]);
    let at = |own: &str| {
        guard(|config| {
            config.allow_networks = everything.clone();
            config.own_addresses = vec![own.parse().unwrap()];
        })
    };
    let itself = Some("it is the broker itself".to_owned());

    let loopback = at("127.0.0.1:50051");
    for address in ["127.0.0.1:50051", "[::ffff:127.0.0.1]:50051", "0.0.0.0:50051", "127.0.0.2:50051"] {
        assert_eq!(denies(&loopback, address), itself, "{address}");
    }
    assert_eq!(denies(&loopback, "127.0.0.1:50052"), None);
    assert_eq!(denies(&loopback, "10.0.0.5:50051"), None);
    assert_eq!(denies(&at("10.0.0.5:50051"), "10.0.0.5:50051"), itself);
    assert_eq!(denies(&at("10.0.0.5:50051"), "10.0.0.6:50051"), None);

    for own in ["0.0.0.0:50051", "[::]:50051"] {
        for address in ["127.0.0.1:50051", "[::1]:50051", "127.9.9.9:50051"] {
            assert_eq!(denies(&at(own), address), itself, "{own} {address}");
        }
        assert_eq!(denies(&at(own), "8.8.8.8:50051"), None, "{own}");
    }
}

#[test]
fn the_broker_of_a_worker_elsewhere_is_no_endpoint_either_wherever_it_turns_up() {
    let broker = BrokerAddresses::default();
    let all = |config: &mut Config| config.allow_networks = networks(&["0.0.0.0/0", "::/0"]);
    let guard = guard(all).beside(broker.clone());
    let itself = Some("it is the broker itself".to_owned());
    assert_eq!(denies(&guard, "10.0.0.5:50051"), None);
    broker.add("10.0.0.5:50051".parse().unwrap());
    broker.add("[::ffff:10.0.0.6]:50051".parse().unwrap());
    for address in
        ["10.0.0.5:50051", "[::ffff:10.0.0.5]:50051", "[64:ff9b::10.0.0.5]:50051", "10.0.0.6:50051"]
    {
        assert_eq!(denies(&guard, address), itself, "{address}");
    }
    assert_eq!(denies(&guard, "10.0.0.5:50052"), None);
    // At one of this machine's addresses it may be at all of them.
    broker.add("127.0.0.1:50051".parse().unwrap());
    for address in ["127.0.0.1:50051", "[::1]:50051", "0.0.0.0:50051"] {
        assert_eq!(denies(&guard, address), itself, "{address}");
    }
}

#[test]
fn an_address_that_a_translator_makes_another_of_is_denied_for_what_it_becomes() {
    let guard = guard(|config| {
        config.allow_networks = networks(&["64:ff9b::/96", "2002::/16", "::/96", "10.1.0.0/16"]);
        config.deny_networks = networks(&["8.8.4.0/24"]);
    });
    for (address, rule) in [
        ("[64:ff9b::169.254.169.254]:80", "metadata"),
        ("[64:ff9b::127.0.0.1]:80", "loopback"),
        ("[64:ff9b::10.0.0.1]:80", "private"),
        ("[64:ff9b::8.8.4.4]:80", "the operator denies"),
        ("[2002:a9fe:a9fe::1]:80", "metadata"),
        ("[2002:7f00:1::]:80", "loopback"),
        ("[::10.0.0.1]:80", "private"),
    ] {
        let denied = denies(&guard, address).expect(address);
        assert!(denied.contains(rule), "{address}: {denied}");
    }
    for address in
        ["[64:ff9b::8.8.8.8]:80", "[64:ff9b::10.1.0.1]:80", "[2002:808:808::1]:80", "[::8.8.8.8]:80"]
    {
        assert_eq!(denies(&guard, address), None, "{address}");
    }
}

#[test]
fn the_operator_vouches_for_hosts_by_name_and_for_all_below_one() {
    let guard = guard(|config| {
        let hosts = ["Hooks.example.com", "*.example.org", "10.0.0.1", "[fd00::1]"];
        config.trusted_hosts = hosts.map(str::to_owned).to_vec();
        config.allow_networks = networks(&["10.0.0.0/8", "fd00::/8"]);
    });
    let trusts = |url: &str| guard.trusts(guard.target(url).unwrap().host());
    for url in [
        "https://hooks.example.com",
        "https://HOOKS.example.com.",
        "https://a.example.org",
        "https://a.b.example.org",
        "https://10.0.0.1",
        "https://0xa.1",
        "https://[fd00::1]",
    ] {
        assert!(trusts(url), "{url}");
    }
    for url in [
        "https://example.com",
        "https://x.hooks.example.com",
        "https://example.org",
        "https://evilexample.org",
        "https://10.0.0.2",
        "https://hooks.example.com.evil.net",
    ] {
        assert!(!trusts(url), "{url}");
    }
}
