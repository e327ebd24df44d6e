//! Turns: what happens between the birth of an actor and its end.
//!
//! A turn makes the actor if it is its first, handles control messages before data, between two data messages, and ends
//! after a bounded batch. Whatever goes wrong in it, a fault or a panic, ends the actor and nothing else: end.rs.

use super::carried::Carried;
use super::cell::{ActorCell, Body, Extras};
use super::ties::Tied;
use super::timers::Due;
use super::{Actor, Context, Signal, Turn};
use crate::arena::Entered;
use crate::mutant;
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::exit::{ExitReason, Fault};
use crate::scheduler::header::{After, Attention, CellRef, Queued};
use crate::scheduler::worker::Worker;
use std::any::Any;

#[cold]
fn faulted(fault: Fault) -> Box<ExitReason> {
    Box::new(ExitReason::Faulted(fault))
}

impl<A: Actor> ActorCell<A> {
    /// The context of a turn; enters the arena if there is one.
    pub(super) fn context<'t>(&'t self, worker: &'t Worker) -> Context<'t, A> {
        let entered = if self.has(Attention::ARENA) {
            self.enter_arena()
        } else {
            None
        };
        Context::new(self, worker, entered)
    }

    fn enter_arena(&self) -> Option<Entered> {
        // SAFETY: M1: contexts are made in turns, on the home.
        unsafe { self.with_extras_if_any(Extras::enter) }.flatten()
    }

    /// Whether any of these bits is set ([`Attention`]).
    #[inline(always)]
    pub(super) fn has(&self, bits: u16) -> bool {
        // SAFETY: M1: called in turns.
        self.header
            .plain
            .with(|plain| unsafe { (*plain).attention & bits != 0 })
    }

    pub(super) fn set(&self, bits: u16) {
        // SAFETY: M1: called in turns.
        self.header
            .plain
            .with_mut(|plain| unsafe { (*plain).attention |= bits });
    }

    pub(super) fn clear(&self, bits: u16) {
        // SAFETY: M1: called in turns.
        self.header
            .plain
            .with_mut(|plain| unsafe { (*plain).attention &= !bits });
    }

    /// Gives the actor a turn. `worker` is the home and nobody else runs this cell (S1, S2). A panic leaves it by unwinding:
    /// see [`panicked`](Self::panicked).
    #[inline]
    pub(super) fn run(&self, worker: &Worker) -> After {
        if self.has(Attention::UNBORN | Attention::ENDING | Attention::ARENA | Attention::MUTED | Attention::HELD) {
            return self.run_otherwise(worker);
        }
        self.turn::<false>(Context::new(self, worker, None))
    }

    /// A turn that is the first, or has an arena to enter, or waits for children to end, or of a muted or held actor.
    #[inline(never)]
    fn run_otherwise(&self, worker: &Worker) -> After {
        if self.has(Attention::ENDING) {
            let ended = self.turn_while_stopping(worker);
            if ended || self.has(Attention::ENDING) {
                return self.gone_or_go_on(ended);
            }
            // The next life begins.
        }
        if self.has(Attention::UNBORN)
            && let Err(reason) = self.be_born(worker)
        {
            return self.begin_to_end(worker, reason);
        }
        self.turn::<true>(self.context(worker))
    }

    /// A turn has been left by a panic; otherwise as [`run`](Self::run).
    pub(super) fn panicked(&self, worker: &Worker, payload: &(dyn Any + Send)) -> After {
        if self.has(Attention::ENDING) {
            // The last calls are guarded one by one, so this is none of the user's.
            unreachable!("a panic in the runtime, while an actor was ending");
        }
        self.begin_to_end(worker, ExitReason::from_panic(payload))
    }

