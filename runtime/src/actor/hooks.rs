//! What the kit builds on: things kept until the end, an end once no message waits, messages put back.
//!
//! All of it is behind the control lane and one bit of attention, so actors that use none of it pay nothing.
//! Invariants cited: M1 (mailbox/README.md).

use super::carried::Carried;
use super::cell::ActorCell;
use super::{Actor, ActorRef, Context};
use crate::scheduler::header::Attention;
use crate::scheduler::keepsake::Keepsake;
use crate::scheduler::shared::Shared;
use std::collections::HashMap;

/// What an actor keeps until its end, by its key. Behind a box: few actors keep anything.
#[derive(Default)]
#[expect(clippy::box_collection, reason = "a map is six words, and few actors have one")]
pub(super) struct Kept(Option<Box<HashMap<u64, Box<dyn Keepsake>>>>);

impl Kept {
    fn put(&mut self, keepsake: Box<dyn Keepsake>) {
        self.0.get_or_insert_default().insert(keepsake.key(), keepsake);
    }

    fn take(&mut self, key: u64) -> Option<Box<dyn Keepsake>> {
        self.0.as_mut()?.remove(&key)
    }
}

impl<A: Actor> ActorCell<A> {
    /// Keeps something, unless it was let go before it came.
    pub(super) fn keep(&self, keepsake: Box<dyn Keepsake>) {
        if !keepsake.is_void() {
            // SAFETY: M1: called in turns.
            unsafe { self.with_extras(|extras| extras.kept.put(keepsake)) };
        }
    }

    /// Drops what is kept under this key.
    pub(super) fn let_go(&self, key: u64) {
        // SAFETY: M1: called in turns; dropped outside the borrow.
        let kept = unsafe { self.with_extras_if_any(|extras| extras.kept.take(key)) };
        drop(kept);
    }

    /// Whether the actor is to end once no message waits, and none waits.
    pub(super) fn is_drained(&self) -> bool {
        // What lies in the inbox has a notification under way, which gives this actor another turn.
        // SAFETY: M1: called in turns.
        self.has(Attention::DRAINING) && unsafe { self.queue_len() } == 0 && !self.inbox.has_messages()
    }
}

impl<A: Actor> Context<'_, A> {
    /// What the workers of this system share.
    pub(crate) fn shared(&self) -> &Shared {
        self.worker.shared()
    }

    /// Puts messages before all that wait; the last one given comes first. Gives those back that nobody would handle any
    /// more, the actor being about to end.
    pub(crate) fn put_in_front(&mut self, msg: A::Msg) -> Result<(), A::Msg> {
        if self.cell.has(Attention::ENDING) {
            return Err(msg);
        }
        let carried = Carried::new(msg);
        // SAFETY: M1: this is a turn of the home, and the borrow ends here.
        self.cell
            .queue
            .with_mut(|queue| unsafe { (*queue).push_front(carried) });
        Ok(())
    }
}

impl<A: Actor> ActorRef<A> {
    /// Whether the actor has not ended: an answer that may be out of date at once, unless it is no.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, System, Turn};
    /// # struct Idle;
    /// # impl Actor for Idle { type Msg = (); fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// let system = System::new()?;
    /// let idle = system.spawn(|_| Ok(Idle));
    /// assert!(idle.is_alive());
    /// system.shutdown();
    /// assert!(!idle.is_alive());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_alive(&self) -> bool {
        !self.cell().inbox.is_closed()
    }
}
