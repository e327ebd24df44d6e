//! Sinks that wait: numbered files, HTTP; what a pipeline guarantees.

use crate::system;
use potoroo_actors::sink::{FileSink, Guarantee, HttpSink, RollingFileSink, StdoutSink};
use potoroo_actors::source::{self, FileSource};
use potoroo_actors::{DeadLetters, Pipeline, sink};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

/// The files of a directory in the order of their names, and what is in each.
fn parts(directory: &Path) -> Vec<(String, String)> {
    let mut parts: Vec<_> = fs::read_dir(directory)
        .expect("readable")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("text"))
        })
        .collect();
    parts.sort();
    parts
}

fn rolling(directory: &Path) -> RollingFileSink<sink::Lines> {
    RollingFileSink::create(directory, "n-", ".txt", sink::lines()).expect("writable")
}

#[test]
fn numbered_files_end_between_records_and_go_on_after_those_that_are_there() {
    let place = tempfile::tempdir().expect("a directory");
    fs::write(place.path().join("n-000007.txt"), "old\n").expect("writable");
    fs::write(place.path().join("n-000008.txt.partial"), "torn").expect("writable");
    let system = system(2);
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", source::generate(1, |_| 0..50_000_u64))
        .sink("out", rolling(place.path()).bytes_max(100_000));
    pipeline.start(&system).wait().expect("the job ends");
    let parts = parts(place.path());
    assert_eq!(parts[0], ("n-000007.txt".to_owned(), "old\n".to_owned()));
    let names: Vec<_> = parts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["n-000007.txt", "n-000008.txt", "n-000009.txt", "n-000010.txt"]);
    for (name, text) in &parts[1..3] {
        assert!((100_000..100_007).contains(&text.len()), "{name}: {} bytes", text.len());
    }
    let all: String = parts[1..].iter().map(|(_, text)| text.as_str()).collect();
    assert!(
        all.lines()
            .map(|line| line.parse::<u64>().expect("a number"))
            .eq(0..50_000)
    );
}

#[test]
fn a_file_that_is_old_enough_is_published_while_the_job_goes_on() {
    let place = tempfile::tempdir().expect("a directory");
    let system = system(2);
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "numbers",
            source::generate(1, |_| 0_u64..).rate(NonZeroU64::new(1000).expect("positive")),
        )
        .sink("out", rolling(place.path()).age_max(Duration::from_millis(20)));
    let mut job = pipeline.start(&system);
    while !place.path().join("n-000003.txt").exists() {
        assert_eq!(job.wait_for(Duration::from_millis(1)), None);
    }
    job.drain();
    job.wait().expect("the job ends");
    let parts = parts(place.path());
    let all: String = parts.iter().map(|(_, text)| text.as_str()).collect();
    let count = all.lines().count() as u64;
    assert!(
        all.lines()
            .map(|line| line.parse::<u64>().expect("a number"))
            .eq(0..count)
    );
    assert!(
        parts
            .iter()
            .all(|(name, text)| !name.ends_with(".partial") && !text.is_empty()),
        "{parts:?}"
    );
}

#[test]
fn a_directory_that_goes_away_fails_the_job_by_name() {
    let place = tempfile::tempdir().expect("a directory");
    let inner = place.path().join("inner");
    let sink = rolling(&inner).bytes_max(10);
    fs::remove_dir(&inner).expect("empty");
    let system = system(2);
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", source::generate(1, |_| 0_u64..))
        .sink("out", sink);
    let error = pipeline
        .start(&system)
        .wait()
        .expect_err("nowhere to write")
        .to_string();
    assert!(error.starts_with("sink 'out' cannot write a file in "), "{error}");
    assert!(error.contains(&inner.display().to_string()), "{error}");
}

