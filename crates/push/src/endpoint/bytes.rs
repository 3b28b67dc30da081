use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Bytes of messages that all endpoints of a worker have in hand.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit: u64,
    held: AtomicU64,
}

/// A part of them, until dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<ByteBudget>,
    count: u64,
}

impl ByteBudget {
    /// None in hand.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicU64::new(0) })
    }

    /// As many as there is room for, up to so many; perhaps none.
    pub(crate) fn reserve(self: &Arc<Self>, most: u64) -> Held {
        let mut count = 0;
        let _ = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| {
            count = most.min(self.limit.saturating_sub(held));
            Some(held + count)
        });
        Held { budget: self.clone(), count }
    }

    /// So many, room or not: they are in hand already.
    pub(crate) fn hold(self: &Arc<Self>, count: u64) -> Held {
        self.held.fetch_add(count, Ordering::AcqRel);
        Held { budget: self.clone(), count }
    }

    /// In hand.
    #[cfg(test)]
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Acquire)
    }
}

impl Held {
    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.count, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_bounded_and_comes_back() {
        let budget = ByteBudget::new(100);
        let first = budget.reserve(80);
        let second = budget.reserve(80);
        assert_eq!((first.count(), second.count()), (80, 20));
        let third = budget.hold(50);
        assert_eq!(budget.reserve(1).count(), 0);
        drop((first, second, third));
        assert_eq!(budget.held(), 0);
    }
}
