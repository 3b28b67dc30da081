//! Random numbers whose seed is in every failure: SplitMix64.

/// `FANFARE_SEED`, or a new one.
pub(crate) fn seed() -> u64 {
    match std::env::var("FANFARE_SEED") {
        Ok(text) => text.parse().expect("FANFARE_SEED is a number"),
        Err(_) => getrandom::u64().unwrap() >> 16,
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The one of a seed and a purpose.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        Self(seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
