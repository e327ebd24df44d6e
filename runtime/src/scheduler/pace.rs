//! How fast turns and messages pass on a worker: what it knows of its load, and when it looks around next.
//!
//! Nothing is timed by itself. At each look the clock is read once, and the time since the look before is shared out among
//! the turns and messages that were counted meanwhile. From these means follow how many turns until the next look, and
//! whether the load is one to share (share.rs, trial.rs, drift.rs).

use super::worker::Worker;
use crate::sys::clock::{self, Time};
use std::cell::Cell;
use std::time::Duration;

/// Between two looks around, a worker gives at most this many turns.
const TURNS_BETWEEN_LOOKS_MAX: u64 = 256;
/// And aims at this much time.
const LOOK_INTERVAL: Duration = Duration::from_micros(20);

/// What a turn is taken to cost before any has been measured: about that of a short handler.
const MEAN_TURN_NS_AT_FIRST: u64 = 50;

/// What a message costs that crosses from one core to another, both sides together: its cache lines, its node and its
/// share of an exchange and a notification.
const CROSSING_NS: u64 = 100;

/// One crossing in so many messages is few.
const FEW_CROSSINGS: u64 = 8;

/// Messages that take so many times as long as a crossing are long, whatever crosses.
const CLEARLY_LONGER: u64 = 4;

/// First turns that take longer than this do some work of their own, which may be worth sharing; making an actor takes
/// a tenth of it.
const LONG_BIRTH_NS: u64 = 2_000;

/// Within a turn, the clock is read after so many messages at most, a power of two: 25 ns, shared by 32 messages, are
/// nothing beside any message.
const MESSAGES_PER_CLOCK_READ_MAX: u64 = 32;

/// And as often as to notice the end of a turn's time with an error of one part in so many.
const CLOCK_READS_PER_TURN_TIME: u64 = 4;

/// How fast turns pass, to know when to look around.
pub(super) struct Pace {
    /// The number of turns at which to look around again.
    pub(super) look_at: Cell<u64>,
    /// When the turn of this number, if it is long, has lasted long enough.
    pub(super) turn_end: Cell<(u64, Time)>,
    pub(super) looked_at: Cell<Time>,
    pub(super) polled_at: Cell<Time>,
    pub(super) mean_turn_ns: Cell<u64>,
    pub(super) mean_message_ns: Cell<u64>,
    /// Turns given, actors born, messages handled and messages that crossed, either way, as of the last look.
    pub(super) turns: Cell<u64>,
    pub(super) born: Cell<u64>,
    pub(super) handled: Cell<u64>,
    pub(super) crossed: Cell<u64>,
    /// Whether quick first turns were given since the look before.
    pub(super) bearing: Cell<bool>,
}

impl Pace {
    pub(super) fn new(now: Time) -> Self {
        Self {
            look_at: Cell::new(1),
            turn_end: Cell::new((0, now)),
            looked_at: Cell::new(now),
            polled_at: Cell::new(now),
            mean_turn_ns: Cell::new(MEAN_TURN_NS_AT_FIRST),
            mean_message_ns: Cell::new(MEAN_TURN_NS_AT_FIRST),
            turns: Cell::new(0),
            born: Cell::new(0),
            handled: Cell::new(0),
            crossed: Cell::new(0),
            bearing: Cell::new(false),
        }
    }
}

impl Worker {
    /// The mean length of recent turns.
    pub(super) fn mean_turn_ns(&self) -> u64 {
        self.pace.mean_turn_ns.get()
    }

    /// Whether this worker is busy with quick first turns.
    pub(super) fn is_bearing(&self) -> bool {
        self.pace.bearing.get()
    }

    /// Whether recent messages took less time each than a crossing would.
    pub(super) fn is_chatty(&self) -> bool {
        self.pace.mean_message_ns.get() < CROSSING_NS
    }

    /// Whether recent messages took so much longer than a crossing that sharing them needs no trial.
    pub(super) fn is_clearly_worth_sharing(&self) -> bool {
        self.pace.mean_message_ns.get() > CLEARLY_LONGER * CROSSING_NS
    }