/// A server that answers the requests of one connection after the other with these codes; the body of each request.
fn serve(listener: TcpListener, codes: &'static [u16]) -> std::thread::JoinHandle<Vec<(u16, String)>> {
    std::thread::spawn(move || {
        let mut bodies = Vec::new();
        let mut codes = codes.iter().chain(std::iter::repeat(&200));
        while let Ok((stream, _)) = listener.accept() {
            let mut stream = BufReader::new(stream);
            loop {
                let (mut length, mut first) = (0, String::new());
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.strip_prefix("Content-Length: ") {
                        length = value.trim().parse().expect("a number");
                    }
                    if first.is_empty() {
                        first = line;
                    }
                }
                if first.is_empty() {
                    break;
                }
                assert_eq!(first, "POST /in?x=1 HTTP/1.1\r\n");
                let mut body = vec![0; length];
                stream.read_exact(&mut body).expect("all of it");
                let code = *codes.next().expect("endless");
                bodies.push((code, String::from_utf8(body).expect("text")));
                // The answer to the third is lost.
                if code == 0 {
                    break;
                }
                let answer = format!("HTTP/1.1 {code} X\r\nContent-Length: 2\r\n\r\nok");
                stream.get_mut().write_all(answer.as_bytes()).expect("taken");
            }
            if bodies.last().is_some_and(|(_, body)| body.contains("last")) {
                break;
            }
        }
        bodies
    })
}

#[test]
fn an_http_sink_tries_again_with_the_same_body_and_keeps_order() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}/in?x=1", listener.local_addr().expect("bound"));
    let server = serve(listener, &[200, 503, 0, 429, 201]);
    let system = system(2);
    let pipeline = Pipeline::new();
    let records = |_| (0..2000).map(|n| n.to_string()).chain(["last".to_owned()]);
    pipeline.source("records", source::generate(1, records)).sink(
        "out",
        HttpSink::new(&url, sink::lines()).expect("an address").records_max(100),
    );
    let mut job = pipeline.start(&system);
    while job.wait_for(Duration::from_millis(10)).is_none() {}
    assert_eq!(job.status().stage("out").map(|stage| stage.records_out), Some(2001));
    job.wait().expect("the job ends");
    let bodies = server.join().expect("no panic");
    assert!(bodies.iter().all(|(_, body)| body.lines().count() <= 100));
    // Refused and unanswered ones come again as they were, before anything else.
    assert_eq!(bodies[1].1, bodies[2].1);
    assert_eq!(bodies[2].1, bodies[3].1);
    assert_eq!(bodies[3].1, bodies[4].1);
    let taken = bodies.iter().filter(|(code, _)| (200..300).contains(code));
    let lines: Vec<_> = taken.flat_map(|(_, body)| body.lines()).collect();
    assert!(lines.into_iter().map(str::to_owned).eq(records(0)));
}

#[test]
fn a_server_that_refuses_or_is_not_there_fails_the_job() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("bound");
    let url = format!("http://{address}/in?x=1");
    let server = serve(listener, &[404]);
    let run = || {
        let system = system(1);
        let pipeline = Pipeline::new();
        let sink = HttpSink::new(&url, sink::lines()).expect("an address").tries(2);
        pipeline
            .source("records", source::generate(1, |_| ["last"].into_iter()))
            .sink("out", sink);
        pipeline.start(&system).wait().expect_err("refused").to_string()
    };
    let error = run();
    assert_eq!(
        error,
        format!("sink 'out' cannot write to {url}: the server answers 404")
    );
    server.join().expect("no panic");
    let error = run();
    assert!(
        error.starts_with(&format!("sink 'out' cannot write to {url}: ")),
        "{error}"
    );
    assert!(error.ends_with(", after 2 tries"), "{error}");
    for text in ["https://x/", "http:///x", "x", "http://h/a\r\nX: y"] {
        assert!(HttpSink::new(text, sink::lines()).is_err(), "{text}");
    }
}

#[test]
fn a_pipeline_says_what_its_ends_come_to() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("in");
    fs::write(&path, "1\n").expect("writable");
    let file = || FileSource::files([path.clone()], source::lines()).expect("there");
    let whole = || FileSink::create(&place.path().join("out"), sink::lines()).expect("writable");
    let pipeline = Pipeline::new().dead_letters(DeadLetters::counted());
    pipeline.source("file", file()).sink("whole", whole());
    assert_eq!(pipeline.guarantee(), Guarantee::ExactlyOnce);
    pipeline.source("more", file()).sink("parts", rolling(place.path()));
    assert_eq!(pipeline.guarantee(), Guarantee::AtLeastOnce);
    let stdin = FileSource::standard_input(source::lines());
    pipeline
        .source("stdin", stdin)
        .sink("stdout", StdoutSink::new(sink::lines()));
    assert_eq!(pipeline.guarantee(), Guarantee::AtMostOnce);
}
