//! What the process and the system hold at rest, and whether it grows.

use potoroo_runtime::System;
use serde::{Deserialize, Serialize};

/// How many samples are needed before memory can be judged: a quarter of them is compared with another.
const SAMPLES_MIN: usize = 16;

/// How much the memory may grow, as a share of it.
pub(super) const DRIFT_MAX: f64 = 0.02;

/// Growth below this is that of single pages and stacks.
pub(super) const DRIFT_BYTES_MIN: f64 = (1 << 20) as f64;

/// What is held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) rss_bytes: u64,
    pub(super) descriptors: u64,
    pub(super) actors: u64,
}

impl Sample {
    pub(super) fn take(system: &System) -> Self {
        let total = system.stats().total();
        Self {
            rss_bytes: rss_bytes(),
            descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
            // Ended is counted after started, and read after it.
            actors: total.spawned.saturating_sub(total.ended),
        }
    }
}

/// Resident memory, 0 where the platform does not tell.
fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = kib.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Memory at the beginning and at the end of a run, each as the median of a quarter of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// In the first quarter, in bytes.
    pub begin_bytes: u64,
    /// In the last quarter, in bytes.
    pub end_bytes: u64,
    /// By how much it has grown, as a share: 0.01 is one per cent; negative if it has shrunk.
    pub ratio: f64,
    /// Whether the run was long enough to say so.
    pub is_judged: bool,
}

impl Drift {
    pub(super) fn of(samples: &[u64], is_warm: bool) -> Self {
        let quarter = samples.len().div_ceil(4);
        let begin = median(&samples[..quarter]);
        let end = median(&samples[samples.len() - quarter..]);
        Self {
            begin_bytes: begin,
            end_bytes: end,
            ratio: (end as f64 - begin as f64) / (begin as f64).max(1.0),
            is_judged: is_warm && samples.len() >= SAMPLES_MIN,
        }
    }

    /// Whether the memory has grown by more than chance.
    pub(super) fn is_too_much(&self) -> bool {
        let grown = self.end_bytes as f64 - self.begin_bytes as f64;
        self.is_judged && self.ratio > DRIFT_MAX && grown > DRIFT_BYTES_MIN
    }
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_stays_flat_passes_and_what_grows_does_not() {
        let flat: Vec<u64> = (0..100).map(|n| (100 + n % 3) * MIB).collect();
        let drift = Drift::of(&flat, true);
        assert!(drift.is_judged && !drift.is_too_much(), "{drift:?}");
        let growing: Vec<u64> = (0..100).map(|n| 100 * MIB + n * MIB / 10).collect();
        let drift = Drift::of(&growing, true);
        assert!(drift.is_too_much(), "{drift:?}");
        assert!((0.06..0.09).contains(&drift.ratio), "{drift:?}");
        let shrinking: Vec<u64> = growing.into_iter().rev().collect();
        assert!(!Drift::of(&shrinking, true).is_too_much());
    }

    #[test]
    fn one_large_sample_is_no_drift_and_few_are_not_judged() {
        let mut samples = vec![100 * MIB; 40];
        samples[39] = 500 * MIB;
        assert!(!Drift::of(&samples, true).is_too_much());
        assert!(!Drift::of(&[1, 1_000_000_000], true).is_too_much());
        assert!(!Drift::of(&[], true).is_judged);
        assert!(!Drift::of(&[1; 100], false).is_judged);
    }

    #[test]
    fn a_running_process_holds_something() {
        let system = System::builder().workers(1).build().unwrap();
        let sample = Sample::take(&system);
        assert!(sample.rss_bytes > MIB && sample.descriptors > 2, "{sample:?}");
    }
}
