//! How much a publisher holds.

/// Messages and bytes that were taken and are not answered, and how many may be.
#[derive(Debug)]
pub(super) struct Room {
    messages: usize,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl Room {
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { messages: 0, bytes: 0, max_messages, max_bytes }
    }

    /// Whether one more message may be taken. One that is larger than all the room may be alone in it.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.messages < self.max_messages
            && (self.messages == 0 || self.bytes.saturating_add(bytes) <= self.max_bytes)
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
    }

    pub(super) fn give_back(&mut self, messages: usize, bytes: usize) {
        self.messages -= messages;
        self.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_bytes_both_count() {
        let mut room = Room::new(2, 10);
        room.take(4);
        assert!(room.fits(6) && !room.fits(7));
        room.take(4);
        assert!(!room.fits(1), "there are two already");
        room.give_back(1, 4);
        assert!(room.fits(6));
    }

    #[test]
    fn one_that_is_larger_than_all_the_room_goes_alone() {
        let mut room = Room::new(2, 10);
        assert!(room.fits(usize::MAX));
        room.take(100);
        assert!(!room.fits(0) && !room.fits(usize::MAX));
        room.give_back(1, 100);
        assert!(room.fits(100));
    }
}
