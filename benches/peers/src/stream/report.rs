//! What was measured of streams, as Markdown and as JSON.
//!
//! The JSON is written by hand: every string in it is one of our own names, which need no escapes.

use super::measure::Cell;
use super::{Column, Workload};
use crate::report::number;
use std::fmt::Write;

/// The columns of these cells, in the order of tables.
pub(crate) fn columns(cells: &[Cell]) -> Vec<Column> {
    let is_there = |column: &Column| cells.iter().any(|cell| cell.column == *column);
    Column::ALL.into_iter().filter(is_there).collect()
}

/// The workloads of these cells, in the order of tables.
pub(crate) fn workloads(cells: &[Cell]) -> Vec<Workload> {
    let is_there = |workload: &Workload| cells.iter().any(|cell| cell.workload == *workload);
    Workload::all().into_iter().filter(is_there).collect()
}

/// The numbers of worker threads of these cells.
pub(crate) fn workers(cells: &[Cell]) -> Vec<usize> {
    let mut workers: Vec<usize> = cells.iter().map(|cell| cell.workers).collect();
    workers.sort_unstable();
    workers.dedup();
    workers
}

/// The cell of these, if it was measured.
pub(crate) fn find(cells: &[Cell], column: Column, workload: Workload, workers: usize) -> Option<&Cell> {
    cells
        .iter()
        .find(|cell| (cell.column, cell.workload, cell.workers) == (column, workload, workers))
}

/// How many times as fast Potoroo is as timely in the faster of its forms.
fn to_timely(cells: &[Cell], workload: Workload, workers: usize) -> Option<f64> {
    let median = |column| find(cells, column, workload, workers).map(Cell::median);
    let timely = median(Column::Timely).into_iter().chain(median(Column::TimelyTwo));
    let best = timely.reduce(f64::max)?;
    Some(median(Column::Potoroo)? / best)
}

/// How many times as fast Potoroo is as the loop.
fn to_loop(cells: &[Cell], workload: Workload, workers: usize) -> Option<f64> {
    let median = |column, workers| find(cells, column, workload, workers).map(Cell::median);
    Some(median(Column::Potoroo, workers)? / median(Column::Loop, 1)?)
}

/// A table with a row per workload and number of threads; `cell` is what stands under each column, `more` behind all of them.
fn table(
    cells: &[Cell],
    more: &[&str],
    cell: impl Fn(&Cell) -> String,
    after: impl Fn(Workload, usize) -> Vec<Option<f64>>,
) -> String {
    let columns = columns(cells);
    let mut text = format!("| {:9} | threads |", "workload");
    let mut rule = String::from("|---|---|");
    // Writing to a String cannot fail, here and below.
    for name in columns.iter().map(|column| column.name()).chain(more.iter().copied()) {
        let _ = write!(text, " {name} |");
        rule.push_str("---|");
    }
    let _ = writeln!(text, "\n{rule}");
    for workload in workloads(cells) {
        for workers in workers(cells) {
            let _ = write!(text, "| {:9} | {workers:7} |", workload.name());
            for &column in &columns {
                let of_column = find(cells, column, workload, workers).map_or("–".to_owned(), &cell);
                let _ = write!(text, " {of_column} |");
            }
            for value in after(workload, workers) {
                let _ = write!(
                    text,
                    " {} |",
                    value.map_or("–".to_owned(), |value| format!("{value:.2}"))
                );
            }
            text.push('\n');
        }
    }
    text
}

/// Rates and CPU time.
#[must_use]
pub fn rates(cells: &[Cell]) -> String {
    let cell = |cell: &Cell| {
        format!(
            "{} ({}–{}), {:.0} ns",
            number(cell.median()),
            number(cell.lowest()),
            number(cell.highest()),
            cell.cpu_ns()
        )
    };
    table(cells, &["÷ timely", "÷ loop"], cell, |workload, workers| {
        vec![to_timely(cells, workload, workers), to_loop(cells, workload, workers)]
    })
}

/// Memory, in MiB.
#[must_use]
pub fn memory(cells: &[Cell]) -> String {
    let cell = |cell: &Cell| (cell.memory_bytes() >> 20).to_string();
    table(cells, &[], cell, |_, _| Vec::new())
}

/// An array of cells, with all runs.
#[must_use]
pub fn json(cells: &[Cell]) -> String {
    let list = |cell: &Cell, number: &dyn Fn(&super::measure::Run) -> String| {
        cell.runs.iter().map(number).collect::<Vec<_>>().join(", ")
    };
    let lines: Vec<String> = cells
        .iter()
        .map(|cell| {
            format!(
                "  {{\"workload\": \"{}\", \"column\": \"{}\", \"threads\": {}, \"records\": {}, \"median\": {:.4}, \
                 \"rates\": [{}], \"cpu_ns\": [{}], \"memory_bytes_max\": {}}}",
                cell.workload,
                cell.column,
                cell.workers,
                cell.records,
                cell.median(),
                list(cell, &|run| format!("{:.4}", run.rate)),
                list(cell, &|run| format!("{:.2}", run.cpu_ns)),
                cell.memory_bytes()
            )
        })
        .collect();
    format!(
        "{{\"unit\": \"million records per second\", \"cells\": [\n{}\n]}}\n",
        lines.join(",\n")
    )
}
