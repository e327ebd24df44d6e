//! Every scenario on the sound runtime; and on one with a bug put in, which must be found.

use crate::whole::{ALL, Whole};
use potoroo_runtime::sim::{self, Explore, Sim};
use std::time::Duration;

fn explore(whole: &Whole) -> Explore<fn(&Sim)> {
    let explore = sim::explore(whole.scenario)
        .workers(3)
        .steps_max(200_000)
        .system(|builder| builder.ask_timeout(Duration::from_millis(40)).on_failure(|_, _, _| {}));
    let explore = if whole.may_fail {
        explore.allow_failures()
    } else {
        explore
    };
    if whole.may_leave {
        explore.allow_undelivered()
    } else {
        explore
    }
}

/// How many seeds each scenario gets in a run of the tests; `POTOROO_SIM_RUNS` says otherwise.
const SEEDS: u64 = 150;

#[test]
fn the_runtime_keeps_its_promises_from_every_seed() {
    for whole in &ALL {
        let report = explore(whole).random(SEEDS).run();
        println!("{}: {report}", whole.name);
    }
}

#[test]
fn the_runtime_keeps_its_promises_turn_by_turn() {
    for whole in &ALL {
        let report = explore(whole).pct(3, SEEDS / 3).run();
        println!("{}: {report}", whole.name);
    }
}

/// A seed is a run, of everything: again in this program, and in another build of it, whose hashes are to be compared.
#[test]
fn fifty_seeds_twice_are_the_same_runs() {
    for whole in &ALL {
        let hash = || explore(whole).random(50).run().hash;
        let first = hash();
        assert_eq!(first, hash(), "{}", whole.name);
        println!("hash {} {first:016x}", whole.name);
    }
}

/// Bugs that can be put in, and the scenario that finds each.
#[cfg(potoroo_mutants)]
const BUGS: &[(&str, &str)] = &[
    ("sim_sleeps_on_notifications", "crowd"),
    ("sim_local_overtakes_remote", "crowd"),
    ("sim_try_tell_overtakes", "crowd"),
    ("sim_stolen_cell_unread", "crowd"),
    ("sim_second_home_unnotified", "crowd"),
    ("sim_queued_twice", "crowd"),
    ("sim_quiet_too_soon", "quiet"),
    ("sim_leftovers_forgotten", "ends"),
    ("sim_children_outlive_parents", "ends"),
    ("sim_down_is_not_told", "ends"),
    ("sim_cancelled_timer_fires", "asks"),
    ("sim_ask_rounds_stop", "asks"),
    ("slots_use_a_name_again", "asks"),
    ("mute_relief_tells_nobody", "pressure"),
    ("sim_restart_loses_mail", "restarts"),
    ("sim_credit_wakes_nobody", "credits"),
    ("sim_publish_without_sync", "crashes"),
    ("sim_publish_without_directory_sync", "crashes"),
];

/// How many seeds a bug may take to be found.
#[cfg(potoroo_mutants)]
const SEEDS_PER_BUG: u64 = 2_000;

/// Finds the bug that the environment names, or does nothing; one process each, since a bug may take its process along.
#[cfg(potoroo_mutants)]
#[test]
fn one_bug() {
    let Ok(named) = std::env::var("POTOROO_MUTANT") else {
        return;
    };
    let (_, scenario) = BUGS.iter().find(|(bug, _)| *bug == named).expect("a bug of the list");
    let whole = ALL
        .iter()
        .find(|whole| whole.name == *scenario)
        .expect("a scenario of the list");
    match explore(whole).random(SEEDS_PER_BUG).check() {
        Ok(report) => println!("NOT FOUND in {report}"),
        Err(failure) => {
            println!("{failure}");
            println!("FOUND after {} seeds: {}", failure.runs_before + 1, failure.what);
        }
    }
}

/// The simulator has teeth: each bug is found.
#[cfg(potoroo_mutants)]
#[test]
fn every_seeded_bug_is_found() {
    use std::process::{Command, Stdio};
    if std::env::var_os("POTOROO_MUTANT").is_some() {
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let mut missed = Vec::new();
    println!("{:32} {:10} {:>9}  found as", "bug", "scenario", "seeds");
    for (bug, scenario) in BUGS {
        let output = Command::new(&program)
            .args(["seeds::one_bug", "--exact", "--nocapture"])
            .env("POTOROO_MUTANT", bug)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .output()
            .expect("this program can be started");
        let text = String::from_utf8_lossy(&output.stdout);
        let found = text.lines().find_map(|line| line.strip_prefix("FOUND after "));
        match found.and_then(|found| found.split_once(" seeds: ")) {
            Some((seeds, what)) => println!("{bug:32} {scenario:10} {seeds:>9}  {what}"),
            // A bug that breaks memory may end the process, which is found as well.
            None if !output.status.success() => println!("{bug:32} {scenario:10} {:>9}  {}", "?", output.status),
            None => {
                println!("{bug:32} {scenario:10} {:>9}", "missed");
                missed.push(*bug);
            }
        }
    }
    println!("{} of {} found", BUGS.len() - missed.len(), BUGS.len());
    assert!(missed.is_empty(), "not found within {SEEDS_PER_BUG} seeds: {missed:?}");
}
