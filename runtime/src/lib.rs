//! Potoroo's actor runtime: it thinks local.
//!
//! Actors are the unit of concurrency: each owns its state, its mailbox and its memory, and handles one message at a
//! time. Workers, one pinned thread per core, give actors their turns. A send between two actors of one core is plain
//! memory: no lock, no atomic read-modify-write, no fence. Coordination is paid for only when a message really crosses
//! a core.
//!
//! ```
//! use potoroo_runtime::{Actor, Context, Reply, System, Turn};
//!
//! struct Greeter;
//!
//! impl Actor for Greeter {
//!     type Msg = (String, Reply<String>);
//!     fn handle(&mut self, (name, reply): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
//!         reply.send(format!("Hello, {name}"));
//!         Ok(())
//!     }
//! }
//!
//! let system = System::new()?;
//! let greeter = system.spawn(|_| Ok(Greeter));
//! assert_eq!(greeter.ask(|reply| ("Ada".into(), reply)).wait()?, "Hello, Ada");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The floors, from the ground up
//!
//! Each folder stands only on those before it.
//!
//! | floor | folder | what it is |
//! |---|---|---|
//! | 0 | [`sync`] | the only door to atomics, cells and locks: std, or loom |
//! | 0 | [`sys`] | the only door to the operating system: clock, poller, cores, network |
//! | 1 | [`observe`] | counters that are always on, a recorder that is not |
//! | 1 | [`arena`] | memory that belongs to one actor, and scratch that belongs to one turn |
//! | 1 | [`timer`] | the timing wheel |
//! | 2 | [`mailbox`] | the inbox, its one word, notifications |
//! | 3 | `scheduler` | run queue, deque, injector, sharing, sleep, the worker's step |
//! | 4 | `actor` | [`Actor`], [`Context`], [`ActorRef`], turns, asks, timers, the end of a life |
//! | 5 | [`io`] | framed connections over TCP, Unix sockets and TLS, listeners and datagrams as actors |
//! | 5 | [`kit`] | what applications share: names, groups, topics, stashes, references that own |
//! | 6 | [`supervision`] | who restarts whom: strategies, intensity, back-off, pools |
//! | 6 | `system` | [`System`], its settings, start and shutdown |
//! | 7 | [`sim`] | the whole house run by a seed; the test kit of users |
//!
//! ```text
//!   kernel → sys::poller → io::Connection → mailbox → scheduler → a turn of an actor → io::Connection → kernel
//! ```
//!
//! # Features
//!
//! Both are off by default.
//!
//! - `macros`: `#[actor]` writes the messages, the dispatch and a typed client of an actor from an impl block.
//! - `tracing`: each message is handled in a span, of target `potoroo`. The span of an ask is a child of the one in which it
//!   was asked, and what goes on with the answer runs in that one; the span of a tell is a root that follows from the one
//!   in which it was told, so that an actor that tells itself to go on grows no tree. Without the feature nothing of it
//!   is there; with it each message carries its span, 48 bytes.

pub mod arena;
pub mod io;
pub mod kit;
#[cfg(potoroo_loom)]
pub mod loom;
pub mod mailbox;
pub mod observe;
#[cfg(not(potoroo_loom))]
pub mod sim;
pub mod supervision;
pub mod sync;
pub mod sys;
pub mod timer;

mod actor;
mod scheduler;
mod system;

#[doc(hidden)] // For the models in `loom-tests`.
pub use actor::WakeState;
pub use actor::{
    Actor, ActorId, ActorRef, Ask, AskError, AskInside, AttachInside, BlockingError, BlockingInside, Context,
    ExitReason, Fault, MonitorId, Monitored, Readiness, Recipient, Reply, RunInside, RunWithin, Signal, TaskId,
    TellError, TimedOut, TimerId, Turn, Watchable,
};
pub use kit::HeldRef;
pub use mailbox::{MailboxLimits, Overflow};
pub use observe::{SystemStats, WorkerStats};
#[cfg(feature = "macros")]
pub use potoroo_macros::actor;
pub use scheduler::letters::{DeadLetter, DeadLetterCause, DeadLetterCount};
#[doc(hidden)] // For the benches.
pub use scheduler::surplus;
#[doc(hidden)] // For the models in `loom-tests`.
pub use scheduler::{AtWork, Held, Sleep, Tenure};
pub use supervision::{
    Backoff, ChildError, ChildInfo, ChildState, Pool, Restart, Settings, Strategy, Supervisor, SupervisorBuilder,
    SupervisorMsg,
};
pub use system::{
    ASK_TIMEOUT, DRAIN_DEADLINE, Error, ErrorKind, RECORDED_EVENTS_MAX, ShutdownReport, System, SystemBuilder,
    WORKERS_MAX,
};
