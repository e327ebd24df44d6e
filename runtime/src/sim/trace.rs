//! What happened in a run, and a chart of it for whoever has to understand a failure.

use super::choice::Who;
use crate::sys::clock::Time;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many of the last steps a chart shows.
const STEPS_SHOWN: usize = 60;

/// How many messages of one turn a chart names; of more it says how many there were.
const HANDLED_SHOWN: usize = 6;

/// How wide a column of a chart is, and how many there may be.
const COLUMN: usize = 18;
const COLUMNS_MAX: usize = 8;

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) at: Time,
    pub(super) worker: usize,
    pub(super) who: Who,
    /// The messages that the turn handled; none if it was for something else.
    pub(super) handled: Vec<String>,
    /// What it told whom.
    pub(super) told: Vec<(u64, String)>,
    pub(super) born: Vec<u64>,
    pub(super) ended: Vec<u64>,
}

/// The steps of a run.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) events: Vec<Event>,
    names: BTreeMap<u64, String>,
}

impl Trace {
    /// Remembers an actor of this type: its name in the chart is the type and how many there are.
    pub(super) fn name(&mut self, id: u64, type_name: &str) {
        if self.names.contains_key(&id) {
            return;
        }
        let short = short(type_name);
        let of_type = |name: &&String| name.split('.').next() == Some(short.as_str());
        let number = self.names.values().filter(of_type).count();
        let name = if number == 0 {
            short
        } else {
            format!("{short}.{}", number + 1)
        };
        self.names.insert(id, name);
    }

    pub(super) fn name_of(&self, id: u64) -> &str {
        self.names.get(&id).map_or("?", String::as_str)
    }

    /// A line per handled message and per message told; a column per actor, as long as they fit.
    pub(super) fn chart(&self) -> String {
        let skipped = self.events.len().saturating_sub(STEPS_SHOWN);
        let shown = &self.events[skipped..];
        let mut actors: Vec<u64> = Vec::new();
        let mut meet = |id: u64| {
            if !actors.contains(&id) {
                actors.push(id);
            }
        };
        for event in shown {
            if let Who::Actor(id) = event.who {
                meet(id);
            }
            event.told.iter().for_each(|(to, _)| meet(*to));
        }
        let mut chart = String::new();
        if skipped > 0 {
            let _ = writeln!(chart, "  ({skipped} steps before are not shown)");
        }
        if actors.len() <= COLUMNS_MAX {
            self.columns(&mut chart, shown, &actors);
        } else {
            self.list(&mut chart, shown);
        }
        chart
    }

    fn columns(&self, chart: &mut String, shown: &[Event], actors: &[u64]) {
        let line = |chart: &mut String, at: &str, cells: &[String]| {
            let cells: String = cells.iter().map(|cell| fit(cell, COLUMN)).collect();
            let _ = writeln!(chart, "  {at:>12}  {}", cells.trim_end());
        };
        let header: Vec<String> = actors.iter().map(|id| self.name_of(*id).to_owned()).collect();
        line(chart, "", &header);
        let rails = || -> Vec<String> { actors.iter().map(|_| "│".to_owned()).collect() };
        let place = |id: u64| actors.iter().position(|actor| *actor == id);
        for event in shown {
            let at = time(event.at);
            let Who::Actor(id) = event.who else {
                let _ = writeln!(chart, "  {at:>12}  ··· {}", aside(event.who));
                for (to, what) in &event.told {
                    if let Some(to) = place(*to) {
                        let mut cells = rails();
                        cells[to] = format!("◁ {what}");
                        line(chart, "", &cells);
                    }
                }
                continue;
            };
            let Some(from) = place(id) else { continue };
            for (place, what) in handled(event).into_iter().enumerate() {
                let mut cells = rails();
                cells[from] = format!("● {what}");
                line(chart, if place == 0 { &at } else { "" }, &cells);
            }
            for (to, what) in &event.told {
                let Some(to) = place(*to) else { continue };
                let mut cells = rails();
                if to == from {
                    cells[from] = format!("↻ {what}");
                } else {
                    let (left, right) = (from.min(to), from.max(to));
                    let label = format!(" {what} ");
                    let room = (right - left) * COLUMN - 2;
                    let label: String = label.chars().take(room).collect();
                    let dashes = "─".repeat(room - label.chars().count());
                    let arrow = if to > from {
                        format!("├{label}{dashes}▶")
                    } else {
                        format!("◀{label}{dashes}┤")
                    };
                    let rails = |cells: &[String]| -> String { cells.iter().map(|cell| fit(cell, COLUMN)).collect() };
                    let (before, after) = (rails(&cells[..left]), rails(&cells[right..]));
                    let _ = writeln!(chart, "  {:>12}  {before}{arrow}{}", "", after.trim_end());
                    continue;
                }
                line(chart, "", &cells);
            }
            for ended in &event.ended {
                if let Some(place) = place(*ended) {
                    let mut cells = rails();
                    cells[place] = "✕".to_owned();
                    line(chart, "", &cells);
                }
            }
        }
    }

