//! Ctrl-C and `kill`: what has been taken in is finished, then the program ends as if it had been asked to.

use crate::support::{Place, connect, frame, ids, option, order, results, run_on_files, run_on_tcp};
use std::io::Write;
use std::net::TcpListener;

fn drains_on(signal: &str) {
    let place = Place::new();
    let run = run_on_tcp(&[
        format!("--out={}", place.endpoint("results")),
        option("--json", &place.path("json")),
    ]);
    let mut orders = connect(run.address("listening for orders"));
    // Nobody quotes, so every order is rejected.
    let sent: Vec<String> = (0..5000).map(|at| format!("{at:06}")).collect();
    let bytes: Vec<u8> = sent.iter().flat_map(|id| frame(&order(id, "AAAA", 1.0))).collect();
    orders.write_all(&bytes).expect("taken");
    run.progress(&["5,000 in ("]);
    assert!(
        place.names().contains(&"results.partial".to_owned()),
        "published too early"
    );
    run.signal(signal);
    let ended = run.end();
    ended.assert_success();
    assert!(ended.stderr.contains("draining"), "{ended:?}");
    assert!(ended.stdout.contains("5,000"), "no summary: {ended:?}");
    assert_eq!(ids(&results(&place.read("results"))), sent);
    let summary = place.summary("json");
    assert_eq!(
        (summary.messages, summary.rejected, summary.dead_letters),
        (5000, 5000, 0)
    );
    assert_eq!(place.names(), ["json", "results"]);
    // Open to the end.
    drop(orders);
}

#[test]
fn ctrl_c_finishes_what_was_taken_in() {
    drains_on("INT");
}

#[test]
fn sigterm_finishes_what_was_taken_in() {
    drains_on("TERM");
}

#[test]
fn ctrl_c_before_anybody_has_connected_ends_an_empty_job() {
    let place = Place::new();
    let run = run_on_tcp(&[
        "--once".to_owned(),
        format!("--out={}", place.endpoint("results")),
        option("--json", &place.path("json")),
    ]);
    // A progress line comes from the loop that looks for signals.
    run.progress(&["0 in ("]);
    run.signal("INT");
    run.end().assert_success();
    assert_eq!(place.read("results"), b"");
    assert_eq!(place.summary("json").messages, 0);
}

#[test]
fn a_second_ctrl_c_gives_a_stalled_receiver_up() {
    let place = Place::new();
    place.generate(1, 1_000_000, 1);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let run = run_on_files(&place, &[format!("--out=tcp://{address}")]);
    let (receiver, _) = listener.accept().expect("the sink");
    run.progress(&["batches waiting"]);
    run.signal("INT");
    run.line("draining", |line| line.starts_with("draining").then_some(()));
    run.signal("INT");
    assert_eq!(run.end().code, Some(130));
    drop(receiver);
}
