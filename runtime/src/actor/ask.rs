//! Asking: a request that carries its own way back.
//!
//! A [`Reply`] is made by the asker, travels in the message, and is used up by answering; dropping it unanswered tells
//! the asker so at once. An actor that asks goes on with its next message and gets the answer in a continuation with
//! its own state; it is named by slot and generation, so an answer that comes too late finds nobody. Neither the
//! continuation nor the answer is allocated, unless it is large: continuation.rs, scheduler/carried.rs. Code outside the
//! system waits on an [`Ask`](super::Ask): outside.rs.

use super::actor_ref::ActorRef;
use super::carried::{Place, asking};
use super::context::Context;
use super::continuation::Continuation;
use super::outside::OneShot;
use super::slots::Slots;
use super::timers::Timer;
use super::unanswered;
use super::{Actor, Turn};
use crate::scheduler::carried::Carried;
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::header::CellRef;
use crate::sync::Arc;
use crate::sys::clock::{self, Time};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// How many rounds an ask with the default time-out waits. One more is added, because it begins within one.
const ROUNDS: u32 = 8;

/// When an ask is out of time.
///
/// Reading the clock for each would cost more than half as much as the ask's way there and back. The default time-out is the
/// same for all, so asks that wait for it count rounds of an eighth of it instead; only a limit of its own needs a deadline.
#[derive(Clone, Copy)]
enum Limit {
    /// In this round of the actor's.
    Round(u32),
    At(Time),
    /// What is waited for comes in any case.
    Never,
}

/// An ask that waits for its answer.
struct Pending<A: Actor> {
    continuation: Continuation<A>,
    limit: Limit,
}

/// The asks of one actor. Together they have two timers, one for the rounds and one set to the first deadline there was: an
/// answered ask leaves nothing behind in the worker's wheel, however many there are.
pub(super) struct Asks<A: Actor> {
    pending: Slots<Pending<A>>,
    sweep_at: Option<Time>,
    /// The present round; `in_rounds` says whether a timer will end it.
    round: u32,
    in_rounds: bool,
}

impl<A: Actor> Default for Asks<A> {
    fn default() -> Self {
        Self {
            pending: Slots::default(),
            sweep_at: None,
            round: 0,
            in_rounds: false,
        }
    }
}

/// How long an ask waits, as its author says it.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// For the system's time-out.
    Default,
    AtMost(Duration),
    /// What answers it is the runtime's own, and does so in any case.
    Endless,
}

impl<A: Actor> Asks<A> {
    /// The continuation of an ask that is answered now; `None` if it has been already, or is out of time.
    #[inline]
    pub(super) fn answered(&mut self, slot: u32, generation: u32) -> Option<Continuation<A>> {
        Some(self.pending.remove(slot, generation)?.continuation)
    }

    /// The deadline `due` is remembered; says whether a sweep must be set to it.
    fn is_first(&mut self, due: Time) -> bool {
        let is_first = self.sweep_at.is_none_or(|at| due < at);
        if is_first {
            self.sweep_at = Some(due);
        }
        is_first
    }

    /// How many there are.
    #[cfg(not(potoroo_loom))]
    pub(super) fn len(&self) -> usize {
        self.pending.iter().count()
    }

    /// A sweep is due: gives the asks that are out of time, and when to sweep next. Of sweeps that were set twice, as
    /// happens where a later ask has an earlier deadline, one is in vain.
    fn sweep(&mut self, now: Time) -> (Vec<(u32, u32)>, Option<Time>) {
        if self.sweep_at.is_none_or(|at| now < at) {
            return (Vec::new(), None);
        }
        let over = self.overdue(|limit| matches!(limit, Limit::At(due) if due <= now));
        let rest = self.pending.iter().filter_map(|(_, _, pending)| match pending.limit {
            Limit::At(due) if due > now => Some(due),
            _ => None,
        });
        self.sweep_at = rest.min();
        (over, self.sweep_at)
    }

    /// A round is over: gives the asks that are out of time, and whether there is to be another.
    fn next_round(&mut self) -> (Vec<(u32, u32)>, bool) {
        self.round = self.round.wrapping_add(1);
        let round = self.round;
        let over = self.overdue(|limit| matches!(limit, Limit::Round(last) if last == round));
        let counting = |pending: &Pending<A>| matches!(pending.limit, Limit::Round(last) if last != round);
        self.in_rounds = self.pending.iter().any(|(_, _, pending)| counting(pending));
        (over, self.in_rounds)
    }

    fn overdue(&self, is_over: impl Fn(Limit) -> bool) -> Vec<(u32, u32)> {
        let over = self.pending.iter().filter(|(_, _, pending)| is_over(pending.limit));
        over.map(|(slot, generation, _)| (slot, generation)).collect()
    }

