//! Regions in messages: data built in an arena of its own, which travels by moving a handle.
//!
//! A [`Parcel`] has one holder, who may change what is in it and have it grow in its own memory; a [`Frozen`] has any
//! number of readers. Invariant cited: A1 (a parcel is an owner of its own, which its holder enters for the length of a
//! closure). They lack copies: the bytes stay where they were written.

use super::bytes::ArenaBytes;
use super::evacuate::Evacuate;
use super::handle::Arena;
use crate::sync::Arc;
use std::fmt;
use std::ops::Deref;

/// Data in an arena of its own, with one holder at a time. Sending it moves a few words, however much it holds.
///
/// Reading needs nothing; what should grow in the parcel's own memory is changed in [`open`](Self::open). The chunks
/// are freed, in O(chunks), by whoever drops it last.
///
/// ```
/// use potoroo_runtime::arena::{ArenaVec, Parcel};
///
/// let mut parcel = Parcel::build(|arena| ArenaVec::from_iter_in(0..1000, arena));
/// parcel = std::thread::spawn(move || {
///     parcel.open(|numbers, _| numbers.push(1000));
///     parcel
/// })
/// .join()
/// .expect("no panic");
/// assert_eq!(parcel.len(), 1001);
/// assert_eq!(parcel.bytes().foreign, 0);
/// ```
pub struct Parcel<T> {
    /// Dropped first.
    content: T,
    arena: Arena,
}

impl<T> Parcel<T> {
    /// What `build` makes in a fresh arena.
    pub fn build(build: impl FnOnce(&Arena) -> T) -> Self {
        Self::build_sized(0, build)
    }

    /// As [`build`](Self::build), with a first chunk of at least `bytes`: for content whose size is known.
    pub fn build_sized(bytes: usize, build: impl FnOnce(&Arena) -> T) -> Self {
        let arena = Arena::new_sized(bytes);
        let entered = arena.enter();
        let content = build(&arena);
        drop(entered);
        Self { content, arena }
    }

    /// Runs `f` with the content and its arena, entered: what grows meanwhile grows in the parcel's own memory. Arenas
    /// that were open before stay open.
    pub fn open<R>(&mut self, f: impl FnOnce(&mut T, &Arena) -> R) -> R {
        // None only if `f` of an outer call on a handle that leaked has entered it: then memory comes from the heap.
        let _entered = self.arena.enter();
        f(&mut self.content, &self.arena)
    }

    /// What it holds.
    pub fn bytes(&self) -> ArenaBytes {
        self.arena.bytes()
    }

    /// The content alone. It stays where it is and keeps the arena; what grows from now on comes from the heap.
    pub fn into_inner(self) -> T {
        self.content
    }

    /// Makes it shareable, for reading only.
    pub fn freeze(self) -> Frozen<T> {
        Frozen(Arc::new(self))
    }
}

impl<T: Evacuate> Parcel<T> {
    /// Moves the content into `to`, usually the arena of the actor that has received it; the parcel's own memory is freed.
    pub fn unpack_into(self, to: &Arena) -> T {
        let mut content = self.content;
        content.evacuate(to);
        content
    }
}

impl<T> Deref for Parcel<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl<T: fmt::Debug> fmt::Debug for Parcel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parcel").field(&self.content).finish()
    }
}

impl<T: PartialEq> PartialEq for Parcel<T> {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

/// A parcel in an actor's state stays a parcel, in its own memory.
impl<T> Evacuate for Parcel<T> {
    fn evacuate(&mut self, _: &Arena) {}

    fn is_leaf() -> bool {
        true
    }
}

/// Data in an arena of its own, shared for reading. A clone counts; nothing is copied. The last one frees the chunks.
///
/// It can be sent if its content is `Send` and `Sync`:
///
/// ```compile_fail
/// use potoroo_runtime::arena::Frozen;
///
/// fn send(_: impl Send) {}
/// send(Frozen::build(|_| std::cell::Cell::new(0))); // a cell is not to be shared
/// ```
pub struct Frozen<T>(Arc<Parcel<T>>);

impl<T> Frozen<T> {
    /// What `build` makes in a fresh arena.
    pub fn build(build: impl FnOnce(&Arena) -> T) -> Self {
        Parcel::build(build).freeze()
    }

    /// What it holds.
    pub fn bytes(&self) -> ArenaBytes {
        self.0.bytes()
    }

    /// The parcel again, if this is the only one.
    pub fn thaw(self) -> Result<Parcel<T>, Self> {
        Arc::try_unwrap(self.0).map_err(Self)
    }
}

impl<T> Clone for Frozen<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Frozen<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Frozen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frozen").field(&**self).finish()
    }
}

impl<T: PartialEq> PartialEq for Frozen<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> Evacuate for Frozen<T> {
    fn evacuate(&mut self, _: &Arena) {}

    fn is_leaf() -> bool {
        true
    }
}
