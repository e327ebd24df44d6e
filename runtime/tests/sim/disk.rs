//! The simulated disk: what a power loss leaves, and what else may go wrong.

use potoroo_runtime::sim::{self, FaultKind, Faults, Node, Report, Sim};
use potoroo_runtime::sys::clock;
use potoroo_runtime::sys::files::{InputFile, OutputFile};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

const PATH: &str = "data/out";

fn publish(bytes: &[u8]) -> io::Result<()> {
    let mut file = OutputFile::create(Path::new(PATH))?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write(first)?;
    file.write(second)?;
    file.publish()
}

fn read() -> io::Result<Vec<u8>> {
    let mut file = InputFile::open(Path::new(PATH))?;
    let (mut all, mut piece) = (Vec::new(), [0; 300]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(all),
            count => all.extend_from_slice(&piece[..count]),
        }
    }
}

fn old() -> Vec<u8> {
    vec![b'o'; 1_700]
}

fn new() -> Vec<u8> {
    vec![b'n'; 2_900]
}

/// A file is replaced, and the power goes before the disk's next operation but `operations`. Says how it went: whether it was
/// published, and what is there afterwards.
fn replaced(node: &Node, operations: u64) -> (bool, Vec<u8>) {
    node.put_file(PATH, &old());
    node.crash_after_disk_operations(operations);
    let published = node.run(|| publish(&new()).is_ok());
    if !node.is_down() {
        node.crash();
    }
    node.restart();
    let found = node.run(read).expect("the name was there before");
    (published, found)
}

fn old_or_new(sim: &Sim, operations: u64) {
    let (published, found) = replaced(&sim.node("writer"), operations);
    assert!(found == old() || found == new(), "half a file: {} bytes", found.len());
    assert!(!published || found == new(), "what was published is lost");
}

#[test]
fn a_published_file_is_the_old_or_the_new_one_wherever_the_power_goes() {
    for operations in 0..9 {
        sim::explore(move |sim| old_or_new(sim, operations)).random(40).run();
    }
    // By chance, in between.
    let report = sim::explore(|sim| old_or_new(sim, sim.choose(9) as u64))
        .random(400)
        .run();
    assert_eq!(report.injected.count(FaultKind::Crash), report.runs);
    assert!(report.injected.count(FaultKind::NameLost) > 20, "{report}");
    assert!(report.injected.count(FaultKind::SectorLost) > 20, "{report}");
    assert!(report.injected.count(FaultKind::SectorTorn) > 20, "{report}");
}

#[test]
fn what_is_not_published_is_lost_whole_or_in_part() {
    let outcomes = Rc::new(RefCell::new(BTreeSet::new()));
    let noted = outcomes.clone();
    sim::explore(move |sim| {
        let node = sim.node("writer");
        let unfinished = node.run(|| {
            let mut file = OutputFile::create(Path::new(PATH)).expect("writable");
            file.write(&[b'n'; 700]).expect("written");
            file
        });
        node.crash();
        // It was a program's that exists no more: its destructor finds nothing to remove.
        node.run(|| drop(unfinished));
        node.restart();
        assert!(node.read_file(PATH).is_none());
        let partial = node.read_file("data/out.partial");
        noted.borrow_mut().insert(partial.map(|bytes| match bytes {
            bytes if bytes == [b'n'; 700] => "whole",
            bytes if bytes.is_empty() => "empty",
            _ => "torn",
        }));
    })
    .random(300)
    .run();
    let expected = [None, Some("empty"), Some("torn"), Some("whole")];
    assert!(
        expected.iter().all(|outcome| outcomes.borrow().contains(outcome)),
        "{outcomes:?}"
    );
}

fn with_faults(scenario: impl Fn(&Sim), faults: Faults) -> Report {
    sim::explore(scenario).faults(faults).random(60).run()
}

#[test]
fn a_failed_sync_is_told_once_and_what_it_was_for_is_gone() {
    let report = with_faults(
        |sim| {
            let node = sim.node("writer");
            node.put_file(PATH, &old());
            assert!(node.run(|| publish(&new())).is_err());
            assert_eq!(node.read_file(PATH), Some(old()), "nothing is published without");
        },
        Faults {
            sync_error: 1.0,
            ..Faults::none()
        },
    );
    assert_eq!(report.injected.count(FaultKind::SyncError), report.runs);
}

#[test]
fn a_full_disk_is_an_error_and_leaves_what_was_there() {
    let report = with_faults(
        |sim| {
            let node = sim.node("writer");
            node.put_file(PATH, &old());
            let error = node.run(|| publish(&new())).expect_err("there is no room");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert_eq!(node.files(), [Path::new("/data/out")], "the half is removed");
            assert_eq!(node.read_file(PATH), Some(old()));
            node.fill_disk_after(None);
            node.run(|| publish(&new())).expect("there is room again");
            assert_eq!(node.durable_file(PATH), Some(new()));
        },
        Faults {
            disk_bytes_max: Some(2_000),
            ..Faults::none()
        },
    );
    assert_eq!(report.injected.count(FaultKind::DiskFull), report.runs);
}

#[test]
fn a_slow_disk_takes_time_and_bits_turn_over_at_rest() {
    let report = with_faults(
        |sim| {
            let node = sim.node("writer");
            let before = clock::now();
            node.run(|| publish(&new())).expect("slow, but done");
            assert!(clock::now() - before > Duration::from_millis(10));
            let found = node.run(read).expect("it is there");
            let turned: u32 = found.iter().zip(new()).map(|(is, was)| (is ^ was).count_ones()).sum();
            assert_eq!(turned, 1);
            assert_eq!(node.durable_file(PATH), Some(found), "it stays so");
        },
        Faults {
            disk_slow: 1.0,
            disk_slow_max: Duration::from_secs(1),
            bit_flip: 1.0,
            ..Faults::none()
        },
    );
    assert_eq!(report.injected.count(FaultKind::BitFlip), report.runs);
    assert!(report.injected.count(FaultKind::DiskSlow) >= report.runs);
}

#[test]
fn a_seed_is_a_run_with_a_disk_in_it() {
    let hash = |seed| {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let noted = seen.clone();
        sim::explore(move |sim| {
            let outcome = replaced(&sim.node("writer"), sim.choose(9) as u64);
            noted.borrow_mut().push(outcome);
        })
        .random(20)
        .seed(seed)
        .run();
        seen.take()
    };
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}
