//! W5: a source that is told to be idle after a silence is so when it has passed, not before and not later; W4 with it: one that is
//! held up is not silent; W2 with it: when it wakes, event time does not go back.

use super::feeding::{Feeder, Log, Seen, Watching, numbers, seconds, system};
use potoroo_actors::element::{Mark, Timestamp};
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::runtime::sys::clock::Time;
use potoroo_actors::runtime::{Actor, Context, Reply, Turn};
use potoroo_actors::source::Step;
use potoroo_actors::{CallOptions, NodeKind, Pipeline, sink, source, time};
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// How exact the timers of the runtime are: 2^17 ns.
const TICK: Duration = Duration::from_nanos(1 << 17);
const HOUR: Duration = Duration::from_secs(3600);
const QUIET: u16 = 8;
const AHEAD: u16 = 9;

/// Silences of all sizes, among them multiples of ticks, and of seconds.
const SILENCES: [Duration; 8] = [
    TICK,
    Duration::from_nanos(3 << 17),
    Duration::from_millis(1),
    Duration::from_nanos((1 << 17) * 64 * 64),
    Duration::from_millis(999),
    Duration::from_secs(1),
    Duration::from_secs(60),
    Duration::from_secs(24 * 3600),
];

/// A source that is idle after a silence, and one that is ahead of it: when the first is idle, event time is that of the second.
fn two_sources(sim: &Sim, silence: Duration) -> (Log, Feeder, Feeder) {
    let node = sim.node("listening");
    let log = Log::default();
    let noted = log.clone();
    node.start(move || {
        let system = system(2);
        let pipeline = Pipeline::new();
        let quiet = pipeline
            .source("quiet", numbers(QUIET))
            .idle_after(silence)
            .timestamps(time::monotonic(seconds));
        let ahead = pipeline
            .source("ahead", numbers(AHEAD))
            .timestamps(time::monotonic(seconds));
        let noted = noted.clone();
        quiet
            .merge(ahead)
            .key_by(|_| ())
            .partitions(NonZeroUsize::MIN)
            .operator("watching", NodeKind::Keyed, move |_| Watching(noted.clone()))
            .sink("out", sink::each(drop));
        drop(pipeline.start(&system));
        system
    });
    sim.run_until_quiet();
    let peer = sim.node("feeding");
    let ahead = Feeder::connect(peer.clone(), node.address(AHEAD));
    let quiet = Feeder::connect(peer, node.address(QUIET));
    sim.run_until_quiet();
    (log, quiet, ahead)
}

/// The silence that began at `since` ends when it should: event time jumps to `then`. A step takes some time in a random run, so
/// that these are exact to `slack`.
fn ends_in_time(sim: &Sim, log: &Log, since: Time, silence: Duration, then: i64, slack: Duration) {
    let before = log.reached();
    let left = (since + silence).since(sim.now());
    sim.advance(left.saturating_sub(slack.max(Duration::from_nanos(1))));
    assert_eq!(log.reached(), before, "idle before {silence:?} have passed");
    sim.advance(TICK + slack + Duration::from_nanos(1));
    sim.run_until_quiet();
    assert_eq!(log.reached(), Some(then), "not idle though {silence:?} have passed");
    let when = log.when(Seen::Watermark(seconds(&then))).expect("seen");
    let due = since + silence;
    assert!(
        when + slack >= due && when <= due + TICK + slack,
        "{when:?} and not {due:?}"
    );
}

fn silence_ends(sim: &Sim, silence: Duration, pauses: &[Duration], slack: Duration) {
    let (log, mut quiet, mut ahead) = two_sources(sim, silence);
    ahead.send(1000);
    sim.run_until_quiet();
    // As long as something comes in time it is not idle.
    let mut last = 0;
    for (second, pause) in (1..).zip(pauses) {
        quiet.send(second);
        sim.run_until_quiet();
        last = second;
        assert_eq!(
            log.reached(),
            Some(second),
            "idle after a pause of less than {silence:?}"
        );
        sim.advance(*pause);
    }
    let since = log.when(Seen::Record(last)).expect("seen");
    ends_in_time(sim, &log, since, silence, 1000, slack);
    // Nobody waits for it any more.
    ahead.send(3000);
    sim.advance(silence);
    assert_eq!(log.reached(), Some(3000));
    // It wakes with what is late: event time stays where it is, and from now on it is waited for again.
    quiet.send(last + 1);
    sim.run_until_quiet();
    assert!(log.when(Seen::Record(last + 1)).is_some());
    assert_eq!(log.reached(), Some(3000));
    quiet.send(5000);
    sim.run_until_quiet();
    ahead.send(9000);
    sim.run_until_quiet();
    assert_eq!(log.reached(), Some(5000));
    // And another silence is like the first.
    let since = log.when(Seen::Record(5000)).expect("seen");
    ends_in_time(sim, &log, since, silence, 9000, slack);
}

/// Time stands still but where it is let pass, so the bounds are exact: wherever in a silence the next record comes, in the middle,
/// after any part, one nanosecond before the end, or so often that the timer finds each time that something came.
#[test]
fn w5_a_silence_ends_when_it_has_passed_and_at_most_a_tick_later() {
    for silence in SILENCES {
        let almost = silence - Duration::from_nanos(1);
        let (half, part) = (silence / 2, silence / 7);
        let all: [&[Duration]; 7] = [
            &[almost],
            &[half, half, half],
            &[almost, almost, Duration::ZERO],
            &[part; 20],
            &[almost, part, half, almost, part, half],
            &[Duration::ZERO, silence / 3, silence / 3, silence / 3, Duration::ZERO],
            &[silence / 64; 130],
        ];
        for pauses in all {
            sim::explore(|sim: &Sim| silence_ends(sim, silence, pauses, Duration::ZERO))
                .in_order()
                .run();
        }
    }
}

