//! What cannot work is told in one line, with an exit code, and leaves nothing half-done behind.

use crate::support::{Place, Process, option, run_on_files, run_on_tcp};
use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// A place with input, and what is in it.
fn with_input(messages: u64, reject_one_in: u64) -> Place {
    let place = Place::new();
    place.generate(1, messages, reject_one_in);
    place
}

/// The input and nothing else: no result, no summary, nothing partial.
#[track_caller]
fn assert_only_input(place: &Place) {
    assert_eq!(place.names(), ["orders", "quotes"]);
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    let out = format!("--out={}", place.endpoint("results"));
    let run = ["run", "market-spread", "--quotes=tcp://127.0.0.1:0", &out];
    let orders = format!("--orders=tcp://{address}");
    let ended = Process::start(run.into_iter().chain([orders.as_str()])).end();
    ended.assert_failure(1, &["cannot listen on", &address.to_string(), "port 0"]);
    let receive = Process::start(["receive", &format!("--listen=tcp://{address}")]).end();
    receive.assert_failure(1, &["cannot listen on", &address.to_string()]);
    assert!(place.names().is_empty());
}

#[test]
fn one_port_for_two_streams_is_refused() {
    let place = Place::new();
    // Free a moment ago; whoever takes it in between gives the same error.
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|one| one.local_addr())
        .expect("a port");
    let ended = Process::start([
        "run",
        "market-spread",
        &format!("--orders=tcp://{address}"),
        &format!("--quotes=tcp://{address}"),
        &format!("--out={}", place.endpoint("results")),
    ])
    .end();
    ended.assert_failure(1, &["cannot listen on", &address.to_string()]);
    assert!(place.names().is_empty());
}

#[test]
fn outputs_that_cannot_be_written_are_found_before_the_work() {
    let place = with_input(1000, 20);
    let good = format!("--out={}", place.endpoint("results"));
    let missing = place.path("no").join("such");
    let directory = place.path("directory");
    std::fs::create_dir(&directory).expect("writable");
    for path in [&missing, &directory] {
        let shown = path.display().to_string();
        for more in [
            vec![format!("--out=file:{shown}")],
            vec![good.clone(), option("--json", path)],
            vec![good.clone(), option("--dead-letters", path)],
        ] {
            let ended = run_on_files(&place, &more).end();
            ended.assert_failure(1, &["cannot write", &shown]);
            assert!(!ended.stderr.contains(" in ("), "it began: {ended:?}");
            assert_eq!(place.names(), ["directory", "orders", "quotes"], "{more:?}");
        }
    }
    let receive = Process::start(["receive", "--listen=tcp://127.0.0.1:0", &option("--json", &missing)]).end();
    receive.assert_failure(1, &["cannot write", "no/such"]);
    let demo = Process::start(["demo", "--messages=10", &option("--json", &missing)]).end();
    demo.assert_failure(1, &["cannot write", "no/such"]);
}

#[test]
fn what_is_no_file_is_written_as_it_is_and_not_replaced() {
    let place = with_input(1000, 20);
    // Stands for /dev/null, which no test should put at risk.
    let pipe = place.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || std::fs::read(pipe).expect("readable"))
    };
    run_on_files(&place, &[format!("--out=file:{}", pipe.display())])
        .end()
        .assert_success();
    let frames = reader.join().expect("no panic");
    assert!(!frames.is_empty() && frames.len() % 59 == 0, "{}", frames.len());
    assert_eq!(place.names(), ["orders", "pipe", "quotes"]);
    assert!(!pipe.metadata().expect("there").is_file());
}

#[test]
fn one_file_for_two_outputs_is_refused() {
    let place = with_input(1000, 20);
    let detour = place.path(".").join("results");
    for name in ["--json", "--dead-letters"] {
        run_on_files(
            &place,
            &[format!("--out={}", place.endpoint("results")), option(name, &detour)],
        )
        .end()
        .assert_failure(2, &["--out", name, "results"]);
        assert_only_input(&place);
    }
    let sent = Process::start([
        "send",
        "market-spread",
        &format!("--orders={}", place.endpoint("both")),
        &format!("--quotes=file:{}", place.path(".").join("both").display()),
        "--messages=10",
    ])
    .end();
    sent.assert_failure(2, &["--orders and --quotes are both", "both"]);
    assert_only_input(&place);
}

#[test]
fn a_missing_input_is_named() {
    let place = with_input(1000, 20);
    std::fs::remove_file(place.path("orders")).expect("there");
    let path = place.path("orders").display().to_string();
    run_on_files(&place, &[format!("--out={}", place.endpoint("results"))])
        .end()
        .assert_failure(1, &["cannot read", &path]);
    assert_eq!(place.names(), ["quotes"]);
}

