//! The only door to atomics, shared cells and locks.
//!
//! Everything in this crate that two threads may touch is built from what this module exports. In a normal build
//! that is `std`; under `--cfg potoroo_loom` it is [loom](https://docs.rs/loom)'s checked stand-ins, so that the
//! very same source of a protocol is what the models in `loom-tests` explore.
//!
//! What it deliberately lacks: `SeqCst` *accesses*. The park protocol uses explicit `fence(SeqCst)`, which is what
//! loom models faithfully; every other ordering names its partner where it is used.

#[cfg(not(potoroo_loom))]
mod real;
#[cfg(not(potoroo_loom))]
pub use real::*;

#[cfg(potoroo_loom)]
mod checked;
#[cfg(potoroo_loom)]
pub use checked::*;

/// Declares a thread-local pointer that starts as null, checked by loom under `--cfg potoroo_loom`.
///
/// The normal form is a constant-initialized cell without destructor: one move relative to the thread register.
macro_rules! thread_local_pointer {
    ($(#[$meta:meta])* static $name:ident: $of:ty) => {
        #[cfg(not(potoroo_loom))]
        std::thread_local! {
            $(#[$meta])* static $name: std::cell::Cell<*const $of> = const { std::cell::Cell::new(std::ptr::null()) };
        }
        #[cfg(potoroo_loom)]
        loom::thread_local! {
            $(#[$meta])* static $name: std::cell::Cell<*const $of> = std::cell::Cell::new(std::ptr::null());
        }
    };
}
pub(crate) use thread_local_pointer;

/// Locks `mutex`, whether or not somebody panicked while holding it: for locks under which nothing of the user's runs.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Process-wide numbers and tables (ids, statistics) that no protocol depends on: never modelled, so that they can be statics.
/// What only a simulated world touches, on its one thread.
/// And the count of shared values that never change.
pub(crate) mod global {
    pub(crate) use std::sync::Arc;
    #[cfg(not(potoroo_loom))]
    pub(crate) use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
    pub(crate) use std::sync::{Mutex as StaticMutex, MutexGuard as StaticMutexGuard};
}

#[doc(hidden)]
pub mod mutant;

mod counter;
pub use counter::Counter;
