//! The timers of one actor.
//!
//! The wheel of a worker holds only a slot and a generation; what a timer means is kept here, with the actor, and beside it
//! where on which wheel it lies. Cancelling empties the slot, so a firing that is already under way finds nothing, and takes
//! the timer off the wheel; so does the end of a life. Only if the actor has moved to another worker since it set the timer,
//! it stays until it is due, and with it the memory of the cell. A periodic timer is armed again after it fired, and periods
//! that have passed meanwhile are skipped: a worker that was busy is not answered with a burst.

use super::cell::ActorCell;
use super::slots::Slots;
use super::{Actor, Context};
use crate::scheduler::header::CellRef;
use crate::scheduler::timing::{Armed, TimerTarget};
use crate::scheduler::worker::Worker;
use crate::sys::clock::{self, Time};
use std::time::Duration;

/// Makes the message of a periodic timer.
type Maker<A> = Box<dyn FnMut() -> <A as Actor>::Msg + Send>;

/// What a timer does when it is due.
pub(super) enum Timer<A: Actor> {
    Once(A::Msg),
    Every {
        period: Duration,
        due: Time,
        /// Taken out while it runs: it is the user's code and may tell this very actor something.
        make: Option<Maker<A>>,
    },
    /// The first of the pending asks with a deadline may be out of time.
    AskSweep,
    /// Told as a signal, not as a message.
    Signal,
    /// Under pressure, and somebody waits: does anything else move?
    Pressure,
    /// A round of the pending asks without one is over.
    AskRound,
    /// The time of a task is up.
    Task {
        slot: u32,
        generation: u32,
    },
}

/// What became of a due timer.
pub(super) enum Due<A: Actor> {
    Message(A::Msg),
    AskSweep,
    Signal,
    Pressure,
    AskRound,
    Task { slot: u32, generation: u32 },
    Cancelled,
}

/// A timer, and where it lies.
pub(super) struct Set<A: Actor> {
    pub(super) timer: Timer<A>,
    /// `None` for the moment until it has been armed.
    armed: Option<Armed>,
}

/// The timers of one actor.
pub(super) type Timers<A> = Slots<Set<A>>;

/// Names a timer, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

impl super::Signal {
    pub(super) fn timer(slot: u32, generation: u32) -> Self {
        Self::Timer(TimerId { slot, generation })
    }
}

#[cfg(potoroo_loom)]
impl<A: Actor> super::ActorRef<A> {
    /// What the wheel of any worker does when this timer is due: time stands still in a model.
    pub fn fire(&self, timer: TimerId) {
        self.cell_ref().control(crate::scheduler::control::Control::Timer {
            slot: timer.slot,
            generation: timer.generation,
        });
    }
}

#[cfg(potoroo_loom)]
impl<A: Actor> Context<'_, A> {
    /// Has the wheel of this actor's worker go on by so much: time stands still in a model.
    pub fn pass(&mut self, by: Duration) {
        self.worker.pass(by);
    }
}

