use std::time::Duration;

/// What a failure leaves.
const ON_FAILURE: f64 = 0.5;
/// What an endpoint that is getting slower is left with.
const ON_SLOWNESS: f64 = 0.9;
/// It is getting slower if its recent time is more than this many times its usual one, and by more than a little.
const SLOWER: f64 = 2.0;
/// See [`SLOWER`].
const A_LITTLE: f64 = 0.010;
/// How fast the recent time follows, at most; else with each round trip, so that slow answers that come together are not the rule.
const RECENT: f64 = 0.1;
/// How fast the usual time follows, with each round trip. An endpoint that stays slower is a slower one in the end. It is an average and not the
/// shortest time: one that answers now in 5 ms and now in 500 is not getting slower.
const USUAL: f64 = 0.02;
/// The first so many are averaged as they are: the very first has the making of the connection in it.
const FIRST: u32 = 10;

/// How many requests may be under way: more as long as the endpoint keeps up, fewer when it fails or gets slower.
#[derive(Debug, Clone)]
pub(crate) struct Concurrency {
    limit: f64,
    most: f64,
    /// Doubles each round trip until something speaks against it; then it grows by one.
    is_starting: bool,
    /// What was begun before the last cut says nothing about the limit after it.
    cut_at: Option<Duration>,
    /// Seconds.
    recent: f64,
    usual: f64,
    /// Times that these were learnt from, up to [`FIRST`].
    learnt: u32,
}

/// One request that has come back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundTrip {
    /// When it was begun.
    pub(crate) started: Duration,
    /// When it ended.
    pub(crate) ended: Duration,
    /// Requests under way when it was begun, itself included.
    pub(crate) in_flight: usize,
}