    fn list(&self, chart: &mut String, shown: &[Event]) {
        for event in shown {
            let at = time(event.at);
            let handled = handled(event).join(", ");
            let _ = match event.who {
                Who::Actor(id) => write!(chart, "  {at:>12}  w{} {}: {handled}", event.worker, self.name_of(id)),
                other => write!(chart, "  {at:>12}  {}", aside(other)),
            };
            for (to, what) in &event.told {
                let _ = write!(chart, "; {what} → {}", self.name_of(*to));
            }
            for born in &event.born {
                let _ = write!(chart, "; makes {}", self.name_of(*born));
            }
            for ended in &event.ended {
                let _ = write!(chart, "; {} ends", self.name_of(*ended));
            }
            chart.push('\n');
        }
    }
}

/// What a turn handled, as it is shown.
fn handled(event: &Event) -> Vec<String> {
    let mut shown: Vec<String> = event.handled.iter().take(HANDLED_SHOWN).cloned().collect();
    match event.handled.len() - shown.len() {
        0 => {}
        more => shown.push(format!("({more} more)")),
    }
    if shown.is_empty() {
        shown.push("(control)".to_owned());
    }
    shown
}

/// What happens on no worker.
fn aside(who: Who) -> &'static str {
    match who {
        Who::Clock => "time passes",
        Who::Errand(_) => "errand",
        Who::Outside | Who::Actor(_) => "the scenario",
    }
}

/// `a::b::C<d::E>` as `C<E>`.
fn short(type_name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    for letter in type_name.chars() {
        match letter {
            ':' => word.clear(),
            letter if letter.is_alphanumeric() || letter == '_' => word.push(letter),
            other => {
                short.push_str(&word);
                word.clear();
                short.push(other);
            }
        }
    }
    short + &word
}

fn time(at: Time) -> String {
    let ns = at.as_ns();
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{} µs", ns / 1_000),
        10_000_000..10_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{} s", ns / 1_000_000_000),
    }
}

/// `text` in a column of that width.
fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length < width {
        return text.to_owned() + &" ".repeat(width - length);
    }
    let mut cut: String = text.chars().take(width - 2).collect();
    cut.push_str("… ");
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        assert_eq!(short("a::b::Counter"), "Counter");
        assert_eq!(short("a::Probe<b::c::Msg, d::E>"), "Probe<Msg, E>");
    }

    #[test]
    fn a_chart_has_a_line_for_each_message() {
        let mut trace = Trace::default();
        trace.name(1, "x::Ping");
        trace.name(2, "x::Pong");
        trace.events.push(Event {
            at: Time::from_ns(20_000),
            worker: 0,
            who: Who::Actor(1),
            handled: vec!["Start".to_owned()],
            told: vec![(2, "Ball".to_owned()), (1, "Again".to_owned())],
            born: Vec::new(),
            ended: vec![1],
        });
        let chart = trace.chart();
        let lines: Vec<&str> = chart.lines().map(str::trim_end).collect();
        assert_eq!(lines.len(), 5, "{chart}");
        assert!(lines[0].contains("Ping") && lines[0].contains("Pong"));
        assert!(lines[1].contains("20 µs") && lines[1].contains("● Start"));
        assert!(lines[2].contains("├ Ball ─") && lines[2].contains('▶'));
        assert!(lines[3].contains("↻ Again"));
        assert!(lines[4].contains('✕'));
    }

    #[test]
    fn a_turn_shows_all_its_messages_or_how_many_more_there_were() {
        let chart_of = |messages: usize| {
            let mut trace = Trace::default();
            trace.name(1, "x::Ping");
            trace.events.push(Event {
                at: Time::from_ns(20_000),
                worker: 0,
                who: Who::Actor(1),
                handled: (0..messages).map(|n| format!("Ball {n}")).collect(),
                told: Vec::new(),
                born: Vec::new(),
                ended: Vec::new(),
            });
            let actors = trace.chart();
            let mut listed = String::new();
            trace.list(&mut listed, &trace.events);
            let handled: Vec<String> = actors
                .lines()
                .filter_map(|line| Some(line.split_once("● ")?.1.trim_end().to_owned()))
                .collect();
            (handled, listed.trim_end().to_owned())
        };
        assert_eq!(chart_of(0).0, ["(control)"]);
        assert_eq!(chart_of(2).0, ["Ball 0", "Ball 1"]);
        assert_eq!(chart_of(2).1, "         20 µs  w0 Ping: Ball 0, Ball 1");
        let (handled, listed) = chart_of(HANDLED_SHOWN + 3);
        assert_eq!(handled.len(), HANDLED_SHOWN + 1);
        assert_eq!(handled.last().map(String::as_str), Some("(3 more)"));
        assert!(listed.ends_with("Ball 5, (3 more)"), "{listed}");
    }
}
