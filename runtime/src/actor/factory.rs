//! What makes an actor in its first turn, until then.
//!
//! A boxed closure, but for its memory: it is made where the actor is spawned and called where it first runs, on another
//! core as often as not, so it comes from the pool of the spawning worker and goes back there by the crate (nodes.rs). One
//! without captures takes no memory. Two words, like a box: it shares the room in the cell with the actor itself.

use super::{Actor, Context, Fault};
use crate::mailbox::nodes::{self, Returns};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// Makes one actor.
pub(crate) struct Factory<A: Actor> {
    /// A [`Block`] of the closure that the table is for, or nothing if that has no size.
    block: NonNull<()>,
    table: &'static Table<A>,
}

// SAFETY: `new` takes nothing that is not `Send`; the table is constant.
unsafe impl<A: Actor> Send for Factory<A> {}

/// The functions that differ by closure.
struct Table<A: Actor> {
    /// Calls the closure and frees its block, which is not to be used again.
    make: unsafe fn(NonNull<()>, &mut Context<'_, A>) -> Result<A, Fault>,
    /// Drops the closure, and so on.
    discard: unsafe fn(NonNull<()>),
}

/// The memory of one closure.
#[repr(C)]
struct Block<F> {
    owner: Option<&'static Returns>,
    closure: F,
}

/// Stands for the type of a closure.
struct Of<A, F>(PhantomData<(A, F)>);

impl<A: Actor, F: FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static> Of<A, F> {
    const TABLE: &'static Table<A> = &Table {
        // SAFETY: the table belongs to this type, so the block does; whoever calls gives it up.
        make: |block, ctx| unsafe { take_back::<F>(block) }(ctx),
        // SAFETY: as above.
        discard: |block| drop(unsafe { take_back::<F>(block) }),
    };
}

/// Puts a closure into memory of its own, if it needs any.
fn put_away<F>(closure: F) -> NonNull<()> {
    if size_of::<F>() == 0 {
        // Nothing is lost: there is nothing to it but its destructor, which runs when it has been taken back.
        std::mem::forget(closure);
        return NonNull::dangling();
    }
    let (block, owner) = nodes::take::<Block<F>>();
    // SAFETY: the memory is for such a block.
    unsafe { block.write(Block { owner, closure }) };
    block.cast()
}

/// The closure, out of its memory.
///
/// # Safety
///
/// The block is what `put_away` gave for such a closure, and is not used again.
unsafe fn take_back<F>(block: NonNull<()>) -> F {
    if size_of::<F>() == 0 {
        // SAFETY: a value without a size may be read from anywhere; it was forgotten once, and is taken back once.
        return unsafe { NonNull::<F>::dangling().read() };
    }
    let block = block.cast::<Block<F>>();
    // SAFETY: the caller's block, written by `put_away`; the owner is what the pool said.
    unsafe {
        let Block { owner, closure } = block.read();
        nodes::give_back(block, owner);
        closure
    }
}

impl<A: Actor> Factory<A> {
    pub(crate) fn new<F>(closure: F) -> Self
    where
        F: FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    {
        Self {
            block: put_away(closure),
            table: Of::<A, F>::TABLE,
        }
    }

    /// Makes the actor.
    pub(crate) fn make(self, ctx: &mut Context<'_, A>) -> Result<A, Fault> {
        let (block, table) = (self.block, self.table);
        std::mem::forget(self);
        // SAFETY: the block belongs to the table, and this was the only one to have it.
        unsafe { (table.make)(block, ctx) }
    }
}

impl<A: Actor> Drop for Factory<A> {
    fn drop(&mut self) {
        // SAFETY: as in `make`.
        unsafe { (self.table.discard)(self.block) }
    }
}

impl<A: Actor> fmt::Debug for Factory<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").finish_non_exhaustive()
    }
}
