//! Every workload, tiny, on 1 and 2 workers and on the bare loop: the sums come out, so the benches measure real work.
//!
//! The sums here are worked out by hand or by a plain loop, not by the formulas that the workloads use. Nothing here
//! looks at the time.

use potoroo_benches::{
    ALL, MANY, Outcome, big, chameneos, counting, fan_in, fork_join_create, fork_join_throughput, limit, pairs,
    ping_pong, ring, skew, system,
};

/// Tokens that go round each ring, played out: the sum of token times relay number.
fn rings_played_out(rings: u64, relays: u64, tokens: u64, hops: u64) -> u64 {
    let mut checksum = 0;
    for ring in 0..rings {
        for token in 0..tokens {
            for hop in 0..hops {
                checksum += (hops - 1 - hop) * (ring * relays + (token + hop) % relays + 1);
            }
        }
    }
    checksum
}

fn check(outcomes: impl IntoIterator<Item = Outcome>, messages: u64, checksum: u64) {
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
        rings_played_out(20, 2, 1, 101),
    );
}

#[test]
fn a_ring_adds_up() {
    for hops in [1, 7, 1000] {
        for tokens in [1, 3, 7] {
            let run = |workers| ring::run(&system(workers), 7, tokens, hops);
            check(
                [limit::ring(7, tokens, hops), run(1), run(2)],
                tokens * hops,
                rings_played_out(1, 7, tokens, hops),
            );
        }
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
fn counting_adds_up() {
    let run = |workers| counting::run(&system(workers), 5003);
    check([run(1), run(2)], 5003, (0..5003).sum());
}

#[test]
fn a_fork_join_create_adds_up() {
    for actors in [1, 5003] {
        let run = |workers| fork_join_create::run(&system(workers), actors);
        check([run(1), run(2)], actors, (0..actors).sum());
    }
}

#[test]
fn every_actor_of_a_fork_join_create_has_ended() {
    let system = system(2);
    fork_join_create::run(&system, 1000);
    let total = system.shutdown().stats.total();
    assert!(total.spawned >= 1001, "{total:?}");
    assert_eq!((total.spawned, total.failed), (total.ended, 0), "{total:?}");
}

#[test]
fn a_fork_join_throughput_adds_up() {
    for (workers_inside, messages) in [(60, 60), (60, 5003), (1, 7), (7, 2 * fork_join_throughput::BURST)] {
        let run = |workers| fork_join_throughput::run(&system(workers), workers_inside, messages);
        let expected = (0..messages).map(|n| n * (n % workers_inside + 1)).sum();
        check([run(1), run(2)], messages, expected);
    }
}

#[test]
fn two_that_ping_each_other_add_up() {
    // Each sends 0 to 4 to the other and gets it back: every number counts for both, and both are pinged.
    let run = |workers| big::run(&system(workers), 2, 10);
    check([run(1), run(2)], 20, 2 * (1 + 2) * (1 + 2 + 3 + 4));
}

#[test]
fn creatures_meet_as_often_as_they_should() {
    for (creatures, meetings) in [(2, 1), (3, 100), (100, 999)] {
        let run = |workers| chameneos::run(&system(workers), creatures, meetings);
        let expected = (0..u64::from(meetings)).map(|meeting| 2 * meeting).sum();
        check([run(1), run(2)], 4 * u64::from(meetings), expected);
    }
}

#[test]
fn skewed_work_is_the_same_however_many_workers_do_it() {
    let run = |workers| skew::run(&system(workers), 64, 512, 5003);
    let one = run(1);
    check([one, run(2)], 5003, one.checksum);
}

#[test]
fn the_shapes_of_the_benches_run_one_after_the_other_on_one_system() {
    for workers in [1, 2] {
        let system = system(workers);
        for workload in ALL {
            let run = (workload.run)(&system, 2 * MANY);
            if let Some(limit) = workload.limit {
                let bare = limit(2 * MANY);
                assert_eq!(
                    (run.messages, run.checksum),
                    (bare.messages, bare.checksum),
                    "{}",
                    workload.name
                );
            }
        }
    }
}

#[test]
fn on_one_worker_every_message_is_local() {
    for workload in ALL {
        let system = system(1);
        let messages = (workload.run)(&system, 2 * MANY).messages;
        let total = system.shutdown().stats.total();
        assert_eq!(total.sent_remote, 0, "{}: {total:?}", workload.name);
        assert!(total.sent_local >= messages, "{}: {total:?}", workload.name);
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
