//! Every limit of the product in one place. Going over one gives `INVALID_ARGUMENT` (the request can never
//! succeed) or `RESOURCE_EXHAUSTED` (it may later), with the limit in the text; nothing accepted is lost.

use std::time::Duration;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

// Names and labels.

/// Bytes of one identifier in a name (project, topic or subscription).
pub const NAME_BYTES: usize = 255;
/// Labels of one topic or subscription.
pub const LABELS: usize = 64;
/// Bytes of a label's name.
pub const LABEL_NAME_BYTES: usize = 63;
/// Bytes of a label's value.
pub const LABEL_VALUE_BYTES: usize = 255;

// Publishing.

/// Messages of one publish request.
pub const PUBLISH_MESSAGES: usize = 1_000;
/// Bytes of one message as encoded: data, attributes and everything else that the publisher set. Default; configurable.
pub const MESSAGE_BYTES: usize = MIB;
/// Bytes of one request or answer on the wire. Default; configurable.
pub const REQUEST_BYTES: usize = 10 * MIB;
/// Attributes of one message.
pub const ATTRIBUTES: usize = 100;
/// Bytes of an attribute's name.
pub const ATTRIBUTE_NAME_BYTES: usize = 256;
/// Bytes of an attribute's value.
pub const ATTRIBUTE_VALUE_BYTES: usize = KIB;
/// Bytes of an ordering key.
pub const ORDERING_KEY_BYTES: usize = KIB;
/// Bytes of a deduplication ID.
pub const DEDUPLICATION_ID_BYTES: usize = 128;
/// Bytes of a correlation ID.
pub const CORRELATION_ID_BYTES: usize = 128;
/// Bytes of a group ID.
pub const GROUP_ID_BYTES: usize = 128;
/// Bytes of a content type.
pub const CONTENT_TYPE_BYTES: usize = 256;
/// Bytes of a `tracestate` header (W3C Trace Context, section 3.3.1.5, asks for at least 512).
pub const TRACESTATE_BYTES: usize = 512;
/// Longest delay before a first delivery.
pub const DELIVER_AFTER_MAX: Duration = DAY.saturating_mul(30);
/// Longest life of a message with an expiry.
pub const EXPIRE_AFTER_MAX: Duration = DAY.saturating_mul(365);

// Topics.

/// Topics of one broker.
pub const TOPICS: usize = 10_000;
/// Deduplication window: default, and longest. The shortest is zero, which turns deduplication off.
pub const DEDUPLICATION_WINDOW: Duration = MINUTE.saturating_mul(5);
/// See [`DEDUPLICATION_WINDOW`].
pub const DEDUPLICATION_WINDOW_MAX: Duration = DAY;
/// Deduplication IDs that one topic remembers at a time.
pub const DEDUPLICATION_IDS: usize = 1_000_000;
/// How long an unsettled message is kept: default, shortest and longest.
pub const RETENTION_AGE: Duration = DAY.saturating_mul(7);
/// See [`RETENTION_AGE`].
pub const RETENTION_AGE_MIN: Duration = MINUTE;
/// See [`RETENTION_AGE`].
pub const RETENTION_AGE_MAX: Duration = DAY.saturating_mul(365);
/// Smallest byte limit a topic can have; the default is none.
pub const RETENTION_BYTES_MIN: u64 = MIB as u64;

// Subscriptions.

