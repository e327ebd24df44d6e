//! An actor that is held: until an answer has come, or a future is ready, its data waits, and everything else goes on.
//!
//! Being held is a bit beside that of being muted, and works like it: the actor has turns for its control lane only, and what
//! is told to it waits in order. What ends it is a continuation, and continuations are called in any case (with an answer, or
//! with why there is none), or go with the life of the actor.
//!
//! Muting could make a wait out of it that nobody ends: a held actor is flooded, and so mutes the very one whose answer it
//! waits for. So it does not mute whom it asks, and lets all others that it mutes go on from time to time (relief.rs), since
//! the one it asks may wait for them. That bounds how fast its mailbox grows, and loses no more than a tenth of a second.
//! Invariants cited: M1 (mailbox/README.md).

use super::cell::ActorCell;
use super::{Actor, Context};
use crate::scheduler::header::{Attention, CellRef};
use crate::scheduler::waiting::{Waiter, Waiting};
use crate::scheduler::worker::Worker;

/// What holds an actor; made on first use.
#[derive(Default)]
pub(super) struct Holding {
    /// So many have to let go.
    count: u32,
    /// Whom it has asked since it was held.
    asked: Vec<CellRef>,
}

impl<A: Actor> Context<'_, A> {
    /// From now on no message is handled, until [`let_go`](Self::let_go) has been called as often as this. `asked` is whose
    /// answer is waited for.
    #[cold]
    pub(super) fn hold(&mut self, asked: Option<CellRef>) {
        let cell = self.cell;
        if cell.has(Attention::ENDING) {
            // There is no answer any more, and the next life is not held for one.
            return;
        }
        if !cell.has(Attention::HELD) {
            cell.set(Attention::HELD);
            // Whoever waits until the system is quiet waits for what is held up here.
            self.worker.shared().one_more_muted();
        }
        // SAFETY: M1: this is a turn of the home, and nothing comes back inside. Guards go outside.
        let let_go = unsafe {
            cell.with_extras(|extras| {
                let holding = extras.holding.get_or_insert_default();
                holding.count += 1;
                let mut let_go = Vec::new();
                if let Some(pressure) = &mut extras.pressure
                    && let Some(asked) = &asked
                {
                    let waiting = std::mem::take(&mut pressure.waiting);
                    let (these, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| is_of(one, asked));
                    pressure.waiting = others.into();
                    let_go = these;
                }
                holding.asked.extend(asked);
                let_go
            })
        };
        drop(let_go);
        self.watch_pressure();
    }

    /// One of those who hold this actor lets go.
    #[cold]
    pub(super) fn let_go(&mut self) {
        let cell = self.cell;
        // SAFETY: as above.
        let over = unsafe {
            cell.with_extras(|extras| {
                let holding = extras.holding.get_or_insert_default();
                holding.count = holding.count.saturating_sub(1);
                (holding.count == 0).then(|| std::mem::take(&mut holding.asked))
            })
        };
        if over.is_some() {
            cell.hold_no_more(self.worker);
        }
    }
}

/// Whether it is this actor who waits.
fn is_of(waiting: &Waiting, actor: &CellRef) -> bool {
    matches!(&waiting.0, Waiter::Actor { cell, .. } if cell.as_ptr() == actor.as_ptr())
}

impl<A: Actor> ActorCell<A> {
    fn hold_no_more(&self, worker: &Worker) {
        if self.has(Attention::HELD) {
            self.clear(Attention::HELD);
            worker.shared().one_less_muted();
            self.run_again_as_promised(worker);
        }
    }

    /// Whether this actor waits for an answer of the one who waits for it.
    #[cold]
    pub(super) fn is_held_for(&self, waiting: &Waiting) -> bool {
        // SAFETY: M1: called in turns; nothing comes back inside.
        let found = unsafe {
            self.with_extras_if_any(|extras| {
                let holding = extras.holding.as_ref()?;
                Some(holding.asked.iter().any(|asked| is_of(waiting, asked)))
            })
        };
        found.flatten() == Some(true)
    }

    /// An actor that ends waits for no answer.
    pub(super) fn let_go_to_end(&self, worker: &Worker) {
        if self.has(Attention::HELD) {
            self.clear(Attention::AGAIN_UNMUTED);
            // SAFETY: M1: called in turns. The references go outside.
            let holding = unsafe { self.with_extras(|extras| extras.holding.take()) };
            drop(holding);
            self.hold_no_more(worker);
        }
    }
}
