//! The benchmarks: every name runs, says the same thing twice, and mistakes are explained.

use crate::support::{Ended, Process};
use potoroo_benches::suite::SUITE;
use serde_json::Value;

/// Messages of a run here: each name runs in some milliseconds.
const SMOKE: &str = "--messages=2000";

fn bench(arguments: &[&str]) -> Ended {
    Process::start(std::iter::once("bench").chain(arguments.iter().copied())).end()
}

/// One JSON object per line.
fn objects(ended: &Ended) -> Vec<Value> {
    ended.assert_success();
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    ended.stdout.lines().map(parse).collect()
}

#[test]
fn every_benchmark_runs_and_says_the_same_twice() {
    for name in SUITE.iter().map(|bench| bench.name) {
        let messages = if name == "wake-up" { "--messages=20" } else { SMOKE };
        let runs = objects(&bench(&[name, "--workers=2", "--runs=2", "--json", messages]));
        assert_eq!(runs.len(), 2, "{name}");
        for run in &runs {
            assert_eq!((&run["name"], &run["workers"]), (&name.into(), &2.into()), "{run}");
            assert!(run["messages"].as_u64().unwrap() >= 20, "{run}");
            for positive in ["seconds", "messages_per_s", "rss_bytes_max"] {
                assert!(run[positive].as_f64().unwrap() > 0.0, "{positive}: {run}");
            }
            assert!((0.0..=1.0).contains(&run["locality_ratio"].as_f64().unwrap()), "{run}");
        }
        assert_eq!(runs[0]["checksum"].as_str().unwrap().len(), 16, "{name}");
        assert_eq!(runs[0]["checksum"], runs[1]["checksum"], "{name}");
        assert_eq!(runs[0]["messages"], runs[1]["messages"], "{name}");
        assert_eq!(runs[0].get("wake_up_ns").is_some(), name == "wake-up", "{name}");
        assert_eq!(
            runs[0].get("bytes_per_actor").is_some(),
            name == "idle-actors",
            "{name}"
        );
    }
}

#[test]
fn without_json_there_is_a_table_and_a_line_for_each_run() {
    let ended = bench(&["ping-pong", "--workers=1", SMOKE]);
    ended.assert_success();
    assert!(
        ended
            .stdout
            .starts_with("ping-pong, 2,000 messages, 1 worker, checksum "),
        "{ended:?}"
    );
    assert_eq!(ended.stdout.matches("(median)").count(), 1, "{ended:?}");
    for run in 1..=3 {
        assert!(
            ended.stderr.contains(&format!("ping-pong: run {run} of 3: ")),
            "{ended:?}"
        );
    }
    let quiet = bench(&["ping-pong", "--workers=1", "--quiet", SMOKE]);
    quiet.assert_success();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn the_list_names_all() {
    let ended = bench(&["--list"]);
    ended.assert_success();
    let names: Vec<_> = ended.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, SUITE.iter().map(|bench| bench.name).collect::<Vec<_>>());
}

#[test]
fn mistakes_are_explained() {
    bench(&["ping"]).assert_failure(
        2,
        &[
            "'ping'",
            "there is no such benchmark",
            "ping-pong, pairs, ring, ",
            "idle-actors",
        ],
    );
    bench(&["ring", "--workers=0"]).assert_failure(2, &["'0'", "--workers"]);
    bench(&["ring", "--workers=100000"]).assert_failure(1, &["1 to 1024 workers, not 100000"]);
    bench(&["ring", "--runs=0"]).assert_failure(2, &["'0'", "--runs"]);
    bench(&["ring", "--messages=0"]).assert_failure(2, &["at least 1"]);
    bench(&["ring", "--messages=5000M"]).assert_failure(2, &["at most 4294967295 fit"]);
    assert_eq!(bench(&[]).code, Some(2));
}