impl<A: Actor> Context<'_, A> {
    /// Tells this actor `msg` once `delay` has passed: never before, at most a fraction of a millisecond late if the
    /// worker is free.
    pub fn after(&mut self, delay: Duration, msg: A::Msg) -> TimerId {
        self.arm(clock::now() + delay, Timer::Once(msg))
    }

    /// Gives this actor [`Signal::Timer`](super::Signal::Timer) once `delay` has passed: for time-outs of an actor whose
    /// messages are somebody else's.
    ///
    /// ```
    /// use potoroo_runtime::{Actor, Context, Signal, System, Turn};
    /// use std::time::Duration;
    ///
    /// struct Patient;
    ///
    /// impl Actor for Patient {
    ///     type Msg = ();
    ///     fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.signal_after(Duration::from_millis(1));
    ///         Ok(())
    ///     }
    ///     fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
    ///         if let Signal::Timer(_) = signal {
    ///             ctx.stop();
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let patient = system.spawn(|_| Ok(Patient));
    /// while patient.try_tell(()).is_ok() {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signal_after(&mut self, delay: Duration) -> TimerId {
        self.arm(clock::now() + delay, Timer::Signal)
    }

    /// Tells this actor what `make` makes, each time `period` has passed. A period that is missed is skipped.
    pub fn every(&mut self, period: Duration, make: impl FnMut() -> A::Msg + Send + 'static) -> TimerId {
        // A period of nothing would fire for ever within one look.
        let period = period.max(Duration::from_micros(100));
        let due = clock::now() + period;
        let make: Option<Maker<A>> = Some(Box::new(make));
        self.arm(due, Timer::Every { period, due, make })
    }

    /// Cancels a timer. Its message will not come any more, unless it has been handled already; says whether there was
    /// something to cancel.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        if crate::mutant!("sim_cancelled_timer_fires") {
            return true;
        }
        // SAFETY: a context exists only in its actor's turn, on the home (M1).
        let removed = unsafe {
            self.cell
                .with_extras(|extras| extras.timers.remove(timer.slot, timer.generation))
        };
        let armed = removed.as_ref().and_then(|set| set.armed);
        armed.into_iter().for_each(|armed| self.worker.disarm(armed));
        removed.is_some()
    }

    pub(super) fn arm(&mut self, due: Time, timer: Timer<A>) -> TimerId {
        // SAFETY: as in `cancel`.
        let (slot, generation) = unsafe {
            self.cell
                .with_extras(|extras| extras.timers.insert(Set { timer, armed: None }))
        };
        self.arm_slot(due, slot, generation);
        TimerId { slot, generation }
    }

    fn arm_slot(&self, due: Time, slot: u32, generation: u32) {
        let cell = CellRef::new(&self.cell.header);
        let armed = self.worker.arm(due, TimerTarget { cell, slot, generation });
        // SAFETY: as in `cancel`.
        unsafe {
            self.cell.with_extras(|extras| {
                if let Some(set) = extras.timers.get_mut(slot, generation) {
                    set.armed = Some(armed);
                }
            });
        }
    }

    /// A timer of this slot and generation is due.
    pub(super) fn timer_due(&mut self, slot: u32, generation: u32) -> Due<A> {
        let cell: &ActorCell<A> = self.cell;
        // SAFETY: as in `cancel`; nothing of the user's runs inside.
        let timer = unsafe {
            cell.with_extras(|extras| match extras.timers.get_mut(slot, generation) {
                Some(Set {
                    timer: Timer::Every { period, due, make },
                    ..
                }) => {
                    let now = clock::now();
                    let missed = now.since(*due).as_nanos() / period.as_nanos();
                    *due = *due + *period * u32::try_from(missed + 1).unwrap_or(u32::MAX);
                    Some(Timer::Every {
                        period: *period,
                        due: *due,
                        make: make.take(),
                    })
                }
                Some(_) => extras.timers.remove(slot, generation).map(|set| set.timer),
                None => None,
            })
        };
        match timer {
            Some(Timer::Once(msg)) => Due::Message(msg),
            Some(Timer::AskSweep) => Due::AskSweep,
            Some(Timer::Signal) => Due::Signal,
            Some(Timer::Pressure) => Due::Pressure,
            Some(Timer::AskRound) => Due::AskRound,
            Some(Timer::Task { slot, generation }) => Due::Task { slot, generation },
            Some(Timer::Every {
                due,
                make: Some(mut make),
                ..
            }) => {
                let msg = make();
                self.put_back(slot, generation, make);
                self.arm_slot(due, slot, generation);
                Due::Message(msg)
            }
            Some(Timer::Every { make: None, .. }) | None => Due::Cancelled,
        }
    }

    fn put_back(&self, slot: u32, generation: u32, maker: Maker<A>) {
        // SAFETY: as in `cancel`. A maker whose timer is gone is dropped outside.
        let _unwanted = unsafe {
            self.cell
                .with_extras(|extras| match extras.timers.get_mut(slot, generation) {
                    Some(Set {
                        timer: Timer::Every { make, .. },
                        ..
                    }) => make.replace(maker),
                    _ => Some(maker),
                })
        };
    }
}

impl<A: Actor> ActorCell<A> {
    /// Takes the timers of a life that ends off the wheel: each holds a reference to the cell, which would stay until they
    /// are due. While the extras are still there: holding the tenure may put control messages on their lane.
    pub(super) fn disarm_all(&self, worker: &Worker) {
        // SAFETY: M1: called in turns.
        let armed: Option<Vec<_>> = unsafe {
            self.with_extras_if_any(|extras| extras.timers.iter().filter_map(|(_, _, set)| set.armed).collect())
        };
        for armed in armed.into_iter().flatten() {
            worker.disarm(armed);
        }
    }
}
