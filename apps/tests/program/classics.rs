//! Wallaroo's small applications, against naive computations; their ends: standard streams, directories, sockets.

use crate::support::{Place, Process, connect, frame, option};
use potoroo::classics::{alerts, celsius};
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

/// Runs the program on this standard input: its standard output.
#[track_caller]
fn pipe(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_potoroo"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let ended = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("all is read");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).expect("text")
}

/// Numbers that look random.
fn numbers(count: usize) -> impl Iterator<Item = u32> {
    let mut state = 12345_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u32
    })
    .take(count)
}

#[test]
fn celsius_turns_what_stdin_gives_in_its_order() {
    let celsius: Vec<f32> = numbers(20_000).map(|n| (n % 20_000) as f32 / 100.0 - 100.0).collect();
    let input: String = celsius.iter().map(|celsius| format!("{celsius}\n")).collect();
    let output = pipe(&["run", "celsius", "--quiet"], input.as_bytes());
    let expected: String = celsius
        .iter()
        .map(|celsius| format!("{:.6}\n", celsius * 1.8 + 32.0))
        .collect();
    assert!(output == expected, "{} lines", output.lines().count());
    assert_eq!(celsius::fahrenheit(100.0), 212.0);
}

#[test]
fn results_are_on_stdout_alone_and_all_else_on_stderr() {
    let place = Place::new();
    place.write("in", "20\nwarm\n-40\n");
    let ended = Process::start([
        "run",
        "celsius",
        &format!("--input={}", place.endpoint("in")),
        "--workers=1",
    ])
    .end();
    ended.assert_success();
    assert_eq!(ended.stdout, "68.000000\n-40.000000\n");
    let guarantee =
        "guarantee: at least once: after a failure, start again from the beginning; results from before come again";
    assert!(ended.stderr.contains(guarantee), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("`warm` is no number (line 2) [4 bytes: 7761726d]"),
        "{ended:?}"
    );
}

#[test]
fn what_a_job_guarantees_depends_on_its_ends() {
    let place = Place::new();
    place.write("in", "20\n");
    let said = |input: &str, out: &str| {
        Process::start(["run", "celsius", "--input", input, "--out", out])
            .end()
            .stderr
    };
    let (file, out) = (place.endpoint("in"), place.endpoint("out"));
    assert!(said(&file, &out).contains("guarantee: exactly once: after a failure, start again"));
    assert!(said("stdin", &out).contains("guarantee: at most once: after a failure, what a source has given"));
}

#[test]
fn alphabet_adds_up_frames_over_tcp_and_lines_over_a_unix_socket() {
    let votes: Vec<(u8, u32)> = numbers(1000).map(|n| (b'a' + (n % 26) as u8, n % 9999 + 1)).collect();
    let mut expected: BTreeMap<u8, u64> = BTreeMap::new();
    for (letter, count) in &votes {
        *expected.entry(*letter).or_default() += u64::from(*count);
    }
    for workers in ["--workers=1", "--workers=3"] {
        let place = Place::new();
        let run = Process::start([
            "run",
            "alphabet",
            "--input=tcp://127.0.0.1:0",
            "--form=frames",
            "--once",
            workers,
            &format!("--out={}", place.endpoint("out")),
        ]);
        let mut stream = connect(run.address("listening for votes"));
        for (letter, count) in &votes {
            let payload = [&[*letter][..], &count.to_be_bytes()].concat();
            stream.write_all(&frame(&payload)).expect("taken");
        }
        drop(stream);
        run.end().assert_success();
        let mut last = BTreeMap::new();
        let out = place.read("out");
        assert_eq!(out.len(), 1000 * 13);
        for result in out.chunks_exact(13) {
            assert_eq!(result[..4], [0, 0, 0, 9]);
            last.insert(result[4], u64::from_be_bytes(result[5..].try_into().expect("8 bytes")));
        }
        assert_eq!(last, expected);
    }

    let place = Place::new();
    let (input, out) = (place.path("in.socket"), place.path("out.socket"));
    let receiver = UnixListener::bind(&out).expect("bound");
    let run = Process::start([
        "run",
        "alphabet",
        "--once",
        &format!("--input=unix:{}", input.display()),
        &format!("--out=unix:{}", out.display()),
    ]);
    let (mut results, _) = receiver.accept().expect("it connects");
    run.line("listening", |line| {
        line.strip_prefix("listening for votes on ").map(str::to_owned)
    });
    let mut stream = UnixStream::connect(&input).expect("it listens");
    for (letter, count) in &votes {
        stream
            .write_all(format!("{} {count}\n", char::from(*letter)).as_bytes())
            .expect("taken");
    }
    drop(stream);
    let mut text = String::new();
    results.read_to_string(&mut text).expect("text");
    run.end().assert_success();
    let last: BTreeMap<u8, u64> = text
        .lines()
        .map(|line| {
            let (letter, count) = line.split_once(' ').expect("a space");
            (letter.as_bytes()[0], count.parse().expect("a number"))
        })
        .collect();
    assert_eq!(last, expected);
}

