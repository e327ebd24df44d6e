//! A model that has failed: its output, and the one interleaving that failed once more, with every step in words.
//!
//! loom explores in a fixed order. With a checkpoint written before each interleaving, the one that is left is the one that
//! failed; starting from it with a trace shows that one alone.

use super::building::{Build, Model};
use super::running::{self, Outcome, Setting};
use super::table::say;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Writing a checkpoint costs more than most interleavings.
const REPLAY_LIMIT: Duration = Duration::from_secs(600);

/// How many lines of the trace are shown before the panic; the rest is in the file.
const LINES_SHOWN: usize = 30;

/// And how many of the panic, which names the places of both accesses.
const LINES_OF_PANIC: usize = 10;

/// Prints what is known of a failure, and replays it.
pub(crate) fn show(model: &Model, outcome: &Outcome, setting: &Setting) -> Result<(), String> {
    say(format_args!(
        "\n---- {} ----\n{}\n",
        model.name,
        outcome.output.trim_end()
    ));
    if outcome.out_of_time {
        return Ok(());
    }
    let folder = Build::Plain.folder().join("failures");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let place = folder.join(model.name.replace("::", "."));
    let checkpoint = place.with_extension("json");
    // One of an earlier failure would be taken for where to begin.
    let _ = fs::remove_file(&checkpoint);
    let find = Setting {
        limit: REPLAY_LIMIT,
        variables: vec![
            ("LOOM_CHECKPOINT_FILE", checkpoint.clone()),
            ("LOOM_CHECKPOINT_INTERVAL", "1".into()),
        ],
        output: place.with_extension("out"),
        ..setting.clone()
    };
    let trace = Setting {
        variables: vec![
            ("LOOM_CHECKPOINT_FILE", checkpoint.clone()),
            ("LOOM_LOG", "trace".into()),
            ("LOOM_LOCATION", "1".into()),
        ],
        output: place.with_extension("trace"),
        ..find.clone()
    };
    running::run(model, &find)?;
    let traced = running::run(model, &trace)?;
    let lines: Vec<&str> = traced.output.lines().collect();
    // What follows the panic is the end of the other threads.
    let panic = lines
        .iter()
        .position(|line| line.contains("panicked at"))
        .unwrap_or(lines.len());
    let (from, to) = (
        panic.saturating_sub(LINES_SHOWN),
        lines.len().min(panic + LINES_OF_PANIC),
    );
    let shown = lines[from..to].join("\n");
    let commands = command(model, &find) + &command(model, &trace);
    say(format_args!(
        "\nThe end of the interleaving that failed; all {} lines are in {}:\n{shown}\n\nTo see it again:\n{commands}\n",
        lines.len(),
        display(&trace.output),
    ));
    Ok(())
}

/// What runs a model with a setting, to be typed.
fn command(model: &Model, setting: &Setting) -> String {
    let mut out = String::from("   ");
    for (name, value) in setting.environment() {
        let _ = write!(out, " {name}={}", value.display());
    }
    let _ = writeln!(
        out,
        " {} --exact {} --nocapture",
        display(&model.executable),
        model.test
    );
    out
}

fn display(path: &Path) -> impl std::fmt::Display + '_ {
    path.display()
}