/// In any order of turns, in which a turn takes time.
#[test]
fn w5_a_silence_ends_in_time_in_any_order_of_turns() {
    let slack = TICK / 2;
    sim::explore(|sim: &Sim| {
        let silence = SILENCES[sim.choose(SILENCES.len())];
        let pauses: Vec<Duration> = (0..1 + sim.choose(8))
            .map(|_| (silence - slack) * sim.choose(17) as u32 / 16)
            .collect();
        silence_ends(sim, silence, &pauses, slack);
    })
    .random(150)
    .run();
}

/// One that has never given anything is silent from its beginning.
#[test]
fn w5_a_source_that_never_gives_anything_is_idle_in_time() {
    for silence in SILENCES {
        sim::explore(|sim: &Sim| {
            let since = sim.now();
            let (log, _quiet, mut ahead) = two_sources(sim, silence);
            assert_eq!(sim.now(), since);
            ahead.send(1000);
            sim.run_until_quiet();
            assert_eq!(log.reached(), None);
            ends_in_time(sim, &log, since, silence, 1000, Duration::ZERO);
        })
        .in_order()
        .run();
    }
}

/// Answers after a minute.
struct Slow;

enum SlowMsg {
    Asked(i64, Reply<i64>),
    Answer(i64, Reply<i64>),
}

impl Actor for Slow {
    type Msg = SlowMsg;

    fn handle(&mut self, msg: SlowMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            SlowMsg::Asked(n, reply) => drop(ctx.after(Duration::from_secs(60), SlowMsg::Answer(n, reply))),
            SlowMsg::Answer(n, reply) => reply.send(n),
        }
        Ok(())
    }
}

/// Says that it is very far, and ends: if nobody else is active, event time is there.
fn far() -> impl Iterator<Item = Step<i64>> {
    [Step::Mark(Mark::Watermark(Timestamp::from_secs(1_000_000_000)))].into_iter()
}

/// Behind the source a stage is slow: for hours the source has no room, and is silent for far longer than it may.
fn held_by_a_stage(sim: &Sim) {
    const RECORDS: i64 = 20_000;
    let node = sim.node("held");
    let log = Log::default();
    let noted = log.clone();
    node.start(move || {
        let system = system(2);
        let slow = system.spawn(|_| Ok(Slow));
        let pipeline = Pipeline::new();
        let calls = CallOptions::ordered(NonZeroUsize::new(16).expect("not zero")).within(HOUR);
        let held = pipeline
            .source("held", source::generate(1, |_| 0..RECORDS))
            .idle_after(Duration::from_secs(30))
            .timestamps(time::monotonic(seconds))
            .call_async("slow", calls, move |n| {
                slow.ask(|reply| SlowMsg::Asked(n, reply)).within(HOUR)
            });
        let noted = noted.clone();
        held.merge(pipeline.source("far", source::steps(1, |_| far())))
            .key_by(|_| ())
            .partitions(NonZeroUsize::MIN)
            .operator("watching", NodeKind::Keyed, move |_| Watching(noted.clone()))
            .sink("out", sink::each(drop));
        drop(pipeline.start(&system));
        system
    });
    sim.advance(Duration::from_secs(60 * RECORDS as u64 / 16 / 2));
    // Half of it is done; the source has waited most of the time.
    let seen = log.all();
    let mut records = 0;
    for (when, seen) in seen {
        match seen {
            Seen::Record(n) => records = n,
            Seen::Watermark(now) => assert!(now <= seconds(&(records + 1)), "idle before {when:?}: {now}"),
        }
    }
    assert!((RECORDS / 3..RECORDS * 2 / 3).contains(&records), "{records}");
}

#[test]
fn w5_w4_a_source_that_has_no_room_is_not_silent() {
    sim::explore(held_by_a_stage).random(5).run();
}

/// A source keeps together with one that gives a record a second, and is held for far longer than it may be silent.
fn held_by_alignment(sim: &Sim) {
    let node = sim.node("held");
    let log = Log::default();
    let noted = log.clone();
    node.start(move || {
        let system = system(2);
        let pipeline = Pipeline::new();
        let together = time::Alignment::new(Duration::from_secs(5));
        let slow = pipeline.source("slow", source::generate(1, |_| 0..1000_i64).rate(NonZeroU64::MIN));
        slow.timestamps(time::monotonic(seconds))
            .align(&together)
            .sink("slow out", sink::each(drop));
        let noted = noted.clone();
        pipeline
            // One record a turn, or it would be done in the first.
            .source(
                "fast",
                source::steps(1, |_| (0..1000_i64).flat_map(|n| [Step::Record(n), Step::Turn])),
            )
            .idle_after(Duration::from_millis(100))
            .timestamps(time::monotonic(seconds))
            .align(&together)
            .merge(pipeline.source("far", source::steps(1, |_| far())))
            .key_by(|_| ())
            .partitions(NonZeroUsize::MIN)
            .operator("watching", NodeKind::Keyed, move |_| Watching(noted.clone()))
            .sink("out", sink::each(drop));
        drop(pipeline.start(&system));
        system
    });
    sim.advance(Duration::from_secs(500));
    let reached = log.reached().expect("it has begun");
    assert!((490..510).contains(&reached), "idle while it was held: {reached}");
}

#[test]
fn w5_w4_a_source_that_waits_for_others_is_not_silent() {
    sim::explore(held_by_alignment).random(20).run();
}
