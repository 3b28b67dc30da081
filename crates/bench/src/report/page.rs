//! The page that keeps the last full result: its head is written by hand, the rest is put between two markers.

use anyhow::{Context as _, Result};

const BEGIN: &str = "<!-- begin of what the benchmark wrote -->";
const END: &str = "<!-- end of what the benchmark wrote -->";

/// The page with what is between its markers replaced.
///
/// # Errors
/// It does not have both markers, once and in order.
pub(crate) fn replace(page: &str, report: &str) -> Result<String> {
    let (head, rest) = page.split_once(BEGIN).with_context(|| format!("the page has no line {BEGIN}"))?;
    let (old, tail) =
        rest.split_once(END).with_context(|| format!("the page has no line {END} after the other"))?;
    anyhow::ensure!(
        [old, tail].iter().all(|part| !part.contains(BEGIN) && !part.contains(END)),
        "the page has a marker twice"
    );
    Ok(format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", report.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let page = format!("# Head\n{BEGIN}\nold\n{END}\ntail\n");
        let expected = format!("# Head\n{BEGIN}\n\nnew\n\n{END}\ntail\n");
        let once = replace(&page, "\nnew\n").unwrap();
        assert_eq!(once, expected);
        assert_eq!(replace(&once, "new").unwrap(), expected);
    }

    #[test]
    fn a_page_without_both_markers_once_and_in_order_is_refused() {
        let pages = [
            "".to_owned(),
            BEGIN.to_owned(),
            format!("{END}{BEGIN}"),
            format!("{BEGIN}{BEGIN}{END}"),
            format!("{BEGIN}{END}{END}"),
        ];
        for page in pages {
            assert!(replace(&page, "new").is_err(), "{page}");
        }
    }
}