#[test]
fn an_input_that_fails_in_the_middle_leaves_no_results() {
    let place = with_input(40_000, 20);
    std::fs::remove_file(place.path("orders")).expect("there");
    // It can be opened, and then not read: after all quotes.
    std::fs::create_dir(place.path("orders")).expect("writable");
    let path = place.path("orders").display().to_string();
    for workers in ["--workers=1", "--workers=2", "--workers=4"] {
        run_on_files(
            &place,
            &[
                format!("--out={}", place.endpoint("results")),
                option("--json", &place.path("json")),
                workers.to_owned(),
            ],
        )
        .end()
        .assert_failure(1, &["cannot read", &path]);
        assert_only_input(&place);
    }
}

#[test]
fn a_receiver_that_is_not_there_is_named() {
    let place = with_input(1000, 20);
    // Free a moment ago: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|one| one.local_addr())
        .expect("a port");
    run_on_files(
        &place,
        &[format!("--out=tcp://{address}"), option("--json", &place.path("json"))],
    )
    .end()
    .assert_failure(
        1,
        &[
            "cannot connect the results to",
            &address.to_string(),
            "start the receiving program",
        ],
    );
    assert_only_input(&place);
}

#[test]
fn a_receiver_that_goes_away_in_the_middle_fails_the_job_once() {
    let place = with_input(400_000, 1);
    for workers in ["--workers=1", "--workers=2"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let run = run_on_files(
            &place,
            &[
                format!("--out=tcp://{address}"),
                option("--json", &place.path("json")),
                workers.to_owned(),
            ],
        );
        let (mut receiver, _) = listener.accept().expect("the sink");
        receiver.read_exact(&mut [0; 5900]).expect("results");
        drop(receiver);
        run.end()
            .assert_failure(1, &["sink 'results' lost its receiver", &address.to_string()]);
        assert_only_input(&place);
    }
}

#[test]
fn orders_and_quotes_of_two_kinds_are_refused() {
    let place = with_input(10, 20);
    let ended = Process::start([
        "run",
        "market-spread",
        "--orders=tcp://127.0.0.1:0",
        &format!("--quotes={}", place.endpoint("quotes")),
        &format!("--out={}", place.endpoint("results")),
    ])
    .end();
    ended.assert_failure(2, &["--orders and --quotes must both be"]);
    assert_only_input(&place);
}

#[test]
fn impossible_worker_counts_are_refused() {
    let place = with_input(10, 20);
    let out = format!("--out={}", place.endpoint("results"));
    for (workers, code, reason) in [
        ("0", 2, "'--workers <N>'"),
        ("99999999999999999999", 2, "'--workers <N>'"),
        ("100000", 1, "1 to 1024 workers, not 100000"),
    ] {
        let ended = run_on_files(&place, &[out.clone(), format!("--workers={workers}")]).end();
        ended.assert_failure(code, &[reason]);
        assert_only_input(&place);
    }
}

/// Runs with pipes that nobody reads any more.
#[test]
fn nobody_listening_to_the_program_costs_no_results() {
    let place = with_input(40_000, 20);
    let expected = place.expected().len() * 59;
    for frame_bytes_max in ["53", "50"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_potoroo"))
            .args(["run", "market-spread", "--frame-bytes-max", frame_bytes_max])
            .arg(format!("--orders={}", place.endpoint("orders")))
            .arg(format!("--quotes={}", place.endpoint("quotes")))
            .arg(format!("--out={}", place.endpoint("results")))
            .arg(option("--json", &place.path("json")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop((child.stdout.take(), child.stderr.take()));
        let status = crate::support::eventually("its end", || child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0));
        let summary = place.summary("json");
        // The orders are 53 bytes long: with the lower limit their file is one dead letter, which nobody hears of.
        let (bytes, letters) = if frame_bytes_max == "53" { (expected, 0) } else { (0, 1) };
        assert_eq!(place.read("results").len(), bytes);
        assert_eq!(summary.dead_letters, letters);
    }
}

#[test]
fn a_failure_on_tcp_leaves_nothing_behind() {
    let place = Place::new();
    let missing = place.path("no").join("such");
    for more in [
        option("--json", &missing),
        option("--dead-letters", &missing),
        "--workers=2000".to_owned(),
    ] {
        let ended = run_on_tcp(&[format!("--out={}", place.endpoint("results")), more]).end();
        ended.assert_failure(1, &[]);
        assert!(place.names().is_empty());
    }
}