    /// Whether the present turn has lasted long enough, or has lost its worker's tenure, for the end of which a rescuer
    /// waits. The time runs from the first call in a turn. `waiting` messages are left to it.
    #[cold]
    pub(crate) fn time_is_up(&self, waiting: usize) -> bool {
        if self.desk().tenure.is_lost() {
            return true;
        }
        self.counters().mailbox_max.raise_to(waiting as u64);
        let now = clock::now();
        let turn = self.counters().turns.get();
        let (of_turn, end) = self.pace.turn_end.get();
        if of_turn != turn {
            self.pace.turn_end.set((turn, now + self.tuning().turn_time_max));
            return false;
        }
        if now < end {
            return false;
        }
        // Others have waited for a whole turn's time: so may sockets and timers, and the pace is to be learnt.
        self.pace.look_at.set(0);
        true
    }

    /// Learns how long turns are and sets when to look again.
    pub(super) fn keep_pace(&self, now: Time) {
        let given = self.counters().turns.get();
        let turns = given - self.pace.turns.replace(given);
        let elapsed_ns = now.since(self.pace.looked_at.replace(now)).as_nanos() as u64;
        // First turns make actors: they say nothing about the turns that follow.
        let born = self.counters().spawned.get();
        let births = born - self.pace.born.replace(born);
        let handled = self.counters().handled.get();
        let messages = handled - self.pace.handled.replace(handled);
        let crossed = self.counters().sent_remote.get() + self.counters().received_remote.get();
        let crossings = crossed - self.pace.crossed.replace(crossed);
        // A moving mean over about four looks. A sample far above it counts as twice the mean: it is more often a moment in
        // which the kernel had given the core to somebody else than a turn, and a real change comes again.
        let learn = |mean: &Cell<u64>, sample_ns: u64| {
            let believed_ns = sample_ns.min(2 * mean.get().max(10));
            mean.set((3 * mean.get() + believed_ns) / 4);
        };
        self.pace.bearing.set(births > 0 && elapsed_ns < turns * LONG_BIRTH_NS);
        if births == 0 && turns > 0 {
            learn(&self.pace.mean_turn_ns, elapsed_ns / turns);
            // What the crossings cost is no part of the work: counted in, it would make torn partners look as if they had
            // enough to do to be torn further. Turns without messages (sockets, timers, sources) count as one.
            let work_ns = elapsed_ns.saturating_sub(crossings * CROSSING_NS) / messages.max(turns);
            // Nor is what they do to the caches, which cannot be told apart: while many messages cross, they seem longer only
            // if they are so clearly.
            let few_cross = crossings * FEW_CROSSINGS < messages;
            if few_cross || work_ns < self.pace.mean_message_ns.get() || work_ns > CLEARLY_LONGER * CROSSING_NS {
                learn(&self.pace.mean_message_ns, work_ns);
            }
        }
        // The turn budget adapts: where messages are long, the clock is read more often, down to each of them; it costs
        // little beside them. The last sample counts at once.
        let last_message_ns = elapsed_ns.checked_div(messages).unwrap_or(0);
        let message_ns = self.pace.mean_message_ns.get().max(last_message_ns).max(1);
        let turn_ns = u64::try_from(self.tuning().turn_time_max.as_nanos()).unwrap_or(u64::MAX);
        let per_read = (turn_ns / CLOCK_READS_PER_TURN_TIME / message_ns).clamp(1, MESSAGES_PER_CLOCK_READ_MAX);
        self.desk().clock_mask.set((1 << per_read.ilog2()) - 1);
        // Here the last sample counts at once: after long turns the next look must not be many of them away.
        let last_ns = elapsed_ns.checked_div(turns).unwrap_or(0);
        let per_look = LOOK_INTERVAL.as_nanos() as u64 / self.pace.mean_turn_ns.get().max(last_ns).max(1);
        self.pace
            .look_at
            .set(given + per_look.clamp(1, TURNS_BETWEEN_LOOKS_MAX));
    }
}
