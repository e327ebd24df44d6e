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
//! | 5 | [`io`] | framed TCP connections and listeners as actors |
//! | 6 | [`supervision`] | who restarts whom: strategies, intensity, back-off, pools |
//! | 6 | `system` | [`System`], its settings, start and shutdown |
//!
//! ```text
//!   kernel → sys::poller → io::Connection → mailbox → scheduler → a turn of an actor → io::Connection → kernel
//! ```

pub mod arena;
pub mod io;
pub mod mailbox;
pub mod observe;
pub mod supervision;
pub mod sync;
pub mod sys;
pub mod timer;

mod actor;
mod scheduler;
mod system;

pub use actor::{
    Actor, ActorId, ActorRef, Ask, AskError, AskInside, Context, ExitReason, Fault, MonitorId, Monitored, Readiness,
    Recipient, Reply, Signal, TimerId, Turn, Watchable,
};
pub use mailbox::Refused;
pub use observe::{SystemStats, WorkerStats};
#[doc(hidden)] // For the benches.
pub use scheduler::surplus;
#[doc(hidden)] // For the models in `loom-tests`.
pub use scheduler::{AtWork, Held, Sleep, Tenure};
pub use supervision::{
    Backoff, ChildInfo, ChildState, Pool, Restart, Settings, Strategy, Supervisor, SupervisorBuilder, SupervisorMsg,
};
pub use system::{
    DRAIN_DEADLINE, Error, ErrorKind, RECORDED_EVENTS_MAX, ShutdownReport, System, SystemBuilder, WORKERS_MAX,
};
