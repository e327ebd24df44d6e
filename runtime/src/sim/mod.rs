//! The simulator: the same runtime on one thread, in any order that its threads could have taken, from a seed.
//!
//! A program of actors runs in another order each time, and its bugs show in few of them. Here the order is chosen. Nothing
//! of the runtime is replaced but what the operating system and chance decide: which worker goes on, which of the runnable
//! actors has its turn, who steals what, when a bell is heard, what time it is. A run is a function of its seed: what failed
//! once fails again, until it is mended. No feature, no cfg, no attribute: it works in any test.
//!
//! ```
//! use potoroo_runtime::sim;
//! use potoroo_runtime::{Actor, Context, Reply, Turn};
//!
//! enum CounterMsg { Add(u64), Get(Reply<u64>) }
//!
//! #[derive(Default)]
//! struct Counter(u64);
//!
//! impl Actor for Counter {
//!     type Msg = CounterMsg;
//!     fn handle(&mut self, msg: CounterMsg, _: &mut Context<'_, Self>) -> Turn {
//!         match msg {
//!             CounterMsg::Add(n) => self.0 += n,
//!             CounterMsg::Get(reply) => reply.send(self.0),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let report = sim::explore(|sim| {
//!     let counter = sim.spawn(|_| Ok(Counter::default()));
//!     counter.tell(CounterMsg::Add(2));
//!     counter.tell(CounterMsg::Add(3));
//!     assert_eq!(counter.ask(CounterMsg::Get).wait(), Ok(5));
//! })
//! .exhaustive()
//! .run();
//! assert!(report.complete);
//! ```
//!
//! # What is checked in each run
//!
//! Besides what the scenario asserts and what it asks for with [`Sim::invariant`]:
//!
//! - no actor fails, by a fault or a panic ([`allow_failures`](Explore::allow_failures));
//! - no message is left to nobody ([`allow_undelivered`](Explore::allow_undelivered));
//! - when nothing moves any more, no ask waits ([`allow_pending_asks`](Explore::allow_pending_asks));
//! - when nothing moves any more, no message waits for an actor that will get no turn: the runtime's own promise.
//!
//! [`History`] checks that what several clients did to one thing could have been done by one after the other, and
//! [`InOrder`] that what has numbers comes in their order. A failure prints which run it was, the command that repeats it,
//! and a chart of who told whom what.
//!
//! # Which orders
//!
//! | mode | orders | for |
//! |---|---|---|
//! | [`random`](Explore::random) | whole workers, at random: also notifications, sleep, theft, and what a turn has sent arriving piece by piece | anything, and large systems; the default |
//! | [`pct`](Explore::pct) | turns, by priorities that change a few times | bugs that need one unlikely order |
//! | [`exhaustive`](Explore::exhaustive) | all orders of turns that differ in anything | few actors, few messages: then it is a proof |
//! | [`replay`](Explore::replay) | one | understanding a failure |
//!
//! By turns, what one turn tells several actors arrives at once; at random it may arrive at one and not yet at the other, as
//! it may across cores. By turns, time passes only in [`Sim::advance`] (where timers race with turns) and when code outside
//! waits and nothing else can happen.
//!
//! # Network, disk, and nodes
//!
//! Sockets and files of a simulated thread are the world's: [`sys::net`](crate::sys::net) and [`sys::files`](crate::sys::files)
//! ask it in place of the kernel. TCP keeps its promises inside one connection (bytes in order, in arbitrary pieces, bounded
//! buffers, ends and resets); what happens to connections is drawn from [`Faults`], in random runs. By turns the network is
//! perfect. [`Sim::node`] makes a simulated process with an address and a disk of its own, which can crash, be paused, and
//! be started again on what the disk kept. Unix sockets are refused with an error that says so.
//!
//! # What it lacks
//!
//! Handlers are not interrupted, so what actors share behind the runtime's back, such as atomics, is not interleaved: that
//! is what the models with loom are for. A search through all orders must be told of it with [`touch`]. Threads that a program
//! starts by itself are not simulated, nor are sockets and files that it opens past [`sys`](crate::sys). TLS takes its keys
//! from the kernel, so a run with it may go another way when it is repeated. What a crashed node had in memory is never given
//! back.

mod choice;
mod disk;
mod explore;
mod faults;
mod harness;
mod history;
mod network;
mod node;
mod order;
mod places;
mod probe;
mod random;
mod reduce;
mod report;
mod trace;
mod world;

pub use explore::{Explore, explore};
pub use faults::{FaultKind, Faults, Injected};
pub use harness::{Effects, Harness, Told};
pub use history::{Call, History, Model};
pub use node::Node;
pub use order::InOrder;
pub use probe::{Probe, ProbeActor};
pub use report::{Failure, Report, Run};

