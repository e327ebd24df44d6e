//! Nodes: they crash, come back with what their disk kept, and stand still, while others go on.

use potoroo_runtime::io::{Connection, Frame, Frames, Framing, Limits, Link, Listener, Protocol, Serve};
use potoroo_runtime::sim::{self, FaultKind, Faults, Node, Sim};
use potoroo_runtime::sys::files::{InputFile, OutputFile};
use potoroo_runtime::sys::net::{TcpListener, TcpStream};
use potoroo_runtime::{Context, System, Turn};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

const LINES: Framing = Framing::Lines { line_bytes_max: 100 };
const SECOND: Duration = Duration::from_secs(1);

/// Keeps a number in a file: answers a line with the number after the next write, which is durable by then.
struct Count;

fn stored() -> u64 {
    let Ok(mut file) = InputFile::open(Path::new("count")) else {
        return 0;
    };
    let mut bytes = [0; 20];
    let mut length = 0;
    while let Ok(count @ 1..) = file.read(&mut bytes[length..]) {
        length += count;
    }
    let text = std::str::from_utf8(&bytes[..length]).expect("digits");
    text.parse().expect("what was published is whole")
}

impl Protocol for Count {
    type Msg = ();
    type Codec = Frames;

    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn frame(&mut self, _: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let next = stored() + 1;
        let mut file = OutputFile::create(Path::new("count"))?;
        file.write(next.to_string().as_bytes())?;
        file.publish()?;
        link.send(format!("{next}\n").as_bytes());
        Ok(())
    }
}

pub(crate) fn counting() -> System {
    let system = System::builder().workers(2).pin(false).build().expect("starts");
    let socket = TcpListener::bind(([0, 0, 0, 0], 7).into()).expect("free");
    system.spawn(move |ctx| Listener::new(socket, Serve::new(LINES, |_| Count), ctx));
    system
}

/// Asks once; the number, if an answer comes in time.
fn ask(sim: &Sim, node: &Node) -> Option<u64> {
    let mut stream = TcpStream::connect_within(node.address(7), SECOND).ok()?;
    stream.send(b"more\n").ok()?;
    let mut answer = Vec::new();
    for _ in 0..20 {
        sim.advance(Duration::from_millis(100));
        let mut piece = [0; 20];
        match stream.recv(&mut piece) {
            Ok(0) => return None,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
        if answer.ends_with(b"\n") {
            let text = String::from_utf8(answer).expect("digits");
            return Some(text.trim().parse().expect("a number"));
        }
    }
    None
}

/// Whoever was answered is counted for ever, wherever the power goes.
pub(crate) fn count_through_crashes(sim: &Sim) {
    let node = sim.node("counter");
    node.start(counting);
    let mut last = 0;
    for round in 0..6 {
        match sim.choose(3) {
            // In the middle of a turn, between two operations of the disk.
            0 => node.crash_after_disk_operations(sim.choose(15) as u64),
            // Between two steps of anybody.
            1 => {
                for _ in 0..sim.choose(40) {
                    sim.step();
                }
                node.crash();
            }
            _ => {}
        }
        for _ in 0..2 {
            if let Some(number) = ask(sim, &node) {
                assert!(number > last, "round {round}: {last} was answered, and forgotten");
                last = number;
            }
        }
        if node.is_down() {
            node.restart();
        }
    }
    // A power loss that was set for later, and not come to because nobody got through, is not to come now.
    node.crash();
    node.restart();
    sim.calm();
    let number = ask(sim, &node).expect("it is up, and nothing goes wrong");
    assert!(number > last);
}

#[test]
fn what_was_answered_survives_crashes_at_any_point() {
    let report = sim::explore(count_through_crashes)
        .faults(Faults {
            latency_max: Duration::from_millis(5),
            ..Faults::none()
        })
        // A turn that has lost its disk ends with that error.
        .allow_failures()
        .random(120)
        .run();
    assert!(report.injected.count(FaultKind::Crash) > 200, "{report}");
    assert!(report.injected.count(FaultKind::NameLost) > 20, "{report}");
}

#[test]
fn a_seed_is_a_run_with_nodes_in_it() {
    let hash = |seed| {
        let report = sim::explore(count_through_crashes)
            .faults(Faults::usual())
            .allow_failures()
            .random(10)
            .seed(seed)
            .run();
        report.hash
    };
    assert_eq!(hash(5), hash(5));
    assert_ne!(hash(5), hash(6));
}

#[test]
fn a_crash_is_heard_of_as_an_end_a_reset_or_not_at_all() {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::rc::Rc;
    let heard = Rc::new(RefCell::new(BTreeSet::new()));
    let noted = heard.clone();
    sim::explore(move |sim| {
        let node = sim.node("counter");
        node.start(counting);
        let mut stream = TcpStream::connect_within(node.address(7), SECOND).expect("it listens");
        node.crash();
        sim.advance(SECOND);
        let heard = match stream.recv(&mut [0; 9]) {
            Ok(count) => format!("{count} bytes"),
            Err(error) => format!("{:?}", error.kind()),
        };
        noted.borrow_mut().insert(heard.clone());
        let refused = TcpStream::connect_within(node.address(7), SECOND).expect_err("it is down");
        assert_eq!(refused.kind(), ErrorKind::TimedOut);
        node.restart();
        if heard == "WouldBlock" {
            // Who comes back does not know the connections from before.
            stream.send(b"more\n").expect("nobody has said anything");
            sim.advance(SECOND);
            let error = stream.recv(&mut [0; 9]).expect_err("it is told now");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        assert!(ask(sim, &node).is_some());
    })
    .random(60)
    .run();
    let expected = ["0 bytes", "ConnectionReset", "WouldBlock"].map(str::to_owned);
    assert_eq!(*heard.borrow(), BTreeSet::from(expected));
}

#[test]
fn who_is_paused_answers_late() {
    sim::explore(|sim| {
        let node = sim.node("counter");
        node.start(counting);
        assert_eq!(ask(sim, &node), Some(1));
        node.pause(SECOND * 10);
        assert_eq!(ask(sim, &node), None);
        sim.advance(SECOND * 10);
        // The second question was asked, and is answered to nobody.
        assert_eq!(ask(sim, &node), Some(3));
    })
    .random(60)
    .run();
}
