//! A file that grows, is renamed, is truncated, is not there; a Unix socket; a rate.

use crate::{Collected, system};
use potoroo_actors::element::Timestamp;
use potoroo_actors::runtime::Turn;
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::runtime::sys::net::UnixListener;
use potoroo_actors::sink::TcpSink;
use potoroo_actors::source::{self, FileSource, Format, Framed, SocketSource, Source};
use potoroo_actors::{DeadLetters, Job, KeyContext, KeyedProcess, Pipeline, Timer, sink, time};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

/// Waits until the source has taken in so many records.
fn until(job: &mut Job, records: u64) {
    while job.status().stage("in").map_or(0, |stage| stage.records_in) < records {
        assert_eq!(job.wait_for(Duration::from_millis(1)), None, "ended too early");
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("writable");
    file.write_all(text.as_bytes()).expect("written");
}

fn followed<M: Format>(source: FileSource<M>) -> FileSource<M> {
    source.poll(Duration::from_millis(2))
}

#[test]
fn a_file_that_grows_and_is_rotated_is_followed() {
    let place = tempfile::tempdir().expect("a directory");
    let (path, old) = (place.path().join("log"), place.path().join("log.1"));
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    // It is not there yet.
    let source = followed(FileSource::follow(&path, source::lines()));
    pipeline.source("in", source).sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    append(&path, "1\n2");
    until(&mut job, 1);
    // Half a line is none.
    append(&path, "2\n3\n");
    until(&mut job, 3);
    fs::rename(&path, &old).expect("renamed");
    // Whoever writes has the old file open for a while.
    append(&old, "4\n5");
    until(&mut job, 4);
    append(&path, "6\n");
    // The last line of a file that is over counts without its end.
    until(&mut job, 6);
    append(&path, "7\n");
    until(&mut job, 7);
    job.drain();
    job.wait().expect("the job ends");
    assert_eq!(out.take(), ["1", "22", "3", "4", "5", "6", "7"]);
}

#[test]
fn a_truncated_file_is_read_from_its_beginning_and_half_a_line_is_a_dead_letter() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("log");
    append(&path, "1\n2\nhal");
    let system = system(2);
    let out = Collected::new();
    let letters = DeadLetters::counted();
    let pipeline = Pipeline::new().dead_letters(letters.clone());
    let source = followed(FileSource::follow(&path, source::lines()));
    pipeline.source("in", source).sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    until(&mut job, 2);
    fs::write(&path, "3\n").expect("truncated and written");
    until(&mut job, 3);
    assert_eq!(letters.count(), 1);
    append(&path, "4\n");
    until(&mut job, 4);
    job.drain();
    job.wait().expect("the job ends");
    assert_eq!(out.take(), ["1", "2", "3", "4"]);
}

#[test]
fn from_the_end_only_what_is_new_counts() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("log");
    append(&path, "old\n");
    let system = system(1);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let source = followed(FileSource::follow_from_end(&path, source::lines()));
    pipeline.source("in", source).sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    // Nothing tells when it has been opened, so new lines are written until one is seen.
    let mut written = 0;
    while job.status().stage("in").map_or(0, |stage| stage.records_in) == 0 {
        written += 1;
        append(&path, &format!("{written}\n"));
        assert_eq!(job.wait_for(Duration::from_millis(5)), None);
    }
    job.drain();
    job.wait().expect("the job ends");
    let out = out.take();
    assert!(!out.contains(&"old".to_owned()) && !out.is_empty(), "{out:?}");
}

#[test]
fn a_directory_cannot_be_followed() {
    let place = tempfile::tempdir().expect("a directory");
    let system = system(1);
    let pipeline = Pipeline::new();
    let source = FileSource::follow(place.path(), source::lines());
    pipeline.source("in", source).sink("out", sink::each(|_| {}));
    let error = pipeline.start(&system).wait().expect_err("a directory").to_string();
    assert!(
        error.contains("cannot follow") && error.contains("directory"),
        "{error}"
    );
}

/// Gives something when event time has come to 50 s.
#[derive(Clone)]
struct Fires;

impl KeyedProcess<(), String> for Fires {
    type State = ();
    type Out = ();

    fn state(&mut self, (): &(), _: &Arena) {}

    fn on_record(&mut self, (): &mut (), _: String, ctx: &mut KeyContext<'_, (), ()>) -> Turn {
        ctx.set_timer(Timestamp::from_secs(50));
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, (): &mut (), ctx: &mut KeyContext<'_, (), ()>) -> Turn {
        ctx.emit(());
        Ok(())
    }
}

/// Event time goes on past a file in which nothing happens, once it is known to be idle.
#[test]
fn a_quiet_file_holds_up_event_time_only_until_it_is_idle() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("log");
    append(&path, "1\n");
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let stamp = |line: &String| Timestamp::from_secs(line.parse().expect("a number"));
    let quiet = followed(FileSource::follow(&path, source::lines()));
    let quiet = pipeline
        .source("in", quiet)
        .idle_after(Duration::from_millis(20))
        .timestamps(time::monotonic(stamp));
    let busy = pipeline
        .source("busy", source::generate(1, |_| (2..100_u64).map(|n| n.to_string())))
        .timestamps(time::monotonic(stamp));
    busy.merge(quiet)
        .key_by(|_| ())
        .process("fired", Fires)
        .sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    while out.0.lock().expect("no panic").is_empty() {
        assert_eq!(job.wait_for(Duration::from_millis(1)), None);
    }
    job.drain();
    job.wait().expect("the job ends");
}

#[test]
fn a_unix_socket_goes_both_ways() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("socket");
    let system = system(2);
    let out = Collected::new();
    let receiving = Pipeline::new();
    let socket = UnixListener::bind(&path).expect("bound");
    let frames = Framed::new(
        potoroo_actors::runtime::io::Framing::LengthPrefixed { frame_bytes_max: 8 },
        |bytes: &[u8], _| bytes.try_into().map(u64::from_be_bytes),
    );
    receiving
        .source("in", SocketSource::of(socket, frames).once(true))
        .sink("out", sink::each(out.taker()));
    let receiving = receiving.start(&system);
    let sending = Pipeline::new();
    let encode = sink::framed(|n: &u64, out: &mut Vec<u8>| out.extend(n.to_be_bytes()));
    sending
        .source("numbers", source::generate(1, |_| 0..50_000_u64))
        .sink("sent", TcpSink::connect_unix(&path, encode).expect("it listens"));
    sending.start(&system).wait().expect("all is sent");
    receiving.wait().expect("the job ends with its connection");
    assert!(out.take().into_iter().eq(0..50_000));
}

#[test]
fn a_rate_gives_every_record_once_and_none_before_it_is_due() {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let rate = NonZeroU64::new(2_000).expect("positive");
    let source = source::generate(2, |instance| (0..100_u64).map(move |n| (instance, n))).rate(rate);
    assert_eq!(source.actors(), Some(2));
    let begun = std::time::Instant::now();
    pipeline.source("in", source).sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    // The hundredth of each is due after 99 ms: a bound from below, whatever else the machine does.
    assert!(begun.elapsed() >= Duration::from_millis(99), "{:?}", begun.elapsed());
    let out = out.take();
    for instance in 0..2 {
        let of: Vec<_> = out
            .iter()
            .filter(|(from, _)| *from == instance)
            .map(|(_, n)| *n)
            .collect();
        assert!(of.into_iter().eq(0..100));
    }
}