/// Subscriptions of one topic.
pub const SUBSCRIPTIONS_PER_TOPIC: usize = 100_000;
/// Lease length: default, shortest and longest (SQS's visibility timeout).
pub const ACK_DEADLINE: Duration = Duration::from_secs(30);
/// See [`ACK_DEADLINE`].
pub const ACK_DEADLINE_MIN: Duration = Duration::from_secs(1);
/// See [`ACK_DEADLINE`].
pub const ACK_DEADLINE_MAX: Duration = HOUR.saturating_mul(12);
/// Failed attempts after which a message is exhausted: default.
pub const MAX_ATTEMPTS: u32 = 10;
/// The most that can be asked for: SNS's longest policy makes 100,015.
pub const MAX_ATTEMPTS_MAX: u32 = 100_015;
/// Longest backoff between attempts.
pub const BACKOFF_MAX: Duration = DAY;
/// Largest backoff multiplier.
pub const BACKOFF_MULTIPLIER_MAX: f64 = 100.0;
/// Leased messages of one subscription at a time: default and most.
pub const MAX_IN_FLIGHT: u32 = 10_000;
/// See [`MAX_IN_FLIGHT`].
pub const MAX_IN_FLIGHT_MAX: u32 = 100_000;
/// Unsettled messages that one subscription holds in memory (leased, delayed, waiting for a retry or for
/// their key). Past it the subscription reads no further into its backlog until some settle.
pub const WINDOW_MESSAGES: usize = 200_000;
/// Messages in one subscription's dead-letter store. When it is full an exhausted message stays in the queue
/// and is retried at the longest backoff, so that nothing is lost.
pub const DEAD_LETTERS: usize = 100_000;
/// Positions by which a subscription's delivery mark runs ahead, so that it is written once in so many.
pub const DELIVERY_MARK_STEP: u64 = 16_384;
/// Shortest time without use after which a subscription may expire.
pub const EXPIRE_UNUSED_MIN: Duration = HOUR;
/// Longest time without use after which a subscription may expire.
pub const EXPIRE_UNUSED_MAX: Duration = DAY.saturating_mul(365);
/// Failed attempts remembered with a message, the latest; the log has the rest.
pub const ATTEMPT_HISTORY: usize = 100;
/// Longest delay that a nack may ask for.
pub const NACK_DELAY_MAX: Duration = HOUR.saturating_mul(12);

// Filter policies. SNS's limits are lower, except for the policy's bytes, which are the same.

/// Bytes of a filter policy's JSON text (SNS: 256 KB).
pub const FILTER_POLICY_BYTES: usize = 256 * KIB;
/// Keys with conditions in one policy, each `$or` branch counted (SNS: 5).
pub const FILTER_KEYS: usize = 256;
/// Conditions in one policy: values, patterns and ranges, those inside `anything-but` lists included.
pub const FILTER_CONDITIONS: usize = 10_000;
/// Of these, conditions that a value has to be held against one by one: all but texts, numbers, `true`, `false`, `null` and `exists`.
pub const FILTER_PATTERNS: usize = 1_000;
/// Alternatives that a policy's `$or`s multiply out to (SNS: 150 combinations, of which lists take part too).
pub const FILTER_ALTERNATIVES: usize = 256;
/// Levels of nested keys in one policy.
pub const FILTER_DEPTH: usize = 32;
/// Stars in one wildcard pattern (SNS: 3).
pub const FILTER_PATTERN_STARS: usize = 16;
/// Stars in all wildcard patterns of one policy (SNS: a complexity of 100).
pub const FILTER_STARS: usize = 1_000;
/// Levels of nesting in a message's body that filters look through; a deeper body matches no body policy.
pub const FILTER_BODY_DEPTH: usize = 127;
/// Earlier filter policies that still decide over the unread backlog of one subscription.
pub const FILTER_ERAS: usize = 16;
/// Policies in all eras of one subscription together: a re-evaluation adds one to each.
pub const FILTER_ERA_POLICIES: usize = 64;
/// Messages that one test of a filter policy looks back over.
pub const FILTER_TEST_MESSAGES: usize = 1_000;
/// Elements of an array attribute.
pub const ATTRIBUTE_ARRAY_ELEMENTS: usize = 256;
/// Elements of all array attributes of one message.
pub const MESSAGE_ARRAY_ELEMENTS: usize = 1_024;

// Push delivery.

