//! The queue of stamps against a queue that keeps every stamp, and the bounds of the ring.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn groups_of_stamps_are_what_single_stamps_are(steps in prop::collection::vec(0_usize..20, 0..200)) {
        let mut waiting = Waiting::default();
        let mut naive = VecDeque::new();
        for (at, length) in (1..).zip(steps) {
            let now = Time::from_ns(at);
            waiting.came_to(length, now);
            naive.resize(length, now);
            prop_assert_eq!(waiting.count, length);
            prop_assert_eq!(waiting.first(), naive.pop_front());
        }
        while let Some(since) = naive.pop_front() {
            prop_assert_eq!(waiting.first(), Some(since));
        }
        prop_assert_eq!(waiting.first(), None);
    }
}

fn subject(actor: u64) -> Subject {
    Subject {
        actor,
        type_key: actor as usize % 2 + 1,
        type_name: if actor.is_multiple_of(2) { || "even" } else { || "odd" },
    }
}

#[test]
fn the_latest_events_are_kept_and_the_figures_are_of_all() {
    let counters = WorkerCounters::default();
    let mut recorder = Recorder::new(3);
    for actor in 0..10 {
        recorder.turn_began(subject(actor), 0, &counters);
        counters.handled.add(actor);
        recorder.turn_ended(0, false, &counters);
    }
    let recording = recorder.finish();
    let kept: Vec<_> = recording
        .events
        .iter()
        .map(|event| match event.kind {
            EventKind::Turn { actor, messages, .. } => (actor, messages),
            _ => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(kept, [(7, 7), (8, 8), (9, 9)]);
    assert_eq!(recording.overwritten, 7);
    assert_eq!(recording.figures.batch.count(), 10);
    let mut types = recording.figures.types;
    types.sort_by_key(|figures| figures.name);
    let types: Vec<_> = types
        .iter()
        .map(|figures| (figures.name, figures.turns, figures.messages))
        .collect();
    assert_eq!(types, [("even", 5, 20), ("odd", 5, 25)]);
}

#[test]
fn what_the_counters_counted_between_turns_becomes_events() {
    let counters = WorkerCounters::default();
    let mut recorder = Recorder::new(10);
    counters.steals.add(2);
    recorder.turn_began(subject(0), 0, &counters);
    recorder.turn_ended(0, false, &counters);
    let parked = clock::now();
    counters.timers.add(1);
    recorder.slept(parked, parked, &counters);
    recorder.slept(clock::now(), parked, &counters);
    recorder.looked(clock::now());
    let recording = recorder.finish();
    let kinds: Vec<_> = recording.events.iter().map(|event| event.kind).collect();
    assert!(
        matches!(
            kinds[..],
            [
                EventKind::Stolen(2),
                EventKind::Turn { messages: 0, .. },
                EventKind::Sleep { woken_after: Some(_) },
                EventKind::TimersFired(1),
                EventKind::Sleep { woken_after: None },
                EventKind::Look,
            ]
        ),
        "{kinds:?}"
    );
    assert!(recording.events.windows(2).all(|pair| pair[0].begin <= pair[1].begin));
    assert_eq!(
        (recording.figures.sleep_ns.count(), recording.figures.wake_ns.count()),
        (2, 1)
    );
}

#[test]
fn an_event_is_as_large_as_the_builder_says() {
    assert_eq!(size_of::<Event>(), 56);
}
