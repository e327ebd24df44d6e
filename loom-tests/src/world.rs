//! Two workers and a cell that goes from one to the other, for the models of cells that move.
//!
//! The cell goes as in the runtime: claim, no home, hand over, the taker's home, take; or, where it drifts, claim, the
//! other's home, notify. The hand-over is one atomic slot where only the mailbox matters. The doorbells are silent, see
//! [`Doorbell::silent`]. It lacks the deque: who needs that brings its own.

use crate::cell::{Cell, Doorbell, Handled, Message};
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicPtr, Ordering};
use std::fmt;
use std::ptr;
use std::sync::Mutex as OracleMutex;

/// Two workers and a cell that begins at the first. What is handled is noted under an ordinary lock, which loom does not
/// see, and which nobody holds while loom runs somebody else.
pub struct World {
    /// Dropped before the doorbells that it points to.
    pub cell: Cell,
    /// Their doorbells.
    pub workers: [Box<Doorbell>; 2],
    slot: AtomicPtr<Cell>,
    handled: OracleMutex<Handled>,
}

impl World {
    /// The cell is at the first worker.
    pub fn new() -> Arc<Self> {
        let workers = [Box::new(Doorbell::silent()), Box::new(Doorbell::silent())];
        Arc::new(Self {
            cell: Cell::at(&workers[0]),
            workers,
            slot: AtomicPtr::new(ptr::null_mut()),
            handled: OracleMutex::default(),
        })
    }

    /// Tells the cell something, from a worker.
    pub fn tell(&self, worker: usize, sender: usize, number: usize) {
        let told = self.cell.tell(&self.workers[worker], Message::new(sender, number));
        assert!(told.is_ok(), "the cell is open");
    }

    /// Tells the cell something, from outside.
    pub fn push_remote(&self, sender: usize, number: usize) {
        assert!(
            self.cell.push_remote(Message::new(sender, number)).is_ok(),
            "the cell is open"
        );
    }

    /// One message's turn, if `worker` is the home.
    pub fn handle_one(&self, worker: usize) {
        if self.cell.is_home(&self.workers[worker])
            && let Some(message) = self.cell.handle()
        {
            self.handled.lock().expect("no panic").note(message);
        }
    }

    /// Publishes the cell for the other worker; the caller has taken its home away.
    pub fn hand_over(&self) {
        // Release pairs with the Acquire of the taker, as the deque's push does with its steal.
        self.slot.store(ptr::from_ref(&self.cell).cast_mut(), Ordering::Release);
    }

    /// Takes the cell over if it lies in the slot. A load and a store will do, for one worker at a time takes out of it;
    /// a swap would let loom put a swap that found nothing after the store that it preceded.
    pub fn take_over(&self, worker: usize) {
        if !self.slot.load(Ordering::Acquire).is_null() {
            self.slot.store(ptr::null_mut(), Ordering::Relaxed);
            self.cell.come_home(&self.workers[worker]);
        }
    }

    /// What remains when all threads have ended; checks that nothing is missing.
    pub fn finish(&self, expected: [usize; 3]) {
        for worker in &self.workers {
            worker.take_notifications();
        }
        let mut handled = self.handled.lock().expect("no panic");
        handled.note_all(&self.cell);
        assert_eq!(handled.counts(), expected, "M4");
        assert!(self.cell.is_settled());
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
