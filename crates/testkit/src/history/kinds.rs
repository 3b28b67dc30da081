use serde::{Deserialize, Serialize};

/// What filter policies can tell of a message, as a number below 64: messages of one kind are all the same to them.
pub type Kind = u32;

/// A filter policy, said as the set of kinds that it lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kinds(u64);

impl Kinds {
    /// No policy: everything is let in.
    pub const ALL: Self = Self(u64::MAX);

    /// These and no others.
    pub const fn of(kinds: &[Kind]) -> Self {
        let (mut set, mut index) = (0, 0);
        while index < kinds.len() {
            set |= 1 << kinds[index];
            index += 1;
        }
        Self(set)
    }

    /// This kind is among them.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 >> kind & 1 == 1
    }
}
