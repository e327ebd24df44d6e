//! The demo: three processes from one command.

use crate::support::{Place, Process, option};
use potoroo::market_spread::generator::{Generator, GeneratorConfig};
use potoroo::market_spread::instruments::{INSTRUMENTS, REJECTING, Universe};

/// How many orders the demo's generator makes for instruments that are rejected.
fn expected(messages: u64) -> u64 {
    let universe = Universe::generated(1, INSTRUMENTS, REJECTING).expect("instruments");
    let config = GeneratorConfig {
        seed: 1,
        messages,
        reject_one_in: 100,
    };
    let mut generator = Generator::new(&universe, config).expect("few messages");
    while generator.next(&mut Vec::new(), &mut Vec::new()) {}
    generator.orders_for_rejected()
}

fn demo(rate: &str, messages: u64) {
    let place = Place::new();
    let ended = Process::start([
        "demo",
        &format!("--messages={messages}"),
        &format!("--rate={rate}"),
        &option("--json", &place.path("json")),
    ])
    .end();
    ended.assert_success();
    let expected = expected(messages);
    let summary = place.summary("json");
    assert_eq!(summary.messages, messages);
    assert_eq!(summary.rejected, expected);
    assert_eq!(summary.dead_letters, 0);
    assert!(expected == 0 || summary.latency_ns.p50 > 0, "{summary:?}");
    let verdict = format!("{expected} orders were for rejected instruments, {expected} came back rejected");
    assert!(ended.stdout.contains(&verdict), "{ended:?}");
    assert_eq!(place.names(), ["json"]);
}

#[test]
fn a_demo_with_a_schedule_rejects_what_the_generator_made() {
    demo("200000", 20_000);
}

#[test]
fn a_demo_as_fast_as_it_goes_rejects_what_the_generator_made() {
    demo("max", 100_000);
}

#[test]
fn a_demo_without_messages_ends() {
    demo("1", 0);
}

#[test]
fn ctrl_c_ends_the_load_and_still_shows_what_was_done() {
    let place = Place::new();
    let demo = Process::start([
        "demo",
        "--messages=1M",
        "--rate=50k",
        &option("--json", &place.path("json")),
    ]);
    // A progress line: the load has begun.
    demo.progress(&["in ("]);
    demo.signal("INT");
    let ended = demo.end();
    ended.assert_success();
    assert!(ended.stdout.contains("interrupted: "), "{ended:?}");
    let summary = place.summary("json");
    assert!(summary.messages < 1_000_000, "{summary:?}");
    // The sender may have been ended within a frame of each stream.
    assert!(summary.dead_letters <= 2, "{ended:?}");
}
