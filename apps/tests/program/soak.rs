//! Everything at once, for some seconds: the books agree, the report has all parts, bad options are refused, Ctrl-C ends it.

use crate::support::{Place, Process};
use potoroo::soak::Report;

#[test]
fn nothing_is_lost_or_stuck() {
    let place = Place::new();
    let json = format!("--json={}", place.path("soak.json").display());
    let ended = Process::start(["soak", "--seconds=3", "--workers=2", "--seed=5", &json]).end();
    ended.assert_success();
    let report: Report = serde_json::from_slice(&place.read("soak.json")).expect("a report");
    assert_eq!((report.seed, report.workers, report.interrupted), (5, 2, false));
    assert_eq!(report.failures, [""; 0]);
    assert!(report.rounds > 0 && report.parts.len() == 11, "{report:?}");
    for part in &report.parts {
        assert!(part.operations > 0, "{part:?} did nothing");
        assert_eq!((part.lost, part.stuck), (0, 0), "{part:?}");
        assert!(ended.stdout.contains(&part.name), "{ended:?}");
    }
    assert_eq!(report.actors[0], report.actors[1]);
    assert_eq!(report.descriptors[0], report.descriptors[1]);
}

#[test]
fn one_part_alone_can_be_chosen_and_ctrl_c_ends_it() {
    let place = Place::new();
    let path = place.path("soak.json");
    let json = format!("--json={}", path.display());
    let run = Process::start(["soak", "--minutes=9", "--workers=1", "--only=rings", &json]);
    // The signal is listened for before the workers start.
    crate::support::eventually("its workers", || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", run.id())).ok()?;
        (threads.count() > 1).then_some(())
    });
    run.signal("INT");
    run.end().assert_success();
    let report: Report = serde_json::from_slice(&place.read("soak.json")).expect("a report");
    assert!(report.interrupted && report.parts.len() == 1, "{report:?}");
}

#[test]
fn options_that_cannot_be_are_refused() {
    for arguments in [
        &["--seconds=0"][..],
        &["--minutes=1", "--seconds=1"],
        &["--only=nothing"],
        &["--workers=0"],
    ] {
        let ended = Process::start(["soak"].iter().chain(arguments).copied()).end();
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
}
