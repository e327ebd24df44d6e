//! Drawing: each function is a bar as wide as its share of the samples, on top of its caller.
//!
//! A drawing of its own stands in a file of its own: no script, no style sheet; a browser shows the whole name and the
//! share when the pointer rests on a bar. Bars too narrow to see are left out, so their callers show a gap.

use super::fold::{Frame, Node, Stacks};
use crate::human::count;
use std::fmt::Write;

/// All in pixels.
const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 10.0;
const HEAD: f64 = 48.0;
const ROW: f64 = 17.0;
const LETTER: f64 = 6.6;
/// What is narrower cannot be seen.
const WIDTH_MIN: f64 = 0.3;

/// Whose function a bar is.
const LEGEND: [(&str, &str); 5] = [
    ("#f2a65a", "runtime"),
    ("#8fbf6b", "benchmark"),
    ("#d9c27e", "the rest of the program"),
    ("#7fb0d6", "kernel"),
    ("#c9c9c9", "thread"),
];

fn color(frame: &Frame, depth: usize) -> &'static str {
    let index = match frame {
        _ if depth == 0 => 4,
        frame if frame.in_kernel => 3,
        frame if frame.name.contains("potoroo_benches") => 1,
        frame if frame.name.contains("potoroo_runtime") => 0,
        _ => 2,
    };
    LEGEND[index].0
}

/// The drawing as SVG.
pub(super) fn draw(title: &str, stacks: &Stacks) -> String {
    let root = &stacks.root;
    let rows = root.depth() as f64;
    let height = HEAD + rows * ROW + MARGIN;
    let mut svg = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" \
         height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fdfdfb\"/>\n\
         <text x=\"{MARGIN}\" y=\"18\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    let mut at = MARGIN;
    for (color, what) in LEGEND {
        let _ = writeln!(
            svg,
            "<rect x=\"{at:.1}\" y=\"28\" width=\"10\" height=\"10\" fill=\"{color}\"/><text x=\"{:.1}\" y=\"37\">{what}</text>",
            at + 14.0
        );
        at += 30.0 + what.len() as f64 * LETTER;
    }
    let scale = (WIDTH - 2.0 * MARGIN) / root.samples.max(1) as f64;
    let mut drawing = Drawing {
        svg,
        all: root.samples,
        scale,
        bottom: height - MARGIN - ROW,
    };
    drawing.callees(root, MARGIN, 0);
    drawing.svg.push_str("</svg>\n");
    drawing.svg
}

struct Drawing {
    svg: String,
    all: u64,
    /// Pixels per sample.
    scale: f64,
    bottom: f64,
}

impl Drawing {
    fn callees(&mut self, node: &Node, left: f64, depth: usize) {
        let mut left = left;
        for (frame, callee) in &node.callees {
            let width = callee.samples as f64 * self.scale;
            if width >= WIDTH_MIN {
                self.bar(frame, callee.samples, left, width, depth);
                self.callees(callee, left, depth + 1);
            }
            left += width;
        }
    }

    fn bar(&mut self, frame: &Frame, samples: u64, left: f64, width: f64, depth: usize) {
        let top = self.bottom - depth as f64 * ROW;
        let share = 100.0 * samples as f64 / self.all as f64;
        let fits = ((width - 4.0) / LETTER).max(0.0) as usize;
        let label: String = match frame.name.chars().count() {
            _ if fits < 3 => String::new(),
            length if length <= fits => frame.name.clone(),
            _ => frame.name.chars().take(fits - 1).chain(['…']).collect(),
        };
        let _ = writeln!(
            self.svg,
            "<g><title>{}: {} samples, {share:.2} %</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
             height=\"{:.1}\" fill=\"{}\" stroke=\"#fdfdfb\" stroke-width=\"0.5\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            escaped(&frame.name),
            count(samples),
            ROW - 1.0,
            color(frame, depth),
            left + 2.0,
            top + 12.0,
            escaped(&label),
        );
    }
}

/// Text as XML wants it; characters that XML has no place for become question marks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            character if character.is_control() => escaped.push('?'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::*;

    #[test]
    fn bars_are_as_wide_as_their_share_and_stand_on_their_callers() {
        let stacks = fold("t 1\n 1 leaf<&str>\n 2 root\n\nt 1\n 2 root\n\nt 1\n 2 root\n\nt 1\n 3 other\n");
        let svg = draw("a & b", &stacks);
        assert!(svg.contains(">a &amp; b</text>"), "{svg}");
        let bar = |name: &str| {
            let line = svg
                .lines()
                .find(|line| line.starts_with(&format!("<g><title>{name}: ")))
                .unwrap();
            ["x", "y", "width"].map(|attribute| {
                let (_, rest) = line.split_once(&format!(" {attribute}=\"")).unwrap();
                rest.split_once('"').unwrap().0.parse::<f64>().unwrap()
            })
        };
        let [thread, root, leaf] = ["t", "root", "leaf&lt;&amp;str&gt;"].map(bar);
        assert_eq!([thread[2], root[2], leaf[2]], [1180.0, 885.0, 295.0]);
        assert!(thread[1] > root[1] && root[1] > leaf[1], "{svg}");
        // `other` comes first by its name.
        assert_eq!((root[0], leaf[0]), (305.0, 305.0));
        assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn what_cannot_be_seen_is_left_out() {
        let mut script = "t 1\n 1 often\n\n".repeat(10_000);
        script.push_str("t 1\n 1 once\n");
        let svg = draw("", &fold(&script));
        assert!(
            svg.contains("often: 10,000 samples, 99.99 %") && !svg.contains("once"),
            "{svg}"
        );
    }
}
