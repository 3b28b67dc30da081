use std::borrow::Cow;

/// A single value, of an attribute, of an attribute's list or of a JSON body. Values of different types are never equal.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A text, without JSON's escapes.
    String(Cow<'a, str>),
    /// A number; finite. SNS compares five decimals in a range of 10^9, which `f64` tells apart. -0 is 0.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// JSON's `null`, which is a value: a key that has it exists (event-ruler).
    Null,
}
