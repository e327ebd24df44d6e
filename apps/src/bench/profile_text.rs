//! The profile as tables for people.
//!
//! It exists apart from the figures so that these stay readable as what the JSON object has. Rows without any values
//! are left out.

use super::profile::{Processor, Profile};
use super::report::align;
use crate::human::count;
use crate::latency::human_ns;
use std::fmt::{self, Write};

/// How many actor types the table names.
const TYPES_SHOWN: usize = 10;

/// How wide the longest bar of the histogram is.
const BAR_WIDTH: u64 = 40;

impl fmt::Display for Profile {
    /// Tables for people, without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_workers(&mut text);
        text.push_str("\n\n");
        self.write_spreads(&mut text);
        if self.queue_delay_ns.count > 0 {
            text.push_str("\n\nHow long runnable actors waited for their turn\n");
            self.write_histogram(&mut text);
        }
        text.push_str("\n\nLongest turns by actor type\n");
        self.write_types(&mut text);
        text.push_str("\n\n");
        self.write_processor(&mut text);
        f.write_str(&text)
    }
}

impl Profile {
    fn write_workers(&self, text: &mut String) {
        let head = [
            "worker",
            "turns",
            "handled",
            "sent here",
            "sent away",
            "local",
            "received",
            "exports",
            "steals",
            "drifts",
            "parks",
            "wakes",
            "timers",
            "mailbox",
        ];
        let mut rows = vec![head.map(str::to_owned)];
        let named = self
            .workers
            .iter()
            .enumerate()
            .map(|(at, worker)| (at.to_string(), worker));
        for (name, worker) in named.chain([("all".to_owned(), &self.total)]) {
            rows.push([
                name,
                count(worker.turns),
                count(worker.handled),
                count(worker.sent_local),
                count(worker.sent_remote),
                format!("{:.2} %", 100.0 * worker.locality_ratio),
                count(worker.received_remote),
                count(worker.exports),
                count(worker.steals),
                count(worker.drifts),
                count(worker.parks),
                count(worker.wakes),
                count(worker.timers),
                match worker.mailbox_max {
                    0 => "< 32".to_owned(),
                    most => count(most),
                },
            ]);
        }
        align(&rows, text);
    }

    fn write_spreads(&self, text: &mut String) {
        let mut rows = vec![["", "count", "mean", "p50", "p90", "p99", "p99.9", "max"].map(str::to_owned)];
        let ns: fn(u64) -> String = human_ns;
        let spreads = [
            ("turn", &self.turn_ns, ns),
            ("messages of a turn", &self.batch, count),
            ("wait for a turn", &self.queue_delay_ns, ns),
            ("ring to running", &self.wake_ns, ns),
            ("sleep", &self.sleep_ns, ns),
        ];
        for (name, spread, show) in spreads {
            if spread.count > 0 {
                let mean = spread.mean.round() as u64;
                let [p50, p90, p99, p99_9, max] =
                    [spread.p50, spread.p90, spread.p99, spread.p99_9, spread.max].map(show);
                rows.push([
                    name.to_owned(),
                    count(spread.count),
                    show(mean),
                    p50,
                    p90,
                    p99,
                    p99_9,
                    max,
                ]);
            }
        }
        align(&rows, text);
    }

    fn write_histogram(&self, text: &mut String) {
        let most = self
            .queue_delay_histogram
            .iter()
            .map(|(_, count)| *count)
            .max()
            .unwrap_or(0);
        let shown = self.queue_delay_histogram.iter().skip_while(|(_, count)| *count == 0);
        let rows: Vec<_> = shown
            .map(|&(bound, waited)| {
                let share = 100.0 * waited as f64 / self.queue_delay_ns.count as f64;
                let label = format!("up to {}", human_ns(bound));
                [label, count(waited), format!("{share:.2} %"), bar(waited, most)]
            })
            .collect();
        let mut table = String::new();
        align(&rows, &mut table);
        let lines: Vec<_> = table.lines().map(str::trim_end).collect();
        text.push_str(&lines.join("\n"));
    }

    fn write_types(&self, text: &mut String) {
        let mut rows = vec![["type", "longest", "mean", "turns", "messages", "spawned", "ended"].map(str::to_owned)];
        for of_type in self.types.iter().take(TYPES_SHOWN) {
            rows.push([
                short(&of_type.name),
                human_ns(of_type.longest_ns),
                human_ns(of_type.total_ns / of_type.turns.max(1)),
                count(of_type.turns),
                count(of_type.messages),
                count(of_type.spawned),
                count(of_type.ended),
            ]);
        }
        align(&rows, text);
        if let Some(more) = self.types.len().checked_sub(TYPES_SHOWN).filter(|more| *more > 0) {
            let _ = write!(text, "\nand {more} more");
        }
    }

    fn write_processor(&self, text: &mut String) {
        let _ = match &self.processor {
            Processor::Counted { cycles, instructions } => {
                let handled = self.total.handled.max(1) as f64;
                write!(
                    text,
                    "{} cycles and {} instructions in user mode: {:.2} instructions a cycle; {:.1} cycles and {:.1} \
                     instructions a message",
                    count(*cycles),
                    count(*instructions),
                    *instructions as f64 / (*cycles).max(1) as f64,
                    *cycles as f64 / handled,
                    *instructions as f64 / handled,
                )
            }
            Processor::NotAvailable { not_available } => {
                write!(text, "Cycles and instructions: not available: {not_available}")
            }
        };
    }
}

/// A bar of so much of the longest, at least a sliver if there is anything. Filled up, since cells stand to the right.
fn bar(value: u64, most: u64) -> String {
    let length = (u128::from(value) * u128::from(BAR_WIDTH)).div_ceil(u128::from(most.max(1))) as usize;
    format!("{:<width$}", "█".repeat(length), width = BAR_WIDTH as usize)
}

/// A type's name without the paths: `Outer<Inner>` for `a::b::Outer<c::Inner>`.
pub(super) fn short(name: &str) -> String {
    let mut short = String::new();
    let mut segment = 0;
    let mut rest = name.chars().peekable();
    while let Some(character) = rest.next() {
        if character == ':' && rest.next_if_eq(&':').is_some() {
            short.truncate(segment);
        } else {
            short.push(character);
            if !(character.is_alphanumeric() || "_{}#".contains(character)) {
                segment = short.len();
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_lose_their_paths() {
        for (name, expected) in [
            ("Relay", "Relay"),
            ("a::b::Relay", "Relay"),
            ("a::Outer<b::c::Inner, (d::E, u8)>", "Outer<Inner, (E, u8)>"),
            ("a::f::{{closure}}", "{{closure}}"),
        ] {
            assert_eq!(short(name), expected);
        }
    }

    #[test]
    fn bars_are_as_long_as_their_share_and_never_nothing_for_something() {
        let length = |value, most| bar(value, most).trim_end().chars().count();
        assert_eq!(
            [length(0, 9), length(1, 1_000_000), length(1, 2), length(9, 9)],
            [0, 1, 20, 40]
        );
        assert_eq!(length(u64::MAX, u64::MAX), 40);
    }
}
