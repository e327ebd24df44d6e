//! What a run did: a table for people and a JSON file for programs.
//!
//! It exists so that the demo, the jobs and the benchmarks report the same figures under the same
//! names. It computes nothing; whoever ran the job fills it in.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::AppError;
use crate::human::{count, size};
use crate::latency::{LatencyNs, human_ns};
use crate::partial_file::PartialFile;

/// The figures of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Messages processed, of both streams.
    pub messages: u64,
    /// From the first message to the last result.
    pub seconds: f64,
    /// Messages per second.
    pub messages_per_s: f64,
    /// Orders rejected, which is the number of results.
    pub rejected: u64,
    /// Messages that could not be processed.
    pub dead_letters: u64,
    /// How long results took.
    pub latency_ns: LatencyNs,
    /// The most memory the process ever had.
    pub rss_bytes_max: u64,
    /// Worker threads.
    pub workers: usize,
    /// The share of the actor messages that stayed on their worker.
    pub locality_ratio: f64,
}

impl Summary {
    /// Writes the figures as JSON; the file is there whole or not at all.
    pub fn write_json(&self, path: &Path) -> Result<(), AppError> {
        write_json(self, path)
    }
}

impl fmt::Display for Summary {
    /// An aligned table, without a newline at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![
            ("messages", count(self.messages)),
            ("seconds", format!("{:.3}", self.seconds)),
            ("messages/s", count(self.messages_per_s.round() as u64)),
            ("rejected", count(self.rejected)),
            ("dead letters", count(self.dead_letters)),
        ];
        for (name, ns) in self.latency_ns.named() {
            rows.push((name, human_ns(ns)));
        }
        rows.push(("memory, at most", size(self.rss_bytes_max)));
        rows.push(("workers", self.workers.to_string()));
        rows.push(("locality", format!("{:.2} %", self.locality_ratio * 100.0)));
        // Characters and not bytes, since the micro sign has two of these.
        let width = |text: &str| text.chars().count();
        let values = rows.iter().map(|(_, value)| width(value)).max();
        let values = values.unwrap_or(0);
        for (at, (name, value)) in rows.iter().enumerate() {
            let newline = if at > 0 { "\n" } else { "" };
            let name = match *name {
                percentile if percentile.starts_with('p') => format!("latency {percentile}"),
                "max" => "latency max".to_owned(),
                other => other.to_owned(),
            };
            write!(f, "{newline}{name:<17}{value:>values$}")?;
        }
        Ok(())
    }
}

/// Writes any report as indented JSON with a newline at its end; the file is there whole or not at
/// all.
pub fn write_json<T: Serialize>(report: &T, path: &Path) -> Result<(), AppError> {
    let mut json =
        serde_json::to_vec_pretty(report).map_err(|error| AppError::write(path, std::io::Error::other(error)))?;
    json.push(b'\n');
    let mut file = PartialFile::create(path)?;
    file.write(&json)?;
    file.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            messages: 10_000_000,
            seconds: 10.001,
            messages_per_s: 999_900.01,
            rejected: 49_812,
            latency_ns: LatencyNs {
                p50: 120_000,
                p90: 180_000,
                p99: 420_000,
                p99_9: 1_230_000,
                p99_99: 4_000_000,
                max: 5_000_000,
            },
            rss_bytes_max: 50 << 20,
            workers: 2,
            locality_ratio: 0.9,
            ..Summary::default()
        }
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
messages         10,000,000
seconds              10.001
messages/s          999,900
rejected             49,812
dead letters              0
latency p50          120 µs
latency p90          180 µs
latency p99          420 µs
latency p99.9       1.23 ms
latency p99.99      4.00 ms
latency max         5.00 ms
memory, at most    50.0 MiB
workers                   2
locality            90.00 %";
        assert_eq!(summary().to_string(), expected);
    }

    #[test]
    fn json_comes_back_and_has_exactly_the_agreed_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("summary.json");
        summary().write_json(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("}\n"));
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        let expected = [
            "dead_letters",
            "latency_ns",
            "locality_ratio",
            "messages",
            "messages_per_s",
            "rejected",
            "rss_bytes_max",
            "seconds",
            "workers",
        ];
        assert_eq!(names, expected);
    }
}
