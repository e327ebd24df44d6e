//! What can be seen of an actor from outside, while all workers stand still: for simulated worlds.
//!
//! Nothing here runs in a system with threads. It lacks the actor's state, which is the actor's alone.

use super::Actor;
use super::cell::{ActorCell, Content};
use crate::scheduler::header::{Attention, Header, Queued};
use crate::sys::simulated::Glimpse;
use std::ptr::NonNull;

impl<A: Actor> ActorCell<A> {
    /// Shows this actor and its children, and theirs.
    ///
    /// # Safety
    ///
    /// The cell is alive, and all workers of its system stand still between turns, on this thread.
    pub(super) unsafe fn look(&self, each: &mut dyn FnMut(&Glimpse<'_>)) {
        let (mut data, mut control) = (0, 0);
        // SAFETY: nobody else is at the inbox, here and below.
        unsafe {
            self.inbox.each(|envelope| match envelope.content {
                Content::Data(_) => data += 1,
                Content::Control(_) => control += 1,
            });
        }
        // SAFETY: M1, by the caller's promise.
        let local = unsafe { self.queue_len() };
        // SAFETY: as above.
        let extras = unsafe { self.with_extras_if_any(|extras| (extras.control.len(), extras.asks.len())) };
        let (local_control, asks) = extras.unwrap_or_default();
        // SAFETY: as above.
        let (queued, attention) = self
            .header
            .plain
            .with(|plain| unsafe { ((*plain).queued, (*plain).attention) });
        // SAFETY: as above.
        let describe = |place: usize| unsafe { self.describe_waiting(place) };
        if queued != Queued::Closed {
            each(&Glimpse {
                id: self.header.id.0,
                type_name: std::any::type_name::<A>(),
                data: local + data,
                // SAFETY: as above.
                taken: unsafe { self.positions() }.0,
                control: local_control + control,
                asks,
                muted: attention & Attention::MUTED != 0,
                scheduled: queued == Queued::Yes || self.inbox.is_claimed(),
                describe: &describe,
            });
        }
        let mut children: Vec<NonNull<Header>> = Vec::new();
        // SAFETY: as above, and S5.
        unsafe { self.with_extras_if_any(|extras| extras.children.each(|child| children.push(child))) };
        for child in children {
            // SAFETY: a linked child is counted, and looking ends nobody.
            unsafe { (child.as_ref().table.look)(child, each) };
        }
    }

    /// What the message at this place is, the local ones first.
    ///
    /// # Safety
    ///
    /// As [`look`](Self::look).
    unsafe fn describe_waiting(&self, place: usize) -> String {
        // SAFETY: as there.
        let local = self
            .queue
            .with_mut(|queue| unsafe { (*queue).get(place) }.map(|msg| A::describe(msg.msg())));
        if let Some(local) = local {
            return local;
        }
        // SAFETY: as there.
        let mut place = place - unsafe { self.queue_len() };
        let mut found = String::new();
        // SAFETY: as there.
        unsafe {
            self.inbox.each(|envelope| {
                if let Content::Data(msg) = &envelope.content {
                    if place == 0 {
                        found = A::describe(msg.msg());
                    }
                    place = place.wrapping_sub(1);
                }
            });
        }
        found
    }
}
