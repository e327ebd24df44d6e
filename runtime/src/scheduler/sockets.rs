//! Which actor watches which socket of a worker's poller.
//!
//! A socket belongs to one worker for its whole life, and so does the actor that owns it. Tokens are never reused while
//! an event may still name them: each slot has a generation, part of the token.

use super::header::CellRef;
use super::worker::Worker;
use crate::sys::poller::EventSource;
use std::io;

/// The low bits of a token are the slot, the rest its generation.
const SLOT_BITS: u32 = 32;

#[derive(Default)]
struct Slot {
    generation: u32,
    owner: Option<CellRef>,
}

/// The watched sockets of one worker.
#[derive(Default)]
pub(crate) struct Sockets {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

impl Sockets {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }

    /// The actor that watches the socket of this token, if it still does.
    pub(super) fn owner(&self, token: usize) -> Option<CellRef> {
        let slot = self.slots.get(token & ((1 << SLOT_BITS) - 1))?;
        (slot.generation as usize == token >> SLOT_BITS)
            .then(|| slot.owner.clone())
            .flatten()
    }

    fn insert(&mut self, owner: CellRef) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        slot.owner = Some(owner);
        (slot.generation as usize) << SLOT_BITS | index
    }

    fn remove(&mut self, token: usize) {
        let index = token & ((1 << SLOT_BITS) - 1);
        let slot = &mut self.slots[index];
        // Wraps before it could make the waker's token.
        slot.generation = (slot.generation + 1) & (u32::MAX >> 1);
        slot.owner = None;
        self.free.push(index);
    }
}

impl Worker {
    /// The watched sockets, for a moment: `f` must not come back here.
    pub(super) fn with_sockets<R>(&self, f: impl FnOnce(&mut Sockets) -> R) -> R {
        // SAFETY: only the owning thread has a `&Worker` (S3), and no caller's closure reaches the sockets again.
        self.sockets.with_mut(|sockets| f(unsafe { &mut *sockets }))
    }

    /// Watches `socket` for `owner`, whose home this worker is and stays.
    pub(crate) fn watch(&self, socket: EventSource<'_>, owner: CellRef) -> io::Result<usize> {
        let token = self.with_sockets(|sockets| sockets.insert(owner));
        // SAFETY: this worker owns the doorbell, and watching calls nothing else.
        let outcome = unsafe { self.doorbell().with_poller(|poller| poller.watch(socket, token)) };
        if outcome.is_err() {
            self.with_sockets(|sockets| sockets.remove(token));
        }
        outcome.map(|()| token)
    }

    /// Forgets a socket that its ended owner has closed, which the poller notices by itself.
    pub(crate) fn forget_closed(&self, token: usize) {
        self.with_sockets(|sockets| sockets.remove(token));
    }

    /// Stops watching.
    pub(crate) fn forget(&self, socket: EventSource<'_>, token: usize) -> io::Result<()> {
        self.with_sockets(|sockets| sockets.remove(token));
        // SAFETY: as in `watch`.
        unsafe { self.doorbell().with_poller(|poller| poller.forget(socket)) }
    }
}
