//! Two actors that share a place in memory: one fills it once, the other looks whether it is filled.
//!
//! Messages would do here. It stands for what is shared for the sake of speed: everything that two actors, or an actor and a
//! thread, reach without a message. That must be built from `potoroo_runtime::sync`, which is `std` in a normal build and
//! loom's when it is checked.

use potoroo_runtime::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use potoroo_runtime::sync::{Arc, UnsafeCell};
use potoroo_runtime::{Actor, Context, Turn};

/// A number that is written once and read by many.
pub struct Place {
    filled: AtomicBool,
    number: UnsafeCell<u64>,
}

// SAFETY: the number is written before `filled` is set, by the one writer, and read only after that was seen.
unsafe impl Sync for Place {}
// SAFETY: it is a number.
unsafe impl Send for Place {}

impl Place {
    pub fn new() -> Self {
        Self {
            filled: AtomicBool::new(false),
            number: UnsafeCell::new(0),
        }
    }

    /// Fills it; call it once.
    fn fill(&self, number: u64) {
        // SAFETY: nobody reads before `filled` is set.
        self.number.with_mut(|at| unsafe { *at = number });
        // Release pairs with the Acquire of `get`. This is the line to break: with Relaxed the test fails.
        self.filled.store(true, Ordering::Release);
    }

    fn get(&self) -> Option<u64> {
        self.filled
            .load(Ordering::Acquire)
            // SAFETY: it has been written, and is not written again.
            .then(|| self.number.with(|at| unsafe { *at }))
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// Fills the place with what it is told.
pub struct Writer(pub Arc<Place>);

impl Actor for Writer {
    type Msg = u64;
    fn handle(&mut self, number: u64, _: &mut Context<'_, Self>) -> Turn {
        self.0.fill(number);
        Ok(())
    }
}

/// Adds up what it finds.
pub struct Reader {
    pub place: Arc<Place>,
    pub sum: Arc<AtomicU64>,
}

impl Actor for Reader {
    type Msg = ();
    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        if let Some(number) = self.place.get() {
            self.sum.fetch_add(number, Ordering::Relaxed);
        }
        Ok(())
    }
}
