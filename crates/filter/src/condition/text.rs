//! Parts of texts, and the one rule about upper and lower case.

/// Part of a text, compared as it is or after [`fold`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text {
    /// Folded already if `ignore_case`.
    pub(crate) text: Box<str>,
    pub(crate) ignore_case: bool,
}

/// Lower case, one rule for policies and values: Unicode's lower case of each character by itself, whatever the language and the
/// characters around it. So `Σ` is `σ` and never `ς`, `ß` is not `SS`, the Kelvin sign is `k`, and `İ` is an `i` with a dot above,
/// two characters.
pub(crate) fn fold(text: &str) -> String {
    folded(text).collect()
}

/// Whether [`fold`] makes `folded` of it. Stops where they part, and allocates nothing.
pub(super) fn folds_to(text: &str, expected: &str) -> bool {
    folded(text).eq(expected.chars())
}

impl Text {
    /// Whether a value begins with it.
    pub(crate) fn begins(&self, value: &str) -> bool {
        if !self.ignore_case {
            return value.starts_with(&*self.text);
        }
        let mut folded = folded(value);
        self.text.chars().all(|expected| folded.next() == Some(expected))
    }

    /// Whether a value ends with it.
    pub(crate) fn ends(&self, value: &str) -> bool {
        if !self.ignore_case {
            return value.ends_with(&*self.text);
        }
        let mut folded = folded(value).rev();
        self.text.chars().rev().all(|expected| folded.next() == Some(expected))
    }
}

fn folded(text: &str) -> impl DoubleEndedIterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}
