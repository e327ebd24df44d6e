//! Every workload, tiny, on 1 and 2 workers and on the bare loop: the sums come out, so the benches measure real work.
//!
//! The sums here are worked out by hand or by a plain loop, not by the formulas that the workloads use. Nothing here
//! looks at the time.

use potoroo_benches::{ALL, MANY, Outcome, fan_in, limit, pairs, ping_pong, ring, system};

/// A token that goes round each ring, played out: the sum of token times relay number.
fn rings_played_out(rings: u64, relays: u64, hops: u64) -> u64 {
    let mut checksum = 0;
    for ring in 0..rings {
        for hop in 0..hops {
            checksum += (hops - 1 - hop) * (ring * relays + hop % relays + 1);
        }
    }
    checksum
}

fn check(outcomes: [Outcome; 3], messages: u64, checksum: u64) {
    for outcome in outcomes {
        assert_eq!((outcome.messages, outcome.checksum), (messages, checksum));
    }
}

#[test]
fn ping_pong_adds_up() {
    // Relay 1 gets 4, 2, 0 and relay 2 gets 3, 1.
    let expected = 6 + 2 * 4;
    let run = |workers| ping_pong::run(&system(workers), 5);
    check([limit::ping_pong(5), run(1), run(2)], 5, expected);
}

#[test]
fn pairs_add_up() {
    let run = |workers| pairs::run(&system(workers), 20, 101);
    check(
        [limit::pairs(20, 101), run(1), run(2)],
        2020,
        rings_played_out(20, 2, 101),
    );
}

#[test]
fn a_ring_adds_up() {
    for hops in [1, 7, 1000] {
        let run = |workers| ring::run(&system(workers), 7, hops);
        check(
            [limit::ring(7, hops), run(1), run(2)],
            hops,
            rings_played_out(1, 7, hops),
        );
    }
}

#[test]
fn a_fan_in_adds_up() {
    // Less than a burst, whole bursts, uneven shares, and fewer messages than producers.
    for (producers, messages) in [(1, 100), (1, 2 * fan_in::BURST), (8, 5003), (8, 3)] {
        let run = |workers| fan_in::run(&system(workers), producers, messages);
        let outcomes = [limit::fan_in(producers, messages), run(1), run(2)];
        check(outcomes, messages, (0..messages).sum());
    }
}

#[test]
fn the_shapes_of_the_benches_run_one_after_the_other_on_one_system() {
    for workers in [1, 2] {
        let system = system(workers);
        for workload in &ALL {
            let bare = (workload.limit)(2 * MANY);
            let run = (workload.run)(&system, 2 * MANY);
            assert_eq!(
                (run.messages, run.checksum),
                (bare.messages, bare.checksum),
                "{}",
                workload.name
            );
        }
    }
}

#[test]
fn on_one_worker_every_message_is_local() {
    for workload in &ALL {
        let system = system(1);
        (workload.run)(&system, 2 * MANY);
        let total = system.shutdown().stats.total();
        assert_eq!(total.sent_remote, 0, "{}: {total:?}", workload.name);
        assert!(total.sent_local >= 2 * MANY, "{}: {total:?}", workload.name);
    }
}

#[test]
fn market_spread_gives_what_the_bare_loop_gives() {
    let expected = potoroo_benches::market_spread::limit(100_000).results;
    assert!(expected.0 > 0);
    for workers in [1, 2] {
        let run = potoroo_benches::market_spread::run(&system(workers), 100_000);
        assert_eq!(run.results, expected);
    }
}
