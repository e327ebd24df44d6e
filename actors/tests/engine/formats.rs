//! Formats: lines, CSV, JSON lines; packed files, directories; what becomes of records that are bad.

use crate::{Collected, system};
use flate2::Compression;
use flate2::write::GzEncoder;
use potoroo_actors::runtime::io::{FrameReader, Framing};
use potoroo_actors::source::{self, Arrival, BadRecords, Csv, FileSource, Format, Framed};
use potoroo_actors::{DeadLetters, JobError, Pipeline, sink};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What comes of files, and the dead letters.
fn run<M: Format>(source: FileSource<M>) -> (Result<(), JobError>, Vec<M::Record>, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("letters");
    let letters = DeadLetters::to_file(&path).expect("writable");
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new().dead_letters(letters.clone());
    pipeline.source("in", source).sink("out", sink::each(out.taker()));
    let outcome = pipeline.start(&system).wait();
    letters.flush().expect("written");
    (outcome, out.take(), std::fs::read_to_string(path).expect("text"))
}

fn written(directory: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).expect("writable");
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Reading {
    sensor: String,
    value: f64,
    #[serde(default)]
    note: Option<String>,
}

fn reading(sensor: &str, value: f64, note: Option<&str>) -> Reading {
    Reading {
        sensor: sensor.to_owned(),
        value,
        note: note.map(str::to_owned),
    }
}

#[test]
fn csv_minds_quotes_marks_and_line_ends() {
    let place = tempfile::tempdir().expect("a directory");
    let text = "\u{feff}sensor,value,note\r\nattic,20.5,\r\n\"the, \"\"old\"\" cellar\",-1,\"two\nlines\"\r\n\r\n\nhall,1e3,last";
    let path = written(place.path(), "in.csv", text);
    let (outcome, records, letters) = run(FileSource::files([path], Csv::<Reading>::new()).expect("there"));
    outcome.expect("the job ends");
    let expected = [
        reading("attic", 20.5, None),
        reading("the, \"old\" cellar", -1.0, Some("two\nlines")),
        reading("hall", 1000.0, Some("last")),
    ];
    assert_eq!(records, expected, "{letters}");
    assert_eq!(letters, "");
}

#[test]
fn every_csv_file_has_its_own_header() {
    let place = tempfile::tempdir().expect("a directory");
    let one = written(place.path(), "1.csv", "sensor;value\na;1\n");
    let two = written(place.path(), "2.csv", "value;note;sensor\n2;x;b\n");
    let format = Csv::<Reading>::new().delimiter(b';');
    let (_, records, letters) = run(FileSource::files([one, two], format).expect("there"));
    assert_eq!(
        records,
        [reading("a", 1.0, None), reading("b", 2.0, Some("x"))],
        "{letters}"
    );
}

#[test]
fn a_bad_csv_record_names_its_line_and_column_and_the_next_one_counts() {
    let place = tempfile::tempdir().expect("a directory");
    let text = "sensor,value\n\"a\nb\",1\nattic,warm\nx,1,2\r\ncellar,3\n";
    let path = written(place.path(), "in.csv", text);
    let (outcome, records, letters) = run(FileSource::files([path.clone()], Csv::<Reading>::new()).expect("there"));
    outcome.expect("the job ends");
    assert_eq!(records, [reading("a\nb", 1.0, None), reading("cellar", 3.0, None)]);
    let letters: Vec<_> = letters.lines().collect();
    let path = path.display();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(
        letters[0].starts_with(&format!(
            "in {path} offset 21: column 'value': invalid float literal (line 4) [11 bytes: 6174746963"
        )),
        "{letters:?}"
    );
    assert!(
        letters[1].contains("offset 32: 3 fields, the header has 2 (line 5)"),
        "{letters:?}"
    );
}

#[test]
fn an_open_quote_and_a_long_record_are_found_out() {
    let place = tempfile::tempdir().expect("a directory");
    let open = written(place.path(), "1.csv", "a,1\nb\",2\nc,\"3\nd,4");
    let long = written(place.path(), "2.csv", format!("e,5\nf,\"{}", "x\n".repeat(200_000)));
    let next = written(place.path(), "3.csv", "g,7\nh\"h,8");
    let format = Csv::<(String, String)>::new().without_header().bytes_max(100_000);
    let (outcome, records, letters) = run(FileSource::files([open, long, next], format).expect("there"));
    outcome.expect("the job ends");
    let names: Vec<_> = records.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b\"", "e", "g", "h\"h"]);
    let letters: Vec<_> = letters.lines().collect();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(
        letters[0].contains("offset 9: the bytes at 9 are no frame: a quote is never closed"),
        "{letters:?}"
    );
    assert!(
        letters[1].contains("the limit is 100000; nothing after it can be trusted"),
        "{letters:?}"
    );
}

