//! Where the ids of actors come from.

use crate::scheduler::header::ActorId;
use crate::sync::global;
use crate::sys::simulated;

/// A source of actor ids. A thread takes them in blocks, so that spawning does not contend on one line.
pub(super) struct AtomicIds(global::AtomicU64);

/// How many ids a thread takes at once.
const ID_BLOCK: u64 = 1024;

impl AtomicIds {
    pub(super) const fn new() -> Self {
        Self(global::AtomicU64::new(1))
    }

    pub(super) fn next(&self) -> ActorId {
        if let Some(id) = simulated::with(|world| world.next_id()) {
            return ActorId(id);
        }
        thread_local! {
            static BLOCK: std::cell::Cell<(u64, u64)> = const { std::cell::Cell::new((0, 0)) };
        }
        BLOCK.with(|block| {
            let (mut next, mut end) = block.get();
            if next == end {
                next = self.0.fetch_add(ID_BLOCK, global::Relaxed);
                end = next + ID_BLOCK;
            }
            block.set((next + 1, end));
            ActorId(next)
        })
    }
}
