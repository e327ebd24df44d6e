//! Keys, and the frozen way from a key to its key group.
//!
//! The hash is XXH3-64 (seed 0) of a key's canonical bytes, and the key group is `(hash >> 32) mod 1024`. Both are part
//! of the format of everything that is ever stored by key: they never change, and a test holds known values. The middle
//! bits are used because hash tables take the low bits for the bucket and the high bits for the tag.

use std::hash::Hash;
use xxhash_rust::xxh3::xxh3_64;

/// How many key groups there are: the unit in which keys move between partitions, so the most partitions a stage can
/// have.
pub const KEY_GROUPS: usize = 1024;

/// A group of keys that always stay together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyGroup(pub u16);

/// The key group of a key's hash.
#[inline]
pub fn key_group(hash: u64) -> KeyGroup {
    KeyGroup(((hash >> 32) % KEY_GROUPS as u64) as u16)
}

/// What records can be keyed by.
///
/// [`hash64`](Self::hash64) must be the XXH3-64 of the key's canonical bytes: integers in little-endian order, text as
/// UTF-8, byte arrays as they are. Equal keys have equal canonical bytes.
pub trait Key: Eq + Hash + Clone + Send + 'static {
    /// The frozen hash.
    fn hash64(&self) -> u64;
}

macro_rules! integer_keys {
    ($($int:ty),+) => {
        $(impl Key for $int {
            #[inline]
            fn hash64(&self) -> u64 {
                xxh3_64(&self.to_le_bytes())
            }
        })+
    };
}

integer_keys!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

impl<const N: usize> Key for [u8; N] {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(self)
    }
}

impl Key for String {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(self.as_bytes())
    }
}

impl Key for Box<str> {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(self.as_bytes())
    }
}

impl Key for () {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frozen: these values are in stored data. The hashes of the empty input and of "a" are published test vectors.
    #[test]
    fn hashes_and_groups_never_change() {
        assert_eq!(().hash64(), 0x2d06_8005_38d3_94c2);
        assert_eq!("a".to_owned().hash64(), 0xe6c6_32b6_1e96_4e1f);
        assert_eq!(key_group(0x2d06_8005_38d3_94c2), KeyGroup(0x005));
        let golden = include_str!("key_groups.golden");
        let now: String = (0..64_u32)
            .map(|n| {
                let text = format!("key-{n}");
                format!(
                    "{n} {} {text} {}\n",
                    key_group(n.hash64()).0,
                    key_group(text.hash64()).0
                )
            })
            .collect();
        assert_eq!(now, golden);
    }

    #[test]
    fn text_and_bytes_agree() {
        assert_eq!("AAPL".to_owned().hash64(), (*b"AAPL").hash64());
        assert_eq!(0x0102_u16.hash64(), [2_u8, 1].hash64());
    }

    #[test]
    fn groups_are_evenly_used() {
        let mut used = vec![0_u32; KEY_GROUPS];
        for n in 0..100 * KEY_GROUPS as u64 {
            used[key_group(n.hash64()).0 as usize] += 1;
        }
        assert!(used.iter().all(|count| (50..160).contains(count)));
    }
}
