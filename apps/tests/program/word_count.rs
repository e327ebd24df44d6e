//! Word Count from files and over TCP.

use crate::support::{Place, Process, connect, eventually, option};
use std::collections::HashMap;
use std::io::Write;

const BILL_OF_RIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bill_of_rights.txt");

fn count_words(place: &Place, input: &str, more: &[String]) -> Process {
    let mut arguments = vec![
        "run".to_owned(),
        "word-count".to_owned(),
        format!("--input={input}"),
        format!("--out={}", place.endpoint("counts")),
        option("--json", &place.path("json")),
    ];
    arguments.extend_from_slice(more);
    Process::start(arguments.iter().map(String::as_str))
}

/// The last count of each word. Each word's counts must be 1, 2, 3, … in this order.
#[track_caller]
fn last_counts(output: &str) -> HashMap<&str, u64> {
    let mut counts = HashMap::new();
    for line in output.lines() {
        let (word, count) = line.rsplit_once(" => ").expect("a word and its count");
        let last = counts.entry(word).or_insert(0);
        *last += 1;
        assert_eq!(count, last.to_string(), "{word}");
    }
    counts
}

#[test]
fn the_bill_of_rights_has_the_known_counts_with_any_number_of_workers() {
    for workers in [1, 4] {
        let place = Place::new();
        count_words(
            &place,
            &format!("file:{BILL_OF_RIGHTS}"),
            &[format!("--workers={workers}")],
        )
        .end()
        .assert_success();
        let output = place.text("counts");
        assert_eq!(output.lines().count(), 482);
        let counts = last_counts(&output);
        assert_eq!(counts.len(), 217);
        for (word, count) in [
            ("the", 40),
            ("of", 24),
            ("to", 22),
            ("be", 20),
            ("in", 18),
            ("shall", 17),
        ] {
            assert_eq!(counts[word], count, "{word}");
        }
        let summary = place.summary("json");
        let lines = std::fs::read_to_string(BILL_OF_RIGHTS)
            .expect("test data")
            .lines()
            .count();
        assert_eq!((summary.messages, summary.workers), (lines as u64, workers));
    }
}

const TEXT: &str = "Ein Känguru, ein potoroo -- EIN \"Potoroo\"!\r\n\n  (ein)  Känguru's Tail; ...\nlast line, ein end";

/// The counts of [`TEXT`], by hand.
fn assert_counts_of_text(output: &str) {
    let counts = last_counts(output);
    let expected = [
        ("ein", 5),
        ("känguru", 1),
        ("känguru's", 1),
        ("potoroo", 2),
        ("tail", 1),
        ("last", 1),
        ("line", 1),
        ("end", 1),
    ];
    assert_eq!(counts, HashMap::from(expected), "{output}");
}

#[test]
fn punctuation_case_and_a_last_line_without_its_end_are_minded() {
    let place = Place::new();
    place.write("text", TEXT);
    count_words(&place, &place.endpoint("text"), &[]).end().assert_success();
    assert_counts_of_text(&place.text("counts"));
    assert_eq!(place.summary("json").messages, 4);
}

#[test]
fn lines_over_tcp_count_and_invalid_ones_are_dead_letters() {
    let place = Place::new();
    let run = count_words(
        &place,
        "tcp://127.0.0.1:0",
        &["--once".to_owned(), option("--dead-letters", &place.path("letters"))],
    );
    let mut lines = connect(run.address("listening for lines"));
    let peer = lines.local_addr().expect("connected");
    lines.write_all(b"caf\xe9 ein\n").expect("taken");
    lines.write_all(TEXT.as_bytes()).expect("taken");
    drop(lines);
    run.end().assert_success();
    assert_counts_of_text(&place.text("counts"));
    let letters = place.text("letters");
    assert_eq!(letters.lines().count(), 1, "{letters}");
    assert!(
        letters.starts_with(&format!("input {peer} offset 0: invalid utf-8")),
        "{letters}"
    );
    let summary = place.summary("json");
    assert_eq!((summary.messages, summary.dead_letters), (4, 1));
}

#[test]
fn an_empty_text_has_no_words() {
    let place = Place::new();
    place.write("text", "");
    count_words(&place, &place.endpoint("text"), &[]).end().assert_success();
    assert_eq!(place.text("counts"), "");
}

#[test]
fn a_job_that_runs_can_be_asked_for_a_count() {
    for unix in [false, true] {
        let place = Place::new();
        let socket = place.path("questions");
        let at = match unix {
            true => format!("unix:{}", socket.display()),
            false => "tcp://127.0.0.1:0".to_owned(),
        };
        let run = count_words(
            &place,
            "tcp://127.0.0.1:0",
            &["--once".to_owned(), format!("--query={at}")],
        );
        let mut lines = connect(run.address("listening for lines"));
        let at = match unix {
            true => at,
            false => format!("tcp://{}", run.address("listening for questions")),
        };
        let query = |name: &str, key: &str| Process::start(["query", "--at", &at, name, key]).end();
        assert_eq!(query("counts", "\"ein\"").stdout, "null\n");
        lines.write_all(TEXT.as_bytes()).expect("taken");
        lines.write_all(b"\n").expect("taken");
        eventually("the last count", || {
            let ended = query("counts", "\"ein\"");
            ended.assert_success();
            (ended.stdout == "5\n").then_some(())
        });
        assert_eq!(query("counts", "\"no such word\"").stdout, "null\n");
        query("counts", "ein").assert_failure(1, &["this is no key of 'counts'"]);
        query("totals", "1").assert_failure(1, &["nothing is called 'totals'", "counts"]);
        query("out", "1").assert_failure(1, &["stage 'out' cannot be asked"]);
        drop(lines);
        run.end().assert_success();
        query("counts", "1").assert_failure(1, &["cannot ask the job at", &at]);
        assert!(!socket.exists());
    }
}