#[test]
fn alerts_are_those_of_a_loop_with_and_without_state() {
    let arguments = ["run", "alerts", "--quiet", "--transactions=5000"];
    let stateless: String = alerts::generate(5000)
        .filter_map(|transaction| alerts::of_one(&transaction))
        .map(|alert| alert + "\n")
        .collect();
    assert!(stateless.lines().count() > 100, "{stateless}");
    assert_eq!(pipe(&arguments, b""), stateless);

    // Users in each other's order are free; each user's own is not.
    let transactions: Vec<_> = numbers(5000).map(|n| (n % 7, f64::from(n % 1501) - 750.0)).collect();
    let mut totals: HashMap<u32, f64> = HashMap::new();
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (user, amount) in &transactions {
        let transaction = alerts::Transaction {
            user: format!("user {user}"),
            amount: *amount,
        };
        if let Some(alert) = alerts::of_total(totals.entry(*user).or_default(), &transaction) {
            expected.entry(transaction.user).or_default().push(alert);
        }
    }
    assert!(expected.len() > 3, "{expected:?}");
    let input: String = transactions
        .iter()
        .map(|(user, amount)| format!("user {user} {amount}\n"))
        .collect();
    let output = pipe(
        &["run", "alerts", "--kind=stateful", "--input=stdin", "--quiet"],
        input.as_bytes(),
    );
    let mut got: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in output.lines() {
        let (user, _) = line
            .strip_prefix("TotalAlert: ")
            .and_then(|line| line.rsplit_once(' '))
            .expect("an alert");
        got.entry(user.to_owned()).or_default().push(line.to_owned());
    }
    assert_eq!(got, expected);
}

#[test]
fn sequence_windows_of_a_run_are_valid_and_a_broken_output_is_not() {
    let place = Place::new();
    let input: String = (1..=50_000).map(|n| format!("{n}\n")).collect();
    pipe(
        &[
            "run",
            "sequence-window",
            "--input=-",
            "--quiet",
            "--workers=2",
            &format!("--out={}", place.endpoint("out")),
        ],
        input.as_bytes(),
    );
    let path = place.path("out");
    let validate = |last: &str| {
        let validate = option("--validate", &path);
        Process::start(["run", "sequence-window", &validate, "--last", last]).end()
    };
    let ended = validate("50000");
    ended.assert_success();
    assert_eq!(ended.stdout, "50,000 windows, each in its place\n");
    validate("50001").assert_failure(1, &["ends at 50000, not at 50001"]);
    let text = place.text("out");
    let cut: String = text
        .lines()
        .filter(|line| !line.ends_with(",777]"))
        .map(|line| format!("{line}\n"))
        .collect();
    place.write("out", cut);
    validate("50000").assert_failure(1, &["does not follow: [771,773,775,777] was due"]);
}

#[test]
fn multi_sink_gives_both_outputs_the_same() {
    let place = Place::new();
    let input: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    place.write("in", input);
    let parts = place.path("parts");
    Process::start([
        "run",
        "multi-sink",
        "--quiet",
        &format!("--input={}", place.endpoint("in")),
        &format!("--out={}", place.endpoint("out")),
        &format!("--also=dir:{}", parts.display()),
    ])
    .end()
    .assert_success();
    let expected: String = (0..10_000)
        .map(|n| format!("{:.6}\n", celsius::fahrenheit(n as f32)))
        .collect();
    assert!(place.text("out") == expected);
    assert!(std::fs::read_to_string(parts.join("results-000001.txt")).expect("published") == expected);
    let out = format!("--out={}", place.endpoint("out"));
    let also = format!("--also={}", place.endpoint("out"));
    let twice = Process::start(["run", "multi-sink", &out, &also]).end();
    twice.assert_failure(2, &["is named twice"]);
}

#[test]
fn word_count_reads_stdin_and_packed_directories() {
    let place = Place::new();
    std::fs::create_dir(place.path("texts")).expect("writable");
    place.write("texts/a", "One two\n");
    place.write("texts/b", "two");
    let directory = format!("--input=dir:{}", place.path("texts").display());
    let counts = pipe(&["run", "word-count", "--quiet", "--workers=1", &directory], b"");
    let mut lines: Vec<_> = counts.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one => 1", "two => 1", "two => 2"]);
    assert_eq!(pipe(&["run", "word-count", "--quiet"], b"Zwei"), "zwei => 1\n");
}
