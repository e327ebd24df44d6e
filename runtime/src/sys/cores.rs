//! Cores: which ones this process may use, how much of them, and how a thread is pinned to one.
//!
//! Honours the affinity mask (through `core_affinity`, which asks the kernel for the mask) and the cgroup's CPU quota
//! (v2 and v1), because a container that may use half a core is slowed down, not helped, by four pinned spinning
//! threads. Which cores are near each other (same second-level cache, same third-level cache, same memory node) is read
//! from `/sys`; where that says nothing, all are equally far.

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

/// Where a core lies: the CPUs that share a cache with it, as the kernel lists them, and its memory node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    second_level: Option<String>,
    third_level: Option<String>,
    node: Option<String>,
}

impl Place {
    /// Reads where `core` lies.
    pub(crate) fn of(core: CoreId) -> Self {
        Self::read(&Path::new("/sys/devices/system/cpu").join(format!("cpu{}", core.id)))
    }

    /// As [`of`](Self::of), from the folder of the core.
    fn read(folder: &Path) -> Self {
        let mut place = Self::default();
        let names = |folder: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect()
        };
        place.node = names(folder).into_iter().find(|name| {
            name.strip_prefix("node")
                .is_some_and(|number| number.parse::<usize>().is_ok())
        });
        let caches = folder.join("cache");
        for name in names(&caches) {
            let read = |file: &str| {
                let text = std::fs::read_to_string(caches.join(&name).join(file)).ok()?;
                Some(text.trim().to_owned())
            };
            match read("level").as_deref() {
                Some("2") => place.second_level = read("shared_cpu_list"),
                Some("3") => place.third_level = read("shared_cpu_list"),
                _ => {}
            }
        }
        place
    }

    /// How far two cores are from each other: 0 shares the second-level cache, 1 the third, 2 the node, 3 nothing.
    pub(crate) fn distance(&self, other: &Self) -> u8 {
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        if same(&self.second_level, &other.second_level) {
            0
        } else if same(&self.third_level, &other.third_level) {
            1
        } else if same(&self.node, &other.node) {
            2
        } else {
            3
        }
    }
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

    /// A folder as the kernel has it for a core.
    fn folder(name: &str, second: &str, third: &str, node: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("potoroo-cores-{}-{name}", std::process::id()));
        for (index, level, list) in [("index0", "1", "0"), ("index2", "2", second), ("index3", "3", third)] {
            let cache = folder.join("cache").join(index);
            std::fs::create_dir_all(&cache).expect("a temporary folder");
            std::fs::write(cache.join("level"), format!("{level}\n")).expect("a file");
            std::fs::write(cache.join("shared_cpu_list"), format!("{list}\n")).expect("a file");
        }
        std::fs::create_dir_all(folder.join(node)).expect("a folder");
        folder
    }

    #[test]
    fn near_is_what_shares_a_cache_and_then_a_node() {
        let cores = [
            ("a", "0-1", "0-3", "node0"),
            ("b", "0-1", "0-3", "node0"),
            ("c", "2-3", "0-3", "node0"),
            ("d", "4-5", "4-7", "node0"),
            ("e", "8-9", "8-11", "node1"),
        ];
        let places = cores.map(|(name, second, third, node)| {
            let folder = folder(name, second, third, node);
            let place = Place::read(&folder);
            std::fs::remove_dir_all(folder).expect("the folder is there");
            place
        });
        let distances = places.each_ref().map(|place| places[0].distance(place));
        assert_eq!(distances, [0, 0, 1, 2, 3]);
        assert_eq!(Place::default().distance(&Place::default()), 3, "nothing is known");
    }

    #[test]
    fn at_least_one_core_is_usable() {
        assert!(usable() >= 1);
    }
}
