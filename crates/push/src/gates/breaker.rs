use std::time::Duration;

use types::push::{BreakerSettings, BreakerState};

use super::window::Window;

/// Fewer attempts than this say nothing about their share of failures.
const ENOUGH: u32 = 20;
/// Waits are up to this share longer, so that breakers that opened together do not stay together.
const JITTER: f64 = 0.1;

/// Stops all requests to an endpoint that seems dead, and tries one from time to time.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    settings: BreakerSettings,
    /// Tells endpoints apart.
    seed: u64,
    state: State,
    /// Failures since the last success.
    in_a_row: u32,
    window: Window,
    /// It has not been closed since.
    since: Option<Duration>,
    /// What the endpoint asked for.
    paused_until: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    Open {
        until: Duration,
        doublings: u32,
    },
    /// The probe is under way.
    Probing {
        doublings: u32,
    },
}

/// Whether requests may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// They may.
    All,
    /// One message may: the probe.
    Probe,
    /// None may, until then.
    NotBefore(Duration),
    /// None may, until the probe is back.
    Probing,
}

impl Breaker {
    /// Closed.
    pub(crate) fn new(settings: BreakerSettings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            state: State::Closed,
            in_a_row: 0,
            window: Window::default(),
            since: None,
            paused_until: Duration::ZERO,
        }
    }

    /// The same with other settings. A probe that was under way is not any more, and comes again after a wait.
    pub(crate) fn renew(&mut self, now: Duration, settings: BreakerSettings) {
        self.settings = settings;
        if let State::Probing { doublings } = self.state {
            self.open(now, doublings);
        }
    }

    /// Whether requests may go out.
    pub(crate) fn admission(&self, now: Duration) -> Admission {
        match (self.state, self.not_before()) {
            (State::Probing { .. }, _) => Admission::Probing,
            (_, at) if at > now => Admission::NotBefore(at),
            (State::Closed, _) => Admission::All,
            (State::Open { .. }, _) => Admission::Probe,
        }
    }

    /// No request goes out before.
    pub(crate) fn not_before(&self) -> Duration {
        match self.state {
            State::Open { until, .. } => until.max(self.paused_until),
            State::Closed | State::Probing { .. } => self.paused_until,
        }
    }

    /// The probe goes out.
    pub(crate) fn begin_probe(&mut self) {
        if let State::Open { doublings, .. } = self.state {
            self.state = State::Probing { doublings };
        }
    }

    /// The probe came to nothing: another message is.
    pub(crate) fn void_probe(&mut self, now: Duration) {
        if let State::Probing { doublings } = self.state {
            self.state = State::Open { until: now, doublings };
        }
    }

    /// The endpoint answered. True if that closes the breaker.
    pub(crate) fn succeeded(&mut self, now: Duration, is_probe: bool) -> bool {
        if is_probe {
            (self.state, self.since, self.in_a_row) = (State::Closed, None, 0);
            self.window = Window::default();
            return true;
        }
        if self.state == State::Closed {
            self.in_a_row = 0;
            self.window.add(now, 1, 0);
        }
        false
    }

    /// It did not, or not as it should. True if that opens the breaker.
    pub(crate) fn failed(&mut self, now: Duration, is_probe: bool) -> bool {
        if is_probe {
            if let State::Probing { doublings } = self.state {
                self.open(now, doublings.saturating_add(1));
            }
            return false;
        }
        // What was under way when it opened changes nothing any more.
        if self.state != State::Closed {
            return false;
        }
        self.in_a_row += 1;
        self.window.add(now, 0, 1);
        let opens = self.in_a_row >= self.settings.failures || self.too_many_failures(now);
        if opens {
            self.since = Some(now);
            self.open(now, 0);
        }
        opens
    }

    /// The endpoint wants to be left alone.
    pub(crate) fn pause(&mut self, until: Duration) {
        self.paused_until = self.paused_until.max(until);
    }

    /// As it is shown.
    pub(crate) fn state(&self, now: Duration) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { until, .. } if until > now => BreakerState::Open,
            State::Open { .. } | State::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    /// It has not been closed since then.
    pub(crate) fn open_since(&self) -> Option<Duration> {
        self.since
    }

    /// When it has been open for as long as the settings allow.
    pub(crate) fn disables_at(&self) -> Option<Duration> {
        Some(self.since?.saturating_add(self.settings.disable_after?))
    }

    fn too_many_failures(&mut self, now: Duration) -> bool {
        let (ok, failed) = self.window.sums(now);
        let all = ok + failed;
        all >= ENOUGH && f64::from(failed) >= f64::from(all) * self.settings.failure_ratio
    }

    fn open(&mut self, now: Duration, doublings: u32) {
        let wait = self.settings.open.saturating_mul(1 << doublings.min(20)).min(self.settings.max_open);
        let wait = wait.mul_f64(1.0 + JITTER * self.jitter(doublings)).min(self.settings.max_open);
        self.state = State::Open { until: now + wait, doublings };
    }

    /// 0 to 1, the same for the same endpoint and try.
    fn jitter(&self, doublings: u32) -> f64 {
        // SplitMix64's finaliser: cheap, and neighbours have nothing in common.
        let mut x = self.seed.wrapping_add(u64::from(doublings)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