    /// Forgets what waits, for an actor that is restarted and whose timers are forgotten too: answers to what its failed
    /// predecessor asked find nobody, because the names in this table are never given twice.
    pub(super) fn forget_all(&mut self) -> Vec<Continuation<A>> {
        self.sweep_at = None;
        self.in_rounds = false;
        let all = self.overdue(|_| true);
        all.into_iter()
            .filter_map(|(slot, generation)| self.answered(slot, generation))
            .collect()
    }
}

impl<A: Actor> Context<'_, A> {
    /// The timer of the deadlines is due: gives the asks that are out of time.
    pub(super) fn sweep_asks(&mut self) -> Vec<(u32, u32)> {
        let now = clock::now();
        // SAFETY: a context exists only in its actor's turn, on the home (M1); nothing of the user's runs inside.
        let (over, next) = unsafe { self.cell.with_extras(|extras| extras.asks.sweep(now)) };
        if let Some(next) = next {
            self.arm(next, Timer::AskSweep);
        }
        over
    }

    /// The timer of the rounds is due: gives the asks that are out of time.
    pub(super) fn next_ask_round(&mut self) -> Vec<(u32, u32)> {
        // SAFETY: as above.
        let (over, goes_on) = unsafe { self.cell.with_extras(|extras| extras.asks.next_round()) };
        if goes_on && !crate::mutant!("sim_ask_rounds_stop") {
            self.begin_ask_round();
        }
        over
    }

    #[cold]
    fn begin_ask_round(&mut self) {
        let round = self.worker.tuning().ask_timeout / ROUNDS;
        self.arm(clock::now() + round, Timer::AskRound);
    }

    /// Keeps a continuation, and gives the reply that leads to it.
    #[inline]
    pub(super) fn expect_reply<R: Send + 'static>(
        &mut self,
        continuation: impl FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
        patience: Patience,
    ) -> Reply<R> {
        let due = match patience {
            Patience::AtMost(time) => Some(clock::now() + time),
            Patience::Default | Patience::Endless => None,
        };
        let continuation = Continuation::new(continuation);
        // SAFETY: a context exists only in its actor's turn, on the home (M1); nothing of the user's runs inside.
        let ((slot, generation), begins_rounds, is_first) = unsafe {
            self.cell.with_extras(|extras| {
                let asks = &mut extras.asks;
                let limit = match (patience, due) {
                    (Patience::Endless, _) => Limit::Never,
                    (_, Some(due)) => Limit::At(due),
                    (_, None) => Limit::Round(asks.round.wrapping_add(ROUNDS + 1)),
                };
                let begins = matches!(limit, Limit::Round(_)) && !std::mem::replace(&mut asks.in_rounds, true);
                let is_first = due.is_some_and(|due| asks.is_first(due));
                (asks.pending.insert(Pending { continuation, limit }), begins, is_first)
            })
        };
        if begins_rounds {
            self.begin_ask_round();
        }
        if let Some(due) = due.filter(|_| is_first) {
            self.arm(due, Timer::AskSweep);
        }
        Reply(Some(Way::Inside {
            asker: CellRef::new(&self.cell.header),
            slot,
            generation,
        }))
    }
}

/// The way back to an asker; use it once.
///
/// Dropped without [`send`](Self::send), it tells the asker at once that there will be no answer, and why: see
/// [`AskError`].
pub struct Reply<R: Send + 'static>(pub(super) Option<Way<R>>);

pub(super) enum Way<R> {
    /// To an actor's pending ask.
    Inside { asker: CellRef, slot: u32, generation: u32 },
    /// To a thread or a future.
    Outside(Arc<OneShot<R>>),
}

impl<R: Send + 'static> Reply<R> {
    /// Answers. To an asker that waits no longer this is nothing: the value is dropped, by the asker's worker, or here if
    /// the asker is a thread or has ended.
    pub fn send(mut self, value: R) {
        self.finish(Ok(value));
    }

    fn finish(&mut self, outcome: Result<R, AskError>) {
        match self.0.take() {
            Some(Way::Inside {
                asker,
                slot,
                generation,
            }) => asker.control(Control::Reply {
                slot,
                generation,
                value: outcome.map(Carried::new),
            }),
            Some(Way::Outside(one_shot)) => one_shot.put(outcome),
            None => {}
        }
    }
}

impl<R: Send + 'static> Drop for Reply<R> {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.finish(Err(unanswered::why()));
        }
    }
}

impl<R: Send + 'static> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// An ask in the making, inside an actor: [`then`](Self::then) sends it.
#[must_use = "nothing is sent before `then`"]
pub struct AskInside<'c, 't, A: Actor, B: Actor, R, F> {
    ctx: &'c mut Context<'t, A>,
    target: &'c ActorRef<B>,
    make: F,
    patience: Patience,
    answer: PhantomData<fn() -> R>,
}

