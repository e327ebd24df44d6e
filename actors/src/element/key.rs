//! Keys, and the frozen way from a key to its key group.
//!
//! The hash is XXH3-64 (seed 0) of a key's canonical bytes, and the key group is `(hash >> 32) mod 1024`. Both are part
//! of the format of everything that is ever stored by key: they never change, and a test holds known values. The middle
//! bits are used because hash tables take the low bits for the bucket and the high bits for the tag.

use super::Either;
use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use xxhash_rust::xxh3::xxh3_64;

/// How many key groups there are: the unit in which keys move between partitions, so the most partitions a stage can
/// have.
pub const KEY_GROUPS: usize = 1024;

/// A group of keys that always stay together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyGroup(pub u16);

/// The key group of a key's hash.
#[inline]
pub fn key_group(hash: u64) -> KeyGroup {
    KeyGroup(((hash >> 32) % KEY_GROUPS as u64) as u16)
}

/// What records can be keyed by.
///
/// [`hash64`](Self::hash64) must be the XXH3-64 of the key's canonical bytes: integers in little-endian order, text as
/// UTF-8, byte arrays as they are, a pair as the hashes of its parts. Equal keys have equal canonical bytes, or they would be in
/// two groups. Text is not normalised: `é` as one character and as two are different keys, as they are for `==`.
///
/// Floating-point numbers are no keys, since equal ones may differ in their bytes (0.0 and −0.0), and NaN is not even equal to
/// itself:
///
/// ```compile_fail,E0277
/// use potoroo_actors::{Branch, Stream};
///
/// fn by_price<B: Branch<f64>>(prices: Stream<f64, B>) {
///     let _ = prices.key_by(|price| *price);
/// }
/// ```
///
/// Say what they mean, in cents or in bits; adding 0.0 makes one of the two zeros:
///
/// ```
/// use potoroo_actors::element::Key;
///
/// let key = |price: f64| (price + 0.0).to_bits();
/// assert_eq!(key(0.0).hash64(), key(-0.0).hash64());
/// ```
///
/// A map whose order differs from one to the next is none either; a tuple or the bytes of your own format are:
///
/// ```compile_fail,E0277
/// use potoroo_actors::{Branch, Stream};
/// use std::collections::HashMap;
///
/// fn by_labels<B: Branch<HashMap<String, String>>>(metrics: Stream<HashMap<String, String>, B>) {
///     let _ = metrics.key_by(|labels| labels.clone());
/// }
/// ```
pub trait Key: Eq + Hash + Clone + fmt::Debug + Send + 'static {
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

impl Key for Vec<u8> {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(self)
    }
}

impl Key for bool {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(&[u8::from(*self)])
    }
}

/// The hash of a key of several parts: that of the hashes of its parts.
fn hash_of_parts(parts: &[u64]) -> u64 {
    let mut bytes = [0; 8 * 3];
    for (place, part) in bytes.chunks_exact_mut(8).zip(parts) {
        place.copy_from_slice(&part.to_le_bytes());
    }
    xxh3_64(&bytes[..8 * parts.len()])
}

impl<A: Key, B: Key> Key for (A, B) {
    #[inline]
    fn hash64(&self) -> u64 {
        hash_of_parts(&[self.0.hash64(), self.1.hash64()])
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    #[inline]
    fn hash64(&self) -> u64 {
        hash_of_parts(&[self.0.hash64(), self.1.hash64(), self.2.hash64()])
    }
}

impl Key for () {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(&[])
    }
}

/// A key that records lend: the state keeps an owned copy, made when the key is first seen.
pub trait BorrowedKey: Eq + ToOwned<Owned: Key + Borrow<Self>> {
    /// The frozen hash, equal to that of the owned key.
    fn hash64(&self) -> u64;
}

impl BorrowedKey for str {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(self.as_bytes())
    }
}

impl BorrowedKey for [u8] {
    #[inline]
    fn hash64(&self) -> u64 {
        xxh3_64(self)
    }
}

