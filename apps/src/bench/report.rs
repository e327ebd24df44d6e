//! What a run found: one JSON object for programs, a row of the table for people.

use super::profile::Profile;
use crate::error::AppError;
use crate::human::{count, size};
use crate::latency::human_ns;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Which benchmark.
    pub name: String,
    /// Worker threads.
    pub workers: usize,
    /// Whose memory it ran in.
    pub allocator: String,
    /// Messages sent and handled.
    pub messages: u64,
    /// From the first message to the last.
    pub seconds: f64,
    /// Messages per second.
    pub messages_per_s: f64,
    /// A sum over what was handled, in hexadecimal: the same for every run of one size.
    pub checksum: String,
    /// The share of the messages that stayed on their worker.
    pub locality_ratio: f64,
    /// The most memory that was resident.
    pub rss_bytes_max: u64,
    /// Whether `rss_bytes_max` is that of the run; otherwise it is that of the process so far.
    pub rss_of_run: bool,
    /// From a tell outside to the handler; `wake-up` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_up_ns: Option<WakeUpNs>,
    /// Bytes of each idle actor that has begun; `idle-actors` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_actor: Option<f64>,
    /// Bytes of each idle actor that has handled a message; `idle-actors` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_used_actor: Option<f64>,
    /// What the scheduler did, if that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// How long it took to wake an actor up, in ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeUpNs {
    /// Half took no longer.
    pub p50: u64,
    /// 99 % took no longer.
    pub p99: u64,
    /// None took longer.
    pub max: u64,
}

/// Resident memory.
pub(super) struct Memory {
    pub(super) bytes_max: u64,
    pub(super) of_run: bool,
}

impl RunReport {
    /// One line of JSON.
    pub fn json(&self) -> Result<String, AppError> {
        serde_json::to_string(self).map_err(|error| AppError::write("standard output", error.into()))
    }
}

/// The index of the run with the median rate; of an even number, the slower of the two in the middle.
fn median(reports: &[RunReport]) -> Option<usize> {
    let mut order: Vec<usize> = (0..reports.len()).collect();
    order.sort_by(|a, b| reports[*a].messages_per_s.total_cmp(&reports[*b].messages_per_s));
    order.get(order.len().checked_sub(1)? / 2).copied()
}

/// All runs of one benchmark and which of them is the median.
pub(super) fn table(reports: &[RunReport]) -> String {
    let Some(median) = median(reports) else {
        return String::new();
    };
    let first = &reports[median];
    let mut text = format!(
        "{}, {} messages, {} worker{}, {} allocator, checksum {}\n\n",
        first.name,
        count(first.messages),
        first.workers,
        if first.workers == 1 { "" } else { "s" },
        first.allocator,
        first.checksum
    );
    let mut rows = vec![["run", "seconds", "messages/s", "ns/message", "local", "memory"].map(str::to_owned)];
    for (at, report) in reports.iter().enumerate() {
        rows.push([
            format!("{}{}", at + 1, if at == median { " (median)" } else { "" }),
            format!("{:.3}", report.seconds),
            count(report.messages_per_s.round() as u64),
            format!("{:.1}", 1e9 / report.messages_per_s),
            format!("{:.2} %", 100.0 * report.locality_ratio),
            size(report.rss_bytes_max),
        ]);
    }
    align(&rows, &mut text);
    if let Some(wake_up) = first.wake_up_ns {
        let [p50, p99, max] = [wake_up.p50, wake_up.p99, wake_up.max].map(human_ns);
        let _ = write!(
            text,
            "\n\nFrom the tell to the handler: p50 {p50}, p99 {p99}, max {max}"
        );
    }
    if let (Some(begun), Some(used)) = (first.bytes_per_actor, first.bytes_per_used_actor) {
        let _ = write!(text, "\n\nBytes of an actor: {begun:.0}, {used:.0} after a message");
    }
    if reports.iter().any(|report| !report.rss_of_run) {
        text.push_str("\n\nThe memory is the peak of the process so far: this kernel does not let it begin anew.");
    }
    text
}

/// Rows with the first column to the left and the others to the right, without a newline at the end.
pub(super) fn align<const COLUMNS: usize>(rows: &[[String; COLUMNS]], text: &mut String) {
    // Characters and not bytes, since the micro sign has two of these.
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = match column {
                0 => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(messages_per_s: f64) -> RunReport {
        RunReport {
            name: "ring".to_owned(),
            workers: 1,
            allocator: "system".to_owned(),
            messages: 1_000_000,
            seconds: 1e6 / messages_per_s,
            messages_per_s,
            checksum: "00ff".to_owned(),
            locality_ratio: 0.5,
            rss_bytes_max: 3 << 20,
            rss_of_run: true,
            wake_up_ns: None,
            bytes_per_actor: None,
            bytes_per_used_actor: None,
            profile: None,
        }
    }

    #[test]
    fn the_table_is_aligned_and_names_the_median() {
        let expected = "\
ring, 1,000,000 messages, 1 worker, system allocator, checksum 00ff

run         seconds  messages/s  ns/message    local    memory
1             0.500   2,000,000       500.0  50.00 %  3.00 MiB
2 (median)    0.100  10,000,000       100.0  50.00 %  3.00 MiB
3             0.050  20,000,000        50.0  50.00 %  3.00 MiB";
        assert_eq!(table(&[report(2e6), report(1e7), report(2e7)]), expected);
    }

    #[test]
    fn json_comes_back() {
        let report = report(1e6);
        let line = report.json().unwrap();
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<RunReport>(&line).unwrap(), report);
    }
}
