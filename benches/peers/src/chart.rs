//! The runs of the actors as a picture: a panel per number of threads.
//!
//! The axis ends at the fastest runtime: the bare loop would press all others flat, so its rate stands under the workload's name
//! instead.

use crate::measure::Cell;
use crate::picture::{Bar, GREY, Group, Kind, OURS, Panel, Picture, bars_are, threads_caption};
use crate::report::{find, number, peers, threads, workloads};
use crate::{Peer, Workload};
use plotters::style::RGBColor;
use std::error::Error;
use std::path::Path;

fn colour(peer: Peer) -> RGBColor {
    match peer {
        Peer::Bare => GREY,
        Peer::Potoroo => OURS,
        Peer::Tokio => RGBColor(64, 96, 140),
        Peer::Actix => RGBColor(110, 150, 190),
        Peer::Kameo => RGBColor(120, 140, 110),
        Peer::Ractor => RGBColor(170, 185, 150),
    }
}

/// Draws the cells into a file.
///
/// # Errors
///
/// If there is nothing to draw, or if the file cannot be written.
pub fn draw(cells: &[Cell], file: &Path) -> Result<(), Box<dyn Error>> {
    let runtimes: Vec<Peer> = peers(cells).into_iter().filter(|&peer| peer != Peer::Bare).collect();
    if runtimes.is_empty() {
        return Err("a chart needs a runtime beside the bare loop".into());
    }
    let bar = |cell: &Cell| Bar {
        lowest: cell.lowest(),
        median: cell.median(),
        highest: cell.highest(),
    };
    let group = |workload: Workload, threads| Group {
        name: workload.name(),
        // The bare loop has one thread, whatever the panel.
        note: find(cells, Peer::Bare, workload, 1).map(|bare| format!("bare loop {}", number(bare.median()))),
        bars: runtimes
            .iter()
            .map(|&peer| find(cells, peer, workload, threads).map(bar))
            .collect(),
    };
    let panel = |threads| Panel {
        caption: threads_caption(threads),
        groups: workloads(cells)
            .into_iter()
            .map(|workload| group(workload, threads))
            .collect(),
    };
    let mut foot = vec![bars_are(cells.iter().map(|cell| cell.rates.len()).max().unwrap_or(0))];
    if workloads(cells).contains(&Workload::Create) {
        foot.push("create: million actors/s".to_owned());
    }
    if peers(cells).contains(&Peer::Bare) {
        foot.push("bare loop: one thread, no runtime".to_owned());
    }
    let picture = Picture {
        width: 1400,
        unit: "million messages/s",
        kinds: runtimes
            .iter()
            .map(|&peer| Kind {
                name: peer.name(),
                colour: colour(peer),
            })
            .collect(),
        panels: threads(cells).into_iter().map(panel).collect(),
        foot: foot.join("; "),
    };
    picture.draw(file)
}
