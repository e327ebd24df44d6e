//! Sources and sinks that touch the world: TCP, files.

use crate::{Collected, system};
use potoroo_actors::runtime::io::Framing;
use potoroo_actors::runtime::sys::net::TcpListener;
use potoroo_actors::sink::{FileSink, TcpSink};
use potoroo_actors::source::{Arrival, FileSource, TcpSource};
use potoroo_actors::{DeadLetters, Pipeline, sink, source};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::ParseIntError;

const LINES: Framing = Framing::Lines { line_bytes_max: 100 };

fn number(bytes: &[u8], _: Arrival) -> Result<u64, ParseIntError> {
    String::from_utf8_lossy(bytes).parse()
}

fn encode(n: &u64, out: &mut Vec<u8>) {
    out.extend_from_slice(n.to_string().as_bytes());
    out.push(b'\n');
}

fn listen() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    (socket, address)
}

#[test]
fn many_connections_are_one_stream_and_a_bad_line_is_a_dead_letter() {
    const CONNECTIONS: u64 = 20;
    const EACH: u64 = 2_000;
    let system = system(2);
    let (socket, address) = listen();
    let out = Collected::new();
    let letters = DeadLetters::counted();
    let pipeline = Pipeline::new().dead_letters(letters.clone());
    pipeline
        .source("numbers", TcpSource::new(socket, LINES, number))
        .sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).expect("the listener is there");
                let mut text = String::new();
                for n in 0..EACH {
                    text.push_str(&format!("{}\n", connection * EACH + n));
                }
                text.push_str("this is no number\n");
                stream.write_all(text.as_bytes()).expect("taken");
            });
        }
    });
    while letters.count() < CONNECTIONS {
        assert_eq!(job.wait_for(std::time::Duration::from_millis(1)), None);
    }
    job.drain();
    job.wait().expect("the job ends");
    let out = out.take();
    assert_eq!(out.len() as u64, CONNECTIONS * EACH);
    assert!(
        out.into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .eq(0..CONNECTIONS * EACH)
    );
    assert_eq!(letters.count(), CONNECTIONS);
}

#[test]
fn once_serves_one_connection_and_refuses_the_next() {
    let system = system(2);
    let (socket, address) = listen();
    let out = Collected::new();
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", TcpSource::new(socket, LINES, number).once(true))
        .sink("out", sink::each(out.taker()));
    let job = pipeline.start(&system);
    let mut first = TcpStream::connect(address).expect("the listener is there");
    first.write_all(b"1\n2\n3").expect("taken");
    drop(first);
    job.wait().expect("the job ends with its connection");
    assert_eq!(out.take(), [1, 2, 3], "the last line counts without its end");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn a_tcp_sink_sends_everything_to_a_reader_that_takes_its_time() {
    let system = system(2);
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = receiver.local_addr().expect("bound");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = receiver.accept().expect("the sink connects");
        let mut all = Vec::new();
        let mut piece = [0; 5000];
        loop {
            let count = stream.read(&mut piece).expect("no reset");
            if count == 0 {
                return all;
            }
            all.extend_from_slice(&piece[..count]);
            if all.len() % 7 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    });
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", source::generate(1, |_| 0..300_000_u64))
        .sink("out", TcpSink::connect(address, encode).expect("somebody listens"));
    pipeline.start(&system).wait().expect("the job ends");
    let text = String::from_utf8(reader.join().expect("no panic")).expect("digits");
    assert!(
        text.lines()
            .map(|line| line.parse::<u64>().expect("a number"))
            .eq(0..300_000_u64)
    );
}

/// More than the sink holds back for in one turn: the kernel may then take all of it at once and say no more.
#[test]
fn a_tcp_sink_does_not_wait_for_a_kernel_that_has_taken_everything() {
    const INSTANCES: usize = 4;
    const EACH: usize = 20_000;
    let system = system(1);
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = receiver.local_addr().expect("bound");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = receiver.accept().expect("the sink connects");
        std::io::copy(&mut stream, &mut std::io::sink()).expect("no reset")
    });
    let pipeline = Pipeline::new();
    let large = |_: &u64, out: &mut Vec<u8>| out.resize(out.len() + 500, 7);
    pipeline
        .source("numbers", source::generate(INSTANCES, |_| 0..EACH as u64))
        .sink("out", TcpSink::connect(address, large).expect("somebody listens"));
    pipeline.start(&system).wait().expect("the job ends");
    let bytes = reader.join().expect("no panic");
    assert_eq!(bytes, (INSTANCES * EACH * 500) as u64);
}

#[test]
fn a_reader_that_goes_away_fails_the_job() {
    let system = system(2);
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = receiver.local_addr().expect("bound");
    let pipeline = Pipeline::new();
    pipeline
        .source("endless", source::generate(1, |_| 0_u64..))
        .sink("out", TcpSink::connect(address, encode).expect("somebody listens"));
    let job = pipeline.start(&system);
    drop(receiver.accept().expect("the sink connects"));
    let error = job.wait().expect_err("the receiver is gone").to_string();
    assert!(
        error.contains("sink 'out'") && error.contains(&address.to_string()),
        "{error}"
    );
}

#[test]
fn files_are_read_in_order_and_written_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("one"), "1\n2\nx\n3\n").expect("writable");
    std::fs::write(path("two"), "4\n5").expect("writable");
    let system = system(2);
    let letters = DeadLetters::counted();
    let pipeline = Pipeline::new().dead_letters(letters.clone());
    let files = FileSource::open([path("one"), path("two")], LINES, number).expect("they are there");
    pipeline
        .source("numbers", files)
        .sink("out", FileSink::create(&path("out"), encode).expect("writable"));
    pipeline.start(&system).wait().expect("the job ends");
    assert_eq!(
        std::fs::read_to_string(path("out")).expect("published"),
        "1\n2\n3\n4\n5\n"
    );
    assert_eq!(letters.count(), 1);
    let missing = FileSource::open([path("none")], LINES, number).expect_err("it is not there");
    assert_eq!(missing.0, path("none"));
}

#[test]
fn a_failed_job_leaves_no_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("out");
    let system = system(2);
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", source::generate(1, |_| 0..100_000_u64))
        .key_by(|n| *n)
        .entity(
            "fragile",
            |_| (),
            |(), n, out| {
                assert_ne!(n, 50_000, "on purpose");
                out.emit(n);
                Ok(())
            },
        )
        .sink("out", FileSink::create(&path, encode).expect("writable"));
    assert!(pipeline.start(&system).wait().is_err());
    drop(system);
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
}
