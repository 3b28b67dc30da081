//! What a message carries, counted: its attributes, and the elements of their arrays.

use prost_types::Value;
use types::limits;

use super::{ATTRIBUTE, Fault, tagged};
use crate::{check, convert::attributes, parts::Parts};

/// The counts of one message, or of the pieces of it that there were so far.
#[derive(Debug, Default)]
pub(super) struct Content {
    plain: usize,
    typed: usize,
    elements: usize,
}

impl Content {
    /// Counts a message, or one more piece of it: `attributes`, tag 2, and `typed_attributes`, tag 10.
    pub(super) fn count(&mut self, message: &[u8]) -> Result<(), Fault> {
        for part in Parts::of(message) {
            match part? {
                (2, _) => self.plain += 1,
                (10, entry) => {
                    self.typed += 1;
                    self.elements += elements(entry)?;
                }
                _ => {}
            }
        }
        check::length("attributes", self.plain, 0..=limits::ATTRIBUTES)?;
        Ok(attributes::few_enough(self.plain + self.typed, self.elements)?)
    }

    /// What they take beside their bytes, once they are decoded.
    pub(super) fn weight(&self) -> usize {
        (self.plain + self.typed) * ATTRIBUTE + self.elements * size_of::<Value>()
    }
}

/// The elements, tag 1, of the array, tag 3, of the value, tag 2, of an entry. Each of these may come in pieces.
fn elements(entry: &[u8]) -> Result<usize, Fault> {
    let mut count = 0;
    for value in tagged(entry, 2) {
        for array in tagged(value?, 3) {
            for element in tagged(array?, 1) {
                flat(element?, entry, count)?;
                count += 1;
            }
        }
    }
    if count > limits::ATTRIBUTE_ARRAY_ELEMENTS {
        return Err(attributes::too_long(&name(entry), count).into());
    }
    Ok(count)
}

/// No object, tag 5, and no array, tag 6: these have parts of their own, as deep as one likes.
fn flat(element: &[u8], entry: &[u8], index: usize) -> Result<(), Fault> {
    for part in Parts::of(element) {
        if let (5 | 6, _) = part? {
            return Err(attributes::nested(&name(entry), index).into());
        }
    }
    Ok(())
}

/// The name, tag 1, of an entry, for people.
fn name(entry: &[u8]) -> String {
    let name = tagged(entry, 1).filter_map(Result::ok).last().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}
