//! Reproducible random integers: the same on every platform and in every version of every library.

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The generator that belongs to a list of words, such as a seed and an index; lists that
    /// differ anywhere give unrelated generators.
    pub fn from_words(words: &[u64]) -> Self {
        let state = words.iter().fold(0, |state: u64, &word| {
            mix(state.wrapping_add(GOLDEN_GAMMA) ^ mix(word.wrapping_add(GOLDEN_GAMMA)))
        });
        Self { state }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// A uniform integer in `0..bound`, without bias (Lemire, "Fast Random Integer Generation in
    /// an Interval", 2019). A bound of 0 gives 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Of the 2^64 draws, the first 2^64 mod bound would make some results more likely.
        let surplus = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= surplus {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform integer in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        let width = u64::from(high.saturating_sub(low)) + 1;
        // Less than 2^32 because the width is at most 2^32.
        low + self.below(width) as u32
    }

    /// A uniform element; `None` of an empty slice.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }
}

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of SplitMix64: a bijection in which every input bit reaches every output
/// bit.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_splitmix64() {
        let mut rng = Rng { state: 1_234_567 };
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(published, std::array::from_fn(|_| rng.next_u64()));
    }

    #[test]
    fn small_ranges_are_hit_evenly() {
        let mut rng = Rng::from_words(&[1]);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[rng.between(3, 8) as usize - 3] += 1;
        }
        // The standard deviation of a count is 91.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500));
    }

    #[test]
    fn degenerate_ranges_are_harmless() {
        let mut rng = Rng::from_words(&[]);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        assert_eq!(rng.between(7, 3), 7);
        let _ = rng.between(0, u32::MAX);
        assert_eq!(rng.choose::<u8>(&[]), None);
    }

    #[test]
    fn every_word_matters() {
        let first = |words: &[u64]| Rng::from_words(words).next_u64();
        let all = [first(&[0, 1]), first(&[1, 0]), first(&[0, 0]), first(&[0])];
        for (at, a) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|b| a != b));
        }
    }
}
