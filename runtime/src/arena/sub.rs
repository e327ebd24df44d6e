//! Sub-arenas: a part of an actor's state in an arena of its own.
//!
//! State above a few megabytes is split, by key range or by window: each part is evacuated by itself, so that no
//! evacuation takes long, and is freed as a whole when it is dropped. Invariant cited: A1 (a sub-arena has the owner of
//! the arena it was made from, so the same check opens it). It lacks any rule for how to split.

use super::bytes::ArenaBytes;
use super::evacuate::{EVACUATION_FLOOR_BYTES, Evacuate};
use super::handle::Arena;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A part of an actor's state, in an arena of its own.
///
/// What it holds counts for the actor: for its limit and for [`Arena::owner_bytes`]. Dropping it frees its chunks,
/// unless a collection was moved out of it and is still there.
///
/// When the actor's state is evacuated, its sub-arenas stay as they are; they have turns of their own, one at the end of
/// a turn of the actor, for those with more dead bytes than live ones (and 64 KiB).
///
/// ```
/// use potoroo_runtime::arena::{ArenaMap, SubArena};
/// use potoroo_runtime::{Actor, Context, Turn, evacuate};
/// use std::collections::BTreeMap;
///
/// /// Counts keys by hour; an hour that is over goes as a whole.
/// struct Hours(BTreeMap<u64, SubArena<ArenaMap<u64, u64>>>);
/// evacuate!(Hours { 0 });
///
/// impl Actor for Hours {
///     type Msg = (u64, u64);
///     fn handle(&mut self, (hour, key): (u64, u64), ctx: &mut Context<'_, Self>) -> Turn {
///         let counts = self.0.entry(hour).or_insert_with(|| SubArena::new_in(&ctx.arena(), ArenaMap::new_in));
///         *counts.get_or_insert_with(key, || 0) += 1;
///         self.0.retain(|other, _| other + 24 > hour);
///         Ok(())
///     }
///     fn arena_state(&mut self) -> Option<&mut dyn potoroo_runtime::arena::Evacuate> {
///         Some(self)
///     }
/// }
/// ```
pub struct SubArena<T> {
    /// Dropped first: then the arena goes with its handle.
    content: T,
    arena: Arena,
}

impl<T> SubArena<T> {
    /// A new arena of the same actor as `parent`, with what `build` makes in it.
    pub fn new_in(parent: &Arena, build: impl FnOnce(&Arena) -> T) -> Self {
        let arena = parent.sibling(0);
        Self {
            content: build(&arena),
            arena,
        }
    }

    /// Its arena, for building collections that belong to this part.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// What it holds by itself.
    pub fn bytes(&self) -> ArenaBytes {
        self.arena.bytes()
    }

    /// Content and arena, to build one with the other.
    pub fn parts_mut(&mut self) -> (&mut T, &Arena) {
        (&mut self.content, &self.arena)
    }
}

impl<T: Evacuate> SubArena<T> {
    /// Moves the content into a fresh arena of its size now.
    pub fn compact(&mut self) {
        let fresh = self.arena.fresh();
        self.content.evacuate(&fresh);
        self.arena = fresh;
    }

    fn is_due(&self) -> bool {
        let bytes = self.bytes();
        bytes.dead > bytes.live.max(EVACUATION_FLOOR_BYTES)
    }
}

impl<T> Deref for SubArena<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl<T> DerefMut for SubArena<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.content
    }
}

impl<T: fmt::Debug> fmt::Debug for SubArena<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubArena")
            .field("bytes", &self.bytes())
            .field("content", &self.content)
            .finish()
    }
}

/// Stays where it is; if it is this actor's turn to compact one sub-arena, and this one needs it, it compacts itself.
impl<T: Evacuate> Evacuate for SubArena<T> {
    fn evacuate(&mut self, to: &Arena) {
        if self.is_due() && to.take_slice_of(&self.arena) {
            self.compact();
        }
    }
}
