//! The models, run: progress, a table, and a replay of what failed.

use super::arguments::Arguments;
use super::building::{self, Build, Model};
use super::failure;
use super::running::{self, Outcome, Setting};
use super::table::{self, number, print, say};
use potoroo_loom_tests::report::Report;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Runs what is asked for. Says whether all of it passed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let mut models = building::models(Build::Plain)?;
    models.retain(|model| arguments.asks_for(&model.name));
    if models.is_empty() {
        return Err(format!(
            "no model has {:?} in its name",
            arguments.name.as_deref().unwrap_or_default()
        ));
    }
    if arguments.list {
        models.iter().for_each(|model| print(format_args!("{}\n", model.name)));
        return Ok(true);
    }
    let since = Instant::now();
    let begun = AtomicUsize::new(0);
    let outcomes = running::all(&models, arguments.jobs(), |_, model| {
        let outcome = running::run(model, &setting(arguments, model))?;
        let place = begun.fetch_add(1, Ordering::Relaxed) + 1;
        let text = match &outcome.report {
            Some(report) => report.text(),
            None if outcome.out_of_time => format!("{}: not done in {:.0} s\n", model.name, outcome.seconds),
            None => format!("{}: ended without a report\n", model.name),
        };
        say(format_args!("[{place}/{}] {text}", models.len()));
        Ok(outcome)
    })?;
    let seconds = since.elapsed().as_secs_f64();
    if arguments.json {
        for (model, outcome) in models.iter().zip(&outcomes) {
            table::json(&as_report(arguments, model, outcome))?;
        }
    } else {
        print(format_args!("{}", summary(arguments, &models, &outcomes, seconds)));
    }
    for (model, outcome) in models.iter().zip(&outcomes) {
        if !outcome.passed() {
            failure::show(model, outcome, &setting(arguments, model))?;
        }
    }
    Ok(outcomes.iter().all(Outcome::passed))
}

fn setting(arguments: &Arguments, model: &Model) -> Setting {
    Setting {
        preemptions: arguments.preemptions(),
        deep: arguments.deep,
        mutant: None,
        limit: arguments.limit(),
        variables: Vec::new(),
        output: Build::Plain
            .folder()
            .join("runs")
            .join(model.name.replace("::", ".") + ".out"),
    }
}

/// What is said of a model to machines, also if it could say nothing itself.
fn as_report(arguments: &Arguments, model: &Model, outcome: &Outcome) -> Report {
    let mut report = outcome.report.clone().unwrap_or_else(|| Report {
        model: model.name.clone(),
        claim: String::new(),
        size: String::new(),
        preemptions: Some(arguments.preemptions()),
        interleavings: 0,
        seconds: outcome.seconds,
        passed: false,
        cut: false,
    });
    report.passed = outcome.passed();
    report
}

fn summary(arguments: &Arguments, models: &[Model], outcomes: &[Outcome], seconds: f64) -> String {
    let mut rows = Vec::new();
    let mut total = 0;
    for (model, outcome) in models.iter().zip(outcomes) {
        let report = as_report(arguments, model, outcome);
        total += report.interleavings;
        let verdict = match (outcome.passed(), outcome.out_of_time) {
            (true, _) if report.cut => "holds so far",
            (true, _) => "holds",
            (false, true) => "out of time",
            (false, false) => "FAILS",
        };
        rows.push(vec![
            format!("`{}`", model.name),
            report.size.clone(),
            report.bound(),
            number(report.interleavings),
            format!("{:.2}", report.seconds),
            verdict.to_owned(),
        ]);
    }
    let head = ["model", "size", "preemptions", "interleavings", "seconds", "result"];
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    format!(
        "\n{}\n{passed} of {} models hold; {} interleavings in {seconds:.1} s\n",
        table::rows(&head, &rows),
        models.len(),
        number(total),
    )
}
