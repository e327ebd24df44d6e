//! The wheel: six levels of 64 slots, after Varghese and Lauck, "Hashed and hierarchical timing wheels" (1987).
//!
//! Inserting, removing and firing cost O(1); an entry is moved down at most five times in its life. Entries lie in one
//! slab, and those of a slot are linked in a ring, so that one can be taken out of the middle and nothing is allocated
//! while as many come as go. A bit mask per level tells which slots hold something, so that the next deadline is found
//! without walking empty ones. Entries fire at or after their deadline, never before, at most one tick late by the wheel's
//! own doing. It lacks a way to give memory back while it is not empty: the slab stays as large as the most timers at once.

use crate::sys::clock::Time;

/// 2^17 ns, about 0.13 ms: fine enough for a time-out, coarse enough that an hour passes few slots.
const TICK_SHIFT: u32 = 17;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
/// The farthest a wheel sees, in ticks (about 102 days); what lies beyond waits in the last slot and is put in again.
/// One slot short of a full round, so that the farthest slot is never mistaken for the present one.
const HORIZON_TICKS: u64 = (SLOTS as u64 - 1) << (SLOT_BITS * (LEVELS as u32 - 1));

/// The first places of the slab are the beginnings of the rings, slot by slot.
const RINGS: usize = LEVELS * SLOTS;

/// The end of the list of free places: a ring's, so never free.
const NO_PLACE: u32 = 0;

/// An empty wheel keeps room for so many entries, and gives back what is more.
const ROOM_KEPT: usize = 1024;

/// Names an entry of a wheel, to remove it. It is never given twice: that of an entry that has gone finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    serial: u64,
    place: u32,
}

/// A place of the slab: the beginning of a ring, an entry in one, or free.
#[derive(Debug)]
struct Place<T> {
    at_tick: u64,
    /// Of the entry that is here or was here last.
    serial: u64,
    /// `None` at the beginning of a ring, and where the place is free.
    payload: Option<T>,
    previous: u32,
    /// Of a free place: the next free one.
    next: u32,
}

/// Deadlines with payloads.
#[derive(Debug)]
pub struct Wheel<T> {
    /// Everything before this tick has fired.
    now_tick: u64,
    entries: usize,
    /// How many entries there ever were.
    serials: u64,
    /// Bit n of a level: its slot n holds something.
    occupied: [u64; LEVELS],
    free: u32,
    /// Made with the first timer: a worker without timers carries none of this.
    slab: Vec<Place<T>>,
}

impl<T> Wheel<T> {
    /// A wheel that starts at `now`.
    pub fn new(now: Time) -> Self {
        Self {
            now_tick: now.as_ns() >> TICK_SHIFT,
            entries: 0,
            serials: 0,
            occupied: [0; LEVELS],
            free: NO_PLACE,
            slab: Vec::new(),
        }
    }

    /// The number of timers that wait.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether no timer waits.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Fires `payload` at the first [`advance`](Self::advance) to `deadline` or later, unless it is
    /// [removed](Self::remove) before.
    ///
    /// ```
    /// use potoroo_runtime::sys::clock::Time;
    /// use potoroo_runtime::timer::Wheel;
    ///
    /// let mut wheel = Wheel::new(Time::ZERO);
    /// let tea = wheel.insert(Time::from_ns(180_000_000_000), "tea is ready");
    /// let egg = wheel.insert(Time::from_ns(300_000_000_000), "egg is ready");
    /// assert_eq!(wheel.remove(egg), Some("egg is ready"));
    /// assert_eq!(wheel.remove(egg), None);
    /// let mut said = vec![];
    /// wheel.advance(Time::from_ns(600_000_000_000), |what| said.push(what));
    /// assert_eq!(said, ["tea is ready"]);
    /// assert_eq!(wheel.remove(tea), None);
    /// ```
    pub fn insert(&mut self, deadline: Time, payload: T) -> Key {
        if self.slab.is_empty() {
            self.make_rings();
        }
        // Rounded up: a timer is late by less than a tick rather than early.
        let at_tick = (deadline.as_ns() >> TICK_SHIFT) + u64::from(deadline.as_ns() & ((1 << TICK_SHIFT) - 1) != 0);
        self.entries += 1;
        self.serials += 1;
        let (serial, free) = (self.serials, self.free);
        let new = Place {
            at_tick: at_tick.max(self.now_tick),
            serial,
            payload: Some(payload),
            previous: NO_PLACE,
            next: NO_PLACE,
        };
        let place = if free == NO_PLACE {
            self.slab.push(new);
            u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 timers on one worker")
        } else {
            let old = &mut self.slab[free as usize];
            self.free = old.next;
            *old = new;
            free
        };
        self.link(place);
        Key { serial, place }
    }

