//! The wheel: six levels of 64 slots, after Varghese and Lauck, "Hashed and hierarchical timing wheels" (1987).
//!
//! Inserting and firing cost O(1); an entry is moved down at most five times in its life. A bit mask per level tells
//! which slots hold something, so that the next deadline is found without walking empty ones. Entries fire at or after
//! their deadline, never before, at most one tick late by the wheel's own doing. It lacks removal on purpose.

use crate::sys::clock::Time;

/// 2^17 ns, about 0.13 ms: fine enough for a time-out, coarse enough that an hour passes few slots.
const TICK_SHIFT: u32 = 17;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
/// The farthest a wheel sees, in ticks (about 102 days); what lies beyond waits in the last slot and is put in again.
/// One slot short of a full round, so that the farthest slot is never mistaken for the present one.
const HORIZON_TICKS: u64 = (SLOTS as u64 - 1) << (SLOT_BITS * (LEVELS as u32 - 1));

#[derive(Debug)]
struct Entry<T> {
    at_tick: u64,
    payload: T,
}

#[derive(Debug)]
struct Level<T> {
    /// Bit n: slot n holds something.
    occupied: u64,
    slots: [Vec<Entry<T>>; SLOTS],
}

/// Deadlines with payloads.
#[derive(Debug)]
pub struct Wheel<T> {
    /// Everything before this tick has fired.
    now_tick: u64,
    entries: usize,
    /// Made with the first timer: a worker without timers carries none of this.
    levels: Vec<Level<T>>,
}

impl<T> Wheel<T> {
    /// A wheel that starts at `now`.
    pub fn new(now: Time) -> Self {
        Self {
            now_tick: now.as_ns() >> TICK_SHIFT,
            entries: 0,
            levels: Vec::new(),
        }
    }

    /// The number of timers that wait, cancelled ones included.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether no timer waits.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Fires `payload` at the first [`advance`](Self::advance) to `deadline` or later.
    pub fn insert(&mut self, deadline: Time, payload: T) {
        if self.levels.is_empty() {
            self.levels.resize_with(LEVELS, || Level {
                occupied: 0,
                slots: std::array::from_fn(|_| Vec::new()),
            });
        }
        // Rounded up: a timer is late by less than a tick rather than early.
        let at_tick = (deadline.as_ns() >> TICK_SHIFT) + u64::from(deadline.as_ns() & ((1 << TICK_SHIFT) - 1) != 0);
        self.entries += 1;
        self.place(Entry {
            at_tick: at_tick.max(self.now_tick),
            payload,
        });
    }

    fn place(&mut self, entry: Entry<T>) {
        let visible = entry.at_tick.min(self.now_tick + HORIZON_TICKS);
        // The level is where the deadline and the present first differ: below it, both are in the same slot.
        let differs = (visible ^ self.now_tick) | (SLOTS as u64 - 1);
        let level = (63 - differs.leading_zeros()) / SLOT_BITS;
        let level = (level as usize).min(LEVELS - 1);
        let slot = (visible >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        let level = &mut self.levels[level];
        level.occupied |= 1 << slot;
        level.slots[slot].push(entry);
    }

    /// The moment at which [`advance`](Self::advance) has something to do next: the deadline of the first timer, or
    /// earlier where far timers must be moved closer first.
    pub fn next_due(&self) -> Option<Time> {
        if self.entries == 0 {
            return None;
        }
        let tick = self
            .levels
            .iter()
            .enumerate()
            .filter_map(|(level, l)| self.next_in(level, l.occupied))
            .min()?;
        Some(Time::from_ns(tick << TICK_SHIFT))
    }

    /// The tick at which the next occupied slot of `level` begins.
    fn next_in(&self, level: usize, occupied: u64) -> Option<u64> {
        if occupied == 0 {
            return None;
        }
        let shift = SLOT_BITS * level as u32;
        let here = (self.now_tick >> shift) as u32 % SLOTS as u32;
        // Slots are looked at in the order in which their time comes, the present one first.
        let ahead = u64::from(occupied.rotate_right(here).trailing_zeros());
        let start = ((self.now_tick >> shift) + ahead) << shift;
        Some(start.max(self.now_tick))
    }

    /// Fires everything that is due at `now`, in the order of its ticks.
    pub fn advance(&mut self, now: Time, mut fire: impl FnMut(T)) {
        let target = now.as_ns() >> TICK_SHIFT;
        while self.entries > 0 {
            let Some((level, tick)) = self
                .levels
                .iter()
                .enumerate()
                .filter_map(|(level, l)| Some((level, self.next_in(level, l.occupied)?)))
                // Of equal ticks the highest level first: what it holds must be moved down before it can fire in order.
                .min_by_key(|&(level, tick)| (tick, usize::MAX - level))
            else {
                break;
            };
            if tick > target {
                break;
            }
            self.now_tick = tick;
            let slot = (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS;
            let emptied = &mut self.levels[level];
            emptied.occupied &= !(1 << slot);
            let due = std::mem::take(&mut emptied.slots[slot]);
            for entry in due {
                if entry.at_tick <= self.now_tick {
                    self.entries -= 1;
                    fire(entry.payload);
                } else {
                    self.place(entry);
                }
            }
        }
        self.now_tick = self.now_tick.max(target);
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
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
    }
}
