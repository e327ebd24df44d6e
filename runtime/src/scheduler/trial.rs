//! Whether sharing helps where nobody can tell: tried, measured, and taken back if it does not.
//!
//! Where messages take less time than a crossing would, or little more, nobody can tell beforehand whether a second core
//! helps: a thousand pairs that keep apart run faster on two cores, a ring through all of them much slower; work of 200 ns
//! that is handed on at random gains a quarter, small pieces that one actor hands out and collects lose a fifth. So it is
//! tried: the rate of messages on all workers together is taken while the load is on one, then cells are offered, and after
//! a few milliseconds the rate is taken again. If it has not risen enough, the cells go back, and the next trial waits
//! longer.
//!
//! One trial at a time, in the system; it is driven by the looks of busy workers, and costs them nothing while nobody is
//! hungry. It lacks memory of what was tried before a program changed its ways: the waiting time is all it learns.

use super::doorbell::Doorbell;
use super::shared::Shared;
use super::worker::Worker;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, lock};
use crate::sys::clock::Time;
use std::time::Duration;

/// How long the rate is taken before a trial, so that a slow start does not make everything look like a gain after it.
const WINDOW_BEFORE: Duration = Duration::from_millis(8);

/// And in a trial.
const WINDOW: Duration = Duration::from_millis(2);

/// While a load could be shared, somebody asks at each look, every 20 µs or so. After a longer pause it is another load.
const ASKED_ALL_THE_TIME: Duration = Duration::from_millis(1);

/// How long torn partners have to find each other before the rate counts.
const SETTLING: Duration = Duration::from_millis(3);

/// How long a failed trial is followed by none, at first and at most; it doubles with each failure. The trial itself takes
/// a twentieth of that.
const WAIT_AT_FIRST: Duration = Duration::from_millis(100);
/// See [`WAIT_AT_FIRST`].
const WAIT_MAX: Duration = Duration::from_secs(1);

/// How long after a failed trial cells go back at every occasion. What is not woken in that time drifts later.
const GOING_BACK: Duration = Duration::from_millis(20);

/// How often a success is looked at again.
const REVIEW: Duration = Duration::from_millis(50);

/// To how much, in percent of the rate before, the rate must rise for a trial to succeed, and may fall back later: a chatty
/// load, which is torn more easily than it is put together again,
const CHATTY: Gain = Gain {
    success: 130,
    kept: 115,
};
/// and one whose messages take longer than a crossing.
const MIXED: Gain = Gain {
    success: 112,
    kept: 104,
};

/// Below one message in so many the other workers count as idle.
const OTHERS_IDLE: u64 = 10;

/// How many actors of a chatty load must wait before it is tried to share them: of a few, most talk to those that stay.
const CELLS_MIN: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The load is where it came to be; the rate is being taken.
    Local,
    Settling,
    Measuring,
    /// The trial has succeeded.
    Shared,
    /// It has failed: cells go back to the first worker.
    Together,
}

/// What a trial must bring.
#[derive(Clone, Copy, Debug)]
struct Gain {
    success: u64,
    kept: u64,
}

/// The trial of one system.
pub(crate) struct Trial {
    state: Mutex<State>,
    /// Hints, so that looks need not lock: a trial is on, or has just ended.
    is_on: AtomicBool,
    goes_back: AtomicBool,
    failed_until_ns: AtomicU64,
}

struct State {
    phase: Phase,
    since: Time,
    /// When somebody last asked whether to offer.
    asked: Time,
    /// By worker, at that time.
    handled: Vec<u64>,
    /// Messages per millisecond before the trial, and what is asked of the rate in it.
    rate_before: u64,
    asks: Gain,
    /// When a failed trial may be followed by another.
    until: Time,
    wait: Duration,
}

