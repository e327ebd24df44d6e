//! The models, tested: each deliberate fault must make the model fail that is named with it.
//!
//! One build serves all of them ([`potoroo_runtime::sync::mutant`]). In it the models must hold while no fault is made,
//! or their failure would show nothing.

use super::arguments::Arguments;
use super::building::{self, Build, Model};
use super::running::{self, Outcome, Setting};
use super::table::{self, number, print, say};
use potoroo_loom_tests::mutants::{MUTANTS, Mutant};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What is said of a mutant to machines.
#[derive(Serialize)]
struct MutantReport<'a> {
    mutant: &'a str,
    file: &'a str,
    change: &'a str,
    model: &'a str,
    killed: bool,
    interleavings: u64,
    seconds: f64,
}

/// Runs what is asked for. Says whether no mutant survived.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let mutants = chosen(arguments)?;
    if arguments.list {
        print(format_args!("{}", list(&mutants)));
        return Ok(true);
    }
    let models = building::models(Build::WithMutants)?;
    let mut by_mutant = Vec::new();
    for mutant in &mutants {
        let model = models.iter().find(|model| model.name == mutant.model);
        by_mutant.push(
            model.ok_or_else(|| format!("{} names the model {}, which is not there", mutant.name, mutant.model))?,
        );
    }
    let since = Instant::now();
    if !hold_without(arguments, &models, &mutants)? {
        return Ok(false);
    }
    let done = AtomicUsize::new(0);
    let outcomes = running::all(&mutants, arguments.jobs(), |index, mutant| {
        let outcome = running::run(by_mutant[index], &setting(arguments, Some(mutant.name), mutant.name))?;
        let place = done.fetch_add(1, Ordering::Relaxed) + 1;
        say(format_args!(
            "[{place}/{}] {}: {} by {} in {:.2} s\n",
            mutants.len(),
            mutant.name,
            verdict(&outcome),
            mutant.model,
            outcome.seconds,
        ));
        Ok(outcome)
    })?;
    let seconds = since.elapsed().as_secs_f64();
    if arguments.json {
        for (mutant, outcome) in mutants.iter().zip(&outcomes) {
            table::json(&MutantReport {
                mutant: mutant.name,
                file: mutant.file,
                change: mutant.change,
                model: mutant.model,
                killed: outcome.failed(),
                interleavings: explored(outcome),
                seconds: outcome.seconds,
            })?;
        }
    } else {
        print(format_args!("{}", summary(&mutants, &outcomes, seconds)));
    }
    if let ([_], [outcome]) = (&mutants[..], &outcomes[..]) {
        say(format_args!("\n{}\n", outcome.output.trim_end()));
    }
    Ok(outcomes.iter().all(Outcome::failed))
}

/// The mutants that are asked for: one by its whole name, or all that have it in their names.
fn chosen(arguments: &Arguments) -> Result<Vec<&'static Mutant>, String> {
    let exact = MUTANTS
        .iter()
        .find(|mutant| arguments.name.as_deref() == Some(mutant.name));
    let chosen: Vec<&Mutant> = match exact {
        Some(mutant) => vec![mutant],
        None => MUTANTS
            .iter()
            .filter(|mutant| arguments.asks_for(mutant.name))
            .collect(),
    };
    let is_mine = |place: &usize| arguments.part.is_none_or(|part| part.has(*place));
    let chosen: Vec<&Mutant> = (0..chosen.len()).filter(is_mine).map(|place| chosen[place]).collect();
    if chosen.is_empty() {
        return Err("no such mutant: `cargo loom --mutants --list` names them".to_owned());
    }
    Ok(chosen)
}

/// Whether the models that the mutants name hold in this build while no fault is made.
fn hold_without(arguments: &Arguments, models: &[Model], mutants: &[&Mutant]) -> Result<bool, String> {
    let names: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.model).collect();
    let named: Vec<&Model> = models
        .iter()
        .filter(|model| names.contains(model.name.as_str()))
        .collect();
    let outcomes = running::all(&named, arguments.jobs(), |_, model| {
        running::run(model, &setting(arguments, None, &model.name.replace("::", ".")))
    })?;
    let mut all = true;
    for (model, outcome) in named.iter().zip(&outcomes) {
        if !outcome.passed() {
            all = false;
            say(format_args!(
                "{} does not hold while no fault is made:\n{}\n",
                model.name, outcome.output
            ));
        }
    }
    if all {
        say(format_args!("{} models hold while no fault is made\n", named.len()));
    }
    Ok(all)
}

fn setting(arguments: &Arguments, mutant: Option<&'static str>, file: &str) -> Setting {
    Setting {
        preemptions: arguments.preemptions(),
        deep: false,
        mutant,
        limit: arguments.limit(),
        variables: Vec::new(),
        output: Build::WithMutants.folder().join("runs").join(format!("{file}.out")),
    }
}

fn explored(outcome: &Outcome) -> u64 {
    outcome.report.as_ref().map_or(0, |report| report.interleavings)
}

fn verdict(outcome: &Outcome) -> &'static str {
    match (outcome.failed(), outcome.out_of_time) {
        (true, _) => "killed",
        (false, true) => "SURVIVED, as far as there was time,",
        (false, false) => "SURVIVED",
    }
}

fn list(mutants: &[&Mutant]) -> String {
    let rows = mutants.iter().map(|mutant| {
        let cells = [mutant.name, mutant.file, mutant.change, mutant.model];
        cells.map(str::to_owned).to_vec()
    });
    table::rows(&["mutant", "where", "change", "model"], &rows.collect::<Vec<_>>())
}

fn summary(mutants: &[&Mutant], outcomes: &[Outcome], seconds: f64) -> String {
    let rows = mutants.iter().zip(outcomes).map(|(mutant, outcome)| {
        vec![
            format!("`{}`", mutant.name),
            format!("`{}`", mutant.file),
            mutant.change.to_owned(),
            format!("`{}`", mutant.model),
            verdict(outcome).trim_end_matches(',').to_owned(),
            number(explored(outcome)),
            format!("{:.2}", outcome.seconds),
        ]
    });
    let head = [
        "mutant",
        "where",
        "change",
        "model",
        "result",
        "interleavings",
        "seconds",
    ];
    let killed = outcomes.iter().filter(|outcome| outcome.failed()).count();
    format!(
        "\n{}\n{killed} of {} mutants killed in {seconds:.1} s\n",
        table::rows(&head, &rows.collect::<Vec<_>>()),
        mutants.len(),
    )
}
