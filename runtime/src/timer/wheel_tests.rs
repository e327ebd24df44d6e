//! The wheel against naive models: a sorted list, and one from which some is removed.

use super::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const TICK_NS: u64 = 1 << TICK_SHIFT;

#[test]
fn a_timer_never_fires_early_and_at_most_a_tick_late() {
    let start = Time::from_ns(12_345_678_901);
    let mut wheel = Wheel::new(start);
    let deadline = start + Duration::from_millis(10);
    wheel.insert(deadline, ());
    let mut fired = 0;
    wheel.advance(Time::from_ns(deadline.as_ns() - 1), |()| fired += 1);
    assert_eq!(fired, 0);
    wheel.advance(deadline + Duration::from_nanos(TICK_NS), |()| fired += 1);
    assert_eq!(fired, 1);
    assert!(wheel.is_empty());
    assert_eq!(wheel.next_due(), None);
}

#[test]
fn a_deadline_beyond_the_horizon_fires_in_its_time() {
    let mut wheel = Wheel::new(Time::ZERO);
    let far = Time::from_ns(3 * HORIZON_TICKS * TICK_NS);
    wheel.insert(far, ());
    let mut fired_at = None;
    for _ in 0..100 {
        let Some(next) = wheel.next_due() else { break };
        wheel.advance(next, |()| fired_at = Some(next));
    }
    assert_eq!(fired_at, Some(far));
}

#[test]
fn a_removed_entry_is_dropped_and_its_place_used_again() {
    let mut wheel = Wheel::new(Time::ZERO);
    let payload = Arc::new(());
    let far = Time::from_ns(1 << 50);
    let mut old = vec![];
    for _ in 0..10_000 {
        old.push(wheel.insert(far, payload.clone()));
        assert!(wheel.remove(old[old.len() - 1]).is_some());
    }
    assert_eq!((Arc::strong_count(&payload), wheel.len()), (1, 0));
    assert_eq!(wheel.next_due(), None);
    assert_eq!(wheel.spots.len(), 1, "one spot was enough");
    let present = wheel.insert(far, payload);
    assert!(old.into_iter().all(|key| wheel.remove(key).is_none()));
    assert!(wheel.remove(present).is_some());
}

#[test]
fn an_empty_wheel_gives_back_what_many_entries_took() {
    let mut wheel = Wheel::new(Time::ZERO);
    let many = 100 * ROOM_KEPT;
    let keys: Vec<_> = (0..many).map(|n| wheel.insert(Time::from_ns(n as u64), n)).collect();
    let mut fired = 0;
    wheel.advance(Time::from_ns(1 << 40), |_| fired += 1);
    assert_eq!(fired, many);
    let room: usize = wheel.slots.iter().map(Vec::capacity).sum();
    assert!(wheel.spots.capacity() + room < 2 * ROOM_KEPT, "{room} in slots");
    let again = wheel.insert(Time::from_ns(1 << 41), 0);
    assert!(keys.into_iter().all(|key| wheel.remove(key).is_none()));
    assert_eq!(wheel.remove(again), Some(0));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Remove(proptest::sample::Index),
    Advance(u64),
}

/// Delays and advances of all magnitudes, so that all levels are met.
fn step() -> impl Strategy<Value = Step> {
    let span = || (0_u32..54, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1));
    prop_oneof![
        3 => span().prop_map(Step::Insert),
        2 => any::<proptest::sample::Index>().prop_map(Step::Remove),
        1 => span().prop_map(|by| Step::Advance(by >> 4)),
    ]
}

proptest! {
    /// Against a sorted list: everything fires once, in the order of its tick, and `next_due` never oversleeps.
    #[test]
    fn the_wheel_is_a_sorted_list(
        delays in proptest::collection::vec(0_u64..(1 << 42), 1..60),
        steps in proptest::collection::vec(1_u64..(1 << 38), 1..60),
    ) {
        let start = Time::from_ns(987_654_321_000);
        let mut wheel = Wheel::new(start);
        for (n, delay) in delays.iter().enumerate() {
            wheel.insert(start + Duration::from_nanos(*delay), n);
        }
        let mut now = start;
        let mut fired = vec![];
        for step in steps {
            now = now + Duration::from_nanos(step);
            wheel.advance(now, |n| fired.push((n, now)));
            prop_assert!(wheel.next_due().is_none_or(|due| due.as_ns() + TICK_NS > now.as_ns()));
        }
        while let Some(due) = wheel.next_due() {
            wheel.advance(due, |n| fired.push((n, due)));
        }
        prop_assert_eq!(fired.len(), delays.len());
        for (n, at) in &fired {
            prop_assert!(at.as_ns() >= start.as_ns() + delays[*n]);
        }
        let ticks: Vec<_> = fired
            .iter()
            .map(|(n, _)| (start.as_ns() + delays[*n]).div_ceil(TICK_NS))
            .collect();
        prop_assert!(ticks.is_sorted(), "{:?}", ticks);
    }

    /// Against a list without any order: what is removed never fires, what fires is gone, and the rest is in its time.
    #[test]
    fn the_wheel_is_a_list_from_which_some_is_removed(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut now = Time::from_ns(987_654_321_000);
        let mut wheel = Wheel::new(now);
        let mut model: Vec<Option<u64>> = vec![];
        let mut keys = vec![];
        for step in steps {
            match step {
                Step::Insert(delay) => {
                    let deadline = now + Duration::from_nanos(delay);
                    keys.push(wheel.insert(deadline, keys.len()));
                    model.push(Some(deadline.as_ns().div_ceil(TICK_NS)));
                }
                Step::Remove(which) if !keys.is_empty() => {
                    let which = which.index(keys.len());
                    let waits = model[which].take().map(|_| which);
                    prop_assert_eq!(wheel.remove(keys[which]), waits);
                    prop_assert_eq!(wheel.remove(keys[which]), None);
                }
                Step::Remove(_) => {}
                Step::Advance(by) => {
                    now = now + Duration::from_nanos(by);
                    let mut fired = vec![];
                    wheel.advance(now, |n| fired.push((model[n].take(), n)));
                    prop_assert!(fired.iter().all(|(at, _)| at.is_some()), "twice, or removed: {:?}", fired);
                    prop_assert!(fired.is_sorted_by_key(|(at, _)| *at), "{:?}", fired);
                    let is_late = |at: &Option<u64>| at.is_some_and(|at| at <= now.as_ns() >> TICK_SHIFT);
                    prop_assert!(!model.iter().any(is_late));
                    prop_assert!(fired.iter().all(|(at, _)| is_late(at)), "early: {:?}", fired);
                }
            }
            prop_assert_eq!(wheel.len(), model.iter().flatten().count());
            let first = model.iter().flatten().min();
            let due = wheel.next_due().map(|due| due.as_ns() >> TICK_SHIFT);
            prop_assert_eq!(due.is_some(), first.is_some());
            prop_assert!(due <= first.copied(), "{:?} is slept through until {:?}", first, due);
        }
    }
}