#[test]
fn json_lines_pass_over_blank_ones_and_tell_of_bad_ones() {
    let place = tempfile::tempdir().expect("a directory");
    let text =
        "{\"sensor\":\"a\",\"value\":1}\n\n  \r\n{\"sensor\":\"b\"}\n{\"sensor\":\"c\",\"value\":3,\"more\":[]}\n{\"se";
    let path = written(place.path(), "in.jsonl", text);
    let (outcome, records, letters) = run(FileSource::files([path], source::json_lines::<Reading>()).expect("there"));
    outcome.expect("the job ends");
    assert_eq!(records, [reading("a", 1.0, None), reading("c", 3.0, None)]);
    let letters: Vec<_> = letters.lines().collect();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(
        letters[0].contains("offset 30: missing field `value` at column 14 (line 4)"),
        "{letters:?}"
    );
    assert!(
        letters[1].contains("EOF while parsing a string at column 4 (line 6)"),
        "{letters:?}"
    );
}

#[test]
fn a_line_that_is_too_long_is_one_dead_letter_and_the_next_one_counts() {
    let place = tempfile::tempdir().expect("a directory");
    let text = format!(
        "one\n{}\ntwo\n{}\nthree\n{}",
        "x".repeat(101),
        "y".repeat(300_000),
        "z".repeat(200_000)
    );
    let path = written(place.path(), "in", text);
    let (outcome, records, letters) = run(FileSource::files([path], source::lines().bytes_max(100)).expect("there"));
    outcome.expect("the job ends");
    assert_eq!(records, ["one", "two", "three"]);
    let letters: Vec<_> = letters.lines().collect();
    assert_eq!(letters.len(), 3, "{letters:?}");
    assert!(
        letters[0].contains(
            "offset 4: the line is longer than the limit of 100 bytes and is left out (line 2) [101 bytes: 7878"
        ),
        "{letters:?}"
    );
    assert!(letters[1].contains("offset 110: "), "{letters:?}");
}

