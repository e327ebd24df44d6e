//! Fences of unequal price: one side runs all the time and pays nothing, the other side runs rarely and pays for both.
//!
//! Each side stores, fences, and loads what the other stored; at least one of them then sees the other, as with two
//! `SeqCst` fences. [`light_fence`] only keeps the compiler from reordering; [`heavy_fence`] makes every running thread of
//! the process pass a full barrier (`membarrier`, Linux 4.14). Under loom both are full fences, which is what they amount
//! to together. Where the kernel has no such barrier, the heavy side is told so and must do without.

use crate::sync::atomic;
#[cfg(not(potoroo_loom))]
use crate::sys::barrier;

/// The cheap side's fence.
#[inline(always)]
pub(super) fn light_fence() {
    #[cfg(not(potoroo_loom))]
    atomic::compiler_fence(atomic::Ordering::SeqCst);
    #[cfg(potoroo_loom)]
    atomic::fence(atomic::Ordering::SeqCst);
}

/// The dear side's fence; `false` if there is none here, and nothing may be concluded.
pub(super) fn heavy_fence() -> bool {
    #[cfg(not(potoroo_loom))]
    return barrier::everywhere();
    #[cfg(potoroo_loom)]
    {
        atomic::fence(atomic::Ordering::SeqCst);
        true
    }
}
