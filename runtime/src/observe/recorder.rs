//! The recorder of one worker: fed at the ends of turns, looks and sleeps, by the owning thread alone.
//!
//! It is opt-in because it reads the clock twice per turn, about 50 ns on the machines we measured, which is more than
//! many turns take. What lies between turns (exports, thefts, drifts, timers, sockets) it finds by comparing the
//! counters with what they were before, so nothing has to call it there. How long cells wait it learns from the length
//! of the run queue, which is first in, first out: cells carry no stamp. It lacks a way to be read before the end.

use super::recording::{Event, EventKind, Figures, TypeFigures, WorkerRecording};
use super::{WorkerCounters, WorkerStats};
use crate::sys::clock::{self, Time};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Whose turn it is.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    /// The number of the actor.
    pub(crate) actor: u64,
    /// Something that two types do not share.
    pub(crate) type_key: usize,
    pub(crate) type_name: fn() -> &'static str,
}

/// A turn that goes on.
struct Begun {
    at: Time,
    subject: Subject,
    queued: usize,
    /// Counters as they were.
    handled: u64,
    spawned: u64,
    ended: u64,
}

/// What one worker records.
pub(crate) struct Recorder {
    events: VecDeque<Event>,
    events_max: usize,
    overwritten: u64,
    figures: Figures,
    /// Where the figures of a type stand, by its key.
    types: HashMap<usize, usize>,
    /// The key looked up last, and what came of it.
    last_type: (usize, usize),
    waiting: Waiting,
    turn: Option<Begun>,
    /// The counters as of the last events made from them.
    seen: WorkerStats,
}

impl Recorder {
    /// A recorder that keeps the latest `events_max` events.
    pub(crate) fn new(events_max: usize) -> Self {
        Self {
            events: VecDeque::with_capacity(events_max),
            events_max,
            overwritten: 0,
            figures: Figures::default(),
            types: HashMap::new(),
            last_type: (0, 0),
            waiting: Waiting::default(),
            turn: None,
            seen: WorkerStats::default(),
        }
    }

    /// A turn begins; `queued` cells wait behind it. The books are kept afterwards, so that this is in no turn's time.
    pub(crate) fn turn_began(&mut self, subject: Subject, queued: usize, counters: &WorkerCounters) {
        let begun = Begun {
            at: Time::ZERO,
            subject,
            queued,
            handled: counters.handled.get(),
            spawned: counters.spawned.get(),
            ended: counters.ended.get(),
        };
        self.turn = Some(Begun {
            at: clock::now(),
            ..begun
        });
    }

    /// The turn has ended; `queued` cells wait now, the last of which may be the one that had it.
    pub(crate) fn turn_ended(&mut self, queued: usize, is_last: bool, counters: &WorkerCounters) {
        let now = clock::now();
        let Some(turn) = self.turn.take() else { return };
        // What happened between turns; nothing of it happens within one.
        self.note_counters(turn.at, counters);
        self.waiting.came_to(turn.queued + 1, turn.at);
        let since = self.waiting.first().unwrap_or(turn.at);
        self.figures.queue_delay_ns.record(ns(turn.at.since(since)));
        self.waiting.came_to(queued - usize::from(is_last), turn.at);
        self.waiting.came_to(queued, now);
        let length = now.since(turn.at);
        let messages = counters.handled.get() - turn.handled;
        self.figures.turn_ns.record(ns(length));
        self.figures.batch.record(messages);
        let at = self.figures_of(turn.subject);
        let of_type = &mut self.figures.types[at];
        // An actor is counted as started in its first turn, and as ended in its last.
        of_type.spawned += counters.spawned.get() - turn.spawned;
        of_type.ended += counters.ended.get() - turn.ended;
        of_type.turns += 1;
        of_type.messages += messages;
        of_type.total += length;
        of_type.longest = of_type.longest.max(length);
        let kind = EventKind::Turn {
            actor: turn.subject.actor,
            type_name: of_type.name,
            messages: u32::try_from(messages).unwrap_or(u32::MAX),
        };
        self.note(turn.at, length, kind);
    }

