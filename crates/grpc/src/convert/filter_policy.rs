//! Filter policies, and what becomes of a backlog when one changes.

use broker::BacklogAction;
use fanfare_proto::v1;
use filter::Policy;
use types::{FilterPolicy, FilterScope, Invalid};

use crate::{check, refusal::Refusal};

/// A policy as its owner wrote it, and as it is evaluated.
pub(crate) fn read(given: v1::FilterPolicy) -> Result<(FilterPolicy, Policy), Refusal> {
    let v1::FilterPolicy { json, scope } = given;
    let scope = match check::known("filter_policy.scope", scope)? {
        v1::FilterScope::Unspecified | v1::FilterScope::Attributes => FilterScope::Attributes,
        v1::FilterScope::Body => FilterScope::Body,
    };
    if json.is_empty() {
        let why = "is empty, must be a JSON object; for no policy leave out filter_policy";
        return Err(Refusal::field("filter_policy.json", why));
    }
    let policy = Policy::parse(scope, &json).map_err(Invalid::from)?;
    Ok((FilterPolicy { json: json.into(), scope }, policy))
}

/// The policy of a request's settings.
pub(crate) fn of_settings(given: Option<v1::FilterPolicy>) -> Result<Option<FilterPolicy>, Refusal> {
    let written = |given| read(given).map(|(written, _)| written);
    given.map(written).transpose().map_err(|refusal| refusal.within("settings"))
}

pub(crate) fn to_proto(policy: &FilterPolicy) -> v1::FilterPolicy {
    let scope = match policy.scope {
        FilterScope::Attributes => v1::FilterScope::Attributes,
        FilterScope::Body => v1::FilterScope::Body,
    };
    v1::FilterPolicy { json: policy.json.to_string(), scope: scope.into() }
}

/// What becomes of the backlog. `changes` says whether the request changes the filter policy at all.
pub(crate) fn backlog(given: i32, changes: bool) -> Result<BacklogAction, Refusal> {
    let action = match check::known("filter_backlog", given)? {
        v1::FilterBacklog::Unspecified => return Ok(BacklogAction::Keep),
        v1::FilterBacklog::Keep => BacklogAction::Keep,
        v1::FilterBacklog::Reevaluate => BacklogAction::Reevaluate,
    };
    if changes {
        return Ok(action);
    }
    Err(Refusal::field("filter_backlog", "is given, but update_mask does not name filter_policy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"kind": ["order"]}"#;

    fn refused(json: impl Into<String>, scope: i32) -> v1::RequestError {
        of_settings(Some(v1::FilterPolicy { json: json.into(), scope })).unwrap_err().into()
    }

    #[test]
    fn a_policy_is_read_and_comes_back_as_it_was_written() {
        for (given, scope, shown) in [
            (v1::FilterScope::Unspecified, FilterScope::Attributes, v1::FilterScope::Attributes),
            (v1::FilterScope::Attributes, FilterScope::Attributes, v1::FilterScope::Attributes),
            (v1::FilterScope::Body, FilterScope::Body, v1::FilterScope::Body),
        ] {
            let given = v1::FilterPolicy { json: JSON.into(), scope: given.into() };
            let read = of_settings(Some(given)).unwrap().unwrap();
            assert_eq!(read, FilterPolicy { json: JSON.into(), scope });
            assert_eq!(to_proto(&read), v1::FilterPolicy { json: JSON.into(), scope: shown.into() });
        }
        assert_eq!(of_settings(None).unwrap(), None);
    }

    #[test]
    fn what_is_no_policy_is_refused_by_its_field_and_its_json_path() {
        let bad = refused(r#"{"kind": []}"#, 0);
        assert_eq!(bad.field, "settings.filter_policy.json");
        assert!(bad.message.starts_with("settings.filter_policy.json: $.kind "), "{bad:?}");
    }

    #[test]
    fn an_empty_or_huge_text_and_an_unknown_scope_are_refused_before_they_are_read() {
        let empty = refused("", 0);
        assert_eq!(empty.field, "settings.filter_policy.json");
        assert!(empty.message.contains("leave out filter_policy"), "{empty:?}");
        assert!(refused("x".repeat(262_145), 0).message.contains("has 262145 bytes, the limit is 262144"));
        assert_eq!(refused(JSON, 3).field, "settings.filter_policy.scope");
    }

    #[test]
    fn a_backlog_action_goes_with_a_change_of_policy_only() {
        assert_eq!(backlog(0, false).unwrap(), BacklogAction::Keep);
        assert_eq!(backlog(1, true).unwrap(), BacklogAction::Keep);
        assert_eq!(backlog(2, true).unwrap(), BacklogAction::Reevaluate);
        for (given, changes) in [(1, false), (2, false), (3, true)] {
            let refused = v1::RequestError::from(backlog(given, changes).unwrap_err());
            assert_eq!(refused.field, "filter_backlog");
        }
    }
}