    /// The end of a turn on the short way: whether something waits. Only a turn with `SPECIAL` may begin as one of a muted or
    /// held actor, whose data waits for longer; one in which the actor is held for the first time is followed by such a turn.
    #[inline(always)]
    fn rest_or_go_on<const SPECIAL: bool>(&self) -> After {
        // SAFETY: M1: called at the end of a turn.
        let data_waits = self.queue.with_mut(|queue| unsafe {
            (*queue).settle();
            !(*queue).is_empty()
        });
        // SAFETY: M1.
        self.header.plain.with_mut(|plain| unsafe {
            let muted = SPECIAL && (*plain).attention & (Attention::MUTED | Attention::HELD) != 0;
            if data_waits && !muted || (*plain).attention & Attention::CONTROL != 0 {
                return After::Again;
            }
            (*plain).queued = if muted { Queued::Muted } else { Queued::No };
            After::Idle
        })
    }

    /// One turn of a running actor; says what [`run`](Self::run) says.
    #[inline(always)]
    fn turn<const SPECIAL: bool>(&self, mut ctx: Context<'_, A>) -> After {
        let body = self.body.with_mut(|body| body);
        // SAFETY: M1, and nothing in a turn reaches the body but through this borrow: contexts do not lead to it.
        let Body::Alive(actor) = (unsafe { &mut *body }) else {
            unreachable!("an actor that is born and not ending is alive");
        };
        let end = self.batch::<SPECIAL>(actor, &mut ctx);
        let worker = ctx.worker;
        // The arena is left before anything else happens.
        if ctx.entered.is_some() {
            ctx.entered = None;
        }
        match end {
            Ok(()) => self.rest_or_go_on::<SPECIAL>(),
            Err(reason) => self.begin_to_end(worker, *reason),
        }
    }

    /// Makes the actor. What is told to it meanwhile waits.
    fn be_born(&self, worker: &Worker) -> Result<(), ExitReason> {
        self.reset_limits(worker);
        let mut ctx = self.context(worker);
        self.clear(Attention::UNBORN);
        worker.counters().spawned.add(1);
        // SAFETY: M1; the factory runs outside the borrow.
        let body = self
            .body
            .with_mut(|body| unsafe { std::mem::replace(&mut *body, Body::Gone) });
        let Body::Unborn(factory) = body else {
            unreachable!("the flag said so");
        };
        let actor = factory.make(&mut ctx).map_err(ExitReason::FactoryFailed)?;
        // SAFETY: M1.
        self.body.with_mut(|body| unsafe { *body = Body::Alive(actor) });
        drop(ctx);
        self.tell_of_birth();
        self.keep_promises(worker).map_err(|reason| *reason)
    }

