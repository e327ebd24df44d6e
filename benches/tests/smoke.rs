//! Every workload, tiny, on 1 and 2 workers and on the bare loop: the sums come out, so the benches measure real work.
//!
//! The sums here are worked out by hand or by a plain loop, not by the formulas that the workloads use. Where a workload
//! itself takes a plain loop without actors for it, only the workers are compared here. Nothing here looks at the time.

use potoroo_benches::{
    ALL, MANY, Outcome, bank, big, blocked, bounded_buffer, chameneos, counting, dictionary, fan_in, fork_join_create,
    fork_join_throughput, idle_memory, latency, limit, pairs, ping_pong, queens, ring, sieve, skew, system,
};
use std::time::Duration;

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
    check([limit::counting(5003), run(1), run(2)], 5003, (0..5003).sum());
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
        let bare = limit::fork_join_throughput(workers_inside, messages);
        check([bare, run(1), run(2)], messages, expected);
    }
}

#[test]
fn two_that_ping_each_other_add_up() {
    // Each sends 0 to 4 to the other and gets it back: every number counts for both, and both are pinged.
    let run = |workers| big::run(&system(workers), 2, 10);
    check([limit::big(2, 10), run(1), run(2)], 20, 2 * (1 + 2) * (1 + 2 + 3 + 4));
}

#[test]
fn creatures_meet_as_often_as_they_should() {
    for (creatures, meetings) in [(2, 1), (3, 100), (100, 999)] {
        let run = |workers| chameneos::run(&system(workers), creatures, meetings);
        let expected = (0..u64::from(meetings)).map(|meeting| 2 * meeting).sum();
        let bare = limit::chameneos(creatures, meetings);
        check([bare, run(1), run(2)], 4 * u64::from(meetings), expected);
    }
}

#[test]
fn skewed_work_is_the_same_however_many_workers_do_it() {
    let run = |workers| skew::run(&system(workers), 64, 512, 5003);
    let one = run(1);
    check([limit::skew(64, 512, 5003), one, run(2)], 5003, one.checksum);
}

#[test]
fn a_bank_adds_up() {
    // With two accounts, all transfers go from the first to the second: what one has lost the other has won.
    let run = |workers| bank::run(&system(workers), 2, 500);
    let moved = run(1).checksum;
    assert!((500..500 * 1000).contains(&moved), "{moved}");
    check([run(1), run(2)], 2000, moved);
    let run = |workers| bank::run(&system(workers), 100, 5003);
    check([run(1), run(2)], 4 * 5003, run(1).checksum);
}

#[test]
fn a_bounded_buffer_adds_up() {
    // More of the ones than of the others, and more of both than there is room for.
    for (producers, consumers, items) in [(1, 1, 1), (40, 3, 5003), (3, 40, 5003), (200, 100, 5003)] {
        let run = |workers| bounded_buffer::run(&system(workers), producers, consumers, items);
        check([run(1), run(2)], 4 * items, (0..items).sum());
    }
}

#[test]
fn a_dictionary_answers_the_same_however_many_workers_it_has() {
    let run = |workers| dictionary::run(&system(workers), 20, 5003);
    check([run(1), run(2)], 2 * 5003, run(1).checksum);
}

#[test]
fn a_sieve_finds_the_primes() {
    // Below 30 with two per filter: 3 5, 7 11, 13 17, 19 23, 29. Of the 14 odd numbers 9, 15, 21, 25 and 27 go no
    // further than the first.
    let filters: [(u64, u64); 5] = [(3 + 5, 14), (7 + 11, 7), (13 + 17, 5), (19 + 23, 3), (29, 1)];
    let expected = (1..)
        .zip(filters)
        .map(|(number, (primes, handled))| number * (primes + (handled << 32)))
        .sum();
    let run = |workers| sieve::run(&system(workers), 30, 2);
    check([run(1), run(2)], 14 + 7 + 5 + 3 + 1, expected);
}

#[test]
fn queens_have_as_many_solutions_as_they_have() {
    // By trying each permutation of four: two solutions; by hand: 1 + 4 + 6 + 4 + 2 boards with up to four queens.
    let run = |workers| queens::run(&system(workers), 3, 4);
    check([run(1), run(2)], 3 * 17 - 1, 2 + (17 << 32));
    assert_eq!(queens::run(&system(2), 20, 8).checksum & 0xffff, 92);
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

#[test]
fn idle_actors_are_all_there() {
    for workers in [1, 2] {
        let idle = idle_memory::run(&system(workers), 5003);
        assert_eq!(idle.actors, 5003);
    }
}

#[test]
fn latencies_are_sorted_and_all_there() {
    let of_workers = [1, 2].map(|workers| latency::run(&system(workers), 20));
    for took in of_workers
        .into_iter()
        .chain([latency::run_between_workers(&system(2), 20)])
    {
        assert_eq!(took.len(), 20);
        assert!(took.is_sorted());
        assert_eq!(latency::percentile(&took, 100), took[19]);
        assert_eq!(latency::percentile(&took, 50), took[10]);
    }
}

#[test]
fn whoever_is_blocked_does_all_work_in_the_end() {
    let load = blocked::Load {
        actors: 21,
        period: Duration::from_millis(5),
        work: Duration::from_micros(10),
        around: Duration::from_millis(10),
        block: Duration::from_millis(30),
    };
    for mode in [blocked::Mode::Outside, blocked::Mode::Timers] {
        let run = blocked::run(&system(2), load, mode);
        assert_eq!(run.samples.len(), 21);
        for samples in &run.samples {
            // 10 + 30 + 10 ms, every 5 ms.
            assert_eq!(samples.len(), 10);
            assert!(samples.windows(2).all(|pair| pair[1].due - pair[0].due == load.period));
        }
        assert!(run.block.to - run.block.from >= load.block);
    }
}
