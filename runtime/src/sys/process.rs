//! What the kernel says about this process: peak memory and CPU time.
//!
//! Reports use it; nothing on a message path does.

use std::time::Duration;

/// The largest resident set this process has had, in bytes; 0 where the platform does not tell.
pub fn rss_bytes_max() -> u64 {
    usage().map_or(0, |usage| {
        // Linux gives KiB.
        u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024
    })
}

/// CPU time (user and system) that this process has used.
pub fn cpu_time() -> Duration {
    let of = |t: libc::timeval| {
        Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0))
    };
    usage().map_or(Duration::ZERO, |usage| of(usage.ru_utime) + of(usage.ru_stime))
}

fn usage() -> Option<libc::rusage> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills the whole struct behind a valid pointer; on failure the zeroes stay and are not used.
    let code = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    // SAFETY: every bit pattern of `rusage` is valid and all of it was zeroed above.
    (code == 0).then(|| unsafe { usage.assume_init() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_running_process_has_memory() {
        assert!(super::rss_bytes_max() > 0);
    }
}
