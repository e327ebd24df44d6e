//! An actor that a test looks into: it keeps what it is told.

use super::Sim;
use crate::actor::{Actor, ActorRef, Context, Recipient, Turn};
use crate::sync::global::{Arc, StaticMutex};
use crate::system::System;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

type Letters<M> = Arc<StaticMutex<VecDeque<M>>>;

/// What a probe is to those who tell it something.
pub struct ProbeActor<M: Send + 'static>(Letters<M>);

impl<M: Send + 'static> Actor for ProbeActor<M> {
    type Msg = M;

    fn handle(&mut self, msg: M, _: &mut Context<'_, Self>) -> Turn {
        letters(&self.0).push_back(msg);
        Ok(())
    }
}

fn letters<M>(letters: &Letters<M>) -> crate::sync::global::StaticMutexGuard<'_, VecDeque<M>> {
    letters.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A stand-in for an actor, in the hands of a test. Whoever is given its [`recipient`](Self::recipient) tells the test.
///
/// [`Sim::probe`] makes one in a simulated system, [`on`](Self::on) in any.
pub struct Probe<M: Send + 'static> {
    actor: ActorRef<ProbeActor<M>>,
    letters: Letters<M>,
}

impl<M: Send + 'static> Probe<M> {
    /// A probe in `system`, which may be one with threads.
    pub fn on(system: &System) -> Self {
        let letters = Letters::default();
        let kept = letters.clone();
        Self {
            actor: system.spawn(move |_| Ok(ProbeActor(kept))),
            letters,
        }
    }

    /// Whom to tell.
    pub fn recipient(&self) -> Recipient<M> {
        self.actor.recipient()
    }

    /// The same, as the actor it is.
    pub fn actor(&self) -> ActorRef<ProbeActor<M>> {
        self.actor.clone()
    }

    /// The next message, if one has arrived.
    pub fn try_next(&self) -> Option<M> {
        letters(&self.letters).pop_front()
    }

    /// How many messages have arrived and not been taken.
    pub fn waiting(&self) -> usize {
        letters(&self.letters).len()
    }

    /// All that have arrived.
    pub fn drain(&self) -> Vec<M> {
        letters(&self.letters).drain(..).collect()
    }

    /// The next message; waits for it, on a simulated system in virtual time.
    ///
    /// # Panics
    ///
    /// If none comes within that time.
    pub fn next_within(&self, at_most: Duration) -> M {
        let deadline = crate::sys::clock::now() + at_most;
        loop {
            if let Some(msg) = self.try_next() {
                return msg;
            }
            let left = deadline.since(crate::sys::clock::now());
            assert!(!left.is_zero(), "the probe was told nothing within {at_most:?}");
            if !crate::sys::simulated::wait(deadline, &mut || self.waiting() > 0) {
                crate::sys::clock::sleep(left.min(Duration::from_micros(200)));
            }
        }
    }

    /// The next message, when nothing can happen any more without time passing.
    ///
    /// # Panics
    ///
    /// If there is none by then.
    pub fn expect(&self, sim: &Sim) -> M {
        sim.run_until_quiet();
        let next = self.try_next();
        next.expect("the probe was told nothing, and nothing can happen any more")
    }

    /// Makes sure that nothing has been told, when nothing can happen any more without time passing.
    ///
    /// # Panics
    ///
    /// If something has.
    pub fn expect_nothing(&self, sim: &Sim) {
        sim.run_until_quiet();
        let waiting = self.waiting();
        assert!(
            waiting == 0,
            "the probe was told {waiting} messages, and should have been told none"
        );
    }
}

impl<M: Send + 'static> fmt::Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl<M: Send + 'static> fmt::Debug for ProbeActor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbeActor")
    }
}
