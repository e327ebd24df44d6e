//! The primitives under `--cfg potoroo_loom`: loom's checked stand-ins for what `real.rs` takes from `std`.
//!
//! `Condvar` and `Mutex` are loom's as well; time-outs do not exist there, so a model adds a thread where it needs one.

pub use loom::alloc::Track;
pub use loom::cell::UnsafeCell;
pub use loom::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Atomic integers, pointers and fences.
pub mod atomic {
    pub use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
}

/// Hints to the processor and the scheduler of the operating system.
pub mod hint {
    pub use loom::hint::spin_loop;

    /// A model has no caches.
    pub fn prefetch<T>(_: *const T) {}

    /// A model has no caches.
    pub fn prefetch_to_write<T>(_: *const T) {}
}

/// Threads.
pub mod thread {
    pub use loom::thread::{Builder, JoinHandle, panicking, yield_now};

    /// Time does not pass in a model: others go first.
    pub fn sleep(_: std::time::Duration) {
        yield_now();
    }
}

/// Memory from the global allocator, by hand; loom watches for leaks.
pub(crate) mod heap {
    pub(crate) use loom::alloc::{alloc, dealloc};
}
