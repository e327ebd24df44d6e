//! The supervised pool: the sum is right whatever fails, and what never succeeds ends with an error.

use crate::support::{Ended, Process};

fn pool(arguments: &[&str]) -> Process {
    Process::start(["run", "pool"].iter().chain(arguments).copied())
}

/// The number before these words in the summary.
#[track_caller]
fn number(ended: &Ended, before: &str) -> u64 {
    let words = ended.stdout.split_whitespace();
    let words: Vec<&str> = words.map(|word| word.trim_end_matches([',', ';'])).collect();
    let before: Vec<&str> = before.split(' ').collect();
    let at = words.windows(before.len()).position(|window| window == before);
    let at = at.unwrap_or_else(|| panic!("no {before:?} in {ended:?}"));
    words[at - 1].replace(',', "").parse().expect("a number")
}

#[test]
fn the_sum_is_right_with_any_number_of_members_and_workers_and_restarts_are_counted() {
    let mut failed = Vec::new();
    for (members, workers) in [(1, 1), (5, 2)] {
        let (members, workers) = (format!("--members={members}"), format!("--workers={workers}"));
        let ended = pool(&["--up-to=1M", "--jobs=500", "--fail-one-in=4", &members, &workers]).end();
        ended.assert_success();
        assert_eq!(number(&ended, "primes below 1,000,000"), 78_498);
        assert_eq!(number(&ended, "attempts failed"), number(&ended, "restarts"));
        failed.push(number(&ended, "attempts failed"));
    }
    // What fails is a matter of the jobs alone.
    assert!(failed[0] > 50, "{failed:?}");
    assert_eq!(failed[0], failed[1]);
}

#[test]
fn without_failures_there_are_no_restarts() {
    let ended = pool(&["--up-to=1000", "--jobs=5000", "--fail-one-in=0", "--quiet"]).end();
    ended.assert_success();
    assert_eq!(number(&ended, "primes below 1,000"), 168);
    assert_eq!((number(&ended, "jobs"), number(&ended, "restarts")), (1000, 0));
    assert_eq!(ended.stderr, "");
}

#[test]
fn who_always_fails_makes_the_supervisor_give_up() {
    let ended = pool(&["--up-to=1000", "--fail-one-in=1"]).end();
    ended.assert_failure(1, &["the pool gave up", "failed by design", "--fail-one-in"]);
}

#[test]
fn options_that_cannot_be_are_refused() {
    for arguments in [
        ["--members=0"],
        ["--up-to=0"],
        ["--up-to=1G"],
        ["--jobs=0"],
        ["--fail-one-in=x"],
    ] {
        let ended = pool(&arguments).end();
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
}

#[test]
fn ctrl_c_ends_it_and_says_how_far_it_came() {
    // Cut into so many ranges the work takes much longer than until the first line.
    let run = pool(&["--up-to=100M", "--jobs=1M"]);
    run.line("progress", |line| line.contains(" jobs done, ").then_some(()));
    run.signal("INT");
    let ended = run.end();
    ended.assert_success();
    assert!(ended.stdout.starts_with("stopped after "), "{ended:?}");
}
