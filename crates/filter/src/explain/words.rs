//! Values in sentences: one line each, never long.

/// Characters of a text that are shown.
const CHARACTERS: usize = 64;
/// Items that are shown of many.
const ITEMS: usize = 8;

/// A text in quotation marks, with JSON's escapes, cut where it gets long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

/// A text without quotation marks, cut where it gets long.
pub(crate) fn cut(text: &str) -> String {
    cut_at(CHARACTERS, text)
}

/// A text without quotation marks, cut after so many characters.
pub(crate) fn cut_at(characters: usize, text: &str) -> String {
    match text.char_indices().nth(characters) {
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

/// "a, b or c", and how many more of the `count`.
pub(crate) fn list(items: impl Iterator<Item = String>, count: usize, word: &str) -> String {
    let mut shown: Vec<String> = items.take(ITEMS).collect();
    if count > shown.len() {
        shown.push(format!("{} more", count - shown.len()));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        _ => shown.concat(),
    }
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
