//! The benchmarks: every name runs, says the same thing twice, and mistakes are explained.

use crate::support::{Ended, Place, Process, option};
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
            .starts_with("ping-pong, 2,000 messages, 1 worker, mimalloc allocator, checksum "),
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

#[test]
fn a_profile_tells_what_the_scheduler_did() {
    let runs = objects(&bench(&[
        "ring",
        "--workers=2",
        "--runs=1",
        "--json",
        "--profile",
        SMOKE,
    ]));
    let profile = &runs[0]["profile"];
    let number = |path: &str| {
        profile
            .pointer(path)
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("{path}: {profile}"))
    };
    assert!(number("/total/handled") >= 2000);
    assert_eq!(number("/total/turns"), number("/turn_ns/count"));
    assert_eq!(number("/total/turns"), number("/queue_delay_ns/count"));
    let in_histogram: u64 = profile["queue_delay_histogram"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step[1].as_u64().unwrap())
        .sum();
    assert_eq!(in_histogram, number("/queue_delay_ns/count"));
    assert_eq!(profile["workers"].as_array().unwrap().len(), 2);
    let relay = profile["types"].as_array().unwrap().iter().find(|of_type| {
        let name = of_type["name"].as_str().unwrap();
        name.ends_with("::Relay")
    });
    assert!(relay.expect("the ring's actors")["longest_ns"].as_u64().unwrap() > 0);
    let processor = &profile["processor"];
    assert!(
        processor["instructions"].is_u64() || processor["not_available"].is_string(),
        "{processor}"
    );
    assert!(profile.pointer("/total/mutes").is_none(), "{profile}");

    let table = bench(&["idle-actors", "--workers=1", "--runs=2", "--profile", SMOKE]);
    table.assert_success();
    for part in [
        "Profile of run 2, recorded",
        "wait for a turn",
        "Longest turns by actor type",
        "\nIdler ",
    ] {
        assert!(table.stdout.contains(part), "no {part}: {table:?}");
    }
}

#[test]
fn a_trace_is_written_whole_and_its_turns_are_in_order() {
    let place = Place::new();
    let path = place.path("trace.json");
    let ended = bench(&[
        "ping-pong",
        "--workers=1",
        "--runs=2",
        SMOKE,
        &option("--trace", &path),
        "--trace-events=500",
    ]);
    ended.assert_success();
    assert!(ended.stderr.contains("run 2 of 2: 500 events written to "), "{ended:?}");
    assert_eq!(place.names(), ["trace.json"]);
    let trace: Value = serde_json::from_slice(&place.read("trace.json")).expect("JSON");
    let events = trace["traceEvents"].as_array().unwrap();
    let turns: Vec<_> = events.iter().filter(|event| event["cat"] == "turn").collect();
    assert!(turns.len() > 100 && turns.len() <= 500, "{}", turns.len());
    let mut end = 0.0;
    for turn in turns {
        let (at, length) = (turn["ts"].as_f64().unwrap(), turn["dur"].as_f64().unwrap());
        // Binary fractions of what is exact in decimal: a nanosecond is a thousandth.
        assert!(at >= end - 1e-4, "{turn} begins before {end}");
        end = at + length;
    }
    let overwritten: u64 = trace["otherData"]["overwritten_events"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(overwritten >= 1500, "{overwritten}");

    // Refused before anything runs.
    let nowhere = bench(&["ring", "--trace=/no/such/directory/trace.json", SMOKE]);
    nowhere.assert_failure(1, &["cannot write /no/such/directory/trace.json"]);
    bench(&["ring", "--trace=x", "--trace-events=5M"]).assert_failure(2, &["a worker keeps at most 4194304"]);
    bench(&["ring", "--trace-events=5"]).assert_failure(2, &["required"]);
}
