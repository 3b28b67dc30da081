//! What an answer means for the message: the owner's rules first, then what is usual.

use std::time::Duration;

use types::{
    limits,
    push::{AttemptClass, ErrorAction, PushSettings, StatusRange},
};

use crate::{Answer, Failure, Response};

/// What an answer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// In a word.
    pub(crate) class: AttemptClass,
    /// What becomes of the message.
    pub(crate) action: ErrorAction,
    /// With [`ErrorAction::Retry`]: not before this is over, at most [`limits::RETRY_AFTER_MAX`].
    pub(crate) retry_after: Option<Duration>,
}

/// Says what an answer means.
pub(crate) fn classify(push: &PushSettings, answer: &Answer) -> Meaning {
    let (class, usual) = usual(answer.response);
    let rule = push.error_rules.iter().find(|rule| applies(rule.status, answer.response));
    let action = rule.map_or(usual, |rule| rule.action);
    // What the owner counts as delivered, or as gone, is shown as such.
    let class = match (rule, action) {
        (None, _) => class,
        (Some(_), ErrorAction::Acknowledge) => AttemptClass::Ok,
        (Some(_), ErrorAction::Disable) => AttemptClass::Gone,
        (Some(_), ErrorAction::Reject) if has_answer(answer.response) => AttemptClass::Rejected,
        (Some(_), ErrorAction::Retry) if is_final(class) => AttemptClass::Retryable,
        (Some(_), _) => class,
    };
    let retry_after = answer.retry_after.filter(|_| action == ErrorAction::Retry);
    Meaning { class, action, retry_after: retry_after.map(|after| after.min(limits::RETRY_AFTER_MAX)) }
}

fn usual(response: Response) -> (AttemptClass, ErrorAction) {
    match response {
        Response::Http(status) => http(status),
        Response::Grpc(code) => grpc(code),
        Response::Forwarded => (AttemptClass::Ok, ErrorAction::Acknowledge),
        Response::Again => (AttemptClass::Retryable, ErrorAction::Retry),
        Response::Never => (AttemptClass::Rejected, ErrorAction::Reject),
        Response::Gone => (AttemptClass::Gone, ErrorAction::Disable),
        Response::Failed(failure) => failed(failure),
    }
}

fn http(status: u16) -> (AttemptClass, ErrorAction) {
    match status {
        200..=299 => (AttemptClass::Ok, ErrorAction::Acknowledge),
        429 | 502..=504 => (AttemptClass::Throttled, ErrorAction::Retry),
        408 | 409 | 425 | 500..=599 => (AttemptClass::Retryable, ErrorAction::Retry),
        410 => (AttemptClass::Gone, ErrorAction::Disable),
        _ => (AttemptClass::Rejected, ErrorAction::Reject),
    }
}

/// As `push_endpoint_service.proto` says.
fn grpc(code: u8) -> (AttemptClass, ErrorAction) {
    match tonic::Code::from_i32(i32::from(code)) {
        tonic::Code::Ok => (AttemptClass::Ok, ErrorAction::Acknowledge),
        tonic::Code::Unavailable | tonic::Code::ResourceExhausted => {
            (AttemptClass::Throttled, ErrorAction::Retry)
        }
        tonic::Code::Aborted
        | tonic::Code::DeadlineExceeded
        | tonic::Code::Internal
        | tonic::Code::Unknown
        | tonic::Code::Cancelled
        | tonic::Code::DataLoss => (AttemptClass::Retryable, ErrorAction::Retry),
        _ => (AttemptClass::Rejected, ErrorAction::Reject),
    }
}

/// What may heal is tried again.
fn failed(failure: Failure) -> (AttemptClass, ErrorAction) {
    match failure {
        Failure::Timeout => (AttemptClass::Timeout, ErrorAction::Retry),
        Failure::Connect => (AttemptClass::Connect, ErrorAction::Retry),
        Failure::Resolve => (AttemptClass::Resolve, ErrorAction::Retry),
        Failure::Denied => (AttemptClass::Denied, ErrorAction::Retry),
        Failure::Tls => (AttemptClass::Tls, ErrorAction::Retry),
        Failure::Protocol => (AttemptClass::Protocol, ErrorAction::Retry),
        Failure::NoTopic => (AttemptClass::Retryable, ErrorAction::Retry),
        Failure::Loop => (AttemptClass::Loop, ErrorAction::Reject),
        Failure::Unsendable => (AttemptClass::Unsendable, ErrorAction::Reject),
    }
}

fn applies(range: StatusRange, response: Response) -> bool {
    match (range, response) {
        (StatusRange::Http { from, to }, Response::Http(status)) => (from..=to).contains(&status),
        (StatusRange::Grpc { code }, Response::Grpc(status)) => code == status,
        (StatusRange::Timeout, Response::Failed(failure)) => failure == Failure::Timeout,
        (StatusRange::Transport, Response::Failed(failure)) => matches!(
            failure,
            Failure::Connect | Failure::Resolve | Failure::Denied | Failure::Tls | Failure::Protocol
        ),
        _ => false,
    }
}

