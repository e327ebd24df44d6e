//! Bytes of a key, a value, an element: short ones in place, longer ones in an arena.
//!
//! Most keys and many values are shorter than what a vector's own fields take, so they cost no allocation and no second
//! cache miss. It lacks sharing: two equal values are two.

use potoroo_runtime::arena::{Arena, ArenaVec, Evacuate};
use std::fmt;
use std::ops::Deref;

/// How many bytes lie in place: as many as a vector in an arena takes, less its tag and the length.
pub(super) const INLINE_BYTES_MAX: usize = 22;

/// Bytes, in place if they are few.
pub enum Blob {
    /// In place.
    Inline {
        /// How many of the bytes count.
        len: u8,
        /// The bytes.
        bytes: [u8; INLINE_BYTES_MAX],
    },
    /// In an arena.
    Arena(ArenaVec<u8>),
}

impl Default for Blob {
    fn default() -> Self {
        Self::Inline {
            len: 0,
            bytes: [0; INLINE_BYTES_MAX],
        }
    }
}

impl Blob {
    /// A copy of `bytes`.
    #[inline]
    pub fn new_in(bytes: &[u8], arena: &Arena) -> Self {
        match Self::inline(bytes) {
            Some(blob) => blob,
            None => Self::copied(bytes, bytes.len(), arena),
        }
    }

    #[inline]
    fn inline(bytes: &[u8]) -> Option<Self> {
        let mut room = [0; INLINE_BYTES_MAX];
        room.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self::Inline {
            len: bytes.len() as u8,
            bytes: room,
        })
    }

    #[cold]
    fn copied(bytes: &[u8], capacity: usize, arena: &Arena) -> Self {
        let mut copy = ArenaVec::with_capacity_in(capacity, arena);
        copy.extend_from_slice(bytes);
        Self::Arena(copy)
    }

    /// Replaces the content. Where there is room for it, and not far too much, it stays in its place.
    #[inline]
    pub fn set(&mut self, bytes: &[u8], arena: &Arena) {
        if let Some(blob) = Self::inline(bytes) {
            *self = blob;
            return;
        }
        if let Self::Arena(old) = self
            && (bytes.len()..=bytes.len() * 2 + 64).contains(&old.capacity())
        {
            old.clear();
            old.extend_from_slice(bytes);
            return;
        }
        *self = Self::copied(bytes, bytes.len(), arena);
    }

    /// Appends `more`. What grows in steps gets room for some.
    pub fn append(&mut self, more: &[u8], arena: &Arena) {
        match self {
            Self::Arena(bytes) => bytes.extend_from_slice(more),
            Self::Inline { len, bytes } => {
                let old = usize::from(*len);
                if let Some(room) = bytes.get_mut(old..old + more.len()) {
                    room.copy_from_slice(more);
                    *len += more.len() as u8;
                    return;
                }
                let old = &bytes[..old];
                let mut copy = ArenaVec::with_capacity_in((old.len() + more.len()) * 2, arena);
                copy.extend_from_slice(old);
                copy.extend_from_slice(more);
                *self = Self::Arena(copy);
            }
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len).min(INLINE_BYTES_MAX)],
            Self::Arena(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self))
    }
}

impl Evacuate for Blob {
    fn evacuate(&mut self, to: &Arena) {
        if let Self::Arena(bytes) = self {
            bytes.evacuate(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arena;
    use super::*;

    #[test]
    fn a_blob_is_no_larger_than_a_vector() {
        assert_eq!(size_of::<Blob>(), size_of::<ArenaVec<u8>>());
    }

    #[test]
    fn bytes_come_back_whatever_their_length() {
        let arena = arena();
        let all: Vec<u8> = (0..=255).collect();
        let mut set = Blob::default();
        let mut appended = Blob::default();
        for len in (0..200).chain((0..60).rev()) {
            set.set(&all[..len], &arena);
            assert_eq!(*set, all[..len]);
            assert_eq!(*Blob::new_in(&all[..len], &arena), all[..len]);
        }
        for byte in &all {
            appended.append(&[*byte], &arena);
        }
        assert_eq!(*appended, all[..]);
    }

    #[test]
    fn a_value_of_the_same_length_stays_in_its_place() {
        let arena = arena();
        let mut blob = Blob::new_in(&[1; 1000], &arena);
        let before = arena.bytes();
        blob.set(&[2; 1000], &arena);
        assert_eq!(*blob, [2; 1000]);
        assert_eq!(arena.bytes(), before);
        blob.set(&[3; 30], &arena);
        assert!(arena.bytes().dead > 0, "a short value does not keep a long one's room");
    }
}
