//! Cores: which ones this process may use, how much of them, and how a thread is pinned to one.
//!
//! Honours the affinity mask (through `core_affinity`, which asks the kernel for the mask) and the cgroup's CPU quota
//! (v2 and v1), because a container that may use half a core is slowed down, not helped, by four pinned spinning
//! threads. It lacks topology (caches, nodes): with it would come a victim order.

use std::path::Path;

pub(crate) use core_affinity::CoreId;

/// The cores that the affinity mask leaves to this process; empty where the platform does not tell.
pub(crate) fn allowed() -> Vec<CoreId> {
    core_affinity::get_core_ids().unwrap_or_default()
}

/// Pins the calling thread; says whether the kernel agreed.
pub(crate) fn pin(core: CoreId) -> bool {
    core_affinity::set_for_current(core)
}

/// How many threads can really run at once: the allowed cores, cut down to the cgroup's quota (rounded up).
pub(crate) fn usable() -> usize {
    let allowed = allowed().len();
    let allowed = if allowed == 0 {
        std::thread::available_parallelism().map_or(1, usize::from)
    } else {
        allowed
    };
    match quota(Path::new("/sys/fs/cgroup")) {
        Some(cores) => allowed.min((cores.ceil() as usize).max(1)),
        None => allowed,
    }
}

/// The CPU quota in cores, if one is set, read below `root` (the cgroup mount of this process).
fn quota(root: &Path) -> Option<f64> {
    let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
    if let Some(text) = read("cpu.max") {
        return parse_cpu_max(&text);
    }
    let quota_us: f64 = read("cpu/cpu.cfs_quota_us")?.trim().parse().ok()?;
    let period_us: f64 = read("cpu/cpu.cfs_period_us")?.trim().parse().ok()?;
    (quota_us > 0.0 && period_us > 0.0).then(|| quota_us / period_us)
}

/// `cpu.max` of cgroup v2: `max 100000` or `150000 100000` (quota and period in microseconds).
fn parse_cpu_max(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let quota_us: f64 = words.next()?.parse().ok()?;
    let period_us: f64 = words.next()?.parse().ok()?;
    (quota_us > 0.0 && period_us > 0.0).then(|| quota_us / period_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_max_without_a_limit_is_no_quota() {
        assert_eq!(parse_cpu_max("max 100000\n"), None);
        assert_eq!(parse_cpu_max(""), None);
    }

    #[test]
    fn cpu_max_gives_cores() {
        assert_eq!(parse_cpu_max("150000 100000\n"), Some(1.5));
        assert_eq!(parse_cpu_max("50000 100000"), Some(0.5));
    }

    #[test]
    fn at_least_one_core_is_usable() {
        assert!(usable() >= 1);
    }
}
