//! Those who wait for a flooded receiver, as it keeps them.
//!
//! A guard each: whatever becomes of it, its end lets its owner go on. What muting means is `actor/pressure.rs`.

use super::control::Control;
use super::header::CellRef;
use crate::sync::{Arc, Condvar, Mutex, lock};
use crate::sys::clock::{self, Time};
use crate::sys::simulated;

/// Somebody waits for the receiver of this to be relieved. Its end says that this has happened, or will not happen.
pub(crate) struct Waiting(pub(crate) Waiter);

/// Who.
pub(crate) enum Waiter {
    /// The time of being muted has this number.
    Actor {
        cell: CellRef,
        generation: u32,
    },
    Thread(Arc<Relief>),
}

impl Drop for Waiting {
    fn drop(&mut self) {
        match &self.0 {
            Waiter::Actor { cell, generation } => cell.control(Control::Unmute {
                generation: *generation,
            }),
            Waiter::Thread(relief) => {
                *lock(&relief.come) = true;
                relief.bell.notify_all();
            }
        }
    }
}

/// Where a thread outside waits.
#[derive(Default)]
pub(crate) struct Relief {
    come: Mutex<bool>,
    bell: Condvar,
}

impl Relief {
    /// Waits until it has come, or until then.
    pub(crate) fn wait_until(&self, deadline: Time) {
        simulated::wait(deadline, &mut || *lock(&self.come));
        let mut come = lock(&self.come);
        while !*come {
            let left = deadline.since(clock::now());
            if left.is_zero() {
                return;
            }
            come = self
                .bell
                .wait_timeout(come, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }
}
