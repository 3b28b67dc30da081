use crate::Scalar;

/// What a filter policy can see of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Content<'a> {
    /// The attributes; no name twice.
    pub attributes: &'a [(&'a str, Attribute<'a>)],
    /// The data. A policy with [`types::FilterScope::Body`] takes it for JSON.
    pub body: &'a [u8],
}

/// An attribute's value (SNS: `String`, `Number`, `String.Array`, `Binary`).
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute<'a> {
    /// A string or a number.
    Scalar(Scalar<'a>),
    /// Any element may match. An empty one is as good as absent.
    Array(Vec<Scalar<'a>>),
    /// Filters do not see it: a message with binary attributes alone has no attributes for them.
    Binary,
}
