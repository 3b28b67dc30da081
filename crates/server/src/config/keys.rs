use super::{Config, env::ENVIRONMENT_PREFIX, value::Value};

/// One setting: how to find, change and print it.
pub(super) struct Key {
    /// Its path.
    pub(super) name: &'static str,
    /// Takes a value in its written form; what is wrong with it, if it is refused.
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
    /// Its value as TOML.
    pub(super) show: fn(&Config) -> String,
}

impl Key {
    /// Its name in the environment.
    pub(super) fn variable(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Its section in the file, empty for the top, and its name there.
    pub(super) fn place(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The field of a key: of the same path, or another one that is named.
macro_rules! field {
    ($config:ident, $head:ident $(. $tail:ident)?) => { $config.$head$(.$tail)? };
    ($config:ident, $head:ident . $tail:ident => $field:ident) => { $config.$field };
}

macro_rules! keys {
    ($($head:ident $(. $tail:ident)? $(=> $field:ident)?,)*) => {
        &[$(Key {
            name: concat!(stringify!($head) $(, ".", stringify!($tail))?),
            set: |config, text| {
                let field = &mut field!(config, $head $(. $tail)? $(=> $field)?);
                *field = Value::parse(text)?;
                Ok(())
            },
            show: |config| field!(config, $head $(. $tail)? $(=> $field)?).show(),
        }),*]
    };
}

/// All of them, section by section, in the order in which they are printed.
pub(super) static KEYS: &[Key] = keys![
    listen,
    http_listen,
    shutdown_timeout,
    engine,
    data_dir,
    durability,
    sync_interval,
    broker.max_message_bytes,
    broker.tail_cache_bytes,
    broker.checkpoint_bytes,
    broker.upkeep_interval,
    disk.committers,
    disk.segment_bytes,
    disk.batch_bytes,
    disk.pending_bytes,
    disk.chunk_min_bytes,
    disk.chunk_max_bytes,
    disk.reserve_bytes,
    disk.space_retry,
    grpc.max_connections,
    grpc.max_concurrent_streams,
    grpc.max_pending_accept_reset_streams,
    grpc.max_local_error_reset_streams,
    grpc.max_header_list_bytes,
    grpc.max_frame_bytes,
    grpc.stream_window_bytes,
    grpc.connection_window_bytes,
    grpc.preface_timeout,
    grpc.keepalive_interval,
    grpc.keepalive_timeout,
    grpc.max_request_bytes,
    grpc.request_memory_bytes,
    grpc.request_timeout,
    grpc.settle_grace,
    push.enabled => push_enabled,
    push.allow_http,
    push.allow_networks,
    push.deny_networks,
    push.allow_ports,
    push.trusted_hosts,
    push.ca_file,
    push.connect_timeout,
    push.max_in_flight_bytes,
    push.worker_token => worker_token,
    log.filter,
    log.format,
    metrics.max_topics,
    metrics.max_subscriptions,
];
