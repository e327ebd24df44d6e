//! Actors: what a user writes, and the cell that the runtime puts around it.
//!
//! [`Actor`] is the trait, [`Context`] what a handler may do, [`ActorRef`] how others reach it, [`Reply`] how it answers.
//! A cell lives from `spawn` to its last reference; the actor in it is owned by the tree: it ends when it stops itself,
//! is stopped, fails, or its parent ends, children before parents. References keep the cell's memory, never the actor.
//! A cell may outlive its actor and get another (lineage.rs); whether it does is not decided here, but by supervision.

mod actor_ref;
mod ask;
mod blocking;
mod carried;
mod cell;
mod context;
mod continuation;
mod end;
mod factory;
mod futures;
#[cfg(not(potoroo_loom))]
mod glimpse;
mod hold;
mod hooks;
mod ids;
mod life;
mod lineage;
mod memory;
mod outside;
#[cfg(not(potoroo_loom))]
mod overdue;
mod pressure;
mod relief;
mod send;
mod slots;
mod streams;
mod table;
mod tasks;
mod ties;
mod timers;
mod tree;
mod unanswered;
mod waking;

use crate::arena::Evacuate;
pub use crate::scheduler::control::AskError;
pub use crate::scheduler::exit::{ExitReason, Fault};
pub use crate::scheduler::header::ActorId;
pub use crate::sys::poller::Readiness;
pub use actor_ref::{ActorRef, Recipient};
pub(crate) use ask::Patience;
pub use ask::{AskInside, Reply};
pub use blocking::{BlockingError, BlockingInside};
pub(crate) use cell::{ActorCell, Birth};
pub use context::{Context, Watchable};
pub(crate) use factory::Factory;
pub use futures::{RunInside, RunWithin, TimedOut};
pub(crate) use lineage::Unlaunched;
pub use outside::Ask;
pub use send::TellError;
pub use streams::AttachInside;
pub use tasks::TaskId;
pub use ties::{MonitorId, Monitored};
pub use timers::TimerId;
pub use waking::WakeState;

/// What a handler returns: `?` on any error ends the actor with [`ExitReason::Faulted`].
pub type Turn = Result<(), Fault>;

/// A unit of concurrency: state that one message at a time may change.
///
/// Handlers are synchronous and must not block: the worker gives nobody else a turn meanwhile.
///
/// ```
/// use potoroo_runtime::{Actor, Context, Reply, System, Turn};
///
/// enum CounterMsg { Add(u64), Get(Reply<u64>) }
///
/// struct Counter(u64);
///
/// impl Actor for Counter {
///     type Msg = CounterMsg;
///     fn handle(&mut self, msg: CounterMsg, _: &mut Context<'_, Self>) -> Turn {
///         match msg {
///             CounterMsg::Add(n) => self.0 += n,
///             CounterMsg::Get(reply) => reply.send(self.0),
///         }
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let counter = system.spawn(|_| Ok(Counter(0)));
/// counter.tell(CounterMsg::Add(2));
/// assert_eq!(counter.ask(CounterMsg::Get).wait()?, 2);
/// system.shutdown();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Actor: Sized + Send + 'static {
    /// What can be told to this actor: one enum, as a rule. It lies inline in the mailbox.
    type Msg: Send + 'static;

    /// Handles one message.
    fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn;

    /// Handles what the runtime has to say. By default nothing is done about it.
    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        let _ = (signal, ctx);
        Ok(())
    }

    /// Called once at the end of each turn, after a batch of messages: the place to send on what the batch produced. Not
    /// called any more in the turn in which the actor ends.
    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        let _ = ctx;
        Ok(())
    }

    /// The state that lives in this actor's arena, for evacuation: when more of the arena is dead than live, the runtime
    /// moves this state into a fresh one at the end of a turn, and the old one goes. By default there is none, and
    /// nothing is moved.
    ///
    /// With one field it is `Some(&mut self.field)`, with several `Some(self)` and [`evacuate!`](crate::evacuate).
    /// What is forgotten stays valid where it is, and keeps the old arena.
    ///
    /// ```
    /// use potoroo_runtime::arena::{ArenaMap, Evacuate};
    /// use potoroo_runtime::{Actor, Context, Turn};
    ///
    /// struct Totals(ArenaMap<u64, f64>);
    ///
    /// impl Actor for Totals {
    ///     type Msg = (u64, f64);
    ///     fn handle(&mut self, (key, amount): (u64, f64), _: &mut Context<'_, Self>) -> Turn {
    ///         *self.0.get_or_insert_with(key, || 0.0) += amount;
    ///         Ok(())
    ///     }
    ///     fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
    ///         Some(&mut self.0)
    ///     }
    /// }
    /// ```
    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        None
    }

    /// What a message is called in what people read, such as the chart of a failed simulation ([`sim`](crate::sim)). By
    /// default the name of its type; `format!("{msg:?}")` says more where the messages allow it.
    fn describe(msg: &Self::Msg) -> String {
        let _ = msg;
        std::any::type_name::<Self::Msg>()
            .rsplit("::")
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// The last call: the children have ended, nothing more will be handled.
    fn stopping(&mut self, why: &ExitReason, ctx: &mut Context<'_, Self>) {
        let _ = (why, ctx);
    }

    /// Gets each message that was accepted but will not be handled, before [`stopping`](Self::stopping).
    fn undelivered(&mut self, msg: Self::Msg) {
        drop(msg);
    }
}

/// What the runtime tells an actor.
#[derive(Debug)]
#[non_exhaustive]
pub enum Signal {
    /// A child has ended.
    ChildExited {
        /// Which one.
        id: ActorId,
        /// Why.
        reason: ExitReason,
    },
    /// A watched socket is ready. Edges: read or write until it would block.
    Ready {
        /// The token that [`Context::watch`] gave.
        socket: usize,
        /// For what.
        readiness: Readiness,
    },
    /// The turn that [`Context::run_again`] asked for.
    RunAgain,
    /// A timer of [`Context::signal_after`] is due.
    Timer(TimerId),
    /// The arenas of this actor use more than 7/8 of its limit. Comes once each time the mark is crossed; an evacuation
    /// is tried at the end of the turn. Above the limit the actor ends with [`ExitReason::OutOfMemory`].
    MemoryPressure {
        /// Live and dead bytes when it was noticed.
        used_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// An actor that [`Context::monitor`] was called for has ended, or the one life of it that was watched. Comes once; the
    /// monitor is used up.
    Down {
        /// What [`Context::monitor`] gave.
        monitor: MonitorId,
        /// Who has ended.
        id: ActorId,
        /// Why; [`ExitReason::AlreadyEnded`] if that was before the monitor was set.
        reason: ExitReason,
    },
    /// An actor linked to this one has ended, normally or not. Comes only after [`Context::trap_exits`]; without it an
    /// abnormal end is this actor's as well, and a normal one goes unnoticed.
    LinkedExit {
        /// Who has ended.
        id: ActorId,
        /// Why; [`ExitReason::AlreadyEnded`] if that was before the link.
        reason: ExitReason,
    },
    /// A supervised child has been made, the first time or again. Only supervisors have such children.
    ChildStarted {
        /// Which one.
        id: ActorId,
    },
    /// A supervised child has come to the end of one life; its cell waits for the supervisor's decision. Only supervisors
    /// have such children.
    ChildPaused {
        /// Which one.
        id: ActorId,
        /// Why.
        reason: ExitReason,
    },
}