impl Concurrency {
    /// One at a time.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            limit: 1.0,
            most: f64::from(most.max(1)),
            is_starting: true,
            cut_at: None,
            recent: 0.0,
            usual: 0.0,
            learnt: 0,
        }
    }

    /// From the start again, as after a time without any.
    pub(crate) fn restart(&mut self) {
        (self.limit, self.is_starting, self.cut_at, self.learnt) = (1.0, true, None, 0);
    }

    /// Another bound.
    pub(crate) fn set_most(&mut self, most: u32) {
        self.most = f64::from(most.max(1));
        self.limit = self.limit.min(self.most);
    }

    /// How many.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1,000")]
    pub(crate) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// It was answered as it should be.
    pub(crate) fn succeeded(&mut self, trip: RoundTrip) {
        self.learn(trip.ended.saturating_sub(trip.started).as_secs_f64());
        if self.is_slower() {
            self.cut(trip, ON_SLOWNESS);
        } else if trip.in_flight * 2 > self.limit() {
            // A limit that is not reached is not tried out, so it does not grow.
            let step = if self.is_starting { 1.0 } else { 1.0 / self.limit };
            self.limit = (self.limit + step).min(self.most);
        }
    }

    /// It was not answered, or not as it should be.
    pub(crate) fn failed(&mut self, trip: RoundTrip) {
        self.cut(trip, ON_FAILURE);
    }

    /// At most once a round trip: what was under way together fails together.
    fn cut(&mut self, trip: RoundTrip, rest: f64) {
        if self.cut_at.is_some_and(|at| trip.started < at) {
            return;
        }
        self.cut_at = Some(trip.ended);
        self.is_starting = false;
        self.limit = (self.limit * rest).max(1.0);
    }

    fn learn(&mut self, seconds: f64) {
        self.learnt = (self.learnt + 1).min(FIRST);
        let (recent, usual) = match self.learnt {
            FIRST => (RECENT.min(1.0 / self.limit), USUAL / self.limit),
            learnt => (1.0 / f64::from(learnt), 1.0 / f64::from(learnt)),
        };
        self.recent += (seconds - self.recent) * recent;
        self.usual += (seconds - self.usual) * usual;
    }

    fn is_slower(&self) -> bool {
        self.recent > self.usual * SLOWER + A_LITTLE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRIP: Duration = Duration::from_millis(50);

    fn trip(concurrency: &Concurrency, started: Duration) -> RoundTrip {
        RoundTrip { started, ended: started + TRIP, in_flight: concurrency.limit() }
    }

    /// As many as may be under way, all at once, succeed.
    fn round(concurrency: &mut Concurrency, at: Duration) {
        let all = trip(concurrency, at);
        for _ in 0..all.in_flight {
            concurrency.succeeded(all);
        }
    }

    #[test]
    fn it_doubles_each_round_trip_up_to_the_most() {
        let mut concurrency = Concurrency::new(10);
        let seen: Vec<_> = (0..6)
            .map(|n| {
                round(&mut concurrency, TRIP * n);
                concurrency.limit()
            })
            .collect();
        assert_eq!(seen, [2, 4, 8, 10, 10, 10]);
    }

    #[test]
    fn failures_of_one_round_trip_halve_it_once_and_it_grows_by_one_from_then_on() {
        let mut concurrency = Concurrency::new(64);
        (0..6).for_each(|n| round(&mut concurrency, TRIP * n));
        assert_eq!(concurrency.limit(), 64);
        let failing = trip(&concurrency, TRIP * 6);
        (0..64).for_each(|_| concurrency.failed(failing));
        assert_eq!(concurrency.limit(), 32);
        round(&mut concurrency, TRIP * 7);
        assert!((32..=33).contains(&concurrency.limit()), "{}", concurrency.limit());
        (8..13).for_each(|n| round(&mut concurrency, TRIP * n));
        assert!((35..=38).contains(&concurrency.limit()), "{}", concurrency.limit());
    }

    #[test]
    fn who_does_not_use_the_limit_does_not_raise_it() {
        let mut concurrency = Concurrency::new(64);
        (0..4).for_each(|n| round(&mut concurrency, TRIP * n));
        for n in 4..100 {
            concurrency.succeeded(RoundTrip { in_flight: 1, ..trip(&concurrency, TRIP * n) });
        }
        assert_eq!(concurrency.limit(), 16);
    }

    #[test]
    fn an_endpoint_that_gets_slower_gets_fewer_and_one_that_stays_slower_gets_more_again() {
        let mut concurrency = Concurrency::new(64);
        (0..6).for_each(|n| round(&mut concurrency, TRIP * n));
        let slow = |concurrency: &mut Concurrency, n: u32| {
            let started = Duration::from_secs(10 + u64::from(n));
            let all = RoundTrip { started, ended: started + TRIP * 6, in_flight: concurrency.limit() };
            (0..all.in_flight).for_each(|_| concurrency.succeeded(all));
        };
        (0..5).for_each(|n| slow(&mut concurrency, n));
        let least = concurrency.limit();
        assert!(least < 50, "{least}");
        (5..200).for_each(|n| slow(&mut concurrency, n));
        assert!(concurrency.limit() > least, "{}", concurrency.limit());
    }

    /// The requests under way after so many answers, each after the time that the closure says of its number.
    fn after(answers: u64, took: impl Fn(u64) -> Duration) -> usize {
        let mut concurrency = Concurrency::new(64);
        let mut under_way = std::collections::BTreeSet::new();
        let (mut now, mut number) = (Duration::ZERO, 0);
        for _ in 0..answers {
            while under_way.len() < concurrency.limit() {
                under_way.insert((now + took(number), number, now, under_way.len() + 1));
                number += 1;
            }
            let (ended, _, started, in_flight) = under_way.pop_first().unwrap();
            now = ended;
            concurrency.succeeded(RoundTrip { started, ended, in_flight });
        }
        concurrency.limit()
    }

    #[test]
    fn a_healthy_endpoint_gets_all_it_may_have_however_slow_it_is() {
        for millis in [1, 20, 1_000, 14_000] {
            let took = |number: u64| Duration::from_millis(millis + millis * (number * 7 % 10) / 20);
            assert_eq!(after(2_000, took), 64, "{millis}");
        }
        // The first connection takes long.
        assert_eq!(after(2_000, |number| Duration::from_millis(if number == 0 { 900 } else { 20 })), 64);
    }

    #[test]
    fn an_endpoint_that_is_sometimes_slow_and_mostly_fast_is_not_held_down() {
        let took = |number: u64| {
            let slow = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61 == 0;
            Duration::from_millis(if slow { 500 } else { 5 })
        };
        let limits: Vec<_> = (20..60).map(|hundreds| after(hundreds * 100, took)).collect();
        assert!(limits.iter().all(|&limit| limit >= 8), "{limits:?}");
    }

    proptest! {
        #[test]
        fn it_stays_between_one_and_the_most(
            most in 1_u32..1_000,
            events in prop::collection::vec((any::<bool>(), 0_u64..10_000, 0_u64..1_000), 0..500),
        ) {
            let mut concurrency = Concurrency::new(most);
            for (ok, started, took) in events {
                let started = Duration::from_millis(started);
                let ended = started + Duration::from_millis(took);
                let trip = RoundTrip { started, ended, in_flight: concurrency.limit() };
                if ok { concurrency.succeeded(trip) } else { concurrency.failed(trip) }
                prop_assert!((1..=most as usize).contains(&concurrency.limit()));
            }
        }
    }
}
