//! The runs of the streams as a picture: a panel per number of threads. The loop's rate stands under the workload's name.

use super::Column;
use super::measure::Cell;
use super::report::{columns, find, workers, workloads};
use crate::picture::{Bar, GREY, Group, Kind, OURS, Panel, Picture, bars_are, threads_caption};
use crate::report::number;
use plotters::style::RGBColor;
use std::error::Error;
use std::path::Path;

fn colour(column: Column) -> RGBColor {
    match column {
        Column::Loop | Column::Batches => GREY,
        Column::Timely => RGBColor(64, 96, 140),
        Column::TimelyTwo => RGBColor(150, 180, 210),
        Column::Potoroo => OURS,
    }
}

/// Draws the cells into a file.
///
/// # Errors
///
/// If there is nothing to draw, or if the file cannot be written.
pub fn draw(cells: &[Cell], file: &Path) -> Result<(), Box<dyn Error>> {
    let engines: Vec<Column> = columns(cells)
        .into_iter()
        .filter(|column| !matches!(column, Column::Loop | Column::Batches))
        .collect();
    if engines.is_empty() {
        return Err("a chart needs an engine beside the loops".into());
    }
    let bar = |cell: &Cell| Bar {
        lowest: cell.lowest(),
        median: cell.median(),
        highest: cell.highest(),
    };
    let panel = |workers| Panel {
        caption: threads_caption(workers),
        groups: workloads(cells)
            .into_iter()
            .map(|workload| Group {
                name: workload.name(),
                note: find(cells, Column::Loop, workload, 1).map(|cell| format!("loop {}", number(cell.median()))),
                bars: engines
                    .iter()
                    .map(|&column| find(cells, column, workload, workers).map(bar))
                    .collect(),
            })
            .collect(),
    };
    let runs = cells.iter().map(|cell| cell.runs.len()).max().unwrap_or(0);
    let picture = Picture {
        width: 2000,
        unit: "million records/s",
        kinds: engines
            .iter()
            .map(|&column| Kind {
                name: column.name(),
                colour: colour(column),
            })
            .collect(),
        panels: workers(cells).into_iter().map(panel).collect(),
        foot: format!("{}; loop: one thread, no engine", bars_are(runs)),
    };
    picture.draw(file)
}
