use std::{collections::HashSet, ffi::OsString, fmt, fs};

use super::{keys::KEYS, *};

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn flag(key: &str, text: &str) -> Given {
    Given { key: key.to_owned(), text: text.to_owned(), origin: Origin::Flag(format!("--{key}")) }
}

/// Loads a file of that text together with the rest.
fn load(text: &str, variables: &[(&str, &str)], flags: Vec<Given>) -> Result<Loaded, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fanfare.toml");
    fs::write(&path, text).unwrap();
    let sources = Sources { file: Some(path.clone()), environment: environment(variables), flags };
    sources.load().map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
}

#[test]
fn a_flag_goes_before_the_environment_before_the_file_before_the_default() {
    let text = "listen = '1.1.1.1:1'\nhttp_listen = '1.1.1.1:2'\ndata_dir = 'from-file'\n";
    let variables = [("FANFARE_LISTEN", "2.2.2.2:1"), ("FANFARE_HTTP_LISTEN", "2.2.2.2:2"), ("PATH", "/bin")];
    let loaded = load(text, &variables, vec![flag("listen", "3.3.3.3:1")]).unwrap();
    assert_eq!(loaded.config.listen.to_string(), "3.3.3.3:1");
    assert_eq!(loaded.config.http_listen.to_string(), "2.2.2.2:2");
    assert_eq!(loaded.config.data_dir, PathBuf::from("from-file"));
    assert_eq!(loaded.config.shutdown_timeout, Config::default().shutdown_timeout);
    assert_eq!(loaded.origin("listen"), &Origin::Flag("--listen".to_owned()));
    assert_eq!(loaded.origin("http_listen"), &Origin::Environment("FANFARE_HTTP_LISTEN".to_owned()));
    assert!(matches!(loaded.origin("data_dir"), Origin::File(_)));
    assert_eq!(loaded.origin("shutdown_timeout"), &Origin::Default);
}

#[test]
fn localhost_is_the_loopback_address_and_no_other_name_is_looked_up() {
    let listen = |text: &str| load("", &[], vec![flag("listen", text)]).map(|loaded| loaded.config.listen);
    assert_eq!(listen("localhost:50051").unwrap().to_string(), "127.0.0.1:50051");
    for wrong in ["localhost", "localhost:", "localhost:x", ":50051", "example.org:50051"] {
        assert!(listen(wrong).unwrap_err().contains("must be an IP address (or localhost)"), "{wrong}");
    }
}

#[test]
fn the_environment_can_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fanfare.toml");
    fs::write(&path, "[log]\nfilter = 'debug'\n").unwrap();
    let variables = environment(&[("FANFARE_CONFIG", path.to_str().unwrap())]);
    let loaded = Sources { environment: variables, ..Sources::default() }.load().unwrap();
    assert_eq!(loaded.config.log.filter, "debug");
}

