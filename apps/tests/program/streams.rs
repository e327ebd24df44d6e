//! Sender, job and receiver as three processes.

use crate::support::{Place, Process, connect, frame, option, order, orders_of, results, run_on_tcp};
use potoroo::market_spread::clock::realtime_ns;
use std::io::Write;

#[test]
fn three_processes_reject_the_orders_that_the_reference_rejects() {
    for workers in [1, 2] {
        let place = Place::new();
        place.generate(5, 40_000, 20);
        let expected = place.expected();
        let out = format!("--out={}", place.endpoint("received"));
        let receive = Process::start(["receive", "--listen=tcp://127.0.0.1:0", &out]);
        let run = run_on_tcp(&[
            "--once".to_owned(),
            format!("--workers={workers}"),
            format!("--out=tcp://{}", receive.address("listening")),
            option("--json", &place.path("json")),
        ]);
        let send = Process::start([
            "send",
            "market-spread",
            &format!("--orders=tcp://{}", run.address("listening for orders")),
            &format!("--quotes=tcp://{}", run.address("listening for quotes")),
            "--messages=40000",
            "--seed=5",
            "--reject-one-in=20",
            "--rate=200k",
            // Ample time for the first quotes to be there before the first order.
            &format!("--start-at-ns={}", realtime_ns() + 1_000_000_000),
        ]);
        send.end().assert_success();
        let ended = run.end();
        ended.assert_success();
        receive.end().assert_success();

        let found = results(&place.read("received"));
        assert_eq!(found.len(), expected.len());
        assert!(orders_of(&found) == orders_of(&expected));
        assert!(ended.stdout.contains("40,350"), "{ended:?}");

        let json: serde_json::Value = serde_json::from_slice(&place.read("json")).expect("JSON");
        let number = |name: &str| json[name].as_f64().unwrap_or_else(|| panic!("no {name} in {json}"));
        assert_eq!(number("messages"), 40_350.0);
        assert_eq!(number("rejected"), expected.len() as f64);
        assert_eq!(number("dead_letters"), 0.0);
        assert_eq!(number("workers"), f64::from(workers));
        assert!(number("seconds") > 0.0 && number("messages_per_s") > 0.0, "{json}");
        assert!(number("rss_bytes_max") > 0.0, "{json}");
        assert!((0.0..=1.0).contains(&number("locality_ratio")), "{json}");
        let percentiles = ["p50", "p90", "p99", "p99_9", "p99_99", "max"];
        let latencies = percentiles.map(|name| json["latency_ns"][name].as_u64().expect("a latency"));
        assert!(latencies[0] > 0 && latencies.is_sorted(), "{json}");
    }
}

#[test]
fn a_sender_that_is_killed_ends_its_streams_and_what_came_counts() {
    let place = Place::new();
    let run = run_on_tcp(&[
        "--once".to_owned(),
        format!("--out={}", place.endpoint("results")),
        option("--json", &place.path("json")),
        option("--dead-letters", &place.path("letters")),
    ]);
    let send = Process::start([
        "send",
        "market-spread",
        &format!("--orders=tcp://{}", run.address("listening for orders")),
        &format!("--quotes=tcp://{}", run.address("listening for quotes")),
        "--messages=100M",
        "--reject-one-in=10",
        "--rate=100k",
    ]);
    run.line("results", |line| {
        let (_, out) = line.split_once("/s), ")?;
        (!out.starts_with("0 out")).then_some(())
    });
    send.signal("KILL");
    assert_eq!(send.end().code, None);
    run.end().assert_success();
    let summary = place.summary("json");
    let found = results(&place.read("results"));
    assert!(summary.rejected > 0);
    assert_eq!(summary.rejected, found.len() as u64);
    // At most the two frames that were being sent, and nothing but these.
    let letters = place.text("letters");
    assert!(summary.dead_letters <= 2, "{letters}");
    assert!(
        letters.lines().all(|line| line.contains("ended within the frame")),
        "{letters}"
    );
}

#[test]
fn connections_that_come_and_go_leave_nothing_waiting() {
    let place = Place::new();
    let run = run_on_tcp(&[
        format!("--out={}", place.endpoint("results")),
        option("--json", &place.path("json")),
    ]);
    let address = run.address("listening for orders");
    for at in 0..1000 {
        let one = frame(&order(&format!("{at:06}"), "AAAA", 1.0));
        connect(address).write_all(&one).expect("taken");
    }
    run.progress(&["1,000 in (", "1,000 out", "0 batches waiting", "0 dead letters"]);
    run.signal("INT");
    run.end().assert_success();
    assert_eq!(results(&place.read("results")).len(), 1000);
    assert_eq!(place.summary("json").messages, 1000);
}
