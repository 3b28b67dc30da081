use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Connections that are used in turn, over all clones.
#[derive(Debug)]
pub(super) struct Turns<T> {
    all: Arc<Vec<T>>,
    next: Arc<AtomicUsize>,
}

impl<T> Clone for Turns<T> {
    fn clone(&self) -> Self {
        Self { all: self.all.clone(), next: self.next.clone() }
    }
}

impl<T> Turns<T> {
    /// Not none.
    pub(super) fn new(all: Vec<T>) -> Self {
        Self { all: Arc::new(all), next: Arc::default() }
    }

    /// The one whose turn it is.
    pub(super) fn next(&self) -> &T {
        self.of(self.next.fetch_add(1, Relaxed))
    }

    /// The one that has this turn.
    pub(super) fn of(&self, turn: usize) -> &T {
        &self.all[turn % self.all.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn_over_all_clones() {
        let turns = Turns::new(vec![0, 1, 2]);
        let clone = turns.clone();
        assert_eq!([*turns.next(), *clone.next(), *turns.next(), *clone.next()], [0, 1, 2, 0]);
        assert_eq!((*turns.of(4), *turns.next()), (1, 1));
    }
}
