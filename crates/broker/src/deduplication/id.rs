use sha2::{Digest, Sha256};

/// Stands for a text: the first half of its SHA-256, so that a client can make no two of them look the same.
pub(crate) type Fingerprint = [u8; 16];

/// A deduplication ID as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    /// Of the whole ID, or of what is before its number.
    pub(super) name: Fingerprint,
    /// At least 1; 0 if the ID has none.
    pub(super) number: u64,
}

impl Id {
    #[cfg(test)]
    pub(crate) fn of(id: &[u8]) -> Self {
        let (name, number) = numbered(id).unwrap_or((id, 0));
        Self { name: fingerprint(name), number }
    }

    /// Of many messages.
    pub(crate) fn of_all<'a>(ids: impl Iterator<Item = Option<&'a [u8]>>) -> Vec<Option<Self>> {
        let mut read = Ids::default();
        ids.map(|id| id.map(|id| read.id(id))).collect()
    }

    /// Whether it certainly differs from all before it in a list of which `self` is the latest, and each followed the one before.
    pub(crate) fn is_followed_by(&self, next: &Self) -> bool {
        self.name == next.name && self.number < next.number
    }
}

/// Reads one ID after the other. A name that several in a row have is hashed once.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// Empty at first, and then it is no ID's.
    name: Vec<u8>,
    hash: Fingerprint,
}

impl Ids {
    pub(crate) fn id(&mut self, id: &[u8]) -> Id {
        let (name, number) = numbered(id).unwrap_or((id, 0));
        if self.name.is_empty() || self.name != name {
            self.name.clear();
            self.name.extend_from_slice(name);
            self.hash = fingerprint(name);
        }
        Id { name: self.hash, number }
    }
}

fn fingerprint(text: &[u8]) -> Fingerprint {
    let digest = Sha256::digest(text);
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

/// `name-` and the number, of an ID that ends in a hyphen and a number as one writes it: 1 to 19 digits, no leading zero.
fn numbered(id: &[u8]) -> Option<(&[u8], u64)> {
    let digits = id.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (name, number) = id.split_at(id.len() - digits);
    if !(1..=19).contains(&digits) || number[0] == b'0' || !name.ends_with(b"-") {
        return None;
    }
    Some((name, number.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_follows_the_last_hyphen_as_one_writes_it() {
        assert_eq!(numbered(b"a-1"), Some((&b"a-"[..], 1)));
        assert_eq!(numbered(b"a-b-4711"), Some((&b"a-b-"[..], 4_711)));
        assert_eq!(numbered(b"-9999999999999999999"), Some((&b"-"[..], 9_999_999_999_999_999_999)));
        for without in ["", "1", "a", "a-", "a-01", "a-0", "a1", "a-1b", "a-10000000000000000000"] {
            assert_eq!(numbered(without.as_bytes()), None, "{without}");
        }
    }

    #[test]
    fn different_ids_stay_different_and_many_are_read_as_each_alone() {
        let texts = ["a-1", "a-", "a-2", "b-2", "a-01", "", "a-2"];
        let all = Id::of_all(texts.iter().map(|id| Some(id.as_bytes())));
        let alone: Vec<_> = texts.iter().map(|id| Some(Id::of(id.as_bytes()))).collect();
        assert_eq!(all, alone);
        let different: std::collections::HashSet<_> = all.into_iter().collect();
        assert_eq!(different.len(), texts.len() - 1);
    }
}
