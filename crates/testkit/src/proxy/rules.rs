//! What a proxy does to what it carries.

use std::net::SocketAddr;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends.
    FromClient,
    /// What the server sends.
    FromServer,
}

/// One of something for each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Both<T> {
    from_client: T,
    from_server: T,
}

impl<T> Both<T> {
    pub(super) fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::FromClient => &self.from_client,
            Direction::FromServer => &self.from_server,
        }
    }

    pub(super) fn of_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::FromClient => &mut self.from_client,
            Direction::FromServer => &mut self.from_server,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) server: SocketAddr,
    pub(super) stalled: Both<bool>,
    /// Bytes that may still pass; then the connection that carried the last of them is cut.
    pub(super) left: Both<Option<u64>>,
    /// Connections that began at an earlier number are cut.
    pub(super) era: u64,
}

/// What may pass of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) bytes: usize,
    /// And then no more, on this connection.
    pub(super) then_cut: bool,
}

impl Rules {
    pub(super) fn to(server: SocketAddr) -> Self {
        Self { server, stalled: Both::default(), left: Both::default(), era: 0 }
    }

    /// Lets bytes pass, as far as there are any left. A cut is made once.
    pub(super) fn pass(&mut self, direction: Direction, bytes: usize) -> Pass {
        let left = self.left.of_mut(direction);
        let Some(most) = *left else { return Pass { bytes, then_cut: false } };
        let passes = usize::try_from(most).unwrap_or(usize::MAX).min(bytes);
        let rest = most - passes as u64;
        *left = (rest > 0).then_some(rest);
        Pass { bytes: passes, then_cut: rest == 0 }
    }

    pub(super) fn heal(&mut self) {
        self.stalled = Both::default();
        self.left = Both::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bytes_pass_and_then_there_is_one_cut() {
        let mut rules = Rules::to(SocketAddr::from(([127, 0, 0, 1], 1)));
        let direction = Direction::FromClient;
        *rules.left.of_mut(direction) = Some(10);
        assert_eq!(rules.pass(Direction::FromServer, 99), Pass { bytes: 99, then_cut: false });
        assert_eq!(rules.pass(direction, 9), Pass { bytes: 9, then_cut: false });
        assert_eq!(rules.pass(direction, 9), Pass { bytes: 1, then_cut: true });
        assert_eq!(rules.pass(direction, 9), Pass { bytes: 9, then_cut: false });
        *rules.left.of_mut(direction) = Some(0);
        assert_eq!(rules.pass(direction, 9), Pass { bytes: 0, then_cut: true });
    }
}
