//! What the kernel says about this process: peak memory, CPU time, and how many files it may open.
//!
//! Reports use it, and servers of many connections when they begin; nothing on a message path does.

use std::time::Duration;

/// The most memory this process ever had resident, in bytes; 0 where the platform does not tell.
///
/// Read from `/proc/self/status`: the figure of `getrusage` is inherited across `exec`.
pub fn rss_bytes_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    high_water_bytes(&status).unwrap_or(0)
}

/// Lets [`rss_bytes_max`] begin anew from what is resident now; says whether the platform can do that.
pub fn restart_rss_bytes_max() -> bool {
    // Code 5 of proc(5): the peak resident set size is reset to the present one.
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn high_water_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// CPU time (user and system) that this process has used.
pub fn cpu_time() -> Duration {
    let of = |t: libc::timeval| {
        Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0))
    };
    usage().map_or(Duration::ZERO, |usage| of(usage.ru_utime) + of(usage.ru_stime))
}

/// Lets this process have as many files and sockets open as its hard limit allows, and gives that number: the soft limit, which is
/// what counts, is often only 1024. Where it cannot be raised it stays what it is.
///
/// ```
/// let most = potoroo_runtime::sys::process::raise_open_files_max();
/// assert!(most >= 64, "{most}");
/// assert_eq!(potoroo_runtime::sys::process::raise_open_files_max(), most);
/// ```
pub fn raise_open_files_max() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel fills the struct behind a valid pointer, or leaves it as it is.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 0;
    }
    let raised = libc::rlimit {
        rlim_cur: limit.rlim_max,
        ..limit
    };
    // SAFETY: the kernel reads the struct behind a valid pointer.
    if limit.rlim_cur < limit.rlim_max && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
        limit = raised;
    }
    limit.rlim_cur
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
    use super::*;

    #[test]
    fn a_running_process_has_used_memory_and_time() {
        assert!(rss_bytes_max() > 1 << 20);
        let mut n = 0_u64;
        while cpu_time().is_zero() {
            n = std::hint::black_box(n + 1);
        }
    }

    #[test]
    fn the_high_water_mark_begins_anew() {
        let bytes = 64 << 20;
        drop(std::hint::black_box(vec![1_u8; bytes]));
        let before = rss_bytes_max();
        if restart_rss_bytes_max() {
            assert!(before > rss_bytes_max() + bytes as u64 / 2, "{before}");
        }
    }

    #[test]
    fn the_high_water_mark_is_read_from_the_status() {
        assert_eq!(high_water_bytes("Name:\tx\nVmHWM:\t    1234 kB\n"), Some(1_263_616));
        assert_eq!(high_water_bytes("Name:\tx\n"), None);
    }
}
