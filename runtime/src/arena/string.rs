//! Text in an arena.
//!
//! A vector of bytes that is always UTF-8. It lacks what std's `String` has for cutting and replacing.

use super::evacuate::Evacuate;
use super::handle::Arena;
use super::vec::ArenaVec;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Text in an arena. Dereferences to [`str`], and looks up maps by it.
#[derive(Clone)]
pub struct ArenaString(
    /// UTF-8 (A7).
    ArenaVec<u8>,
);

impl ArenaString {
    /// Empty text in `arena`; it allocates with the first byte.
    pub fn new_in(arena: &Arena) -> Self {
        Self(ArenaVec::new_in(arena))
    }

    /// Empty text with room for `capacity` bytes.
    pub fn with_capacity_in(capacity: usize, arena: &Arena) -> Self {
        Self(ArenaVec::with_capacity_in(capacity, arena))
    }

    /// A copy of `text` in `arena`.
    pub fn from_str_in(text: &str, arena: &Arena) -> Self {
        let mut copy = Self::with_capacity_in(text.len(), arena);
        copy.push_str(text);
        copy
    }

    /// The arena that it is in.
    pub fn arena(&self) -> &Arena {
        self.0.arena()
    }

    /// How many bytes there is room for.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Appends `text`.
    pub fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends `c`.
    pub fn push(&mut self, c: char) {
        self.push_str(c.encode_utf8(&mut [0; 4]));
    }

    /// Takes the last character off.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.0.truncate(self.0.len() - last.len_utf8());
        Some(last)
    }

    /// Cuts to the first `len` bytes; nothing happens if it is shorter.
    ///
    /// # Panics
    ///
    /// If `len` is in the middle of a character.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            assert!(self.is_char_boundary(len), "byte {len} is in the middle of a character");
            self.0.truncate(len);
        }
    }

    /// Empties it and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        debug_assert!(std::str::from_utf8(&self.0).is_ok());
        // SAFETY: A7: whole characters go in and come off, and nobody else reaches the bytes.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }
}

impl Deref for ArenaString {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for ArenaString {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for ArenaString {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Write for ArenaString {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

impl PartialEq for ArenaString {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl PartialEq<str> for ArenaString {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for ArenaString {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl Eq for ArenaString {}

impl PartialOrd for ArenaString {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ArenaString {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

/// As [`str`]: a map finds an `ArenaString` by a `&str`.
impl Hash for ArenaString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for ArenaString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for ArenaString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl Evacuate for ArenaString {
    fn evacuate(&mut self, to: &Arena) {
        self.0.evacuate(to);
    }
}
