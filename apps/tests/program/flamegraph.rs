//! The flame graph: with a `perf` that does as it is told, with one that refuses, and with none.
//!
//! What a machine's own `perf` is allowed to do is the machine's business; these stand in for it.

use crate::support::{Ended, Place, Process, option};
use std::os::unix::fs::PermissionsExt;

/// Runs `bench ping-pong --flamegraph` where `perf` is this shell script, or is not to be found.
fn flamegraph(place: &Place, perf: Option<&str>, more: &[&str]) -> Ended {
    std::fs::create_dir(place.path("bin")).expect("writable");
    if let Some(script) = perf {
        place.write("bin/perf", format!("#!/bin/sh\n{script}"));
        std::fs::set_permissions(place.path("bin/perf"), PermissionsExt::from_mode(0o755)).expect("writable");
    }
    let file = option("--flamegraph", &place.path("graph.svg"));
    let arguments = ["bench", "ping-pong", "--workers=1", "--messages=2000", &file];
    let arguments = arguments.into_iter().chain(more.iter().copied());
    Process::start_with(arguments, |command| {
        command.env("PATH", place.path("bin"));
    })
    .end()
}

/// Runs what is to be recorded and then tells of two samples.
const OBEYS: &str = r#"
case "$1" in
record)
    while [ "$1" != -- ]; do shift; done
    shift
    "$@" ;;
script)
    printf 'potoroo-0 7\n\t1 potoroo_runtime::tell\n\t2 main\n\npotoroo-0 7\n\t2 main\n\n' ;;
esac
"#;

#[test]
fn samples_are_drawn_and_the_runs_reported() {
    let place = Place::new();
    let ended = flamegraph(&place, Some(OBEYS), &["--runs=2"]);
    ended.assert_success();
    assert!(
        ended
            .stdout
            .starts_with("ping-pong, 2,000 messages, 1 worker, mimalloc allocator, checksum "),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("\n2"), "{ended:?}");
    assert!(ended.stderr.contains("2 samples drawn in "), "{ended:?}");
    let graph = place.text("graph.svg");
    assert!(graph.starts_with("<?xml") && graph.ends_with("</svg>\n"), "{graph}");
    for part in [
        "ping-pong: 2 samples",
        "potoroo_runtime::tell: 1 samples, 50.00 %",
        "main: 2 samples, 100.00 %",
    ] {
        assert!(graph.contains(part), "no {part} in {graph}");
    }
}

#[test]
fn a_missing_perf_is_named_with_its_package() {
    let place = Place::new();
    let ended = flamegraph(&place, None, &[]);
    ended.assert_failure(1, &["cannot find perf", "linux-perf on Debian"]);
    assert_eq!(place.names(), ["bin"]);
}

#[test]
fn what_perf_says_when_it_refuses_is_passed_on() {
    let place = Place::new();
    let ended = flamegraph(
        &place,
        Some("echo 'No permission to enable\n\nthe event.' >&2; exit 255"),
        &[],
    );
    ended.assert_failure(1, &["No permission to enable the event.", "kernel.perf_event_paranoid"]);
    assert_eq!(place.names(), ["bin"]);
}

#[test]
fn no_samples_are_no_graph() {
    let place = Place::new();
    let ended = flamegraph(&place, Some(&OBEYS.replace("printf", "exit 0; printf")), &["--json"]);
    ended.assert_failure(1, &["perf took no samples"]);
    assert_eq!(place.names(), ["bin"]);
}