/// How a stream finds the key of a record: before the exchange for the hash, after it to find the state.
pub trait KeySelector<T>: Clone + Send + Sync + 'static {
    /// The key.
    type Key: Key;

    /// The hash of the record's key.
    fn hash64(&self, record: &T) -> u64;

    /// Whether this is the record's key.
    fn is_key(&self, record: &T, key: &Self::Key) -> bool;

    /// The record's key, for keeping.
    fn key(&self, record: &T) -> Self::Key;
}

/// Keys by value: what `key_by` makes.
pub struct ByKey<F, K> {
    key_of: F,
    key: PhantomData<fn() -> K>,
}

impl<F, K> ByKey<F, K> {
    pub(crate) fn new(key_of: F) -> Self {
        Self {
            key_of,
            key: PhantomData,
        }
    }
}

impl<F: Clone, K> Clone for ByKey<F, K> {
    fn clone(&self) -> Self {
        Self::new(self.key_of.clone())
    }
}

impl<F, K> fmt::Debug for ByKey<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByKey<{}>", std::any::type_name::<K>())
    }
}

impl<T, K: Key, F: Fn(&T) -> K + Clone + Send + Sync + 'static> KeySelector<T> for ByKey<F, K> {
    type Key = K;

    #[inline]
    fn hash64(&self, record: &T) -> u64 {
        (self.key_of)(record).hash64()
    }

    #[inline]
    fn is_key(&self, record: &T, key: &K) -> bool {
        (self.key_of)(record) == *key
    }

    #[inline]
    fn key(&self, record: &T) -> K {
        (self.key_of)(record)
    }
}

/// Keys that records lend: what `key_by_ref` makes.
pub struct ByRef<F, Q: ?Sized> {
    key_of: F,
    key: PhantomData<fn(&Q)>,
}

impl<F, Q: ?Sized> ByRef<F, Q> {
    pub(crate) fn new(key_of: F) -> Self {
        Self {
            key_of,
            key: PhantomData,
        }
    }
}

impl<F: Clone, Q: ?Sized> Clone for ByRef<F, Q> {
    fn clone(&self) -> Self {
        Self::new(self.key_of.clone())
    }
}

impl<F, Q: ?Sized> fmt::Debug for ByRef<F, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByRef<{}>", std::any::type_name::<Q>())
    }
}

impl<T, Q, F> KeySelector<T> for ByRef<F, Q>
where
    Q: BorrowedKey + ?Sized + 'static,
    F: Fn(&T) -> &Q + Clone + Send + Sync + 'static,
{
    type Key = Q::Owned;

    #[inline]
    fn hash64(&self, record: &T) -> u64 {
        (self.key_of)(record).hash64()
    }

    #[inline]
    fn is_key(&self, record: &T, key: &Q::Owned) -> bool {
        (self.key_of)(record) == key.borrow()
    }

    #[inline]
    fn key(&self, record: &T) -> Q::Owned {
        (self.key_of)(record).to_owned()
    }
}

/// The keys of two streams that meet: what `connect` makes.
#[derive(Clone, Copy, Debug)]
pub struct EitherBy<F, G>(pub(crate) F, pub(crate) G);

impl<L, R, F, G> KeySelector<Either<L, R>> for EitherBy<F, G>
where
    F: KeySelector<L>,
    G: KeySelector<R, Key = F::Key>,
{
    type Key = F::Key;

    #[inline]
    fn hash64(&self, record: &Either<L, R>) -> u64 {
        match record {
            Either::Left(record) => self.0.hash64(record),
            Either::Right(record) => self.1.hash64(record),
        }
    }

    #[inline]
    fn is_key(&self, record: &Either<L, R>, key: &F::Key) -> bool {
        match record {
            Either::Left(record) => self.0.is_key(record, key),
            Either::Right(record) => self.1.is_key(record, key),
        }
    }

    #[inline]
    fn key(&self, record: &Either<L, R>) -> F::Key {
        match record {
            Either::Left(record) => self.0.key(record),
            Either::Right(record) => self.1.key(record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_lent_have_the_hash_of_their_copies() {
        assert_eq!(BorrowedKey::hash64("AAPL"), "AAPL".to_owned().hash64());
        assert_eq!(BorrowedKey::hash64(&b"AAPL"[..]), b"AAPL".to_vec().hash64());
    }

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
