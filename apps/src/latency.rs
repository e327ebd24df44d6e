//! Latencies: a histogram to record them and the percentiles to report.
//!
//! It exists so that every process counts and names latencies alike. Values below 1 ns count as
//! 1 ns and values above 100 s as 100 s, three digits are kept; an exact maximum is not.

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::human::three_digits;

const LATENCY_NS_MAX: u64 = 100_000_000_000;
const DIGITS: u8 = 3;

/// The latencies of many messages.
#[derive(Debug, Clone)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

/// Percentiles of latencies, in ns; all zero when there were none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyNs {
    /// Half of the messages were no slower.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p99_9: u64,
    /// 99.99 %.
    pub p99_99: u64,
    /// All.
    pub max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Latencies {
    /// No latencies yet. This allocates all that recording will ever need, about 200 KiB.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the bounds are constants that the library accepts"
    )]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_NS_MAX, DIGITS);
        Self {
            histogram: histogram.expect("the bounds are valid"),
        }
    }

    /// Counts one latency.
    #[inline]
    pub fn record(&mut self, latency_ns: u64) {
        self.histogram.saturating_record(latency_ns.max(1));
    }

    /// Counts all that another thread has counted.
    #[expect(clippy::missing_panics_doc, reason = "all histograms have the same bounds")]
    pub fn merge(&mut self, other: &Self) {
        let added = self.histogram.add(&other.histogram);
        added.expect("all histograms have the same bounds");
    }

    /// How many latencies were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The percentiles so far.
    #[must_use]
    pub fn percentiles(&self) -> LatencyNs {
        if self.histogram.is_empty() {
            return LatencyNs::default();
        }
        let at = |share| self.histogram.value_at_quantile(share);
        LatencyNs {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: self.histogram.max(),
        }
    }
}

impl fmt::Display for LatencyNs {
    /// `p50 1.20 ms, p90 …, max …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, ns)) in self.named().into_iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {}", human_ns(ns))?;
        }
        Ok(())
    }
}

impl LatencyNs {
    /// The percentiles with the names that people read.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
            ("p99.99", self.p99_99),
            ("max", self.max),
        ]
    }
}

/// A duration with three digits and a fitting unit: `1.23 ms`.
#[must_use]
pub fn human_ns(ns: u64) -> String {
    // The bounds are where three digits of the smaller unit would round up to a fourth.
    match ns as f64 {
        _ if ns < 1_000 => format!("{ns} ns"),
        value if value < 999.5e3 => format!("{} µs", three_digits(value / 1e3)),
        value if value < 999.5e6 => format!("{} ms", three_digits(value / 1e6)),
        value => format!("{} s", three_digits(value / 1e9)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: u64, expected: u64) -> bool {
        found.abs_diff(expected) <= expected / 500
    }

    #[test]
    fn percentiles_are_within_three_digits() {
        let mut odd = Latencies::new();
        let mut even = Latencies::default();
        for ns in 1..=100_000_u64 {
            let half = if ns % 2 == 0 { &mut even } else { &mut odd };
            half.record(ns * 1_000);
        }
        odd.merge(&even);
        assert_eq!(odd.count(), 100_000);
        let found = odd.percentiles();
        assert!(close(found.p50, 50_000_000), "{found:?}");
        assert!(close(found.p90, 90_000_000), "{found:?}");
        assert!(close(found.p99, 99_000_000), "{found:?}");
        assert!(close(found.p99_9, 99_900_000), "{found:?}");
        assert!(close(found.p99_99, 99_990_000), "{found:?}");
        assert!(close(found.max, 100_000_000), "{found:?}");
    }

    #[test]
    fn extremes_are_kept_in_bounds() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentiles(), LatencyNs::default());
        latencies.record(0);
        assert_eq!(latencies.percentiles().max, 1);
        latencies.record(u64::MAX);
        let max = latencies.percentiles().max;
        assert!(close(max, LATENCY_NS_MAX) || max > LATENCY_NS_MAX, "{max}");
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        for (ns, expected) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_996, "10.0 µs"),
            (1_234_567, "1.23 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (12_345_678_901, "12.3 s"),
            (123_000_000_000, "123 s"),
        ] {
            assert_eq!(human_ns(ns), expected);
        }
    }

    #[test]
    fn json_has_the_agreed_names() {
        let json = serde_json::to_string(&LatencyNs::default()).unwrap();
        let expected = r#"{"p50":0,"p90":0,"p99":0,"p99_9":0,"p99_99":0,"max":0}"#;
        assert_eq!(json, expected);
    }
}
