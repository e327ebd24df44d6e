//! A vector in an arena.
//!
//! Our own name around `allocator-api2`'s, so that a new version of that is no change of our public face. It lacks what
//! std's has for special occasions (splicing, raw parts).

use super::evacuate::Evacuate;
use super::handle::Arena;
use allocator_api2::vec;
use allocator_api2::vec::Vec as VecIn;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::FusedIterator;
use std::ops::{Deref, DerefMut, RangeBounds};

/// A vector in an arena. Dereferences to a slice.
///
/// Growing leaves the smaller buffer behind as dead bytes, unless it was the last block that the arena has handed out:
/// give a capacity where it is known. Indices out of range panic as in [`Vec`].
pub struct ArenaVec<T>(VecIn<T, Arena>);

impl<T> ArenaVec<T> {
    /// An empty vector in `arena`; it allocates with the first element.
    pub fn new_in(arena: &Arena) -> Self {
        Self(VecIn::new_in(arena.clone()))
    }

    /// An empty vector with room for `capacity` elements.
    pub fn with_capacity_in(capacity: usize, arena: &Arena) -> Self {
        Self(VecIn::with_capacity_in(capacity, arena.clone()))
    }

    /// A vector of what `elements` yields.
    pub fn from_iter_in(elements: impl IntoIterator<Item = T>, arena: &Arena) -> Self {
        let elements = elements.into_iter();
        let mut vec = Self::with_capacity_in(elements.size_hint().0, arena);
        vec.extend(elements);
        vec
    }

    /// The arena that it is in.
    pub fn arena(&self) -> &Arena {
        self.0.allocator()
    }

    /// How many elements there is room for.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Makes room for `additional` elements more.
    pub fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }

    /// Gives room back that is not needed; the bytes are dead, not free.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Appends `value`.
    #[inline]
    pub fn push(&mut self, value: T) {
        self.0.push(value);
    }

    /// Takes the last element off.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Puts `value` at `index` and moves what follows up by one.
    ///
    /// # Panics
    ///
    /// If `index` is beyond the end.
    pub fn insert(&mut self, index: usize, value: T) {
        self.0.insert(index, value);
    }

    /// Takes the element at `index` out and moves what follows down by one.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn remove(&mut self, index: usize) -> T {
        self.0.remove(index)
    }

    /// Takes the element at `index` out and puts the last one in its place.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn swap_remove(&mut self, index: usize) -> T {
        self.0.swap_remove(index)
    }

    /// Drops what is beyond the first `len` elements, and keeps the room.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Keeps the elements for which `keep` holds, in their order.
    pub fn retain(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.0.retain_mut(keep);
    }

    /// Takes a range of elements out, all of them at the latest when the iterator is dropped.
    ///
    /// # Panics
    ///
    /// If the range is not within the vector.
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> impl DoubleEndedIterator<Item = T> + '_ {
        self.0.drain(range)
    }

    /// Drops all elements and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T: Clone> ArenaVec<T> {
    /// Appends copies of all elements of `slice`.
    pub fn extend_from_slice(&mut self, slice: &[T]) {
        self.0.extend_from_slice(slice);
    }

    /// Cuts or fills up with copies of `value`, to `len` elements.
    pub fn resize(&mut self, len: usize, value: T) {
        self.0.resize(len, value);
    }
}

/// A copy in the same arena.
impl<T: Clone> Clone for ArenaVec<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for ArenaVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for ArenaVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> AsRef<[T]> for ArenaVec<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T> Borrow<[T]> for ArenaVec<T> {
    fn borrow(&self) -> &[T] {
        self
    }
}

impl<T> Extend<T> for ArenaVec<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        self.0.extend(elements);
    }
}

/// The elements of an [`ArenaVec`], by value.
pub struct ArenaVecIntoIter<T>(vec::IntoIter<T, Arena>);

impl<T> Iterator for ArenaVecIntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> DoubleEndedIterator for ArenaVecIntoIter<T> {
    fn next_back(&mut self) -> Option<T> {
        self.0.next_back()
    }
}

impl<T> ExactSizeIterator for ArenaVecIntoIter<T> {}
impl<T> FusedIterator for ArenaVecIntoIter<T> {}

impl<T: fmt::Debug> fmt::Debug for ArenaVecIntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.as_slice()).finish()
    }
}

impl<T> IntoIterator for ArenaVec<T> {
    type Item = T;
    type IntoIter = ArenaVecIntoIter<T>;

    fn into_iter(self) -> ArenaVecIntoIter<T> {
        ArenaVecIntoIter(self.0.into_iter())
    }
}

impl<'a, T> IntoIterator for &'a ArenaVec<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut ArenaVec<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T: PartialEq<U>, U> PartialEq<ArenaVec<U>> for ArenaVec<T> {
    fn eq(&self, other: &ArenaVec<U>) -> bool {
        **self == **other
    }
}

impl<T: PartialEq<U>, U> PartialEq<[U]> for ArenaVec<T> {
    fn eq(&self, other: &[U]) -> bool {
        **self == *other
    }
}

impl<T: PartialEq<U>, U> PartialEq<Vec<U>> for ArenaVec<T> {
    fn eq(&self, other: &Vec<U>) -> bool {
        **self == **other
    }
}

impl<T: PartialEq<U>, U, const N: usize> PartialEq<[U; N]> for ArenaVec<T> {
    fn eq(&self, other: &[U; N]) -> bool {
        **self == *other
    }
}

impl<T: Eq> Eq for ArenaVec<T> {}

impl<T: PartialOrd> PartialOrd for ArenaVec<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: Ord> Ord for ArenaVec<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: Hash> Hash for ArenaVec<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for ArenaVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Moves the elements, and then evacuates each of them unless they are leaves.
impl<T: Evacuate> Evacuate for ArenaVec<T> {
    fn evacuate(&mut self, to: &Arena) {
        if !self.arena().is_same(to) {
            let mut fresh = VecIn::with_capacity_in(self.len(), to.clone());
            fresh.append(&mut self.0);
            self.0 = fresh;
        }
        if !T::is_leaf() {
            self.iter_mut().for_each(|element| element.evacuate(to));
        }
    }
}
