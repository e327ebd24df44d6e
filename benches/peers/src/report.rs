//! What was measured, as a Markdown table and as JSON.
//!
//! The JSON is written by hand: every string in it is one of our own names, which need no escapes.

use crate::measure::Cell;
use crate::{Peer, Workload};
use std::fmt::Write;

/// The peers of these cells, in the order of tables.
pub(crate) fn peers(cells: &[Cell]) -> Vec<Peer> {
    let played = |peer: &Peer| cells.iter().any(|cell| cell.peer == *peer);
    Peer::ALL.into_iter().filter(played).collect()
}

/// The workloads of these cells, in the order of tables.
pub(crate) fn workloads(cells: &[Cell]) -> Vec<Workload> {
    let played = |workload: &Workload| cells.iter().any(|cell| cell.workload == *workload);
    Workload::ALL.into_iter().filter(played).collect()
}

/// The numbers of threads of these cells.
pub(crate) fn threads(cells: &[Cell]) -> Vec<usize> {
    let mut threads: Vec<usize> = cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    threads
}

/// The cell of these, if it was measured.
pub(crate) fn find(cells: &[Cell], peer: Peer, workload: Workload, threads: usize) -> Option<&Cell> {
    cells
        .iter()
        .find(|cell| (cell.peer, cell.workload, cell.threads) == (peer, workload, threads))
}

/// Three digits are more than such a machine can promise.
pub(crate) fn number(rate: f64) -> String {
    let digits = if rate < 10.0 {
        2
    } else if rate < 100.0 {
        1
    } else {
        0
    };
    format!("{rate:.digits$}")
}

/// A table: a row per workload and number of threads, a column per peer.
pub fn markdown(cells: &[Cell]) -> String {
    let peers = peers(cells);
    let mut text = format!("| {:10} | threads |", "workload");
    let mut rule = String::from("|---|---|");
    for peer in &peers {
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, " {:21} |", peer.name());
        rule.push_str("---|");
    }
    let _ = writeln!(text, "\n{rule}");
    for workload in workloads(cells) {
        for threads in threads(cells) {
            let _ = write!(text, "| {:10} | {threads:7} |", workload.name());
            for &peer in &peers {
                let cell = find(cells, peer, workload, threads).map_or("–".to_owned(), |cell| {
                    format!(
                        "{} ({}–{})",
                        number(cell.median()),
                        number(cell.lowest()),
                        number(cell.highest())
                    )
                });
                let _ = write!(text, " {cell:21} |");
            }
            text.push('\n');
        }
    }
    text
}

/// An array of cells, with all runs.
pub fn json(cells: &[Cell]) -> String {
    let lines: Vec<String> = cells
        .iter()
        .map(|cell| {
            let rates: Vec<String> = cell.rates.iter().map(|rate| format!("{rate:.4}")).collect();
            format!(
                "  {{\"workload\": \"{}\", \"peer\": \"{}\", \"threads\": {}, \"messages\": {}, \"checksum\": \"{:016x}\", \
                 \"median\": {:.4}, \"rates\": [{}]}}",
                cell.workload,
                cell.peer,
                cell.threads,
                cell.messages,
                cell.checksum,
                cell.median(),
                rates.join(", ")
            )
        })
        .collect();
    format!(
        "{{\"unit\": \"million messages per second\", \"cells\": [\n{}\n]}}\n",
        lines.join(",\n")
    )
}
