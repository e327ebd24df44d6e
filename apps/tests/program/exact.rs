//! The results are those of the reference: all of them, once each, each symbol's in order.

use crate::support::{Place, Process, by_symbol, eventually, option, results, run_on_files};
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn results_of_files_are_the_references_with_any_number_of_workers() {
    for seed in [1, 2, 3] {
        let place = Place::new();
        place.generate(seed, 40_000, 20);
        let expected = place.expected();
        assert!(expected.len() > 500, "seed {seed}: too few results to prove anything");
        for workers in [1, 2, 4] {
            let run = run_on_files(
                &place,
                &[
                    format!("--out={}", place.endpoint("results")),
                    option("--json", &place.path("json")),
                    format!("--workers={workers}"),
                ],
            );
            run.end().assert_success();
            let found = results(&place.read("results"));
            assert!(
                by_symbol(&found) == by_symbol(&expected),
                "seed {seed}, {workers} workers: {} results, {} expected",
                found.len(),
                expected.len()
            );
            let summary = place.summary("json");
            assert_eq!(summary.messages, 40_350);
            assert_eq!(summary.rejected, expected.len() as u64);
            assert_eq!((summary.dead_letters, summary.workers), (0, workers));
        }
    }
}

/// The records taken in according to each progress line.
fn taken_in(said: &str) -> Vec<&str> {
    said.lines()
        .filter_map(|line| Some(line.split_once(" in (")?.0))
        .collect()
}

#[test]
fn a_slow_receiver_holds_the_job_up_and_loses_nothing() {
    let place = Place::new();
    // Every order gives a result: 30 MB, several times what the kernel and the sink may hold.
    place.generate(4, 1_000_000, 1);
    let expected = place.expected();
    assert_eq!(expected.len(), 500_000);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let run = run_on_files(
        &place,
        &[format!("--out=tcp://{address}"), option("--json", &place.path("json"))],
    );
    let (mut receiver, _) = listener.accept().expect("the sink");
    // Nothing is read until the job stands still with messages before it.
    eventually("the job to stand still", || {
        let said = run.said();
        let lines = taken_in(&said);
        let [.., one, other] = lines[..] else { return None };
        (one == other).then_some(())
    });
    let said = run.said();
    let stood_at = *taken_in(&said).last().expect("a line");
    assert_ne!(stood_at, "1,000,350", "the input went somewhere");
    let mut received = Vec::new();
    let mut piece = [0; 32 * 1024];
    loop {
        match receiver.read(&mut piece).expect("readable") {
            0 => break,
            count => received.extend_from_slice(&piece[..count]),
        }
        // Slower than the job, that is all.
        std::thread::sleep(Duration::from_micros(200));
    }
    run.end().assert_success();
    let found = results(&received);
    assert_eq!(found.len(), expected.len());
    assert!(by_symbol(&found) == by_symbol(&expected));
    let summary = place.summary("json");
    assert_eq!((summary.messages, summary.rejected), (1_000_350, 500_000));
    let bound = 200 * 1024 * 1024;
    assert!(summary.rss_bytes_max < bound, "{} bytes", summary.rss_bytes_max);
}

#[test]
fn empty_files_give_empty_results() {
    let place = Place::new();
    place.write("orders", "");
    place.write("quotes", "");
    let run = run_on_files(
        &place,
        &[
            format!("--out={}", place.endpoint("results")),
            option("--json", &place.path("json")),
        ],
    );
    run.end().assert_success();
    assert_eq!(place.read("results"), b"");
    let summary = place.summary("json");
    assert_eq!((summary.messages, summary.rejected, summary.dead_letters), (0, 0, 0));
}

#[test]
fn no_messages_still_prime_every_instrument() {
    let place = Place::new();
    place.generate(1, 0, 20);
    assert_eq!(place.read("orders"), b"");
    assert_eq!(place.read("quotes").len(), 350 * 46);
}

#[test]
fn a_receiver_that_gets_no_result_still_sees_the_end() {
    let place = Place::new();
    place.write("orders", "");
    place.write("quotes", "");
    let receive = Process::start(["receive", "--listen=tcp://127.0.0.1:0"]);
    let address = receive.address("listening");
    run_on_files(&place, &[format!("--out=tcp://{address}")])
        .end()
        .assert_success();
    let ended = receive.end();
    ended.assert_success();
    assert!(ended.stderr.contains("received 0 results"), "{ended:?}");
}