impl<'t, A: Actor> Context<'t, A> {
    /// Asks another actor. The answer comes to the continuation given to [`AskInside::then`], in a later turn of this
    /// actor, which handles other messages meanwhile; so does an [`AskError`] if there is none within the system's
    /// [`ask_timeout`](crate::SystemBuilder::ask_timeout), or up to an eighth later.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, ActorRef, Context, Reply, Turn};
    /// # struct Store; enum StoreMsg { Get(&'static str, Reply<u64>) }
    /// # impl Actor for Store { type Msg = StoreMsg; fn handle(&mut self, _: StoreMsg, _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// struct Cache { store: ActorRef<Store>, last: u64 }
    ///
    /// impl Actor for Cache {
    ///     type Msg = &'static str;
    ///     fn handle(&mut self, key: &'static str, ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.ask(&self.store, |reply| StoreMsg::Get(key, reply)).then(|this, answer, _ctx| {
    ///             this.last = answer?;
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn ask<'c, B: Actor, R: Send + 'static, F: FnOnce(Reply<R>) -> B::Msg>(
        &'c mut self,
        target: &'c ActorRef<B>,
        make: F,
    ) -> AskInside<'c, 't, A, B, R, F> {
        AskInside {
            ctx: self,
            target,
            make,
            patience: Patience::Default,
            answer: PhantomData,
        }
    }
}

impl<A: Actor, B: Actor, R: Send + 'static, F: FnOnce(Reply<R>) -> B::Msg> AskInside<'_, '_, A, B, R, F> {
    /// Waits for at most `at_most` instead of the system's [`ask_timeout`](crate::SystemBuilder::ask_timeout).
    pub fn within(mut self, at_most: Duration) -> Self {
        self.patience = Patience::AtMost(at_most);
        self
    }

    /// Sends the request and remembers what to do with the answer.
    ///
    /// Nothing is allocated for an ask: the continuation lies in a slot of this actor if it captures no more than 80 bytes
    /// (it is boxed if it captures more), and an answer of up to 256 bytes comes in memory that the answering worker uses
    /// again and again.
    pub fn then(
        self,
        continuation: impl FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) {
        let place = Place::here();
        let continuation =
            move |actor: &mut A, answer, ctx: &mut Context<'_, A>| place.within(|| continuation(actor, answer, ctx));
        let reply = self.ctx.expect_reply(continuation, self.patience);
        let msg = (self.make)(reply);
        asking(|| self.target.tell(msg));
    }

    /// As [`then`](Self::then), and holds this actor until the answer has come: no further message is handled before the
    /// continuation has been called. So a change that takes an answer from somebody else is made as if in one handler.
    ///
    /// What does not come by the mailbox goes on: answers, timers and their messages, signals, a stop. What is told meanwhile
    /// waits in order, and counts as ever: an actor that is held for long is flooded, and those who tell it something are muted.
    /// A continuation that asks in this way again goes on holding.
    ///
    /// The holding ends in any case: with the answer, the time-out, or the end of either actor. But two that ask each other in
    /// this way both wait for the time-out. Whoever is asked, and has been muted because this actor is flooded, goes on at once;
    /// others who are muted because of it may go on every tenth of a second, because the answer may depend on them.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, ActorRef, Context, Reply, System, Turn};
    /// /// Gives out numbers, each once.
    /// struct Numbers(u64);
    ///
    /// impl Actor for Numbers {
    ///     type Msg = Reply<u64>;
    ///     fn handle(&mut self, reply: Reply<u64>, _: &mut Context<'_, Self>) -> Turn {
    ///         self.0 += 1;
    ///         reply.send(self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// /// Numbers lines in the order in which they come, though the numbers are somebody else's.
    /// struct Lines { numbers: ActorRef<Numbers>, lines: Vec<(u64, &'static str)> }
    ///
    /// enum Msg { Line(&'static str), All(Reply<Vec<(u64, &'static str)>>) }
    ///
    /// impl Actor for Lines {
    ///     type Msg = Msg;
    ///     fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
    ///         match msg {
    ///             Msg::Line(line) => ctx.ask(&self.numbers, |reply| reply).then_holding(move |this, number, _ctx| {
    ///                 this.lines.push((number?, line));
    ///                 Ok(())
    ///             }),
    ///             Msg::All(reply) => reply.send(self.lines.clone()),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let numbers = system.spawn(|_| Ok(Numbers(0)));
    /// let lines = system.spawn(|_| Ok(Lines { numbers, lines: Vec::new() }));
    /// ["a", "b"].map(|line| lines.tell(Msg::Line(line)));
    /// assert_eq!(lines.ask(Msg::All).wait()?, [(1, "a"), (2, "b")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn then_holding(
        self,
        continuation: impl FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) {
        self.ctx.hold(Some(self.target.cell_ref()));
        self.then(move |actor: &mut A, answer, ctx: &mut Context<'_, A>| {
            ctx.let_go();
            continuation(actor, answer, ctx)
        });
    }
}