#[test]
fn a_bad_record_stops_the_job_if_asked() {
    let place = tempfile::tempdir().expect("a directory");
    let path = written(place.path(), "in", b"one\ntwo \xff\nthree\n");
    let source = FileSource::files([path.clone()], source::lines()).expect("there");
    let (outcome, _, letters) = run(source.bad_records(BadRecords::StopJob));
    let error = outcome.expect_err("as asked").to_string();
    for part in [
        "a bad record stops the job, as asked: in ",
        "offset 4: invalid utf-8",
        "[5 bytes: 74776f20ff]",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(letters.lines().count(), 1);
}

#[test]
fn a_directory_is_read_in_the_order_of_names_packed_files_unpacked() {
    let place = tempfile::tempdir().expect("a directory");
    let many = (0..200_000).map(|n| format!("{n}\n")).collect::<String>();
    written(place.path(), "c.txt.zst", [zstd(b"5\n"), zstd(b"6")].concat());
    written(place.path(), "a.txt", "1\n2");
    written(place.path(), "b.txt.gz", [gzip(b"3\n"), gzip(b"4\n")].concat());
    written(place.path(), "d.gz", gzip(many.as_bytes()));
    written(place.path(), "e.zst", zstd(many.as_bytes()));
    written(place.path(), ".hidden", "x");
    written(place.path(), "out.partial", "x");
    std::fs::create_dir(place.path().join("inner")).expect("writable");
    let (outcome, records, letters) = run(FileSource::directory(place.path(), source::lines()).expect("there"));
    outcome.expect("the job ends");
    let numbers: Vec<u32> = records.iter().map(|line| line.parse().expect("a number")).collect();
    let expected: Vec<u32> = (1..=6).chain(0..200_000).chain(0..200_000).collect();
    assert!(numbers == expected, "{} numbers; {letters}", numbers.len());
}

#[test]
fn more_files_than_are_kept_open_are_read_in_order() {
    let place = tempfile::tempdir().expect("a directory");
    for n in 0..200 {
        written(place.path(), &format!("{n:03}"), format!("{n}\n"));
    }
    let (outcome, records, _) = run(FileSource::directory(place.path(), source::lines()).expect("there"));
    outcome.expect("the job ends");
    assert_eq!(records, (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn torn_and_foreign_packed_files_fail_the_job_by_name() {
    let place = tempfile::tempdir().expect("a directory");
    let text = (0..50_000).map(|n| format!("{n}\n")).collect::<String>();
    let mut torn = gzip(text.as_bytes());
    torn.truncate(torn.len() / 2);
    let mut half = zstd(text.as_bytes());
    half.truncate(half.len() / 2);
    for (name, bytes) in [("torn.gz", torn), ("half.zst", half), ("no.gz", b"plain text".to_vec())] {
        let path = written(place.path(), name, bytes);
        let (outcome, ..) = run(FileSource::files([path.clone()], source::lines()).expect("there"));
        let error = outcome.expect_err("it cannot be read").to_string();
        assert!(error.contains(&format!("cannot read {}: ", path.display())), "{error}");
    }
}

/// Cuts bytes with a codec, in pieces, and decodes.
fn cut<M: Format>(format: &M, bytes: &[u8], pieces: &[usize]) -> Vec<M::Record> {
    let mut reader = FrameReader::<M::Codec>::new(format.codec());
    let mut records = Vec::new();
    let mut left = bytes;
    for piece in pieces.iter().cycle() {
        while let Some(frame) = reader.next_frame().expect("well formed") {
            records.extend(format.decode(&frame, 0).expect("well formed"));
        }
        let count = reader
            .fill(|room| {
                let count = (*piece).min(left.len()).min(room.len());
                room[..count].copy_from_slice(&left[..count]);
                Ok(count)
            })
            .expect("memory");
        left = &left[count..];
        if count == 0 {
            break;
        }
    }
    if let Some(frame) = reader.finish().expect("well formed") {
        records.extend(format.decode(&frame, 0).expect("well formed"));
    }
    records
}

proptest! {
    /// Against the whole reader of the `csv` crate, which has all the bytes at once.
    #[test]
    fn csv_in_pieces_is_what_the_reference_makes_of_the_whole(
        rows in proptest::collection::vec(("[a-c,\"\n\r é]{0,12}", "[a-c,\"\n é]{0,12}"), 0..30),
        pieces in proptest::collection::vec(1_usize..40, 1..6),
        crlf in any::<bool>(),
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        writer.write_record(["one", "two"]).expect("memory");
        for (one, two) in &rows {
            writer.write_record([one, two]).expect("memory");
        }
        let bytes = writer.into_inner().expect("memory");
        let mut reference = csv::Reader::from_reader(bytes.as_slice());
        let expected: Vec<(String, String)> = reference.deserialize().map(|row| row.expect("well formed")).collect();
        prop_assert_eq!(expected.len(), rows.len());
        prop_assert_eq!(cut(&Csv::<(String, String)>::new(), &bytes, &pieces), expected);
    }

    #[test]
    fn no_bytes_make_a_codec_panic(
        bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), any::<u8>()], 0..600),
        limit in 1_usize..300,
    ) {
        let mut reader = FrameReader::<source::CsvCodec>::new(Csv::<Vec<String>>::new().bytes_max(limit).codec());
        let taken = reader.fill(|room| { room[..bytes.len()].copy_from_slice(&bytes); Ok(bytes.len()) });
        prop_assert!(taken.is_ok());
        while let Ok(Some(_)) = reader.next_frame() {}
        let _ = reader.finish();
    }

    /// Lines of any length against a limit: exactly the short ones come through, whole and in order.
    #[test]
    fn exactly_the_lines_within_the_limit_come_through(
        lines in proptest::collection::vec("[a-z]{0,30}", 0..40),
        pieces in proptest::collection::vec(1_usize..50, 1..6),
    ) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let decode = |bytes: &[u8], _: Arrival| std::str::from_utf8(bytes).map(str::to_owned);
        let format = Framed::new(Framing::Lines { line_bytes_max: 15 }, decode);
        let mut reader = FrameReader::<source::Cut>::new(format.codec());
        let (mut left, mut got, mut bad) = (text.as_bytes(), Vec::new(), 0);
        for piece in pieces.iter().cycle() {
            while let Some(frame) = reader.next_frame().expect("lines always can be cut") {
                match format.decode(&frame, 0) {
                    Ok(record) => got.extend(record),
                    Err(_) => bad += 1,
                }
            }
            let count = (*piece).min(left.len());
            if count == 0 {
                break;
            }
            reader.fill(|room| { room[..count].copy_from_slice(&left[..count]); Ok(count) }).expect("memory");
            left = &left[count..];
        }
        let expected: Vec<_> = lines.iter().filter(|line| line.len() <= 15).cloned().collect();
        prop_assert_eq!(bad, lines.len() - expected.len());
        prop_assert_eq!(got, expected);
    }
}