    /// Takes an entry out before it has fired; `None` if it has fired, or was removed.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.slab.get_mut(key.place as usize)?;
        if entry.serial != key.serial {
            return None;
        }
        let payload = entry.payload.take()?;
        self.unlink(key.place);
        self.release(key.place);
        Some(payload)
    }

    #[cold]
    fn make_rings(&mut self) {
        let ring = |place| Place {
            at_tick: 0,
            serial: 0,
            payload: None,
            previous: place,
            next: place,
        };
        self.slab.extend((0..RINGS as u32).map(ring));
    }

    /// Puts an entry into the slot that its deadline asks for, as the last.
    fn link(&mut self, place: u32) {
        let visible = self.slab[place as usize].at_tick.min(self.now_tick + HORIZON_TICKS);
        // The level is where the deadline and the present first differ: below it, both are in the same slot.
        let differs = (visible ^ self.now_tick) | (SLOTS as u64 - 1);
        let level = (63 - differs.leading_zeros()) / SLOT_BITS;
        let level = (level as usize).min(LEVELS - 1);
        let slot = (visible >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        self.occupied[level] |= 1 << slot;
        let ring = level * SLOTS + slot;
        let last = std::mem::replace(&mut self.slab[ring].previous, place);
        self.slab[last as usize].next = place;
        let entry = &mut self.slab[place as usize];
        (entry.previous, entry.next) = (last, ring as u32);
    }

    /// Takes an entry out of its slot.
    fn unlink(&mut self, place: u32) {
        let Place { previous, next, .. } = self.slab[place as usize];
        self.slab[previous as usize].next = next;
        self.slab[next as usize].previous = previous;
        if previous == next {
            // Only a ring is on both sides, so nothing is left in it.
            self.occupied[next as usize / SLOTS] &= !(1 << (next as usize % SLOTS));
        }
    }

    /// Gives a place back whose entry is out of its slot and has been taken.
    fn release(&mut self, place: u32) {
        self.entries -= 1;
        if self.entries == 0 && self.slab.capacity() > RINGS + ROOM_KEPT {
            self.slab.truncate(RINGS);
            self.slab.shrink_to(RINGS + ROOM_KEPT);
            self.free = NO_PLACE;
        } else {
            self.slab[place as usize].next = std::mem::replace(&mut self.free, place);
        }
    }

    /// The moment at which [`advance`](Self::advance) has something to do next: the deadline of the first timer, or
    /// earlier where far timers must be moved closer first.
    pub fn next_due(&self) -> Option<Time> {
        let tick = (0..LEVELS).filter_map(|level| self.next_in(level)).min()?;
        Some(Time::from_ns(tick << TICK_SHIFT))
    }

    /// The tick at which the next occupied slot of `level` begins.
    fn next_in(&self, level: usize) -> Option<u64> {
        let occupied = self.occupied[level];
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
            let Some((level, tick)) = (0..LEVELS)
                .filter_map(|level| Some((level, self.next_in(level)?)))
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
            self.empty(level * SLOTS + slot, &mut fire);
        }
        self.now_tick = self.now_tick.max(target);
    }

    /// Fires what is due in a slot, and moves down what is not.
    fn empty(&mut self, ring: usize, fire: &mut impl FnMut(T)) {
        loop {
            let first = self.slab[ring].next;
            if first as usize == ring {
                return;
            }
            self.unlink(first);
            let entry = &mut self.slab[first as usize];
            if entry.at_tick > self.now_tick {
                self.link(first);
                debug_assert_ne!(self.slab[ring].previous, first, "it is in a lower level now");
                continue;
            }
            let payload = entry.payload.take();
            self.release(first);
            if let Some(payload) = payload {
                fire(payload);
            }
        }
    }
}

#[cfg(all(test, not(potoroo_loom)))]
#[path = "wheel_tests.rs"]
mod tests;
