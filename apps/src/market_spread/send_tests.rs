//! The tests of the sender: into files, over loopback connections, and when the other side leaves.
//!
//! Apart from `send.rs` only to keep that file readable. Connecting to nobody is not among them: it
//! takes the five seconds that a starting server is given.

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tempfile::TempDir;

use super::super::frames::{ORDER_FRAME_BYTES, QUOTE_FRAME_BYTES, TIME_BYTES};
use super::super::instruments::{INSTRUMENTS, REJECTING};
use super::super::reference;
use super::super::schedule::Stamps;
use super::*;
use crate::cli::UniverseArgs;

fn args(orders: Endpoint, quotes: Endpoint, messages: u64) -> SendArgs {
    SendArgs {
        orders,
        quotes,
        messages,
        rate: Rate::Max,
        seed: 1,
        universe: UniverseArgs {
            symbols: INSTRUMENTS,
            rejecting: REJECTING,
            instruments: None,
            rejected_instruments: None,
        },
        reject_one_in: 100,
        start_at_ns: None,
        stamps: None,
        json: None,
        quiet: true,
    }
}

fn into_files(dir: &TempDir, messages: u64) -> (SendReport, PathBuf, PathBuf) {
    let (orders, quotes) = (dir.path().join("orders"), dir.path().join("quotes"));
    let endpoints = (Endpoint::File(orders.clone()), Endpoint::File(quotes.clone()));
    let report = send(&args(endpoints.0, endpoints.1, messages)).unwrap();
    (report, orders, quotes)
}

/// A listener that takes in at most so many bytes and then closes.
fn sink(bytes_max: u64) -> (Endpoint, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
    let sink = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut taken = Vec::new();
        socket.take(bytes_max).read_to_end(&mut taken).unwrap();
        taken
    });
    (endpoint, sink)
}

#[test]
fn files_are_a_function_of_the_seed_and_agree_with_the_reference() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (report, orders, quotes) = into_files(&first, 50_001);
    let (again, orders_again, quotes_again) = into_files(&second, 50_001);
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    let (orders, quotes) = (read(&orders), read(&quotes));
    assert_eq!((&orders, &quotes), (&read(&orders_again), &read(&quotes_again)));
    assert_eq!(report.orders_for_rejected, again.orders_for_rejected);
    assert_eq!(orders.len(), 25_000 * ORDER_FRAME_BYTES);
    assert_eq!(quotes.len(), (25_001 + INSTRUMENTS) * QUOTE_FRAME_BYTES);
    assert_eq!(report.bytes, (orders.len() + quotes.len()) as u64);
    let results = reference::results(&quotes, &orders).len() as u64;
    assert_eq!(results, report.orders_for_rejected);
    assert!((150..350).contains(&results), "{results}");
    assert_eq!(std::fs::read_dir(first.path()).unwrap().count(), 2);
}

#[test]
fn connections_carry_what_the_files_hold_but_for_the_time() {
    let dir = TempDir::new().unwrap();
    let (_, orders_path, quotes_path) = into_files(&dir, 50_001);
    let ((orders, orders_sink), (quotes, quotes_sink)) = (sink(u64::MAX), sink(u64::MAX));
    let stamps = dir.path().join("stamps");
    let mut args = args(orders, quotes, 50_001);
    args.stamps = Some(stamps.clone());
    let report = send(&args).unwrap();
    let timeless = |mut bytes: Vec<u8>, frame: usize, at: usize| {
        for frame in bytes.chunks_mut(frame) {
            frame[at..at + TIME_BYTES].fill(0);
        }
        bytes
    };
    let orders = |bytes| timeless(bytes, ORDER_FRAME_BYTES, 36);
    let quotes = |bytes| timeless(bytes, QUOTE_FRAME_BYTES, 9);
    let (sent_orders, sent_quotes) = (orders_sink.join().unwrap(), quotes_sink.join().unwrap());
    assert_eq!(sent_orders[36..38], *b"20");
    let expected = std::fs::read(orders_path).unwrap();
    assert!(orders(sent_orders) == orders(expected));
    let expected = std::fs::read(quotes_path).unwrap();
    assert!(quotes(sent_quotes) == quotes(expected));
    let stamps = Stamps::read(&stamps).unwrap();
    assert!(stamps.sent_ns(0).unwrap() >= report.start_ns);
    assert!(stamps.sent_ns(50_000) > stamps.sent_ns(0));
}

#[test]
fn a_rate_is_kept_on_average() {
    let ((orders, orders_sink), (quotes, quotes_sink)) = (sink(u64::MAX), sink(u64::MAX));
    let mut args = args(orders, quotes, 30_001);
    args.rate = Rate::PerSecond(100_000);
    let begun = Instant::now();
    let report = send(&args).unwrap();
    // Never early; how late is up to the machine.
    assert!(report.seconds >= 0.3, "{report:?}");
    assert!(begun.elapsed().as_secs_f64() >= 0.5);
    assert_eq!(orders_sink.join().unwrap().len(), 15_000 * ORDER_FRAME_BYTES);
    let quotes = quotes_sink.join().unwrap().len();
    assert_eq!(quotes, (15_001 + INSTRUMENTS) * QUOTE_FRAME_BYTES);
}

#[test]
fn a_lost_connection_is_one_clear_error() {
    let ((orders, orders_sink), (quotes, quotes_sink)) = (sink(100_000), sink(u64::MAX));
    let error = send(&args(orders.clone(), quotes, 10_000_000)).unwrap_err();
    let text = error.to_string();
    let expected = orders.to_string().replace("tcp://", "the orders connection to ");
    assert!(text.starts_with(&format!("{expected} was lost after ")), "{text}");
    assert!(text.contains(" of 10,000,000 messages"), "{text}");
    assert_eq!(orders_sink.join().unwrap().len(), 100_000);
    quotes_sink.join().unwrap();
}

#[test]
fn options_that_do_not_fit_together_are_refused() {
    let file = |name: &str| Endpoint::File(PathBuf::from(name));
    let tcp: Endpoint = "tcp://127.0.0.1:1".parse().unwrap();
    let text = |args: SendArgs| send(&args).unwrap_err().to_string();
    let mixed = text(args(file("/no/such/o"), tcp.clone(), 1));
    assert!(mixed.contains("of two kinds"), "{mixed}");
    let same = text(args(file("/no/such/o"), file("/no/such/o"), 1));
    assert!(same.contains("its own file"), "{same}");
    let mut stamped = args(tcp.clone(), tcp, 1);
    stamped.stamps = Some(PathBuf::from("/no/such/stamps"));
    stamped.rate = Rate::PerSecond(1);
    let stamped = text(stamped);
    assert!(stamped.contains("--rate max"), "{stamped}");
    let many = text(args(file("/no/such/o"), file("/no/such/q"), 1 << 40));
    assert!(many.contains("at most 2,176,782,336"), "{many}");
    let missing = text(args(file("/no/such/o"), file("/no/such/q"), 1));
    assert!(missing.starts_with("cannot write /no/such/o: "), "{missing}");
}
