use fanfare_proto::v1;
use types::push::BreakerSettings;

use super::super::time;
use crate::refusal::Refusal;

pub(super) fn read(given: Option<v1::PushBreaker>) -> Result<BreakerSettings, Refusal> {
    let (given, default) = (given.unwrap_or_default(), BreakerSettings::default());
    let time = |path: &str, given: Option<prost_types::Duration>| {
        given.map(|given| time::duration(format_args!("breaker.{path}"), &given)).transpose()
    };
    let max_open = time("max_open", given.max_open)?.unwrap_or(default.max_open);
    Ok(BreakerSettings {
        failures: given.failures.unwrap_or(default.failures),
        failure_ratio: given.failure_ratio.unwrap_or(default.failure_ratio),
        open: time("open", given.open)?.unwrap_or(default.open.min(max_open)),
        max_open,
        disable_after: time("disable_after", given.disable_after)?,
    })
}

pub(super) fn to_proto(breaker: &BreakerSettings) -> v1::PushBreaker {
    v1::PushBreaker {
        failures: Some(breaker.failures),
        failure_ratio: Some(breaker.failure_ratio),
        open: Some(time::to_proto_duration(breaker.open)),
        max_open: Some(time::to_proto_duration(breaker.max_open)),
        disable_after: breaker.disable_after.map(time::to_proto_duration),
    }
}
