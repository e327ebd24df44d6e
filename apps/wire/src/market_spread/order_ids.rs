//! Order ids: six characters that look random and yet tell which message they name.
//!
//! They exist so that the receiver of a result can compute when its order was due, without a table
//! of millions of entries. An id is `(index * STEP + offset(seed)) mod 36^6` in base 36: a bijection,
//! since the step shares no factor with 36. It is no secret and does not pretend to be one.

use super::frames::OrderId;
use super::random::SplitMix64;

/// How many ids there are, 36^6, and so how many messages one run may have.
pub const IDS: u64 = 36_u64.pow(6);

/// Near `IDS` divided by the golden ratio, so that neighbors lie far apart; neither even nor a
/// multiple of 3, so that every id is reached.
const STEP: u64 = 1_345_325_471;
const STEP_INVERSE: u64 = inverse(STEP);
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const PAIRS: [[u8; 2]; 1296] = pairs();

const PURPOSE: u64 = 0x6F72_6465_7220_6964;

impl OrderId {
    /// The id of message `index` in a run with this seed; `None` from 36^6 on.
    #[must_use]
    pub fn from_index(seed: u64, index: u64) -> Option<Self> {
        (index < IDS).then(|| OrderIds::starting_at(seed, index).peek())
    }

    /// The message that this id names in a run with this seed; `None` when the id has a character
    /// that no id has.
    #[must_use]
    pub fn to_index(self, seed: u64) -> Option<u64> {
        self.to_index_from(offset(seed))
    }

    /// As `to_index`, for a caller that keeps the seed's `offset`.
    #[must_use]
    pub fn to_index_from(self, offset: u64) -> Option<u64> {
        let mut value = 0;
        for byte in self.0 {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'Z' => byte - b'A' + 10,
                _ => return None,
            };
            value = value * 36 + u64::from(digit);
        }
        // Both factors are below 2^31.1, so the product fits.
        Some((value + IDS - offset) % IDS * STEP_INVERSE % IDS)
    }
}

/// The ids of consecutive messages: an addition each, where `from_index` multiplies and divides.
#[derive(Debug, Clone)]
pub struct OrderIds {
    value: u64,
}

impl OrderIds {
    /// Starts at message `index`, which is below `IDS`.
    #[must_use]
    pub fn starting_at(seed: u64, index: u64) -> Self {
        debug_assert!(index < IDS);
        Self {
            value: (index * STEP + offset(seed)) % IDS,
        }
    }

    /// The id of the current message.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> OrderId {
        let low = self.value % 1296;
        let rest = self.value / 1296;
        let [a, b] = PAIRS[(rest / 1296) as usize % 1296];
        let [c, d] = PAIRS[(rest % 1296) as usize];
        let [e, f] = PAIRS[low as usize];
        OrderId([a, b, c, d, e, f])
    }

    /// Goes to the next message.
    #[inline]
    pub fn advance(&mut self) {
        self.value += STEP;
        if self.value >= IDS {
            self.value -= IDS;
        }
    }
}

/// Where a seed's ids start.
#[must_use]
pub fn offset(seed: u64) -> u64 {
    SplitMix64::for_purpose(seed, PURPOSE).below(IDS)
}

/// `step` to the power of φ(IDS) - 1, which is its inverse by Euler's theorem; φ(2^12 · 3^12) is a
/// third of it.
const fn inverse(step: u64) -> u64 {
    let mut exponent = IDS / 3 - 1;
    let mut square = step;
    let mut product = 1;
    while exponent > 0 {
        if exponent % 2 == 1 {
            product = product * square % IDS;
        }
        square = square * square % IDS;
        exponent /= 2;
    }
    product
}

const fn pairs() -> [[u8; 2]; 1296] {
    let mut pairs = [[0; 2]; 1296];
    let mut at = 0;
    while at < 1296 {
        pairs[at] = [DIGITS[at / 36], DIGITS[at % 36]];
        at += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_step_has_an_inverse() {
        assert_eq!(STEP * STEP_INVERSE % IDS, 1);
    }

    #[test]
    fn there_are_no_ids_beyond_the_last() {
        assert!(OrderId::from_index(1, IDS - 1).is_some());
        assert_eq!(OrderId::from_index(1, IDS), None);
        assert_eq!(OrderId(*b"00000z").to_index(1), None);
    }

    #[test]
    fn neighbors_differ_and_nothing_repeats() {
        let ids: HashSet<_> = (0..100_000)
            .map(|index| OrderId::from_index(3, index).unwrap())
            .collect();
        assert_eq!(ids.len(), 100_000);
    }

    proptest! {
        #[test]
        fn an_id_names_its_message(seed: u64, index in 0..IDS) {
            let id = OrderId::from_index(seed, index).unwrap();
            prop_assert_eq!(id.to_index(seed), Some(index));
        }

        #[test]
        fn stepping_is_the_same_as_computing(seed: u64, index in 0..IDS - 100) {
            let mut ids = OrderIds::starting_at(seed, index);
            for step in 0..100 {
                prop_assert_eq!(Some(ids.peek()), OrderId::from_index(seed, index + step));
                ids.advance();
            }
        }
    }
}
