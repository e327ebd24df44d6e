//! What was measured, as a picture: grouped bars, one panel per number of threads.
//!
//! A bar is a median, the line on it reaches from the lowest run to the highest; the foot says so. The axis is linear, the
//! same in all panels, and ends at the fastest runtime: the bare loop would press all others flat, so its rate stands
//! under the workload's name instead.

use crate::measure::Cell;
use crate::report::{find, number, peers, threads, workloads};
use crate::{Peer, Workload};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::path::Path;

/// How wide a group of bars is; the rest of 1 is the gap.
const GROUP: f64 = 0.86;

/// Width of the picture and height of a panel.
const SIZE: (u32, u32) = (1400, 460);

/// Height of the line at the foot.
const FOOT: u32 = 32;

/// Where it begins: below the axis.
const FOOT_LEFT: i32 = 78;

type Panel<'a> = DrawingArea<SVGBackend<'a>, Cartesian>;
type Cartesian = Cartesian2d<RangedCoordf64, RangedCoordf64>;

fn colour(peer: Peer) -> RGBColor {
    match peer {
        Peer::Bare => RGBColor(120, 120, 120),
        Peer::Potoroo => RGBColor(176, 84, 28),
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
    let (workloads, threads) = (workloads(cells), threads(cells));
    let highest = cells
        .iter()
        .filter(|cell| cell.peer != Peer::Bare)
        .fold(0.0, |highest: f64, cell| highest.max(cell.highest()));
    let panels_height = SIZE.1 * threads.len() as u32;
    let root = SVGBackend::new(file, (SIZE.0, panels_height + FOOT)).into_drawing_area();
    root.fill(&WHITE)?;
    let (panels, foot) = root.split_vertically(panels_height);
    for (area, &threads) in panels.split_evenly((threads.len(), 1)).iter().zip(&threads) {
        let of_panel = |peer, workload| find(cells, peer, workload, threads);
        let caption = format!("{threads} worker thread{}", if threads == 1 { "" } else { "s" });
        let mut chart = ChartBuilder::on(area)
            .caption(caption, ("sans-serif", 22))
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..workloads.len() as f64, 0.0..highest * 1.08)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .light_line_style(TRANSPARENT)
            .y_label_style(("sans-serif", 14))
            .y_label_formatter(&|rate| {
                if highest < 10.0 {
                    format!("{rate:.1}")
                } else {
                    format!("{rate:.0}")
                }
            })
            .y_desc("million messages/s")
            .axis_desc_style(("sans-serif", 14))
            .draw()?;
        let panel = chart.plotting_area();
        for (place, &workload) in workloads.iter().enumerate() {
            let width = GROUP / runtimes.len() as f64;
            for (bar, &peer) in runtimes.iter().enumerate() {
                if let Some(cell) = of_panel(peer, workload) {
                    let left = place as f64 + (1.0 - GROUP) / 2.0 + bar as f64 * width;
                    draw_bar(panel, cell, left, width)?;
                }
            }
            // The bare loop has one thread, whatever the panel.
            draw_name(panel, place, workload, find(cells, Peer::Bare, workload, 1))?;
        }
        draw_legend(area, &runtimes)?;
    }
    draw_foot(&foot, cells)?;
    root.present()?;
    Ok(())
}

fn draw_bar(panel: &Panel<'_>, cell: &Cell, left: f64, width: f64) -> Result<(), Box<dyn Error>> {
    let (right, middle) = (left + width * 0.9, left + width * 0.45);
    panel.draw(&Rectangle::new(
        [(left, 0.0), (right, cell.median())],
        colour(cell.peer).filled(),
    ))?;
    panel.draw(&PathElement::new(
        vec![(middle, cell.lowest()), (middle, cell.highest())],
        BLACK.stroke_width(1),
    ))?;
    let style = ("sans-serif", 14).into_text_style(panel);
    let above = style.pos(Pos::new(HPos::Center, VPos::Bottom));
    panel.draw(&Text::new(number(cell.median()), (middle, cell.highest()), above))?;
    Ok(())
}

fn draw_name(panel: &Panel<'_>, place: usize, workload: Workload, bare: Option<&Cell>) -> Result<(), Box<dyn Error>> {
    let below = |size: u32| {
        let style = ("sans-serif", size).into_text_style(panel);
        style.pos(Pos::new(HPos::Center, VPos::Top))
    };
    let at = (place as f64 + 0.5, 0.0);
    let name = Text::new(workload.name(), (0, 6), below(17));
    panel.draw(&(EmptyElement::at(at) + name))?;
    if let Some(bare) = bare {
        let text = format!("bare loop {}", number(bare.median()));
        let grey = colour(Peer::Bare);
        let bare = Text::new(text, (0, 24), below(14).color(&grey));
        panel.draw(&(EmptyElement::at(at) + bare))?;
    }
    Ok(())
}

/// Says what the bars and the numbers are.
fn draw_foot(foot: &DrawingArea<SVGBackend<'_>, Shift>, cells: &[Cell]) -> Result<(), Box<dyn Error>> {
    let runs = cells.iter().map(|cell| cell.rates.len()).max().unwrap_or(0);
    let mut parts = vec![
        format!(
            "bar and number: median of {runs} run{}",
            if runs == 1 { "" } else { "s" }
        ),
        "line: lowest to highest".to_owned(),
    ];
    if workloads(cells).contains(&Workload::Create) {
        parts.push("create: million actors/s".to_owned());
    }
    if peers(cells).contains(&Peer::Bare) {
        parts.push("bare loop: one thread, no runtime".to_owned());
    }
    let grey = colour(Peer::Bare);
    let style = ("sans-serif", 14).into_text_style(foot).color(&grey);
    foot.draw(&Text::new(parts.join("; "), (FOOT_LEFT, 4), style))?;
    Ok(())
}

fn draw_legend(area: &DrawingArea<SVGBackend<'_>, Shift>, runtimes: &[Peer]) -> Result<(), Box<dyn Error>> {
    let style = ("sans-serif", 16).into_text_style(area);
    for (place, &peer) in runtimes.iter().enumerate() {
        let left = SIZE.0 as i32 - 90 * (runtimes.len() - place) as i32;
        area.draw(&Rectangle::new([(left, 18), (left + 12, 30)], colour(peer).filled()))?;
        area.draw(&Text::new(peer.name(), (left + 17, 18), style.clone()))?;
    }
    Ok(())
}
