//! Reproducible random numbers: the same on every machine and in every version of every library.
//!
//! Every use of chance names its words (seed, step, prompt, sample …) and gets a generator of its
//! own, so that no result depends on the order in which work happens to be done.

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

    /// A uniform number in the open interval (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Two independent standard normal numbers (Box and Muller, 1958).
    pub fn normal_pair(&mut self) -> [f64; 2] {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let angle = 2.0 * std::f64::consts::PI * self.uniform();
        [radius * angle.cos(), radius * angle.sin()]
    }

    /// Puts a slice into uniform random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
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
    fn uniform_numbers_fill_the_open_interval_and_normal_ones_have_unit_variance() {
        let mut rng = Rng::from_words(&[7]);
        let (mut mean, mut square) = (0.0, 0.0);
        for _ in 0..20_000 {
            let u = rng.uniform();
            assert!(u > 0.0 && u < 1.0);
            mean += u / 20_000.0;
            square += rng.normal_pair().iter().map(|x| x * x).sum::<f64>() / 40_000.0;
        }
        assert!(
            (mean - 0.5f64).abs() < 0.01 && (square - 1.0f64).abs() < 0.04,
            "{mean} {square}"
        );
    }

    #[test]
    fn a_shuffle_keeps_every_element() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::from_words(&[3]).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
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
