use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Invalid, limits};

/// The unit of tenancy. A bare resource name belongs to the project `default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectId(Arc<str>);

impl ProjectId {
    /// The project of bare names.
    pub const DEFAULT: &'static str = "default";

    /// The identifier alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ProjectId {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl FromStr for ProjectId {
    type Err = Invalid;

    /// Takes `orders` or `projects/orders`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(Self(identifier(text.strip_prefix("projects/").unwrap_or(text))?.into()))
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}", self.0)
    }
}

impl TryFrom<String> for ProjectId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<ProjectId> for String {
    fn from(project: ProjectId) -> Self {
        project.0.as_ref().into()
    }
}

macro_rules! resource_name {
    ($name:ident, $collection:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            project: ProjectId,
            id: Arc<str>,
        }

        impl $name {
            /// The project it belongs to.
            pub fn project(&self) -> &ProjectId {
                &self.project
            }

            /// Its last part.
            pub fn id(&self) -> &str {
                &self.id
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            /// Takes the full name or a bare one.
            fn from_str(text: &str) -> Result<Self, Invalid> {
                let (project, id) = split(text, $collection)?;
                Ok(Self { project, id: id.into() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}/", $collection, "/{}"), self.project, self.id)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    };
}

resource_name!(
    TopicName,
    "topics",
    "`projects/{project}/topics/{topic}`. Ordered by project, then by identifier."
);
resource_name!(
    SubscriptionName,
    "subscriptions",
    "`projects/{project}/subscriptions/{subscription}`. Ordered by project, then by identifier."
);

fn split<'a>(text: &'a str, collection: &str) -> Result<(ProjectId, &'a str), Invalid> {
    if !text.contains('/') {
        return Ok((ProjectId::default(), identifier(text)?));
    }
    match text.split('/').collect::<Vec<_>>()[..] {
        ["projects", project, found, id] if found == collection => Ok((project.parse()?, identifier(id)?)),
        _ => Err(Invalid::new(
            "name",
            format!("must be `projects/{{project}}/{collection}/{{id}}` or a bare identifier"),
        )),
    }
}

/// The one rule for every identifier: SNS's characters and Google Pub/Sub's `.` and `~`.
fn identifier(text: &str) -> Result<&str, Invalid> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-_.~".contains(&c);
    if text.is_empty() {
        return Err(Invalid::new("name", "must not be empty"));
    }
    if text.len() > limits::NAME_BYTES {
        return Err(Invalid::new(
            "name",
            format!("an identifier is {} bytes long, the limit is {}", text.len(), limits::NAME_BYTES),
        ));
    }
    if !text.bytes().all(allowed) || !text.as_bytes()[0].is_ascii_alphanumeric() {
        return Err(Invalid::new(
            "name",
            "an identifier starts with a letter or digit and has only ASCII letters, digits, `-`, `_`, `.`, `~`",
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_belongs_to_the_default_project() {
        let bare: TopicName = "orders".parse().unwrap();
        assert_eq!(bare.to_string(), "projects/default/topics/orders");
        assert_eq!(bare, "projects/default/topics/orders".parse().unwrap());
    }

    #[test]
    fn a_name_of_another_kind_or_shape_is_refused() {
        let long = "a".repeat(limits::NAME_BYTES + 1);
        for bad in [
            "",
            "projects/p/subscriptions/x",
            "projects//topics/x",
            "projects/p/topics/",
            "projects/p/topics/x/y",
            "/",
            "a b",
            "ä",
            "../x",
            "-x",
            ".x",
            "a\0",
            &long,
        ] {
            assert!(bad.parse::<TopicName>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn the_longest_name_is_accepted() {
        assert!("a".repeat(limits::NAME_BYTES).parse::<SubscriptionName>().is_ok());
    }
}
