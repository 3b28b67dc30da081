use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Bytes of messages that all endpoints of a worker have in hand.
///
/// Half of them goes to who comes first. Of the other half each endpoint has an equal share for itself, so that those that hold what they
/// have for long cannot take the room of the others.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    half: u64,
    held: AtomicU64,
    /// Endpoints.
    sharing: AtomicU64,
}

/// A part of them, until dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<ByteBudget>,
    count: u64,
}

/// One endpoint's share.
#[derive(Debug)]
pub(crate) struct Share(Arc<ByteBudget>);

impl ByteBudget {
    /// None in hand.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { half: limit / 2, held: AtomicU64::new(0), sharing: AtomicU64::new(0) })
    }

    /// In hand.
    #[cfg(test)]
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Acquire)
    }
}

impl Share {
    /// One more endpoint.
    pub(crate) fn new(budget: Arc<ByteBudget>) -> Self {
        budget.sharing.fetch_add(1, Ordering::AcqRel);
        Self(budget)
    }

    /// As many as there is room for beside what the endpoint has in hand, up to so many; perhaps none.
    pub(crate) fn reserve(&self, most: u64, in_hand: u64) -> Held {
        let budget = &self.0;
        let own = budget.half / budget.sharing.load(Ordering::Acquire).max(1);
        let own = own.saturating_sub(in_hand);
        let mut count = 0;
        let _ = budget.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| {
            count = most.min(budget.half.saturating_sub(held).max(own));
            Some(held + count)
        });
        Held { budget: budget.clone(), count }
    }

    /// So many, room or not: they are in hand already.
    pub(crate) fn hold(&self, count: u64) -> Held {
        self.0.held.fetch_add(count, Ordering::AcqRel);
        Held { budget: self.0.clone(), count }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.sharing.fetch_sub(1, Ordering::AcqRel);
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
        let budget = ByteBudget::new(200);
        let share = Share::new(budget.clone());
        let first = share.reserve(80, 0);
        let second = share.reserve(80, 80);
        assert_eq!((first.count(), second.count()), (80, 20));
        let third = share.hold(50);
        assert_eq!(share.reserve(1, 100).count(), 0);
        drop((first, second, third));
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn who_comes_last_has_its_share_and_all_together_stay_within_the_limit() {
        let budget = ByteBudget::new(2_000);
        let shares: Vec<_> = (0..10).map(|_| Share::new(budget.clone())).collect();
        let held: Vec<_> = shares.iter().map(|share| share.reserve(1_000, 0)).collect();
        assert_eq!((held[0].count(), held[9].count()), (1_000, 100));
        assert!(budget.held() <= 2_000, "{}", budget.held());
        assert!(shares.iter().zip(&held).all(|(share, held)| share.reserve(1, held.count()).count() == 0));
        drop(shares);
        drop(held);
        let alone = Share::new(budget);
        assert_eq!(alone.reserve(5_000, 0).count(), 1_000);
    }
}