    /// A bounded batch of messages; the reason if the actor is to end, boxed because it seldom is there. An actor that had
    /// no arena when the turn began, and was not muted, is not asked about that after each message (`SPECIAL`).
    #[inline(always)]
    fn batch<const SPECIAL: bool>(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Result<(), Box<ExitReason>> {
        let desk = ctx.worker.desk();
        // What is told during the turn waits for the next one, so that an actor that tells itself to go on lets others in.
        // SAFETY: M1: this is a turn of the home.
        let mut left = desk.turn_messages_max.min(unsafe { self.queue_len() });
        loop {
            if self.has(Attention::CONTROL | Attention::STOP | Attention::HELD) {
                if let Some(end) = self.attend(actor, ctx) {
                    return Err(Box::new(end));
                }
                if self.has(Attention::HELD) {
                    break;
                }
            }
            if SPECIAL && self.has(Attention::MUTED) {
                break;
            }
            if left & desk.clock_mask.get() as usize == 0 && (left == 0 || ctx.worker.time_is_up(left)) {
                if left != 0 {
                    self.look_at_backlog(ctx.worker);
                }
                break;
            }
            // SAFETY: M1: this is a turn of the home.
            let Some(msg) = (unsafe { self.pop() }) else { break };
            desk.counters.handled.add(1);
            if let Err(fault) = msg.handle(actor, ctx) {
                return Err(faulted(fault));
            }
            if SPECIAL
                && ctx.is_under_pressure()
                && !self.has(Attention::STOP)
                && let Some(end) = self.relieve(actor, ctx)
            {
                return Err(Box::new(end));
            }
            left -= 1;
        }
        if let Err(fault) = actor.turn_end(ctx) {
            return Err(faulted(fault));
        }
        if self.has(
            Attention::STOP
                | Attention::AGAIN
                | Attention::ARENA
                | Attention::FLOODED
                | Attention::DRAINING
                | Attention::PAUSED,
        ) {
            return self.end_batch(actor, ctx);
        }
        Ok(())
    }

    /// The end of a batch of an actor that has an arena, or has asked for something, or is flooded.
    #[inline(never)]
    fn end_batch(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Result<(), Box<ExitReason>> {
        if ctx.entered.is_some()
            && !self.has(Attention::STOP)
            && let Some(end) = self.tidy(actor, ctx)
        {
            return Err(Box::new(end));
        }
        if self.has(Attention::PAUSED) {
            self.resume_tasks();
        }
        if self.has(Attention::FLOODED) {
            self.relieve_senders();
        }
        if self.is_drained() {
            return Err(Box::new(ExitReason::Stopped));
        }
        self.keep_promises(ctx.worker)
    }

    /// What a handler asked for by [`Context::stop`] or [`Context::run_again`].
    #[cold]
    fn keep_promises(&self, worker: &Worker) -> Result<(), Box<ExitReason>> {
        if self.has(Attention::STOP) {
            return Err(Box::new(ExitReason::Stopped));
        }
        if !self.has(Attention::AGAIN) {
            return Ok(());
        }
        self.clear(Attention::AGAIN);
        if self.has(Attention::MUTED | Attention::HELD) {
            self.set(Attention::AGAIN_UNMUTED);
            return Ok(());
        }
        // SAFETY: M1: this is a turn of the home.
        unsafe { self.push_control(worker, Control::RunAgain) };
        Ok(())
    }

    /// Before the next message: the control lane, and whether the last handler asked to stop. Of a held actor this is all there
    /// is.
    #[cold]
    fn attend(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Option<ExitReason> {
        if self.has(Attention::STOP) {
            return Some(ExitReason::Stopped);
        }
        // SAFETY: M1: this is a turn of the home.
        if mutant!("control_waits_for_data") && unsafe { self.queue_len() } > 0 {
            return None;
        }
        self.handle_control(actor, ctx)
    }

    pub(super) fn pop_control(&self) -> Option<Control> {
        // SAFETY: M1: called in turns.
        let message = unsafe { self.with_extras_if_any(|extras| extras.control.pop_front()) }.flatten();
        if message.is_none() {
            self.clear(Attention::CONTROL);
        }
        message
    }

    /// Handles the control lane until it is empty; a reason if the actor is to end.
    #[cold]
    fn handle_control(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Option<ExitReason> {
        while let Some(message) = self.pop_control() {
            let outcome = match message {
                Control::Stop(reason) => return Some(reason),
                Control::Adopt(child) => {
                    self.adopt(child);
                    Ok(())
                }
                Control::ChildExited { child, reason } => {
                    let id = child.header().id;
                    self.unlink(&child);
                    actor.signal(Signal::ChildExited { id, reason }, ctx)
                }
                Control::Timer { slot, generation } => match ctx.timer_due(slot, generation) {
                    Due::Message(msg) => {
                        ctx.worker.counters().handled.add(1);
                        Carried::from_nowhere(msg).handle(actor, ctx)
                    }
                    Due::AskSweep => ctx.sweep_asks().into_iter().try_for_each(|(slot, generation)| {
                        self.answer(actor, ctx, slot, generation, Err(AskError::TimedOut))
                    }),
                    Due::Signal => actor.signal(Signal::timer(slot, generation), ctx),
                    Due::Pressure => {
                        ctx.look_at_pressure();
                        Ok(())
                    }
                    Due::AskRound => ctx.next_ask_round().into_iter().try_for_each(|(slot, generation)| {
                        self.answer(actor, ctx, slot, generation, Err(AskError::TimedOut))
                    }),
                    Due::Task { slot, generation } => self.expire_task(actor, ctx, slot, generation),
                    Due::Cancelled => Ok(()),
                },
                Control::Reply {
                    slot,
                    generation,
                    value,
                } => self.answer(actor, ctx, slot, generation, value),
                Control::Poll { slot, generation } => self.poll_task(actor, ctx, slot, generation),
                Control::Ready { socket, readiness } => actor.signal(Signal::Ready { socket, readiness }, ctx),
                Control::RunAgain if self.has(Attention::MUTED | Attention::HELD) => {
                    self.set(Attention::AGAIN_UNMUTED);
                    Ok(())
                }
                Control::RunAgain => actor.signal(Signal::RunAgain, ctx),
                Control::Muted(waiting) => {
                    self.let_wait(waiting);
                    ctx.watch_pressure();
                    Ok(())
                }
                Control::Unmute { generation } => {
                    self.unmute(ctx.worker, generation);
                    Ok(())
                }
                Control::Probe {
                    origin,
                    generation,
                    hops,
                } => {
                    self.probed(ctx.worker, origin, generation, hops);
                    Ok(())
                }
                Control::Drain => {
                    self.set(Attention::DRAINING);
                    Ok(())
                }
                Control::Keep(keepsake) => {
                    self.keep(keepsake);
                    Ok(())
                }
                Control::LetGo(key) => {
                    self.let_go(key);
                    Ok(())
                }
                Control::MemoryPressure {
                    used_bytes,
                    limit_bytes,
                } => actor.signal(
                    Signal::MemoryPressure {
                        used_bytes,
                        limit_bytes,
                    },
                    ctx,
                ),
                Control::ChildStarted { child } => {
                    let id = child.header().id;
                    actor.signal(Signal::ChildStarted { id }, ctx)
                }
                Control::ChildPaused { child, reason } => {
                    let id = child.header().id;
                    actor.signal(Signal::ChildPaused { id, reason: *reason }, ctx)
                }
                Control::Settle => return Some(self.settle()),
                // The answers to what is over.
                Control::Restart | Control::Retire | Control::ChildSettled { .. } => Ok(()),
                Control::Tie(tie) => match self.tied(tie) {
                    Tied::Quietly => Ok(()),
                    Tied::Says(signal) => actor.signal(signal, ctx),
                    Tied::Ends(reason) => return Some(reason),
                },
            };
            if let Err(fault) = outcome {
                return Some(ExitReason::Faulted(fault));
            }
            if self.has(Attention::STOP) {
                return Some(ExitReason::Stopped);
            }
        }
        None
    }

    /// Continues a pending ask.
    fn answer(
        &self,
        actor: &mut A,
        ctx: &mut Context<'_, A>,
        slot: u32,
        generation: u32,
        value: crate::scheduler::control::ReplyValue,
    ) -> Turn {
        // SAFETY: M1: this is a turn of the home.
        match unsafe { self.with_extras(|extras| extras.asks.answered(slot, generation)) } {
            Some(continuation) => continuation.call(actor, value, ctx),
            // Too late: the ask has timed out.
            None => Ok(()),
        }
    }

    pub(super) fn adopt(&self, child: CellRef) {
        // SAFETY: M1 and S5: this is a turn of the parent.
        unsafe { self.with_extras(|extras| extras.children.link(child)) };
    }

    pub(super) fn unlink(&self, child: &CellRef) {
        // SAFETY: M1 and S5; a child reports its end once, to the parent that linked it.
        unsafe { self.with_extras(|extras| extras.children.unlink(child.as_ptr())) };
    }
}
