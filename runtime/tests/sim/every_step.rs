//! Crashes at every step: of a run, and of the recovery after it; and disks that fail at every place.
//!
//! Where other tests draw the moment, these go through all there are. What crashes is a server that answers with a number
//! which is durable by then: whatever it has answered, it must not have forgotten.

use crate::nodes::counting;
use potoroo_runtime::sim::{self, Faults, Node, Sim};
use potoroo_runtime::sys::files::OutputFile;
use potoroo_runtime::sys::net::TcpStream;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// How many answers a life gives, if it is left alone.
const ASKS: usize = 3;

/// How often time has to pass before nobody is waited for any more.
const PATIENCE: usize = 50;

/// When the power of a node goes.
#[derive(Clone, Copy)]
enum Power {
    /// After so many steps of anybody: between two turns.
    Steps(usize),
    /// After so many operations of its disk: in the middle of a turn.
    DiskOperations(usize),
}

/// One life of the server: asks it until it has answered often enough, or the power goes. `last` is what was answered last.
/// Says whether the power went.
fn live(sim: &Sim, node: &Node, power: Power, last: &mut u64) -> bool {
    let mut steps = match power {
        Power::Steps(steps) => Some(steps),
        Power::DiskOperations(operations) => {
            node.crash_after_disk_operations(operations as u64);
            None
        }
    };
    for _ in 0..ASKS {
        let mut stream = TcpStream::connect(node.address(7)).expect("an attempt can be made");
        let (mut asked, mut answer, mut waited) = (false, Vec::new(), 0);
        while !answer.ends_with(b"\n") {
            if node.is_down() {
                return true;
            }
            if steps == Some(0) {
                node.crash();
                return true;
            }
            if !asked && stream.peer_address().is_ok() {
                asked = stream.send(b"more\n").is_ok();
            }
            let mut piece = [0; 20];
            match stream.recv(&mut piece) {
                Ok(count @ 1..) => answer.extend_from_slice(&piece[..count]),
                Err(error) if asked && error.kind() != ErrorKind::WouldBlock => break,
                Ok(_) if asked => break,
                _ => {}
            }
            steps = steps.map(|steps| steps - 1);
            if !sim.step() {
                waited += 1;
                assert!(waited < PATIENCE, "the server says nothing");
                sim.advance(Duration::from_millis(1));
            }
        }
        if answer.ends_with(b"\n") {
            let text = String::from_utf8(answer).expect("digits");
            let number: u64 = text.trim().parse().expect("a number");
            assert!(number > *last, "{last} was answered, and forgotten");
            *last = number;
        }
    }
    false
}

/// Two lives that end where they are told to, and a third that is left alone. Says of the two whether the power went.
fn lives(sim: &Sim, first: Power, second: Power) -> [bool; 2] {
    let node = sim.node("counter");
    node.start(counting);
    let mut last = 0;
    let went = [first, second].map(|power| {
        let went = live(sim, &node, power, &mut last);
        // What was set for later and not come to is not to come in the next life.
        node.crash();
        node.restart();
        went
    });
    let before = last;
    assert!(!live(sim, &node, Power::Steps(usize::MAX), &mut last));
    assert!(
        last >= before + ASKS as u64,
        "{before} was answered, and {last} after {ASKS} more"
    );
    went
}

/// Goes through all moments at which the first life and the one after it can end. Gives how many there were of each.
fn every_moment(moment: fn(usize) -> Power, explore: impl Fn(&dyn Fn(&Sim))) -> (usize, usize) {
    let (mut first, mut second_max) = (0, 0);
    loop {
        let mut second = 0;
        let first_went = loop {
            // In any of the runs.
            let went = Rc::new(Cell::new([false; 2]));
            explore(&|sim| {
                let now = lives(sim, moment(first), moment(second));
                let before = went.get();
                went.set([before[0] | now[0], before[1] | now[1]]);
            });
            let [first_went, second_went] = went.get();
            if !second_went {
                break first_went;
            }
            second += 1;
            second_max = second_max.max(second);
        };
        if !first_went {
            return (first, second_max);
        }
        first += 1;
    }
}

#[test]
fn a_crash_at_every_step_and_at_every_step_of_the_recovery_forgets_nothing() {
    let (steps, of_recovery) = every_moment(Power::Steps, |scenario| {
        let report = sim::explore(scenario)
            .allow_failures()
            .allow_undelivered()
            .in_order()
            .run();
        assert_eq!(report.runs, 1);
    });
    println!(
        "each of {steps} steps of a run, and after each of these each of up to {of_recovery} steps of the recovery"
    );
    assert!(steps > 10 && of_recovery > 10, "{steps} and {of_recovery}");
}

#[test]
fn a_crash_at_every_operation_of_the_disk_and_at_every_one_of_the_recovery_forgets_nothing() {
    const SEEDS: u64 = 4;
    let (operations, of_recovery) = every_moment(Power::DiskOperations, |scenario| {
        sim::explore(scenario)
            .allow_failures()
            .allow_undelivered()
            .random(SEEDS)
            .run();
    });
    println!(
        "each of {operations} operations of the disk, and after each of these each of up to {of_recovery} of the recovery, \
         {SEEDS} seeds each"
    );
    assert!(operations > 5 && of_recovery > 5, "{operations} and {of_recovery}");
}

const OLD: [u8; 700] = [b'o'; 700];
const NEW: [u8; 1_100] = [b'n'; 1_100];

fn publish() -> io::Result<()> {
    let mut file = OutputFile::create(Path::new("out"))?;
    let (first, second) = NEW.split_at(600);
    file.write(first)?;
    file.write(second)?;
    file.publish()
}

#[test]
fn a_disk_that_is_full_after_any_number_of_bytes_keeps_what_was_there() {
    for room in 0..=NEW.len() + 1 {
        sim::explore(move |sim| {
            let node = sim.node("writer");
            node.put_file("out", &OLD);
            node.fill_disk_after(Some(room as u64));
            match node.run(publish) {
                Ok(()) => assert_eq!(node.durable_file("out").as_deref(), Some(&NEW[..])),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::StorageFull);
                    assert!(room < NEW.len(), "there was room");
                    assert_eq!(node.durable_file("out").as_deref(), Some(&OLD[..]));
                    node.fill_disk_after(None);
                    node.run(publish).expect("there is room again");
                    assert_eq!(node.durable_file("out").as_deref(), Some(&NEW[..]));
                }
            }
        })
        .in_order()
        .run();
    }
    println!("each room from 0 to {} bytes", NEW.len() + 1);
}

#[test]
fn a_sync_that_fails_anywhere_is_told_or_was_not_needed() {
    let report = sim::explore(|sim| {
        let node = sim.node("writer");
        node.put_file("out", &OLD);
        let published = node.run(publish).is_ok();
        let there = node.durable_file("out").expect("the name was there before");
        assert!(there == OLD || there == NEW);
        assert!(!published || there == NEW, "what was published is not durable");
    })
    .faults(Faults {
        sync_error: 0.5,
        ..Faults::none()
    })
    .random(400)
    .run();
    println!("{report}");
}
