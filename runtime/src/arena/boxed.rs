//! One value in an arena.
//!
//! For recursive types and for values that should not move with what contains them. It lacks unsized content.

use super::evacuate::Evacuate;
use super::handle::Arena;
use allocator_api2::boxed::Box as BoxIn;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

/// What holds between evacuations.
const FULL: &str = "a box has a value";

/// One value in an arena.
pub struct ArenaBox<T>(
    /// Empty only while the value moves from one arena into another.
    Option<BoxIn<T, Arena>>,
);

impl<T> ArenaBox<T> {
    /// Moves `value` into `arena`.
    pub fn new_in(value: T, arena: &Arena) -> Self {
        Self(Some(BoxIn::new_in(value, arena.clone())))
    }

    /// The arena that it is in.
    pub fn arena(&self) -> &Arena {
        BoxIn::allocator(self.content())
    }

    /// The value again.
    pub fn into_inner(self) -> T {
        self.0.map(BoxIn::into_inner).expect(FULL)
    }

    fn content(&self) -> &BoxIn<T, Arena> {
        self.0.as_ref().expect(FULL)
    }
}

impl<T> Deref for ArenaBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.content()
    }
}

impl<T> DerefMut for ArenaBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(FULL)
    }
}

/// A copy in the same arena.
impl<T: Clone> Clone for ArenaBox<T> {
    fn clone(&self) -> Self {
        Self::new_in((**self).clone(), self.arena())
    }
}

impl<T: PartialEq> PartialEq for ArenaBox<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for ArenaBox<T> {}

impl<T: PartialOrd> PartialOrd for ArenaBox<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: Ord> Ord for ArenaBox<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: Hash> Hash for ArenaBox<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for ArenaBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for ArenaBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Evacuate> Evacuate for ArenaBox<T> {
    fn evacuate(&mut self, to: &Arena) {
        if !self.arena().is_same(to) {
            // The new block is there before the value moves: nothing is lost if there is no memory.
            let room = BoxIn::<T, Arena>::new_uninit_in(to.clone());
            if let Some(old) = self.0.take() {
                self.0 = Some(BoxIn::write(room, BoxIn::into_inner(old)));
            }
        }
        (**self).evacuate(to);
    }
}
