//! Answers as HTTP responses, and why each has the status that it has: see the table of the module.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;

use super::Answer;

/// For the broker, not for people: while nothing verifies, one attempt a minute is enough.
const UNVERIFIED_PAUSE: Duration = Duration::from_secs(60);

pub(super) type HttpAnswer = Response<Full<Bytes>>;

/// This status, with a text if there is one.
pub(super) fn with_status(status: StatusCode, text: impl Into<Bytes>) -> HttpAnswer {
    let text = text.into();
    let has_text = !text.is_empty();
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    if has_text {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
    }
    response
}

/// A request that does not verify.
pub(super) fn unverified(why: &str) -> HttpAnswer {
    let response = with_status(StatusCode::SERVICE_UNAVAILABLE, why.to_owned());
    after(response, UNVERIFIED_PAUSE)
}

fn after(mut response: HttpAnswer, wait: Duration) -> HttpAnswer {
    let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    response.headers_mut().insert(RETRY_AFTER, whole.into());
    response
}

impl Answer {
    /// The answer as a webhook gives it, for handlers behind a [`VerifyLayer`](super::VerifyLayer).
    ///
    /// ```
    /// use fanfare_client::push::Answer;
    /// assert_eq!(Answer::Reject("no such order".into()).into_response().status(), 422);
    /// ```
    pub fn into_response(self) -> Response<Full<Bytes>> {
        match self {
            Self::Taken => with_status(StatusCode::NO_CONTENT, ""),
            Self::Retry(None) => with_status(StatusCode::INTERNAL_SERVER_ERROR, ""),
            Self::Retry(Some(wait)) => after(with_status(StatusCode::INTERNAL_SERVER_ERROR, ""), wait),
            Self::Reject(why) => with_status(StatusCode::UNPROCESSABLE_ENTITY, why),
            Self::Gone => with_status(StatusCode::GONE, ""),
        }
    }
}

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        answer.into_response()
    }
}
