//! SplitMix64, the one source of randomness of the generator.
//!
//! It exists so that a seed means the same bytes on every machine and in every version, which no
//! library promises. It is not for secrets, and its bounded draws have a bias below 1 in 2^32 / n,
//! which nothing here could notice.

/// A stream of pseudo-random numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream of a seed for one purpose, so that two users of one seed do not draw alike.
    #[must_use]
    pub fn for_purpose(seed: u64, purpose: u64) -> Self {
        let mut outer = Self::new(seed);
        let mut inner = Self::new(outer.next_u64() ^ purpose);
        Self::new(inner.next_u64())
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        unit_of(self.next_u64())
    }

    /// A number in `0..bound`; 0 when the bound is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Puts a slice in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// The number in `[0, 1)` that the upper 53 bits of a draw make; the lower 11 stay free for others.
#[inline]
#[must_use]
pub fn unit_of(draw: u64) -> f64 {
    (draw >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// The number in `0..bound` that 32 random bits make.
#[inline]
#[must_use]
pub fn below_of(bits: u32, bound: u32) -> u32 {
    ((u64::from(bits) * u64::from(bound)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_the_published_ones() {
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_stay_in_their_bounds() {
        let mut random = SplitMix64::new(7);
        for _ in 0..10_000 {
            assert!((0.0..1.0).contains(&random.unit()));
            assert!(random.below(3) < 3);
            assert!(below_of(random.next_u64() as u32, 65) < 65);
        }
        assert_eq!(unit_of(0), 0.0);
        assert!(unit_of(u64::MAX) < 1.0);
        assert_eq!(below_of(u32::MAX, 300), 299);
    }

    #[test]
    fn purposes_draw_apart_and_a_shuffle_keeps_everything() {
        let first = SplitMix64::for_purpose(1, 1).next_u64();
        assert_ne!(first, SplitMix64::for_purpose(1, 2).next_u64());
        assert_ne!(first, SplitMix64::for_purpose(2, 1).next_u64());
        let mut items: Vec<u32> = (0..100).collect();
        SplitMix64::new(1).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
