//! What an actor keeps until its end for somebody else: a name, a place in a group.
//!
//! A keepsake undoes something when it is dropped. It travels on the control lane, lies with what only some actors need, and
//! goes with the actor; an actor that has ended drops it at once. So whatever happens, it is dropped once, no sooner than it
//! is let go and no later than the end, and the end of a life needs no hook for it.

use crate::sync::global::{AtomicU64, Relaxed};

/// Something that an actor keeps, and that undoes itself when dropped.
pub(crate) trait Keepsake: Send {
    /// What it is let go by; unique in the process.
    fn key(&self) -> u64;

    /// Whether what it would undo has been undone already: it was let go before it arrived.
    fn is_void(&self) -> bool;
}

/// A key that no other keepsake of this process has.
pub(crate) fn next_key() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Relaxed)
}
