//! Values in sentences: one line each, never long.

/// Characters of a text that are shown.
const SHOWN: usize = 64;

/// A text in quotation marks, with JSON's escapes, cut where it gets long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

/// A text without quotation marks, cut where it gets long.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// A number: `5`, `301.5`, `1e300`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-5..1e15).contains(&size) { (value + 0.0).to_string() } else { format!("{value:e}") }
}

/// "1 element", "2 elements".
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(quoted("a \"b\"\n"), r#""a \"b\"\n""#);
        assert_eq!(quoted(&"ü".repeat(64)), format!("\"{}\"", "ü".repeat(64)));
        assert_eq!(quoted(&"ü".repeat(65)), format!("\"{}\"…", "ü".repeat(64)));
        assert_eq!(cut(&"ü".repeat(65)), format!("{}…", "ü".repeat(64)));
    }

    #[test]
    fn numbers_are_as_short_as_people_write_them() {
        let numbers = [
            (5.0, "5"),
            (-0.0, "0"),
            (301.5, "301.5"),
            (1e300, "1e300"),
            (-1e-7, "-1e-7"),
            (0.00001, "0.00001"),
        ];
        for (value, expected) in numbers {
            assert_eq!(number(value), expected);
        }
    }
}
