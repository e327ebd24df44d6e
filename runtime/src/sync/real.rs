//! The primitives of a normal build: `std`'s, with loom's shape for [`UnsafeCell`].
//!
//! It exists so that code above is written once. It lacks any logic of its own.

pub use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Atomic integers, pointers and fences.
pub mod atomic {
    pub use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
    };
}

/// Hints to the processor and the scheduler of the operating system.
pub mod hint {
    pub use std::hint::spin_loop;

    /// Asks for the cache line of `of` to be read soon. Never faults, whatever the address; does nothing where the
    /// processor has no such request.
    #[inline(always)]
    pub fn prefetch<T>(of: *const T) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, which touches nothing.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(of.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = of;
    }

    /// As [`prefetch`], to be written.
    #[inline(always)]
    pub fn prefetch_to_write<T>(of: *const T) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(of.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = of;
    }
}

/// Threads.
pub mod thread {
    pub use std::thread::{Builder, JoinHandle, current, panicking, sleep, yield_now};
}

/// A cell whose content several owners may reach, one at a time; accesses go through closures so that loom can watch
/// them.
#[derive(Debug, Default)]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A new cell around `value`.
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Gives the content's address for reading; the caller upholds that nobody writes meanwhile.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Gives the content's address for writing; the caller upholds that nobody else touches it meanwhile.
    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }

    /// The content, by value.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// Memory from the global allocator, by hand.
pub(crate) mod heap {
    pub(crate) use std::alloc::{alloc, dealloc};
}
