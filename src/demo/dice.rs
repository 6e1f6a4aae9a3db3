//! Random numbers from a seed. Only whole numbers are used, so every machine gets the same ones.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A random number generator that repeats itself for the same seed.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Separate dice for one purpose.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(purpose);
        Self(random)
    }

    /// The generator itself.
    pub fn inner(&self) -> &ChaCha8Rng {
        &self.0
    }

    /// A number below `end`; zero if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 {
            0
        } else {
            self.0.random_range(0..end)
        }
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0.random_range(least..=most.max(least))
    }

    /// Like [`Dice::between`], but small numbers are far more frequent, as in waiting and handling
    /// times.
    pub fn mostly_short(&mut self, least: i64, most: i64) -> i64 {
        let throws = [(); 3].map(|()| self.between(least, most));
        throws.into_iter().min().unwrap_or(least)
    }

    /// True with this probability in percent.
    pub fn percent(&mut self, cases: u32) -> bool {
        self.0.random_range(0..100) < cases
    }

    /// One of several.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        from[self.0.random_range(0..from.len())]
    }

    /// The index of one of several, chosen by weight.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut rest = self.below(weights.clone().sum());
        for (place, weight) in weights.enumerate() {
            if rest < weight {
                return place;
            }
            rest -= weight;
        }
        0
    }

    /// An index below `end`. The first ones are far more frequent, like regular customers.
    pub fn frequent(&mut self, end: u64) -> u64 {
        let throws = if self.percent(50) { 2 } else { 3 };
        (0..throws).fold(end, |left, _| self.below(left.max(1)))
    }

    /// Letters and digits in the form of a UUID.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.0.random::<u64>(), self.0.random::<u64>());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}
