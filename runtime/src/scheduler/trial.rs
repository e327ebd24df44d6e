//! Whether sharing a chatty load helps: tried, measured, and taken back if it does not.
//!
//! Where messages take less time than a crossing would, nobody can tell beforehand whether a second core helps: a thousand
//! pairs that keep apart run faster on two cores, a ring through all of them much slower. So it is tried: the rate of
//! messages on all workers together is taken while the load is on one, then cells are offered, and after a few
//! milliseconds the rate is taken again. If it has not risen, the cells go back, and the next trial waits longer.
//!
//! One trial at a time, in the system; it is driven by the looks of busy workers, and costs them nothing while nobody is
//! hungry. It lacks memory of what was tried before a program changed its ways: the waiting time is all it learns.

use super::shared::Shared;
use super::worker::Worker;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, lock};
use crate::sys::clock::Time;
use std::time::Duration;

/// How long the rate is taken before a trial, and in it.
const WINDOW: Duration = Duration::from_millis(2);

/// A window that has grown longer than this says nothing about the present.
const WINDOW_MAX: Duration = Duration::from_millis(20);

/// How long torn partners have to find each other before the rate counts.
const SETTLING: Duration = Duration::from_millis(3);

/// How long a failed trial is followed by none, at first and at most; it doubles with each failure. With the numbers above,
/// the first failure costs less than a twentieth of the time.
const WAIT_AT_FIRST: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long after a failed trial the cells go back.
const GOING_BACK: Duration = Duration::from_millis(5);

/// How often a success is looked at again.
const REVIEW: Duration = Duration::from_millis(50);

/// To how much, in percent of the rate before, the rate must rise for a trial to succeed, and may fall back later.
const GAIN: u64 = 120;
const LOSS: u64 = 105;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The load is where it came to be; the rate is being taken.
    Local,
    Settling,
    Measuring,
    /// The trial has succeeded.
    Shared,
    /// It has failed, and cells go back.
    GoingBack,
}

/// The trial of one system.
pub(crate) struct Trial {
    state: Mutex<State>,
    /// Hints, so that looks need not lock: a trial is on, or has just ended.
    is_on: AtomicBool,
    goes_back: AtomicBool,
}

struct State {
    phase: Phase,
    since: Time,
    handled: u64,
    /// Messages per millisecond before the trial.
    rate_before: u64,
    not_before: Time,
    wait: Duration,
}

impl Trial {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Local,
                since: now,
                handled: 0,
                rate_before: 0,
                not_before: now,
                wait: WAIT_AT_FIRST,
            }),
            is_on: AtomicBool::new(false),
            goes_back: AtomicBool::new(false),
        }
    }

    /// Whether cells of a chatty load may be offered; somebody is hungry. Begins a trial if it is time.
    pub(super) fn may_offer(&self, shared: &Shared, now: Time) -> bool {
        let mut state = lock(&self.state);
        if state.phase == Phase::Local && now >= state.not_before {
            let elapsed = now.since(state.since);
            if elapsed > WINDOW_MAX {
                state.restart(shared, now);
            } else if elapsed >= WINDOW {
                state.rate_before = state.rate(shared, now);
                state.enter(Phase::Settling, shared, now);
                self.is_on.store(true, Ordering::Relaxed);
            }
        }
        matches!(state.phase, Phase::Settling | Phase::Measuring | Phase::Shared)
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
                if state.rate(shared, now) * 100 >= state.rate_before * GAIN {
                    state.wait = WAIT_AT_FIRST;
                    state.enter(Phase::Shared, shared, now);
                } else {
                    self.fail(&mut state, shared, now);
                }
            }
            Phase::Shared if elapsed >= REVIEW => {
                if state.rate(shared, now) * 100 >= state.rate_before * LOSS {
                    state.restart(shared, now);
                } else {
                    self.fail(&mut state, shared, now);
                }
            }
            Phase::GoingBack if elapsed >= GOING_BACK => {
                state.enter(Phase::Local, shared, now);
                self.goes_back.store(false, Ordering::Relaxed);
                self.is_on.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn fail(&self, state: &mut State, shared: &Shared, now: Time) {
        state.not_before = now + state.wait;
        state.wait = (state.wait * 2).min(WAIT_MAX);
        state.enter(Phase::GoingBack, shared, now);
        self.goes_back.store(true, Ordering::Relaxed);
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
        self.handled = shared.handled();
    }

    /// Messages per millisecond, all workers together, since the window began.
    fn rate(&self, shared: &Shared, now: Time) -> u64 {
        let elapsed_us = (now.since(self.since).as_micros() as u64).max(1);
        (shared.handled() - self.handled) * 1_000 / elapsed_us
    }
}

impl Worker {
    /// After a failed trial: sends what is runnable here, and cheap, back to the first worker.
    pub(super) fn go_back_if_asked(&self) {
        if self.index() == 0 || !self.shared().trial.goes_back() || !self.is_chatty() {
            return;
        }
        let home = self.shared().peers[0].doorbell;
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