fn has_answer(response: Response) -> bool {
    !matches!(response, Response::Failed(_))
}

fn is_final(class: AttemptClass) -> bool {
    matches!(class, AttemptClass::Ok | AttemptClass::Rejected | AttemptClass::Gone)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use types::push::ErrorRule;

    use super::*;

    fn answer(response: Response) -> Answer {
        Answer { response, retry_after: None, body: Bytes::new(), error: String::new() }
    }

    fn meaning(response: Response) -> (AttemptClass, ErrorAction) {
        let meaning = classify(&PushSettings::default(), &answer(response));
        (meaning.class, meaning.action)
    }

    fn ruled(status: StatusRange, action: ErrorAction, response: Response) -> (AttemptClass, ErrorAction) {
        let push =
            PushSettings { error_rules: vec![ErrorRule { status, action }], ..PushSettings::default() };
        let meaning = classify(&push, &answer(response));
        (meaning.class, meaning.action)
    }

    #[test]
    fn http_statuses_mean_what_standard_webhooks_says() {
        use {AttemptClass as Class, ErrorAction as Action};
        let throttled = [429, 502, 503, 504];
        let retryable = [408, 409, 425, 500, 501, 505, 599];
        for status in 100..=599 {
            let expected = match status {
                200..=299 => (Class::Ok, Action::Acknowledge),
                410 => (Class::Gone, Action::Disable),
                _ if throttled.contains(&status) => (Class::Throttled, Action::Retry),
                _ if retryable.contains(&status) || status >= 500 => (Class::Retryable, Action::Retry),
                _ => (Class::Rejected, Action::Reject),
            };
            assert_eq!(meaning(Response::Http(status)), expected, "{status}");
        }
    }

    #[test]
    fn grpc_codes_mean_what_the_proto_says() {
        let actions: Vec<_> = (0..=16).map(|code| meaning(Response::Grpc(code)).1).collect();
        use ErrorAction::{Acknowledge as A, Reject as N, Retry as R};
        // OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED,
        // FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED
        assert_eq!(actions, [A, R, R, N, R, N, N, N, R, N, R, N, N, R, R, R, N]);
        assert_eq!(meaning(Response::Again).1, R);
        assert_eq!(meaning(Response::Never).1, N);
        assert_eq!(meaning(Response::Gone).1, ErrorAction::Disable);
    }

    #[test]
    fn what_may_heal_is_tried_again_and_what_cannot_is_not() {
        use Failure::*;
        for failure in [Timeout, Connect, Resolve, Denied, Tls, Protocol, NoTopic] {
            assert_eq!(meaning(Response::Failed(failure)).1, ErrorAction::Retry, "{failure:?}");
        }
        for failure in [Loop, Unsendable] {
            assert_eq!(meaning(Response::Failed(failure)).1, ErrorAction::Reject, "{failure:?}");
        }
    }

    #[test]
    fn the_owners_rule_goes_before_what_is_usual() {
        let not_found = StatusRange::Http { from: 404, to: 404 };
        assert_eq!(
            ruled(not_found, ErrorAction::Retry, Response::Http(404)),
            (AttemptClass::Retryable, ErrorAction::Retry)
        );
        assert_eq!(ruled(not_found, ErrorAction::Retry, Response::Http(405)).1, ErrorAction::Reject);
        assert_eq!(
            ruled(StatusRange::Http { from: 400, to: 499 }, ErrorAction::Acknowledge, Response::Http(410)),
            (AttemptClass::Ok, ErrorAction::Acknowledge)
        );
        assert_eq!(
            ruled(StatusRange::Grpc { code: 5 }, ErrorAction::Disable, Response::Grpc(5)),
            (AttemptClass::Gone, ErrorAction::Disable)
        );
        assert_eq!(
            ruled(StatusRange::Timeout, ErrorAction::Reject, Response::Failed(Failure::Timeout)),
            (AttemptClass::Timeout, ErrorAction::Reject)
        );
        assert_eq!(
            ruled(StatusRange::Transport, ErrorAction::Reject, Response::Failed(Failure::Timeout)).1,
            ErrorAction::Retry
        );
    }

    #[test]
    fn the_wait_that_is_asked_for_is_bounded_and_counts_only_for_another_attempt() {
        let wanting = |status, secs| Answer {
            retry_after: Some(Duration::from_secs(secs)),
            ..answer(Response::Http(status))
        };
        let after = |answer: Answer| classify(&PushSettings::default(), &answer).retry_after;
        assert_eq!(after(wanting(503, 30)), Some(Duration::from_secs(30)));
        assert_eq!(after(wanting(503, 1 << 40)), Some(limits::RETRY_AFTER_MAX));
        assert_eq!(after(wanting(404, 30)), None);
        assert_eq!(after(wanting(200, 30)), None);
    }
}