/// Bytes of an endpoint's address.
pub const PUSH_ENDPOINT_BYTES: usize = 2_048;
/// Headers of an owner's own in each request.
pub const PUSH_HEADERS: usize = 32;
/// Bytes of such a header's name.
pub const PUSH_HEADER_NAME_BYTES: usize = 128;
/// Bytes of its value.
pub const PUSH_HEADER_VALUE_BYTES: usize = KIB;
/// Bytes of a password or token.
pub const PUSH_CREDENTIAL_BYTES: usize = 4 * KIB;
/// Bytes of certificates or of a key in PEM.
pub const PUSH_PEM_BYTES: usize = 32 * KIB;
/// Signing secrets at a time: the one in use and the next.
pub const PUSH_SIGNING_SECRETS: usize = 2;
/// Bytes of a symmetric signing secret, shortest and longest (Standard Webhooks 1.0.0).
pub const PUSH_SIGNING_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Time for one attempt: default, shortest and longest. Standard Webhooks recommends 15 to 30 s.
pub const PUSH_REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// See [`PUSH_REQUEST_TIMEOUT`].
pub const PUSH_REQUEST_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// See [`PUSH_REQUEST_TIMEOUT`].
pub const PUSH_REQUEST_TIMEOUT_MAX: Duration = MINUTE.saturating_mul(5);
/// Requests to one endpoint at a time: default and most.
pub const PUSH_CONCURRENCY: u32 = 64;
/// See [`PUSH_CONCURRENCY`].
pub const PUSH_CONCURRENCY_MAX: u32 = 1_000;
/// Messages of one request to a gRPC endpoint.
pub const PUSH_BATCH_MAX: u32 = 1_000;
/// Messages per second, fewest and most that can be asked for.
pub const PUSH_RATE_MIN: f64 = 0.01;
/// See [`PUSH_RATE_MIN`].
pub const PUSH_RATE_MAX: f64 = 100_000.0;
/// Error rules of one endpoint.
pub const PUSH_ERROR_RULES: usize = 32;
/// Longest time between two probes of an open breaker.
pub const BREAKER_OPEN_MAX: Duration = HOUR;
/// Time for which a breaker is open before its endpoint is disabled: shortest and longest.
pub const BREAKER_DISABLE_MIN: Duration = MINUTE;
/// See [`BREAKER_DISABLE_MIN`].
pub const BREAKER_DISABLE_MAX: Duration = DAY.saturating_mul(30);
/// Bytes of an answer that are read, and past which it is cut.
pub const PUSH_RESPONSE_BYTES: usize = 64 * KIB;
/// Bytes of an answer that the log keeps with the attempt.
pub const ATTEMPT_RESPONSE_BYTES: usize = KIB;
/// Bytes of what went wrong, in words, that the log keeps with the attempt.
pub const ATTEMPT_ERROR_BYTES: usize = KIB;
/// Reports of one call of a push worker.
pub const ATTEMPT_REPORTS: usize = 1_000;
/// Attempts of one message that are read back from the log: the latest.
pub const ATTEMPTS_READ: usize = 1_000;
/// Longest wait that an endpoint's `Retry-After` can ask for.
pub const RETRY_AFTER_MAX: Duration = HOUR;
/// Time between two requests for an endpoint's consent: shortest, and to what it grows.
pub const CONFIRMATION_INTERVAL: Duration = MINUTE;
/// See [`CONFIRMATION_INTERVAL`].
pub const CONFIRMATION_INTERVAL_MAX: Duration = HOUR;
/// Requests for an endpoint's consent, after which it is disabled.
pub const CONFIRMATION_REQUESTS: u32 = 72;
/// How long the token of a request is good (SNS: 3 days; here until the next one is due, and then some).
pub const CONFIRMATION_LIFE: Duration = HOUR.saturating_mul(2);
/// Topics that a message can be forwarded through.
pub const FORWARD_HOPS: usize = 16;
/// Push workers that one broker shares endpoints out to.
pub const PUSH_WORKERS: usize = 1_000;
/// Endpoints that a worker in a process of its own is told of at a time, and reports at a time.
pub const PUSH_ENDPOINT_PAGE: usize = 1_000;
/// Characters of the token that lets such a worker in.
pub const PUSH_WORKER_TOKEN_CHARS: std::ops::RangeInclusive<usize> = 16..=4_096;
/// Characters of a token that an endpoint confirms with: 256 bits in base64.
pub const CONFIRMATION_TOKEN_CHARS: usize = 43;

// Consuming.

/// Messages of one pull.
pub const PULL_MESSAGES: usize = 1_000;
/// Bytes of messages in one pull or one streamed answer; a single larger message still goes out alone.
pub const PULL_BYTES: usize = 8 * MIB;
/// Longest wait of a pull for a first message.
pub const PULL_WAIT_MAX: Duration = MINUTE;
/// Consumers (pulls under way and open streams) of one subscription at a time.
pub const CONSUMERS_PER_SUBSCRIPTION: usize = 1_000;
/// Ack IDs of one request.
pub const ACK_IDS: usize = 10_000;
/// Most messages that one stream may ask to have outstanding.
pub const STREAM_OUTSTANDING_MESSAGES: usize = 100_000;
/// Ranges of deliveries that one request of a stream acknowledges,
pub const STREAM_ACK_RANGES: usize = 1_000;
/// and the deliveries in all of them.
pub const STREAM_ACK_DELIVERIES: usize = 100_000;
/// Most bytes that one stream may ask to have outstanding.
pub const STREAM_OUTSTANDING_BYTES: usize = 256 * MIB;

// Lists.

/// Entries on a page: default and most.
pub const PAGE_SIZE: usize = 100;
/// See [`PAGE_SIZE`].
pub const PAGE_SIZE_MAX: usize = 1_000;
