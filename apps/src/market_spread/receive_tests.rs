//! The tests of the receiver: over loopback connections, whole and broken.
//!
//! Apart from `receive.rs` only to keep that file readable; they test nothing else but its
//! connections.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::JoinHandle;

use super::super::clock::realtime_ns;
use super::super::frames::{Order, OrderId, Outcome, Side, Symbol, encode_outcome};
use super::*;

fn results(seed: u64, indexes: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in indexes {
        let order = Order {
            quantity: 10.0,
            price: 20.0,
            account: 1,
            symbol: Symbol(*b"AAPL"),
            id: OrderId::from_index(seed, index).unwrap(),
            side: Side::Buy,
        };
        let outcome = Outcome {
            order,
            bid: 20.0,
            offer: 20.25,
            timestamp_ns: 1,
        };
        encode_outcome(&outcome, &mut bytes);
    }
    bytes
}

fn args(connections: usize) -> ReceiveArgs {
    ReceiveArgs {
        listen: "tcp://127.0.0.1:0".parse().unwrap(),
        connections: NonZeroUsize::new(connections).unwrap(),
        out: None,
        schedule: None,
        json: None,
        quiet: true,
    }
}

fn started(args: ReceiveArgs) -> (SocketAddr, JoinHandle<Result<ReceiveReport, AppError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let receiver = thread::spawn(move || receive_from(&listener, address, &args));
    (address, receiver)
}

/// Sends bytes in pieces that no frame fits, and closes.
fn feed(address: SocketAddr, bytes: &[u8]) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    for piece in bytes.chunks(1_001) {
        // A receiver that refuses the bytes closes early.
        if socket.write_all(piece).is_err() {
            break;
        }
    }
}

fn error(args: ReceiveArgs, bytes: &[u8]) -> String {
    let (address, receiver) = started(args);
    feed(address, bytes);
    receiver.join().unwrap().unwrap_err().to_string()
}

#[test]
fn frames_of_several_connections_are_counted_and_copied() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, json) = (dir.path().join("copy"), dir.path().join("report.json"));
    let mut args = args(2);
    args.out = Some(Endpoint::File(copy.clone()));
    args.json = Some(json.clone());
    let (address, receiver) = started(args);
    let sent = [results(1, 0..5_000), results(1, 5_000..6_000)];
    thread::scope(|scope| {
        for bytes in &sent {
            scope.spawn(|| feed(address, bytes));
        }
    });
    let report = receiver.join().unwrap().unwrap();
    assert_eq!((report.frames, report.bytes), (6_000, 6_000 * 59));
    assert_eq!(report.latency_ns, LatencyNs::default());
    let sorted = |bytes: &[u8]| {
        let mut frames: Vec<_> = bytes.chunks(59).map(<[u8]>::to_vec).collect();
        frames.sort_unstable();
        frames
    };
    assert!(sorted(&std::fs::read(&copy).unwrap()) == sorted(&sent.concat()));
    let text = std::fs::read_to_string(json).unwrap();
    assert_eq!(serde_json::from_str::<ReceiveReport>(&text).unwrap(), report);
}

#[test]
fn latencies_are_counted_from_the_due_time() {
    let mut args = args(1);
    // Message 1,001 was due 10 s ago and message 1 one second before it.
    let start_ns = realtime_ns() - 11_000_000_000;
    args.schedule = Some(format!("seed=5,start_ns={start_ns},rate=1000").parse().unwrap());
    let (address, receiver) = started(args);
    feed(address, &results(5, [1, 1_001].into_iter()));
    let report = receiver.join().unwrap().unwrap();
    assert_eq!(report.frames, 2);
    let seconds = |ns: u64| ns as f64 / 1e9;
    let LatencyNs { p50, max, .. } = report.latency_ns;
    assert!((9.9..15.0).contains(&seconds(p50)), "{report:?}");
    assert!((10.9..16.0).contains(&seconds(max)), "{report:?}");
    assert!((0.9..1.1).contains(&seconds(max - p50)), "{report:?}");
}

#[test]
fn at_rate_max_latencies_are_counted_from_the_stamps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stamps");
    let schedule = |path: &Path| {
        let text = format!("seed=5,start_ns=0,rate=max,stamps={}", path.display());
        Some(text.parse().unwrap())
    };
    let mut args = args(1);
    args.schedule = schedule(&path);
    let (address, receiver) = started(args);
    // The stamps only appear while the receiver runs.
    let sent_ns = realtime_ns() - 3_000_000_000;
    std::fs::write(&path, [0_u64.to_be_bytes(), sent_ns.to_be_bytes()].concat()).unwrap();
    feed(address, &results(5, (1..2_000).step_by(2)));
    let report = receiver.join().unwrap().unwrap();
    let p50 = report.latency_ns.p50 as f64 / 1e9;
    assert!((2.9..8.0).contains(&p50), "{report:?}");

    let mut args = self::args(1);
    args.schedule = schedule(&dir.path().join("missing"));
    let missing = error(args, &results(5, [1].into_iter()));
    assert!(missing.contains("cannot read the stamps"), "{missing}");
}

#[test]
fn bad_frames_are_refused_with_their_place() {
    let good = results(1, 0..100);
    let mut long = good.clone();
    long.extend([0, 0, 1, 0]);
    let text = error(args(1), &long);
    assert!(text.starts_with("connection 1 from 127.0.0.1:"), "{text}");
    let expected = "at byte 5,900: a frame of 256 bytes, expected a result of 55";
    assert!(text.ends_with(expected), "{text}");

    let mut side = good.clone();
    side[59 + 4] = 7;
    let text = error(args(1), &side);
    assert!(text.contains("at byte 59: a bad result: side 7"), "{text}");

    let text = error(args(1), &good[..good.len() - 1]);
    let expected = "at byte 5,841: the connection ended inside a frame, 58 bytes of 59 had come";
    assert!(text.ends_with(expected), "{text}");

    let mut scheduled = args(1);
    scheduled.schedule = Some("seed=2,start_ns=0,rate=1".parse().unwrap());
    let text = error(scheduled, &good);
    assert!(text.contains("does not come from seed 2"), "{text}");
}

#[test]
fn a_bad_frame_ends_it_while_other_connections_are_open_or_awaited() {
    let (address, receiver) = started(args(3));
    let _open = TcpStream::connect(address).unwrap();
    feed(address, &[9; 59]);
    let text = receiver.join().unwrap().unwrap_err().to_string();
    assert!(text.contains("expected a result of 55"), "{text}");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let mut file = args(1);
    file.listen = "file:x".parse().unwrap();
    let text = receive(&file).unwrap_err().to_string();
    assert!(text.contains("expected tcp://HOST:PORT"), "{text}");
    let mut taken = args(1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    taken.listen = Endpoint::Tcp(listener.local_addr().unwrap());
    let text = receive(&taken).unwrap_err().to_string();
    assert!(text.starts_with("cannot listen on 127.0.0.1:"), "{text}");
    let mut out = args(1);
    out.out = Some("tcp://127.0.0.1:1".parse().unwrap());
    let text = receive(&out).unwrap_err().to_string();
    assert!(text.contains("expected file:PATH"), "{text}");
}