    /// A look around has ended.
    pub(crate) fn looked(&mut self, begin: Time) {
        self.note(begin, clock::now().since(begin), EventKind::Look);
    }

    /// A sleep that began at `begin` has ended; somebody rang at `rung_at`, if ever.
    pub(crate) fn slept(&mut self, begin: Time, rung_at: Time, counters: &WorkerCounters) {
        let now = clock::now();
        // A ring before the sleep was another one's.
        let woken_after = (rung_at >= begin).then(|| now.since(rung_at));
        if let Some(after) = woken_after {
            self.figures.wake_ns.record(ns(after));
        }
        let length = now.since(begin);
        self.figures.sleep_ns.record(ns(length));
        self.note(begin, length, EventKind::Sleep { woken_after });
        self.note_counters(now, counters);
    }

    /// What was recorded.
    pub(crate) fn finish(mut self) -> WorkerRecording {
        self.figures.merge_types();
        WorkerRecording {
            events: self.events.into(),
            overwritten: self.overwritten,
            figures: self.figures,
        }
    }

    fn figures_of(&mut self, subject: Subject) -> usize {
        if self.last_type.0 != subject.type_key {
            let types = &mut self.figures.types;
            let at = *self.types.entry(subject.type_key).or_insert_with(|| {
                types.push(TypeFigures {
                    name: (subject.type_name)(),
                    spawned: 0,
                    ended: 0,
                    turns: 0,
                    messages: 0,
                    total: Duration::ZERO,
                    longest: Duration::ZERO,
                });
                types.len() - 1
            });
            self.last_type = (subject.type_key, at);
        }
        self.last_type.1
    }

    fn note(&mut self, begin: Time, length: Duration, kind: EventKind) {
        if self.events_max == 0 {
            self.overwritten += 1;
            return;
        }
        if self.events.len() == self.events_max {
            self.events.pop_front();
            self.overwritten += 1;
        }
        self.events.push_back(Event { begin, length, kind });
    }

    /// Makes events of what the counters have counted since the last time.
    fn note_counters(&mut self, now: Time, counters: &WorkerCounters) {
        let seen = &mut self.seen;
        let news = [
            (
                &counters.exports,
                &mut seen.exports,
                EventKind::Exported as fn(u64) -> EventKind,
            ),
            (&counters.steals, &mut seen.steals, EventKind::Stolen),
            (&counters.drifts, &mut seen.drifts, EventKind::Drifted),
            (&counters.timers, &mut seen.timers, EventKind::TimersFired),
            (
                &counters.socket_events,
                &mut seen.socket_events,
                EventKind::SocketsReady,
            ),
        ]
        .map(|(counter, seen, kind)| {
            let count = counter.get();
            (count - std::mem::replace(seen, count), kind)
        });
        for (count, kind) in news {
            if count > 0 {
                self.note(now, Duration::ZERO, kind(count));
            }
        }
    }
}

/// Since when the cells of the run queue have waited, first in, first out, those of one moment together.
#[derive(Default)]
struct Waiting {
    groups: VecDeque<(Time, usize)>,
    count: usize,
}

impl Waiting {
    /// There are `count` now: more have come at `now`, or the last have been taken away (by sharing or drifting).
    fn came_to(&mut self, count: usize, now: Time) {
        if count > self.count {
            self.groups.push_back((now, count - self.count));
        }
        while count < self.count {
            let Some((_, last)) = self.groups.back_mut() else { break };
            let gone = (*last).min(self.count - count);
            *last -= gone;
            self.count -= gone;
            if *last == 0 {
                self.groups.pop_back();
            }
        }
        self.count = count;
    }

    /// The first leaves; since when it has waited.
    fn first(&mut self) -> Option<Time> {
        let (since, group) = self.groups.front_mut()?;
        let since = *since;
        *group -= 1;
        self.count -= 1;
        if *group == 0 {
            self.groups.pop_front();
        }
        Some(since)
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
