//! Grouped bars, one panel under the other, as an SVG file.
//!
//! A bar is a median, the line on it reaches from the lowest run to the highest. The axis is linear, the same in all panels, and
//! ends at the highest bar. It knows nothing of what was measured.

use crate::report::number;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::path::Path;

/// How wide a group of bars is; the rest of 1 is the gap.
const GROUP: f64 = 0.86;

/// Height of a panel.
const PANEL: u32 = 460;

/// Height of the line at the foot.
const FOOT: u32 = 32;

/// Where it begins: below the axis.
const FOOT_LEFT: i32 = 78;

/// What stands beside, not in the bars.
pub(crate) const GREY: RGBColor = RGBColor(120, 120, 120);

/// This project's bars.
pub(crate) const OURS: RGBColor = RGBColor(176, 84, 28);

type Drawing<'a> = DrawingArea<SVGBackend<'a>, Cartesian>;
type Cartesian = Cartesian2d<RangedCoordf64, RangedCoordf64>;

/// What a bar stands for.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) colour: RGBColor,
}

pub(crate) struct Bar {
    pub(crate) lowest: f64,
    pub(crate) median: f64,
    pub(crate) highest: f64,
}

/// Bars that belong together.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    /// Under the name.
    pub(crate) note: Option<String>,
    /// A place for each kind.
    pub(crate) bars: Vec<Option<Bar>>,
}

pub(crate) struct Panel {
    pub(crate) caption: String,
    pub(crate) groups: Vec<Group>,
}

/// See the module.
pub(crate) struct Picture {
    pub(crate) width: u32,
    /// Of what the axis counts.
    pub(crate) unit: &'static str,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) foot: String,
}

/// How a panel of so many threads is headed.
pub(crate) fn threads_caption(threads: usize) -> String {
    format!("{threads} worker thread{}", if threads == 1 { "" } else { "s" })
}

/// What the foot says of bars and lines.
pub(crate) fn bars_are(runs: usize) -> String {
    let plural = if runs == 1 { "" } else { "s" };
    format!("bar and number: median of {runs} run{plural}; line: lowest to highest")
}

impl Picture {
    /// Draws into a file.
    pub(crate) fn draw(&self, file: &Path) -> Result<(), Box<dyn Error>> {
        let groups = self.panels.iter().flat_map(|panel| &panel.groups);
        let bars = groups.flat_map(|group| group.bars.iter().flatten());
        let highest = bars.fold(0.0, |highest: f64, bar| highest.max(bar.highest));
        let panels_height = PANEL * self.panels.len() as u32;
        let root = SVGBackend::new(file, (self.width, panels_height + FOOT)).into_drawing_area();
        root.fill(&WHITE)?;
        let (panels, foot) = root.split_vertically(panels_height);
        for (area, panel) in panels.split_evenly((self.panels.len(), 1)).iter().zip(&self.panels) {
            let mut chart = ChartBuilder::on(area)
                .caption(&panel.caption, ("sans-serif", 22))
                .margin(14)
                .x_label_area_size(48)
                .y_label_area_size(64)
                .build_cartesian_2d(0.0..panel.groups.len() as f64, 0.0..highest * 1.08)?;
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
                .y_desc(self.unit)
                .axis_desc_style(("sans-serif", 14))
                .draw()?;
            let drawing = chart.plotting_area();
            for (place, group) in panel.groups.iter().enumerate() {
                let width = GROUP / self.kinds.len() as f64;
                for (number, (bar, kind)) in group.bars.iter().zip(&self.kinds).enumerate() {
                    if let Some(bar) = bar {
                        let left = place as f64 + (1.0 - GROUP) / 2.0 + number as f64 * width;
                        draw_bar(drawing, bar, kind.colour, left, width)?;
                    }
                }
                draw_name(drawing, place, group)?;
            }
            self.draw_legend(area)?;
        }
        self.draw_foot(&foot)?;
        root.present()?;
        Ok(())
    }

    /// Says what the bars and the numbers are.
    fn draw_foot(&self, foot: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn Error>> {
        let style = ("sans-serif", 14).into_text_style(foot).color(&GREY);
        foot.draw(&Text::new(self.foot.clone(), (FOOT_LEFT, 4), style))?;
        Ok(())
    }

    fn draw_legend(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn Error>> {
        let style = ("sans-serif", 16).into_text_style(area);
        // Nine pixels a letter, roughly, and the square.
        let wide = |kind: &Kind| 36 + 9 * kind.name.len() as i32;
        let mut left = self.width as i32 - self.kinds.iter().map(wide).sum::<i32>();
        for kind in &self.kinds {
            area.draw(&Rectangle::new([(left, 18), (left + 12, 30)], kind.colour.filled()))?;
            area.draw(&Text::new(kind.name, (left + 17, 18), style.clone()))?;
            left += wide(kind);
        }
        Ok(())
    }
}

fn draw_bar(drawing: &Drawing<'_>, bar: &Bar, colour: RGBColor, left: f64, width: f64) -> Result<(), Box<dyn Error>> {
    let (right, middle) = (left + width * 0.9, left + width * 0.45);
    drawing.draw(&Rectangle::new([(left, 0.0), (right, bar.median)], colour.filled()))?;
    drawing.draw(&PathElement::new(
        vec![(middle, bar.lowest), (middle, bar.highest)],
        BLACK.stroke_width(1),
    ))?;
    let style = ("sans-serif", 14).into_text_style(drawing);
    let above = style.pos(Pos::new(HPos::Center, VPos::Bottom));
    drawing.draw(&Text::new(number(bar.median), (middle, bar.highest), above))?;
    Ok(())
}

fn draw_name(drawing: &Drawing<'_>, place: usize, group: &Group) -> Result<(), Box<dyn Error>> {
    let below = |size: u32| {
        let style = ("sans-serif", size).into_text_style(drawing);
        style.pos(Pos::new(HPos::Center, VPos::Top))
    };
    let at = (place as f64 + 0.5, 0.0);
    let name = Text::new(group.name, (0, 6), below(17));
    drawing.draw(&(EmptyElement::at(at) + name))?;
    if let Some(note) = &group.note {
        let note = Text::new(note.clone(), (0, 24), below(14).color(&GREY));
        drawing.draw(&(EmptyElement::at(at) + note))?;
    }
    Ok(())
}
