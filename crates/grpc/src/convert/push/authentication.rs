use fanfare_proto::v1::{self, push_authentication::Method};
use types::push::{Authentication, Secret};

use super::Secrets;
use crate::{check, refusal::Refusal};

pub(super) fn read(given: Option<v1::PushAuthentication>) -> Result<Option<Authentication>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    Ok(Some(match check::present("authentication.method", given.method)? {
        Method::Basic(basic) => {
            Authentication::Basic { username: basic.username, password: Secret::new(basic.password) }
        }
        Method::Bearer(bearer) => Authentication::Bearer { token: Secret::new(bearer.token) },
        Method::Header(header) => {
            Authentication::Header { name: header.name, value: Secret::new(header.value) }
        }
    }))
}

pub(super) fn to_proto(given: &Authentication, secrets: Secrets) -> v1::PushAuthentication {
    let method = match given {
        Authentication::Basic { username, password } => Method::Basic(v1::BasicAuthentication {
            username: username.clone(),
            password: secrets.text(password),
        }),
        Authentication::Bearer { token } => {
            Method::Bearer(v1::BearerAuthentication { token: secrets.text(token) })
        }
        Authentication::Header { name, value } => {
            Method::Header(v1::HeaderAuthentication { name: name.clone(), value: secrets.text(value) })
        }
    };
    v1::PushAuthentication { method: Some(method) }
}
