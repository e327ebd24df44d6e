//! What a run did and found: a table for people, JSON for programs.

use super::measure::{DRIFT_MAX, Drift};
use crate::human::{count, size};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One part of the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// Messages handled, and other things done.
    pub operations: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Messages that nobody can account for.
    pub lost: u64,
    /// Actors that did not get on although something waited for them.
    pub stuck: u64,
}

/// The whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What decided the load.
    pub seed: u64,
    /// Worker threads.
    pub workers: usize,
    /// How long it ran.
    pub seconds: f64,
    /// How often everything came to rest and was checked.
    pub rounds: u64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// Its parts.
    pub parts: Vec<PartReport>,
    /// Resident memory at rest.
    pub memory: Drift,
    /// Open descriptors at rest, before the first round and after the last.
    pub descriptors: [u64; 2],
    /// Live actors at rest, likewise.
    pub actors: [u64; 2],
    /// What went wrong.
    pub failures: Vec<String>,
}

impl fmt::Display for Report {
    /// An aligned table, without a newline at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, cells: [String; 4]| {
            let [operations, faults, lost, stuck] = cells;
            writeln!(f, "{name:<17}{operations:>16}{faults:>13}{lost:>8}{stuck:>8}")
        };
        let cells = |part: &PartReport| {
            [
                count(part.operations),
                count(part.faults),
                count(part.lost),
                count(part.stuck),
            ]
        };
        row(f, "part", ["operations", "faults", "lost", "stuck"].map(str::to_owned))?;
        for part in &self.parts {
            row(f, &part.name, cells(part))?;
        }
        let sum = |of: fn(&PartReport) -> u64| self.parts.iter().map(of).sum();
        let total = PartReport {
            name: "all".to_owned(),
            operations: sum(|part| part.operations),
            faults: sum(|part| part.faults),
            lost: sum(|part| part.lost),
            stuck: sum(|part| part.stuck),
        };
        row(f, &total.name, cells(&total))?;
        writeln!(
            f,
            "memory at rest   {} to {}, {:+.2} %{}",
            size(self.memory.begin_bytes),
            size(self.memory.end_bytes),
            100.0 * self.memory.ratio,
            if self.memory.is_judged {
                format!(", {:.0} % is the most", 100.0 * DRIFT_MAX)
            } else {
                ": too short a run to judge it".to_owned()
            }
        )?;
        let [before, after] = self.descriptors;
        writeln!(f, "descriptors      {before} before, {after} after")?;
        let [before, after] = self.actors;
        writeln!(f, "actors           {before} before, {after} after")?;
        let (rounds, seconds, workers, seed) = (count(self.rounds), self.seconds, self.workers, self.seed);
        let ended = if self.interrupted { ", ended early" } else { "" };
        write!(
            f,
            "rounds           {rounds} in {seconds:.1} s, {workers} workers, seed {seed}{ended}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned() {
        let part = |name: &str, operations, faults| PartReport {
            name: name.to_owned(),
            operations,
            faults,
            lost: 0,
            stuck: 0,
        };
        let report = Report {
            seed: 7,
            workers: 2,
            seconds: 60.04,
            rounds: 120,
            parts: vec![part("rings", 1_234_567, 0), part("lives", 10, 1000)],
            memory: Drift {
                begin_bytes: 50 << 20,
                end_bytes: 50 << 20,
                ratio: 0.0012,
                is_judged: true,
            },
            descriptors: [20, 20],
            actors: [100, 100],
            ..Report::default()
        };
        let expected = "\
part                   operations       faults    lost   stuck
rings                   1,234,567            0       0       0
lives                          10        1,000       0       0
all                     1,234,577        1,000       0       0
memory at rest   50.0 MiB to 50.0 MiB, +0.12 %, 2 % is the most
descriptors      20 before, 20 after
actors           100 before, 100 after
rounds           120 in 60.0 s, 2 workers, seed 7";
        assert_eq!(report.to_string(), expected);
    }
}
