//! Where the next page of a list begins, as text that clients hand back unread.

use data_encoding::BASE64URL_NOPAD;

use crate::refusal::Refusal;

/// First byte of a token; another form gets another.
const VERSION: u8 = 1;
/// Between the list and the place in it; no name contains it.
const SEPARATOR: char = '\n';
/// Characters of a token, at most: two names as long as can be, encoded.
const TOKEN_CHARS: usize = 2_048;

/// The token for the page after `after` in `list`, which says which list that is (its project and filter).
pub(crate) fn encode(list: &str, after: &str) -> String {
    let mut raw = vec![VERSION];
    raw.extend_from_slice(list.as_bytes());
    raw.push(SEPARATOR as u8);
    raw.extend_from_slice(after.as_bytes());
    BASE64URL_NOPAD.encode(&raw)
}

/// Where the page begins; none for the first page.
pub(crate) fn decode(list: &str, token: &str) -> Result<Option<String>, Refusal> {
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
        let token = encode("projects/p|", "projects/p/topics/t");
        assert_eq!(decode("projects/p|", &token).unwrap().as_deref(), Some("projects/p/topics/t"));
        assert_eq!(decode("projects/p|", "").unwrap(), None);
    }

    #[test]
    fn the_longest_names_fit_in_a_token() {
        let name = format!("projects/{0}/subscriptions/{0}", "x".repeat(types::limits::NAME_BYTES));
        let list = format!("projects/{0}|{name}", "x".repeat(types::limits::NAME_BYTES));
        assert!(encode(&list, &name).len() <= TOKEN_CHARS);
        assert!(decode(&list, &encode(&list, &name)).is_ok());
    }

    #[test]
    fn a_token_of_another_list_or_of_no_list_is_refused() {
        assert!(decode("b|", &encode("a|", "x")).is_err());
        for bad in ["x", "!!!", "AAAA", &"A".repeat(4_096), &BASE64URL_NOPAD.encode(&[VERSION, 0xff, b'\n'])]
        {
            assert!(decode("a|", bad).is_err(), "{bad}");
        }
    }
}
