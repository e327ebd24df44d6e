//! A memory barrier on all threads of the process at once (`membarrier`).
//!
//! The kernel interrupts the cores on which the process runs; about 0.4 µs on two cores. It lacks a substitute where the
//! kernel refuses.

/// Announces that this process will use the barrier; says whether it can. Cheap to call again.
pub(crate) fn register() -> bool {
    imp::register()
}

/// Makes every running thread of the process pass a full barrier; says whether it did.
pub(crate) fn everywhere() -> bool {
    imp::everywhere()
}

#[cfg(target_os = "linux")]
mod imp {
    /// `MEMBARRIER_CMD_PRIVATE_EXPEDITED` of `linux/membarrier.h`.
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    /// `MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED`.
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the call takes numbers and touches no memory of ours.
        let outcome = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
        outcome == 0
    }

    pub(super) fn register() -> bool {
        membarrier(REGISTER_PRIVATE_EXPEDITED)
    }

    pub(super) fn everywhere() -> bool {
        membarrier(PRIVATE_EXPEDITED)
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn everywhere() -> bool {
        false
    }
}
