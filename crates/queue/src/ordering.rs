//! Ordering keys: of the messages with one key in the window, the oldest alone may be delivered.
//!
//! A *line* is the window's messages of one key, ascending. Its head can be ready, leased, delayed or backing off;
//! the others wait. A head leaves its line only when it is settled, dead-lettered, dropped or expired, so nothing
//! that happens to an attempt changes the order. A line exists exactly as long as it has a head.

use std::collections::{BTreeMap, VecDeque};

use types::{KeyHash, Sequence};

/// A tree and not a hash map, because publishers choose the keys.
#[derive(Debug, Default)]
pub(crate) struct Lines(BTreeMap<KeyHash, Line>);

#[derive(Debug)]
struct Line {
    head: Sequence,
    /// Ascending; all above `head`. Without an allocation when empty, which is the usual case.
    waiting: VecDeque<Sequence>,
}

impl Lines {
    /// Puts the newest message of the window in its line. True: it is the head.
    pub(crate) fn join(&mut self, key: KeyHash, sequence: Sequence) -> bool {
        if let Some(line) = self.0.get_mut(&key) {
            line.waiting.push_back(sequence);
            return false;
        }
        self.0.insert(key, Line { head: sequence, waiting: VecDeque::new() });
        true
    }

    /// Takes a message out of its line. If it was the head, the answer is the new one.
    pub(crate) fn leave(&mut self, key: KeyHash, sequence: Sequence) -> Option<Sequence> {
        let line = self.0.get_mut(&key)?;
        if line.head != sequence {
            if let Ok(place) = line.waiting.binary_search(&sequence) {
                line.waiting.remove(place);
            }
            return None;
        }
        match line.waiting.pop_front() {
            Some(next) => line.head = next,
            None => {
                self.0.remove(&key);
                return None;
            }
        }
        Some(line.head)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The messages of each line, the head first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (KeyHash, Vec<Sequence>)> {
        self.0.iter().map(|(key, line)| {
            (*key, std::iter::once(line.head).chain(line.waiting.iter().copied()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_moves_up_when_its_head_leaves_and_ends_with_its_last() {
        let mut lines = Lines::default();
        let key = KeyHash(1);
        assert!(lines.join(key, 1) && !lines.join(key, 2) && !lines.join(key, 3) && !lines.join(key, 4));
        assert_eq!(lines.leave(key, 3), None, "it waited");
        assert_eq!(lines.leave(key, 1), Some(2));
        assert_eq!(lines.leave(key, 1), None, "it has left");
        assert_eq!(lines.leave(key, 2), Some(4));
        assert_eq!(lines.leave(key, 4), None);
        assert_eq!(lines.iter().count(), 0);
        assert!(lines.join(key, 5));
    }
}
