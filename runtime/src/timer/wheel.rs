//! The wheel: six levels of 64 slots, after Varghese and Lauck, "Hashed and hierarchical timing wheels" (1987).
//!
//! Inserting, removing and firing cost O(1); an entry is moved down at most five times in its life. The entries of a slot lie
//! next to each other, so that moving many of them down is fast, and a table says where each is, so that it can be taken
//! out. A bit mask per level tells which slots hold something, so that the next deadline is found without walking empty
//! ones. Entries fire at or after their deadline, never before, at most one tick late by the wheel's own doing. It lacks an
//! order among the entries of one tick, and a way to give the table back while the wheel is not empty.

use crate::sys::clock::Time;

/// 2^17 ns, about 0.13 ms: fine enough for a time-out, coarse enough that an hour passes few slots.
const TICK_SHIFT: u32 = 17;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
/// The farthest a wheel sees, in ticks (about 102 days); what lies beyond waits in the last slot and is put in again.
/// One slot short of a full round, so that the farthest slot is never mistaken for the present one.
const HORIZON_TICKS: u64 = (SLOTS as u64 - 1) << (SLOT_BITS * (LEVELS as u32 - 1));

const SLOTS_IN_ALL: usize = LEVELS * SLOTS;

/// Stands for a slot where there is none.
const NO_SLOT: u32 = u32::MAX;

/// The end of the list of free spots.
const NO_SPOT: u32 = u32::MAX;

/// The table of an empty wheel keeps room for so many entries, and gives back what is more.
const ROOM_KEPT: usize = 1024;

/// An empty slot keeps room for so many entries.
const ROOM_OF_SLOT: usize = 16;

/// Names an entry of a wheel, to remove it. It is never given twice: that of an entry that has gone finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    serial: u64,
    spot: u32,
}

#[derive(Debug)]
struct Entry<T> {
    at_tick: u64,
    payload: T,
    /// Which spot of the table says where this is.
    spot: u32,
}

/// Where an entry is.
#[derive(Debug)]
struct Spot {
    /// Of the entry that this is about, or was about last.
    serial: u64,
    /// Counted over all levels; `NO_SLOT` if the spot is free.
    slot: u32,
    /// In the slot; of a free spot the next free one.
    position: u32,
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
    /// Made with the first timer: a worker without timers carries none of this.
    slots: Vec<Vec<Entry<T>>>,
    spots: Vec<Spot>,
    free: u32,
}

impl<T> Wheel<T> {
    /// A wheel that starts at `now`.
    pub fn new(now: Time) -> Self {
        Self {
            now_tick: now.as_ns() >> TICK_SHIFT,
            entries: 0,
            serials: 0,
            occupied: [0; LEVELS],
            slots: Vec::new(),
            spots: Vec::new(),
            free: NO_SPOT,
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
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS_IN_ALL, Vec::new);
        }
        // Rounded up: a timer is late by less than a tick rather than early.
        let at_tick = (deadline.as_ns() >> TICK_SHIFT) + u64::from(deadline.as_ns() & ((1 << TICK_SHIFT) - 1) != 0);
        let at_tick = at_tick.max(self.now_tick);
        self.entries += 1;
        self.serials += 1;
        let serial = self.serials;
        let spot = self.take_spot(serial);
        self.place(Entry { at_tick, payload, spot });
        Key { serial, spot }
    }

    /// Takes an entry out before it has fired; `None` if it has fired, or was removed.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let &Spot { serial, slot, position } = self.spots.get(key.spot as usize)?;
        let entries = self.slots.get_mut(slot as usize)?;
        let position = position as usize;
        if serial != key.serial || entries.get(position)?.spot != key.spot {
            return None;
        }
        let entry = entries.swap_remove(position);
        if let Some(moved) = entries.get(position) {
            self.spots[moved.spot as usize].position = position as u32;
        } else if entries.is_empty() {
            if entries.capacity() > ROOM_OF_SLOT {
                *entries = Vec::new();
            }
            self.occupied[slot as usize / SLOTS] &= !(1 << (slot as usize % SLOTS));
        }
        self.release_spot(key.spot);
        Some(entry.payload)
    }

    fn take_spot(&mut self, serial: u64) -> u32 {
        let new = Spot {
            serial,
            slot: NO_SLOT,
            position: 0,
        };
        let free = self.free;
        if let Some(spot) = self.spots.get_mut(free as usize) {
            self.free = std::mem::replace(spot, new).position;
            return free;
        }
        self.spots.push(new);
        u32::try_from(self.spots.len() - 1).expect("fewer than 2^32 timers on one worker")
    }

    /// Gives a spot back whose entry has gone.
    fn release_spot(&mut self, number: u32) {
        self.entries -= 1;
        if self.entries == 0 && self.spots.capacity() > ROOM_KEPT {
            (self.spots, self.free) = (Vec::new(), NO_SPOT);
            return;
        }
        let spot = &mut self.spots[number as usize];
        (spot.slot, spot.position) = (NO_SLOT, self.free);
        self.free = number;
    }

    /// Puts an entry into the slot that its deadline asks for, as the last.
    fn place(&mut self, entry: Entry<T>) {
        let visible = entry.at_tick.min(self.now_tick + HORIZON_TICKS);
        // The level is where the deadline and the present first differ: below it, both are in the same slot.
        let differs = (visible ^ self.now_tick) | (SLOTS as u64 - 1);
        let level = (63 - differs.leading_zeros()) / SLOT_BITS;
        let level = (level as usize).min(LEVELS - 1);
        let slot = (visible >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        self.occupied[level] |= 1 << slot;
        let slot = level * SLOTS + slot;
        let entries = &mut self.slots[slot];
        let spot = &mut self.spots[entry.spot as usize];
        (spot.slot, spot.position) = (slot as u32, entries.len() as u32);
        entries.push(entry);
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
            self.occupied[level] &= !(1 << slot);
            self.empty(level * SLOTS + slot, &mut fire);
        }
        self.now_tick = self.now_tick.max(target);
    }

    /// Fires what is due in a slot, and moves down what is not.
    fn empty(&mut self, slot: usize, fire: &mut impl FnMut(T)) {
        let mut due = std::mem::take(&mut self.slots[slot]);
        for entry in due.drain(..) {
            if entry.at_tick <= self.now_tick {
                self.release_spot(entry.spot);
                fire(entry.payload);
            } else {
                self.place(entry);
            }
        }
        if due.capacity() <= ROOM_OF_SLOT {
            debug_assert!(self.slots[slot].is_empty(), "what was in it is in lower levels now");
            self.slots[slot] = due;
        }
    }
}

#[cfg(all(test, not(potoroo_loom)))]
#[path = "wheel_tests.rs"]
mod tests;