#[test]
fn an_unknown_key_is_named_with_where_it_was_given() {
    let unknown = |text, variables| load(text, variables, Vec::new()).unwrap_err();
    let tail = "; `fanfare config` lists those there are";
    assert_eq!(unknown("lisen = 'x'", &[]), format!("file FILE: there is no setting lisen{tail}"));
    assert_eq!(
        unknown("[broker]\nnope = 1", &[]),
        format!("file FILE: there is no setting broker.nope{tail}")
    );
    assert_eq!(
        unknown("[nope]\nlisten = 'x'", &[]),
        format!("file FILE: there is no setting nope.listen{tail}")
    );
    let variable = "environment FANFARE_LISEN: there is no setting FANFARE_LISEN";
    assert_eq!(unknown("", &[("FANFARE_LISEN", "x")]), format!("{variable}{tail}"));
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_what_was_expected() {
    let wrong = |text, variables| load(text, variables, Vec::new()).unwrap_err();
    assert!(
        wrong("listen = 50051", &[]).starts_with("file FILE: listen is \"50051\", must be an IP address")
    );
    assert_eq!(
        wrong("[push]\nallow_ports = [80, 443]", &[]),
        "file FILE: push.allow_ports is an array, must be a string; a list is one with commas: \"a, b\""
    );
    assert_eq!(
        wrong("listen = 1.5", &[]),
        "file FILE: listen is a float, must be a string, a whole number or a boolean"
    );
    let error = wrong("", &[("FANFARE_SHUTDOWN_TIMEOUT", "soon")]);
    assert!(
        error.starts_with("environment FANFARE_SHUTDOWN_TIMEOUT: shutdown_timeout is \"soon\""),
        "{error}"
    );
    assert!(wrong("listen = ", &[]).starts_with("the configuration file FILE is not TOML: "));
}

#[test]
fn a_value_out_of_its_limits_is_named_with_its_origin_whichever_crate_owns_it() {
    let cases = [
        ("FANFARE_SHUTDOWN_TIMEOUT", "2h", "shutdown_timeout"),
        ("FANFARE_DATA_DIR", "", "data_dir"),
        ("FANFARE_SYNC_INTERVAL", "0s", "sync_interval"),
        ("FANFARE_HTTP_LISTEN", "127.0.0.1:50051", "http_listen"),
        ("FANFARE_BROKER_MAX_MESSAGE_BYTES", "1", "broker.max_message_bytes"),
        ("FANFARE_DISK_COMMITTERS", "0", "disk.committers"),
        ("FANFARE_GRPC_MAX_CONCURRENT_STREAMS", "0", "grpc.max_concurrent_streams"),
        ("FANFARE_PUSH_CONNECT_TIMEOUT", "1ms", "push.connect_timeout"),
        ("FANFARE_PUSH_ALLOW_PORTS", "", "push.allow_ports"),
        ("FANFARE_PUSH_TRUSTED_HOSTS", "https://a", "push.trusted_hosts"),
        ("FANFARE_PUSH_WORKER_TOKEN", "short", "push.worker_token"),
        ("FANFARE_LOG_FILTER", "a=b=c", "log.filter"),
        ("FANFARE_METRICS_MAX_TOPICS", "1000000", "metrics.max_topics"),
    ];
    for (variable, value, key) in cases {
        let error = load("", &[(variable, value)], Vec::new()).unwrap_err();
        assert!(error.starts_with(&format!("environment {variable}: {key} ")), "{variable}: {error}");
    }
}

#[test]
fn a_message_that_fits_no_request_and_a_request_that_fits_no_batch_are_refused() {
    let small = Config {
        disk: journal_disk::Config { batch_bytes: 1 << 20, ..Config::default().disk },
        ..Config::default()
    };
    let invalid = small.validate().unwrap_err();
    assert_eq!(invalid.field, "grpc.max_request_bytes");
    assert!(invalid.reason.contains("disk.batch_bytes (1048576)"), "{invalid}");
    let in_memory = Config { engine: Engine::Memory, ..small };
    assert_eq!(in_memory.validate(), Ok(()));
    let request = grpc::Config { max_request_bytes: 2 << 20, ..Config::default().grpc };
    let message = broker::Config { max_message_bytes: 2 << 20, ..Config::default().broker };
    let config = Config { grpc: request, broker: message, ..Config::default() };
    assert_eq!(config.validate().unwrap_err().field, "grpc.max_request_bytes");
}

#[test]
fn a_batch_has_room_for_the_largest_request_and_what_the_broker_adds_to_its_messages() {
    let request = Config::default().grpc.max_request_bytes as u64;
    let batch = |batch_bytes| Config {
        disk: journal_disk::Config { batch_bytes, ..Config::default().disk },
        ..Config::default()
    };
    assert_eq!(batch(request + 2_135_000).validate(), Ok(()));
    for too_small in [request, request + 2_134_999] {
        let invalid = batch(too_small).validate().unwrap_err();
        assert_eq!(invalid.field, "grpc.max_request_bytes");
        assert!(invalid.reason.contains(&format!("disk.batch_bytes ({too_small})")), "{invalid}");
    }
    let in_memory = Config {
        engine: Engine::Memory,
        grpc: grpc::Config { max_request_bytes: 16 << 20, ..Config::default().grpc },
        ..Config::default()
    };
    assert!(in_memory.validate().is_err(), "the engine in memory has a largest batch, too");
}

#[test]
fn what_kubernetes_sets_for_a_service_of_our_name_is_not_taken_for_a_setting() {
    let links = [
        ("FANFARE_SERVICE_HOST", "10.0.0.1"),
        ("FANFARE_SERVICE_PORT", "50051"),
        ("FANFARE_SERVICE_PORT_GRPC", "50051"),
        ("FANFARE_PORT", "tcp://10.0.0.1:50051"),
        ("FANFARE_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
        ("FANFARE_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("FANFARE_HEADLESS_SERVICE_HOST", "None"),
    ];
    assert!(load("", &links, Vec::new()).is_ok());
    assert!(load("", &[("FANFARE_PORT", "50051")], Vec::new()).is_err(), "that is someone's wish");
}

#[test]
fn the_template_gives_every_key_its_default() {
    let loaded = load(TEMPLATE, &[], Vec::new()).unwrap();
    assert_eq!(loaded.config, Config::default());
    for key in KEYS {
        assert!(matches!(loaded.origin(key.name), Origin::File(_)), "{} is not in default.toml", key.name);
    }
}

#[test]
fn what_is_printed_gives_the_same_configuration_when_read_again() {
    let flags = vec![
        flag("durability", "interval"),
        flag("disk.reserve_bytes", "1GiB"),
        flag("data_dir", "a \"b\"\\c"),
        flag("push.allow_networks", "10.0.0.0/8,127.0.0.1"),
        flag("push.allow_http", "true"),
        flag("push.ca_file", "ca.pem"),
    ];
    let loaded = load("[log]\nfilter = 'warn'", &[], flags).unwrap();
    let text = effective(&loaded);
    assert_eq!(load(&text, &[], Vec::new()).unwrap().config, loaded.config, "{text}");
    assert!(text.contains("# flag --durability\n"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("listen = ") && line.ends_with("# default")), "{text}");
}

#[test]
fn the_worker_token_reaches_the_port_and_nothing_prints_it() {
    const TOKEN: &str = "0123456789abcdef";
    let loaded = load("", &[("FANFARE_PUSH_WORKER_TOKEN", TOKEN)], Vec::new()).unwrap();
    assert_eq!(loaded.config.grpc_port().worker_token.unwrap().reveal(), TOKEN);
    let printed = effective(&loaded);
    assert!(!printed.contains(TOKEN) && printed.contains("worker_token = \"…\""), "{printed}");
    assert!(!format!("{:?}", loaded.config).contains(TOKEN));
    let again = load(&printed, &[], Vec::new()).unwrap_err();
    assert!(again.starts_with("file FILE: push.worker_token is how `fanfare config` prints"), "{again}");
    let short = load("", &[("FANFARE_PUSH_WORKER_TOKEN", "s3cret")], Vec::new()).unwrap_err();
    assert!(!short.contains("s3cret"), "{short}");
}

#[test]
fn a_file_that_is_not_toml_is_named_with_the_line_and_without_what_is_in_it() {
    for text in [
        "[push]\nworker_token = \"s3cret",
        "[push]\nworker_token = s3cret",
        "[push]\nworker_token = \"s3cret\" s3cret",
        "[push]\ns3cret",
    ] {
        let refused = load(text, &[], Vec::new()).unwrap_err();
        assert!(refused.starts_with("the configuration file FILE is not TOML: line 2: "), "{refused}");
        assert!(!refused.contains("s3cret") && refused.lines().count() == 1, "{refused}");
    }
}

#[test]
fn an_interval_reaches_the_engine_only_when_it_is_asked_for() {
    let interval = Config { durability: Durability::Interval, ..Config::default() };
    let expected = journal_disk::Durability::Interval(interval.sync_interval);
    assert_eq!(interval.disk_engine().durability, expected);
    assert_eq!(Config::default().disk_engine().durability, journal_disk::Durability::Fsync);
}

#[test]
fn one_time_decides_how_long_clients_may_take_to_leave() {
    let config = Config { shutdown_timeout: Duration::from_secs(1), ..Config::default() };
    let port = config.grpc_port();
    assert_eq!((port.drain_timeout, port.settle_grace), (config.shutdown_timeout, config.shutdown_timeout));
    assert_eq!(config.validate(), Ok(()));
}

/// The fields of a section, as its `Debug` prints them.
fn fields(section: &str, value: &dyn fmt::Debug) -> Vec<String> {
    let text = format!("{value:?}");
    let inside = text.split_once('{').unwrap().1;
    inside
        .split(", ")
        .filter_map(|field| Some(format!("{section}.{}", field.split_once(": ")?.0.trim())))
        .collect()
}

#[test]
fn every_field_that_a_crate_lets_operators_choose_has_a_key() {
    let Config { broker, disk, grpc, push, log, metrics, .. } = Config::default();
    let decided_by_others =
        ["disk.durability", "grpc.drain_timeout", "grpc.worker_token", "push.own_addresses"];
    let sections: [(&str, &dyn fmt::Debug); 6] = [
        ("broker", &broker),
        ("disk", &disk),
        ("grpc", &grpc),
        ("push", &push),
        ("log", &log),
        ("metrics", &metrics),
    ];
    for field in sections.into_iter().flat_map(|(name, section)| fields(name, section)) {
        let known = keys::find(&field).is_some() || decided_by_others.contains(&field.as_str());
        assert!(known, "{field} is in no line of keys.rs");
    }
}

#[test]
fn no_two_keys_share_a_variable() {
    let variables: HashSet<_> = KEYS.iter().map(keys::Key::variable).collect();
    assert_eq!(variables.len(), KEYS.len());
}

/// Rows of the table in docs/CONFIGURATION.md: key, variable, default.
fn documented() -> Vec<[String; 3]> {
    let page = include_str!("../../../../docs/CONFIGURATION.md");
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.contains("`FANFARE_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(cell).collect();
        [cells[1].clone(), cells[2].clone(), cells[3].clone()]
    })
    .collect()
}

#[test]
fn the_page_on_configuration_lists_exactly_the_keys_there_are_with_their_defaults() {
    let defaults = Config::default();
    let expected: Vec<_> =
        KEYS.iter().map(|key| [key.name.to_owned(), key.variable(), (key.show)(&defaults)]).collect();
    assert_eq!(documented(), expected);
}
