//! The scheduler's events as a trace that Perfetto and `chrome://tracing` open.
//!
//! The format is the Trace Event Format's JSON object: turns, looks and sleeps are complete events (`X`), the rest are
//! instants (`i`) of a thread; each worker is a thread with a name. Times are microseconds with three decimals, from the
//! first event on. Thread ids begin at 1, because a thread 0 is the kernel's idle thread to some readers. A trace has the
//! latest events only, as many as the workers kept; `otherData` says how many are missing.

use super::profile_text::short;
use crate::error::AppError;
use crate::partial_file::PartialFile;
use potoroo_runtime::observe::{Event, EventKind, Recording};
use potoroo_runtime::sys::clock::Time;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How much is written at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a trace has and lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) events: u64,
    /// Earlier events that had to make room.
    pub(super) overwritten: u64,
}

/// Writes the events of all workers. `name` is the process's.
pub(super) fn write(path: &Path, name: &str, recording: &Recording) -> Result<Written, AppError> {
    let mut written = Written::default();
    let mut file = PartialFile::create(path)?;
    let first = recording.workers.iter().filter_map(|worker| worker.events.first());
    let origin = first.map(|event| event.begin).min().unwrap_or(Time::ZERO);

    let mut text = String::from("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    let process = std::process::id();
    text.push_str(&metadata("process_name", process, 0, json!({ "name": name })));
    for (thread, worker) in (1..).zip(&recording.workers) {
        let name = format!("worker {}", thread - 1);
        for metadata in [
            metadata("thread_name", process, thread, json!({ "name": name })),
            metadata("thread_sort_index", process, thread, json!({ "sort_index": thread })),
        ] {
            text.push_str(",\n");
            text.push_str(&metadata);
        }
        for event in &worker.events {
            text.push_str(",\n");
            text.push_str(&line(event, origin, process, thread));
            if text.len() >= CHUNK_BYTES {
                file.write(text.as_bytes())?;
                text.clear();
            }
        }
        written.events += worker.events.len() as u64;
        written.overwritten += worker.overwritten;
    }
    let other = json!({ "overwritten_events": written.overwritten.to_string() });
    text.push_str(&format!("\n],\"otherData\":{other}}}\n"));
    file.write(text.as_bytes())?;
    file.finish()?;
    Ok(written)
}

fn metadata(what: &str, process: u32, thread: u64, args: Value) -> String {
    json!({ "ph": "M", "name": what, "pid": process, "tid": thread, "ts": 0, "args": args }).to_string()
}

/// One event. The times are written by hand: they are exact in decimal and would not be in binary.
fn line(event: &Event, origin: Time, process: u32, thread: u64) -> String {
    let at = micros(event.begin.since(origin));
    let length = micros(event.length);
    let complete = |name: &str, category: &str, args: Value| {
        let name = Value::from(name);
        format!(
            "{{\"ph\":\"X\",\"name\":{name},\"cat\":\"{category}\",\"pid\":{process},\"tid\":{thread},\"ts\":{at},\
             \"dur\":{length},\"args\":{args}}}"
        )
    };
    let instant = |name: &str, count: u64| {
        format!(
            "{{\"ph\":\"i\",\"s\":\"t\",\"name\":\"{name}\",\"cat\":\"scheduler\",\"pid\":{process},\"tid\":{thread},\
             \"ts\":{at},\"args\":{{\"count\":{count}}}}}"
        )
    };
    match event.kind {
        EventKind::Turn {
            actor,
            type_name,
            messages,
        } => {
            let args = json!({ "actor": format!("#{actor}"), "type": type_name, "messages": messages });
            complete(&short(type_name), "turn", args)
        }
        EventKind::Look => complete("look", "scheduler", json!({})),
        EventKind::Sleep { woken_after } => {
            let args = match woken_after {
                Some(after) => json!({ "ring_to_running_ns": after.as_nanos() as u64 }),
                None => json!({}),
            };
            complete("sleep", "scheduler", args)
        }
        EventKind::Exported(count) => instant("export", count),
        EventKind::Stolen(count) => instant("steal", count),
        EventKind::Drifted(count) => instant("drift", count),
        EventKind::TimersFired(count) => instant("timers", count),
        EventKind::SocketsReady(count) => instant("sockets", count),
        // What a later runtime records besides is shown under its own name.
        other => instant(&format!("{other:?}").replace(['"', '\\'], "'"), 1),
    }
}

/// Microseconds with three decimals.
fn micros(duration: Duration) -> String {
    let ns = duration.as_nanos();
    format!("{}.{:03}", ns / 1000, ns % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use potoroo_runtime::System;

    #[test]
    fn microseconds_keep_their_nanoseconds() {
        assert_eq!(micros(Duration::from_nanos(1_234_567)), "1234.567");
        assert_eq!(micros(Duration::from_nanos(7)), "0.007");
    }

    /// A trace of a run, read back.
    fn trace(workers: usize, events: usize) -> (Written, Value) {
        let system = System::builder().workers(workers).record(events).build().unwrap();
        potoroo_benches::skew::run(&system, 8, 64, 2000);
        let recording = system.shutdown().recording.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.json");
        let written = write(&path, "a \"name\"", &recording).unwrap();
        (written, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    #[test]
    fn what_the_format_demands_is_there() {
        let (written, trace) = trace(2, 100_000);
        let events = trace["traceEvents"].as_array().unwrap();
        let count = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count() as u64;
        // One for the process, two for each worker.
        assert_eq!(count("M"), 1 + 2 * 2);
        assert_eq!(count("X") + count("i"), written.events);
        assert_eq!(written.overwritten, 0);
        assert_eq!(events[0]["args"]["name"], "a \"name\"");
        for event in events {
            assert_eq!(event["pid"], std::process::id(), "{event}");
            assert!(event["name"].is_string() && event["args"].is_object(), "{event}");
            assert!(event["ts"].as_f64().unwrap() >= 0.0, "{event}");
            match event["ph"].as_str().unwrap() {
                "M" => {}
                "X" => assert!(event["dur"].as_f64().unwrap() >= 0.0, "{event}"),
                "i" => assert!(
                    event["s"] == "t" && event["args"]["count"].as_u64().unwrap() > 0,
                    "{event}"
                ),
                other => panic!("a phase {other}: {event}"),
            }
        }
        let hops: u64 = events
            .iter()
            .filter(|event| event["name"] == "Hop")
            .map(|event| event["args"]["messages"].as_u64().unwrap())
            .sum();
        // The hops, and each actor's map.
        assert_eq!(hops, 2000 + 8);
    }

    #[test]
    fn turns_of_a_worker_are_in_order_and_do_not_overlap() {
        for events in [100_000, 50] {
            let (written, trace) = trace(2, events);
            assert_eq!(written.overwritten > 0, events == 50);
            assert_eq!(
                trace["otherData"]["overwritten_events"],
                written.overwritten.to_string()
            );
            for thread in 1..=2 {
                let mut end_ns = 0;
                for event in trace["traceEvents"].as_array().unwrap() {
                    if event["tid"] != thread || event["ph"] != "X" {
                        continue;
                    }
                    let ns = |field: &str| (event[field].as_f64().unwrap() * 1000.0).round() as u64;
                    assert!(ns("ts") >= end_ns, "{event} begins before {end_ns} ns");
                    end_ns = ns("ts") + ns("dur");
                }
            }
        }
    }

    #[test]
    fn an_empty_recording_is_a_trace() {
        let (written, trace) = trace(1, 0);
        assert_eq!(written.events, 0);
        assert!(written.overwritten > 0);
        assert_eq!(trace["traceEvents"].as_array().unwrap().len(), 3);
    }
}
