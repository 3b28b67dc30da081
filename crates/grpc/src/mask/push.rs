//! The parts of push settings that a mask can name.

use std::sync::Arc;

use fanfare_proto::v1;
use prost_types::FieldMask;
use types::{SubscriptionSettings, push::PushSettings};

use super::{PUSH, Paths};
use crate::refusal::Refusal;

/// Takes one part over from the request's.
type TakePart = fn(&mut v1::PushConfig, &mut v1::PushConfig);

/// What a mask names of push settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// Nothing.
    Nothing,
    /// All of them.
    Whole,
    /// Parts, the endpoint among them: they can be the first that the subscription has.
    Endpoint,
    /// Other parts only.
    Parts,
}

/// What a mask names of them.
pub(crate) fn named(mask: Option<&FieldMask>) -> Named {
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    let names = |wanted: &str| paths.iter().any(|path| path == wanted);
    match () {
        () if names(PUSH) => Named::Whole,
        () if names("push.endpoint") => Named::Endpoint,
        () if PARTS.iter().any(|(path, _)| names(path)) => Named::Parts,
        () => Named::Nothing,
    }
}

impl Named {
    /// Of the request's push settings only what is named, over the endpoint in force, so that it can be checked as a whole.
    pub(crate) fn of(
        self,
        given: Option<v1::PushConfig>,
        mask: Option<&FieldMask>,
        current: Option<&PushSettings>,
    ) -> Result<Option<v1::PushConfig>, Refusal> {
        match (self, current) {
            (Self::Nothing, _) => Ok(None),
            (Self::Whole, _) => Ok(given),
            (Self::Parts, None) => {
                let why = "names parts of push settings that the subscription does not have; name push or push.endpoint too";
                Err(Refusal::field("update_mask", why))
            }
            (Self::Endpoint | Self::Parts, current) => {
                let endpoint = current.map(|push| push.endpoint.clone()).unwrap_or_default();
                let mut only = v1::PushConfig { endpoint, ..v1::PushConfig::default() };
                let mut given = given.unwrap_or_default();
                let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
                for (path, take) in TAKEN {
                    if paths.iter().any(|named| named == path) {
                        take(&mut given, &mut only);
                    }
                }
                Ok(Some(only))
            }
        }
    }
}

/// One row a part: its path, and what is taken over, first of the request and then of the settings.
macro_rules! parts {
    ($($part:ident: [$($wire:ident),*],)*) => {
        /// See [`super::Mask`].
        pub(super) const PARTS: &Paths<SubscriptionSettings> = &[$(
            (concat!("push.", stringify!($part)), |given, current| {
                let given = given.push.as_deref().map(|push| push.$part.clone());
                let push = Arc::make_mut(current.push.get_or_insert_default());
                push.$part = given.unwrap_or_else(|| PushSettings::default().$part);
            }),
        )*];

        const TAKEN: &[(&str, TakePart)] = &[$(
            (concat!("push.", stringify!($part)), |given, only| {
                $(only.$wire = std::mem::take(&mut given.$wire);)*
            }),
        )*];
    };
}

parts! {
    endpoint: [endpoint],
    content: [content],
    headers: [headers],
    authentication: [authentication],
    client_certificate: [client_certificate],
    trusted_certificates: [trusted_certificates],
    signing_secrets: [signing_secrets, signing_keys],
    request_timeout: [request_timeout],
    max_concurrency: [max_concurrency],
    max_batch: [max_batch],
    max_receives_per_second: [max_receives_per_second],
    error_rules: [error_rules],
    breaker: [breaker],
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use types::push::{
        Authentication, BreakerSettings, ClientCertificate, ContentMode, ErrorAction, ErrorRule, Secret,
        StatusRange,
    };

    use super::*;

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(ToString::to_string).collect() }
    }

    /// Each part another than by default.
    fn other() -> PushSettings {
        PushSettings {
            endpoint: "https://example.com/".into(),
            content: ContentMode::SnsEnvelope,
            headers: [("x-a".into(), "b".into())].into(),
            authentication: Some(Authentication::Bearer { token: Secret::new("t") }),
            client_certificate: Some(ClientCertificate { chain: "c".into(), private_key: Secret::new("k") }),
            trusted_certificates: Some("pem".into()),
            signing_secrets: vec![Secret::new("whsec_")],
            request_timeout: Duration::from_secs(2),
            max_concurrency: 3,
            max_batch: 4,
            max_receives_per_second: Some(5.0),
            error_rules: vec![ErrorRule { status: StatusRange::Timeout, action: ErrorAction::Reject }],
            breaker: BreakerSettings { failures: 6, ..BreakerSettings::default() },
        }
    }

    fn with(push: PushSettings) -> SubscriptionSettings {
        SubscriptionSettings { push: Some(Arc::new(push)), ..SubscriptionSettings::default() }
    }

    #[test]
    fn every_path_takes_its_own_part_and_all_of_them_take_all() {
        let mut all = with(PushSettings::default());
        for (path, take) in PARTS {
            let mut current = with(PushSettings::default());
            take(&with(other()), &mut current);
            assert_ne!(current, with(PushSettings::default()), "{path}");
            take(&with(other()), &mut all);
            take(&SubscriptionSettings::default(), &mut current);
            assert_eq!(current, with(PushSettings::default()), "{path} goes back to its default");
        }
        assert_eq!(all, with(other()));
    }

    #[test]
    fn a_mask_says_how_much_of_push_it_names() {
        let named = |paths: &[&str]| named(Some(&mask(paths)));
        assert_eq!(named(&["labels", "push.breaker", "push"]), Named::Whole);
        assert_eq!(named(&["push.breaker", "push.endpoint"]), Named::Endpoint);
        assert_eq!(named(&["push.breaker"]), Named::Parts);
        assert_eq!(named(&["labels", "pushy", "push.nope"]), Named::Nothing);
        assert_eq!(super::named(None), Named::Nothing);
    }

    #[test]
    fn only_what_is_named_is_looked_at() {
        let given = v1::PushConfig {
            endpoint: "https://other.example/".into(),
            max_batch: Some(7),
            signing_keys: vec![v1::PushSigningKey::default()],
            ..Default::default()
        };
        let of = |paths: &[&str], current: Option<&PushSettings>| {
            let mask = mask(paths);
            super::named(Some(&mask)).of(Some(given.clone()), Some(&mask), current)
        };
        let only = v1::PushConfig { endpoint: other().endpoint, max_batch: Some(7), ..Default::default() };
        assert_eq!(of(&["push.max_batch"], Some(&other())).unwrap(), Some(only));
        assert_eq!(of(&["labels"], Some(&other())).unwrap(), None);
        assert_eq!(of(&["push"], None).unwrap(), Some(given.clone()));
        let first = v1::PushConfig { endpoint: given.endpoint.clone(), ..Default::default() };
        assert_eq!(of(&["push.endpoint"], None).unwrap(), Some(first));
        let refused = v1::RequestError::from(of(&["push.max_batch"], None).unwrap_err());
        assert_eq!(refused.field, "update_mask");
        assert!(refused.message.contains("push.endpoint"), "{}", refused.message);
    }
}