impl Trial {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Local,
                since: now,
                asked: now,
                handled: Vec::new(),
                rate_before: 0,
                asks: CHATTY,
                until: now,
                wait: WAIT_AT_FIRST,
            }),
            is_on: AtomicBool::new(false),
            goes_back: AtomicBool::new(false),
            failed_until_ns: AtomicU64::new(0),
        }
    }

    /// Whether `worker`, where so many cells are `waiting`, may offer some; somebody is hungry. Begins a trial if it is
    /// time.
    pub(super) fn may_offer(&self, worker: &Worker, waiting: usize, now: Time) -> bool {
        let shared = worker.shared();
        let mut state = lock(&self.state);
        let was_asked = std::mem::replace(&mut state.asked, now);
        if state.phase == Phase::Local {
            let elapsed = now.since(state.since);
            if now.since(was_asked) > ASKED_ALL_THE_TIME {
                // The load has just begun, or has had a pause.
                state.restart(shared, now);
            } else if elapsed >= WINDOW_BEFORE {
                let (all, own) = state.handled_by(shared, worker.index());
                if (all - own) * OTHERS_IDLE > all {
                    // The load is on several workers already, and its rate says nothing about one. If it is chatty, it
                    // drifts together.
                    state.restart(shared, now);
                    return !worker.is_chatty();
                }
                if (waiting >= CELLS_MIN || !worker.is_chatty()) && now >= state.until {
                    state.rate_before = state.rate(shared, now);
                    state.asks = if worker.is_chatty() { CHATTY } else { MIXED };
                    state.enter(Phase::Settling, shared, now);
                    self.is_on.store(true, Ordering::Relaxed);
                }
            }
        }
        matches!(state.phase, Phase::Settling | Phase::Measuring | Phase::Shared)
    }

    /// Whether a trial has failed and the next is not due yet: until then only what is clearly worth sharing is shared, for
    /// what has just gone back is slower than it will be.
    pub(super) fn has_failed_lately(&self, now: Time) -> bool {
        now.as_ns() < self.failed_until_ns.load(Ordering::Relaxed)
    }

    /// Goes on with a trial, if there is one.
    pub(super) fn tend(&self, shared: &Shared, now: Time) {
        if !self.is_on.load(Ordering::Relaxed) {
            return;
        }
        let mut state = lock(&self.state);
        let elapsed = now.since(state.since);
        match state.phase {
            Phase::Settling if elapsed >= SETTLING => state.enter(Phase::Measuring, shared, now),
            Phase::Measuring if elapsed >= WINDOW => {
                if state.rate(shared, now) * 100 >= state.rate_before * state.asks.success {
                    state.wait = WAIT_AT_FIRST;
                    state.enter(Phase::Shared, shared, now);
                } else {
                    self.fail(&mut state, shared, now);
                }
            }
            Phase::Shared if elapsed >= REVIEW => {
                if state.rate(shared, now) * 100 >= state.rate_before * state.asks.kept {
                    state.restart(shared, now);
                } else {
                    self.fail(&mut state, shared, now);
                }
            }
            Phase::Together if elapsed >= GOING_BACK => {
                state.enter(Phase::Local, shared, now);
                self.goes_back.store(false, Ordering::Relaxed);
                self.is_on.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn fail(&self, state: &mut State, shared: &Shared, now: Time) {
        state.until = now + state.wait;
        state.wait = (state.wait * 2).min(WAIT_MAX);
        state.enter(Phase::Together, shared, now);
        self.goes_back.store(true, Ordering::Relaxed);
        self.failed_until_ns.store(state.until.as_ns(), Ordering::Relaxed);
    }

    /// Whether chatty cells are to go back to the first worker.
    pub(super) fn goes_back(&self) -> bool {
        self.goes_back.load(Ordering::Relaxed)
    }
}

impl State {
    fn enter(&mut self, phase: Phase, shared: &Shared, now: Time) {
        self.phase = phase;
        self.restart(shared, now);
    }

    fn restart(&mut self, shared: &Shared, now: Time) {
        self.since = now;
        self.handled.clear();
        self.handled.extend(shared.handled());
    }

    /// How many messages have been handled since the window began: by all workers, and by this one.
    fn handled_by(&self, shared: &Shared, index: usize) -> (u64, u64) {
        let since = |(now, before): (u64, &u64)| now - before;
        let by_worker: Vec<u64> = shared.handled().zip(&self.handled).map(since).collect();
        (by_worker.iter().sum(), by_worker.get(index).copied().unwrap_or(0))
    }

    /// Messages per millisecond, all workers together, since the window began.
    fn rate(&self, shared: &Shared, now: Time) -> u64 {
        let elapsed_us = (now.since(self.since).as_micros() as u64).max(1);
        self.handled_by(shared, 0).0 * 1_000 / elapsed_us
    }
}

impl Worker {
    /// After a failed trial: where the cells of this worker are to go.
    pub(super) fn together_at(&self) -> Option<&'static Doorbell> {
        let elsewhere = self.index() != 0 && self.shared().trial.goes_back();
        elsewhere.then(|| self.shared().peers[0].doorbell)
    }

    /// After a failed trial: sends what is runnable here back to the first worker. What is woken later follows then
    /// (drift.rs).
    pub(super) fn go_back_if_asked(&self) {
        let Some(home) = self.together_at() else { return };
        let count = self.with_run_queue(|queue| queue.len());
        for _ in 0..count {
            let Some(cell) = self.with_run_queue(|queue| queue.pop_front()) else {
                break;
            };
            // `send_off` takes the last of the queue, if it can go.
            self.enqueue(cell);
            // SAFETY: a cell of the run queue is alive (S4), at home here (S1), and not having a turn.
            unsafe { self.send_off_unless_pinned(cell, home) };
        }
    }
}
