//! When a worker delivers what it has gathered for others (outgoing.rs), and what else the end of a turn that has sent something
//! brings: who is muted for it, and the burial of what was refused.
//!
//! Apart from `worker.rs`, so that a step reads as what it is. Invariants cited: S1, S4, S7 in the folder's README.

use super::header::{After, CellRef, Header};
use super::outgoing::Outgoing;
use super::shared::Peer;
use super::worker::Worker;
use crate::mailbox::ErasedChain;
use crate::sys::simulated::{self, World};
use std::ptr::NonNull;

/// Counts and drops what was not accepted.
fn bury(refused: Vec<(CellRef, ErasedChain)>) {
    for (receiver, chain) in refused {
        // SAFETY: the reference keeps the cell alive, for which the chain was made.
        unsafe { (receiver.header().table.bury)(receiver.as_ptr(), chain) };
    }
}

impl Worker {
    /// Delivers what the present turn has gathered.
    pub(crate) fn deliver_outgoing(&self) {
        let _held = self.hold();
        // SAFETY: S7: the tenure is held; delivering calls nothing of the worker's.
        unsafe {
            self.desk().with_outgoing(|outgoing| {
                if !outgoing.is_empty() {
                    outgoing.deliver_all();
                }
            });
        }
    }

    /// The end of a turn that has sent something elsewhere, or has flooded somebody. Says whether the cell is to be queued
    /// again.
    #[inline(never)]
    pub(super) fn end_sending(&self, cell: NonNull<Header>, after: After) -> bool {
        let mut again = after == After::Again;
        let mut muting = after != After::Gone;
        loop {
            simulated::with(|world| self.deliver_piecemeal(world));
            // SAFETY: S7: between turns; delivering calls nothing of the worker's.
            let (flooded, refused) = unsafe {
                self.desk().with_outgoing(|outgoing| {
                    outgoing.deliver_all();
                    outgoing.end_turn()
                })
            };
            if let Some(flooded) = flooded
                && std::mem::take(&mut muting)
            {
                // SAFETY: the actor has not ended and its turn just has, so its cell is alive (S4) and at home here (S1).
                again = unsafe { (cell.as_ref().table.mute)(cell, self, flooded, again) };
            }
            if refused.is_empty() {
                return again;
            }
            bury(refused);
            // The destructors of messages are the user's and may have sent something: once more, without muting.
            muting = false;
        }
    }

    /// Delivers what has been gathered piece by piece, as others see it happen: in a simulated world they come in between.
    #[cold]
    fn deliver_piecemeal(&self, world: &dyn World) {
        loop {
            world.pause();
            let notices_wait = world.choose(2) == 0;
            // SAFETY: S7: between turns; what the pause runs are other workers, on their own desks.
            let more = unsafe {
                self.desk()
                    .with_outgoing(|outgoing| outgoing.deliver_some(notices_wait))
            };
            if !more {
                return;
            }
        }
    }

    /// Whether nothing but the turn that this worker gives can run in the whole system, as far as can be seen.
    pub(crate) fn is_alone_awake(&self) -> bool {
        let sleeps = |(index, peer): (usize, &Peer)| {
            let asleep = index == self.index() || peer.doorbell.sleep().is_asleep();
            asleep && !peer.doorbell.has_notifications()
        };
        self.with_run_queue(|queue| queue.is_empty())
            && !self.shared().anything_to_steal()
            && (0..).zip(self.shared().peers.iter()).all(sleeps)
    }

    /// Delivers what was sent between turns, as the end of a turn does. Nobody is muted for it.
    pub(super) fn deliver_between_turns(&self) {
        // SAFETY: S7: between turns; delivering calls nothing of the worker's.
        while let Some((_, refused)) = unsafe {
            self.desk().with_outgoing(|outgoing| {
                (!outgoing.is_empty()).then(|| {
                    outgoing.deliver_all();
                    outgoing.end_turn()
                })
            })
        } {
            bury(refused);
        }
    }

    /// Calls `send`, and sees to all that it sends before it returns, what is not accepted included; what was sent before
    /// is delivered before. Nothing may be borrowed: destructors of messages run here.
    #[cold]
    pub(super) fn with_sending_apart(&self, send: &dyn Fn()) {
        let _held = self.hold();
        // SAFETY: S7: the tenure is held, here and below; delivering calls nothing of the worker's.
        let before = unsafe { self.desk().with_outgoing(Outgoing::settle) };
        send();
        loop {
            // SAFETY: as above.
            let refused = unsafe { self.desk().with_outgoing(|outgoing| outgoing.settle_since(before)) };
            if refused.is_empty() {
                return;
            }
            bury(refused);
        }
    }
}
