//! Pages of a list: how large one is, and where the next one begins, as text that clients hand back unread.

use data_encoding::BASE64URL_NOPAD;
use prost::Message;
use types::limits;

use crate::{check, refusal::Refusal};

/// First byte of a token; another form gets another.
const VERSION: u8 = 1;
/// Between the list and the place in it; no name contains it.
const SEPARATOR: char = '\n';
/// Characters of a token, at most: two names as long as can be, encoded.
const TOKEN_CHARS: usize = 2_048;

/// Bytes of one page's entries: it fits in the 4 MiB that most gRPC clients take. Only entries with many long labels
/// come near it.
pub(crate) const PAGE_BYTES: usize = 3 << 20;

/// Entries that a request asks for.
pub(crate) fn size(given: u32) -> Result<usize, Refusal> {
    let given = usize::try_from(given).unwrap_or(usize::MAX);
    check::count("page_size", given, limits::PAGE_SIZE, limits::PAGE_SIZE_MAX)
}

/// The entries that fit on a page, at least one, and where the next page begins. `next` is where the one after all of
/// them begins, `place` says where the one after a given entry does. What does not fit is not made.
pub(crate) fn cut<T: Message>(
    entries: impl Iterator<Item = T>,
    next: Option<String>,
    place: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let mut bytes = 0;
    let mut page: Vec<T> = Vec::new();
    for entry in entries {
        bytes += entry.encoded_len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            let next = page.last().map(place);
            return (page, next);
        }
        page.push(entry);
    }
    (page, next)
}

/// The identifier at the end of a full name, by which the broker orders a list.
pub(crate) fn id(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The token for the page after `after` in `list`, which says which list that is (its project and filter).
pub(crate) fn token(list: &str, after: &str) -> String {
    let mut raw = vec![VERSION];
    raw.extend_from_slice(list.as_bytes());
    raw.push(SEPARATOR as u8);
    raw.extend_from_slice(after.as_bytes());
    BASE64URL_NOPAD.encode(&raw)
}

/// Where the page begins; none for the first page.
pub(crate) fn place(list: &str, token: &str) -> Result<Option<String>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let (of, after) =
        parts(token).ok_or_else(|| Refusal::field("page_token", "is no token that this broker gave out"))?;
    if of != list {
        return Err(Refusal::field(
            "page_token",
            "is of another list: project and topic must stay the same from page to page",
        ));
    }
    Ok(Some(after))
}

fn parts(token: &str) -> Option<(String, String)> {
    if token.len() > TOKEN_CHARS {
        return None;
    }
    let raw = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
    let (&VERSION, text) = raw.split_first()? else { return None };
    let (list, after) = std::str::from_utf8(text).ok()?.split_once(SEPARATOR)?;
    Some((list.into(), after.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_place() {
        let token = token("projects/p|", "projects/p/topics/t");
        assert_eq!(place("projects/p|", &token).unwrap().as_deref(), Some("projects/p/topics/t"));
        assert_eq!(place("projects/p|", "").unwrap(), None);
    }

    #[test]
    fn the_longest_names_fit_in_a_token() {
        let name = format!("projects/{0}/subscriptions/{0}", "x".repeat(types::limits::NAME_BYTES));
        let list = format!("projects/{0}|{name}", "x".repeat(types::limits::NAME_BYTES));
        assert!(token(&list, &name).len() <= TOKEN_CHARS);
        assert!(place(&list, &token(&list, &name)).is_ok());
    }

    #[test]
    fn a_page_ends_where_a_client_would_no_longer_take_it() {
        let entries = |count, bytes| vec!["x".repeat(bytes); count];
        let place = |_: &String| "here".to_owned();
        let (all, next) = cut(entries(1_000, 100).into_iter(), Some("end".into()), place);
        assert_eq!((all.len(), next.as_deref()), (1_000, Some("end")));
        let (some, next) = cut(entries(1_000, 20_000).into_iter(), None, place);
        assert_eq!((some.len(), next.as_deref()), (157, Some("here")));
        assert_eq!(
            cut(entries(2, 4 << 20).into_iter(), None, place).0.len(),
            1,
            "one at least, so that it goes on"
        );
    }

    #[test]
    fn a_token_of_another_list_or_of_no_list_is_refused() {
        assert!(place("b|", &token("a|", "x")).is_err());
        for bad in ["x", "!!!", "AAAA", &"A".repeat(4_096), &BASE64URL_NOPAD.encode(&[VERSION, 0xff, b'\n'])]
        {
            assert!(place("a|", bad).is_err(), "{bad}");
        }
    }
}