use crate::actor::{Actor, ActorRef};
use crate::sys::clock::Time;
use crate::sys::simulated;
use crate::system::System;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;
use world::SimWorld;

/// A simulated system, in the hands of a scenario. What a [`System`] can do, it can as well.
pub struct Sim {
    system: System,
    world: Rc<SimWorld>,
}

/// What waits in the mailbox of an actor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mailbox {
    /// The messages, the next first, as [`Actor::describe`] names them.
    pub messages: Vec<String>,
    /// How much waits on the control lane: timers, answers, ends of children, stops.
    pub control: usize,
    /// How many asks of this actor wait for answers.
    pub pending_asks: usize,
    /// Whether the actor is muted.
    pub muted: bool,
}

impl Sim {
    /// Goes on until nothing can happen without time passing. Timers that are not due stay as they are.
    pub fn run_until_quiet(&self) {
        self.world.run_until_quiet();
    }

    /// Lets so much virtual time pass, with all that happens meanwhile. In a search or by priorities, timers that fall due
    /// race with messages that wait.
    pub fn advance(&self, time: Duration) {
        self.world.advance(time);
    }

    /// Does one step, and says whether there was any to be done without time passing.
    pub fn step(&self) -> bool {
        let any = self.world.go_on(Time::ZERO, false);
        self.world.hand_back();
        any
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        crate::sys::clock::now()
    }

    /// A number below `n`, chosen as everything is: for faults and for input that differs from run to run. In a search it is
    /// always 0.
    pub fn choose(&self, n: usize) -> usize {
        assert!(n > 0, "there must be something to choose from");
        simulated::with(|world| world.choose(n)).unwrap_or(0)
    }

    /// A probe in this system.
    pub fn probe<M: Send + 'static>(&self) -> Probe<M> {
        Probe::on(&self.system)
    }

    /// Has `holds` called after each turn; the run fails when it says why it does not hold. It sees what actors have put
    /// where it can see it, such as a shared table.
    pub fn invariant(&self, name: impl Into<String>, holds: impl FnMut() -> Result<(), String> + 'static) {
        self.world.keep(name.into(), Box::new(holds));
    }

    /// What waits in the mailbox of an actor; nothing, if it has ended.
    pub fn mailbox<A: Actor>(&self, actor: &ActorRef<A>) -> Mailbox {
        let mut mailbox = Mailbox::default();
        self.world.glimpse(actor.id().0, &mut |glimpse| {
            mailbox = Mailbox {
                messages: (0..glimpse.data).map(glimpse.describe).collect(),
                control: glimpse.control,
                pending_asks: glimpse.asks,
                muted: glimpse.muted,
            };
        });
        mailbox
    }

    /// The failures of actors so far, as text; empty unless they are [allowed](Explore::allow_failures).
    pub fn failures(&self) -> Vec<String> {
        self.world.failures()
    }

    /// A simulated process on a machine of its own, by its name: made when the name is new.
    pub fn node(&self, name: &str) -> Node {
        Node::named(name, &self.world)
    }

    /// The node that this system is on, with the address and the disk that the scenario has.
    pub fn here(&self) -> Node {
        self.node("main")
    }

    /// From now on nothing of either node reaches the other. Connections do not hear of it: what they send waits.
    pub fn partition(&self, one: &Node, other: &Node) {
        self.partition_one_way(one, other);
        self.partition_one_way(other, one);
    }

    /// From now on nothing of `from` reaches `to`; the other way all is well.
    pub fn partition_one_way(&self, from: &Node, to: &Node) {
        self.world.places.set_cut(from.index(), to.index(), true);
    }

    /// All partitions heal, also those that came by themselves.
    pub fn heal(&self) {
        self.world.heal();
    }

    /// From now on nothing goes wrong by itself, and partitions heal: the second half of a scenario that first checks what
    /// must never happen, and then that all comes to a good end. A connection that is half open stays so.
    pub fn calm(&self) {
        self.world.calm();
    }

    /// From now on this goes wrong by itself, in random runs.
    pub fn set_faults(&self, faults: Faults) {
        *self.world.places.faults.borrow_mut() = faults;
    }

    /// What went wrong by itself so far, and by crashes.
    pub fn injected(&self) -> Injected {
        self.world.places.injected()
    }

    /// Fails the run: for checks that find something without an assertion.
    pub fn fail(&self, what: impl Into<String>) {
        self.world.fail(what.into());
    }
}

impl Sim {
    /// The system, for what the two call alike.
    pub fn system(&self) -> &System {
        &self.system
    }
}

impl Deref for Sim {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Says that the running handler reaches something that other actors may reach too, other than by messages: an atomic, a
/// table behind a lock. A search through all orders tries both orders of two turns that touch the same. Outside simulations
/// it does nothing.
pub fn touch(what: &str) {
    if simulated::is_on() {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        simulated::touch(hasher.finish());
    }
}
