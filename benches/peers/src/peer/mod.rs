//! The peers, and the frame of every run: cast, wire, begin, wait, clear up, check.
//!
//! The cast is made and wired, and the first messages are sent, on a worker thread of the runtime, so that no peer pays for a
//! queue that exists for foreign threads only. It lacks peers that are no Rust: see the research of the project.

mod actix;
mod bare;
mod kameo;
mod potoroo;
mod ractor;
mod tokio;

use crate::ledger::{Event, Ledger, wait_for};
use crate::role::{Address, Msg, Player, Wires, Wiring};
use crate::{Outcome, Workload};
use std::fmt;

/// Who plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// One queue and one `match`: what no runtime can beat on one thread.
    Bare,
    /// This project.
    Potoroo,
    /// Tasks with unbounded channels.
    Tokio,
    /// actix.
    Actix,
    /// kameo.
    Kameo,
    /// ractor.
    Ractor,
}

impl Peer {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 6] = [
        Self::Bare,
        Self::Potoroo,
        Self::Tokio,
        Self::Actix,
        Self::Kameo,
        Self::Ractor,
    ];

    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare loop",
            Self::Potoroo => "potoroo",
            Self::Tokio => "tokio",
            Self::Actix => "actix",
            Self::Kameo => "kameo",
            Self::Ractor => "ractor",
        }
    }

    /// Whether it can make use of so many threads.
    pub fn plays_on(self, threads: usize) -> bool {
        self != Self::Bare || threads == 1
    }

    /// One run, on a runtime of its own.
    ///
    /// # Panics
    ///
    /// If a message is lost, if the machine refuses threads, or if the messages do not divide evenly.
    pub fn run(self, workload: Workload, threads: usize, messages: u64) -> Outcome {
        match self {
            Self::Bare => bare::run(workload, messages),
            Self::Potoroo => perform::<potoroo::Host>(self, workload, threads, messages),
            Self::Tokio => perform::<tokio::Host>(self, workload, threads, messages),
            Self::Actix => perform::<actix::Host>(self, workload, threads, messages),
            Self::Kameo => perform::<kameo::Host>(self, workload, threads, messages),
            Self::Ractor => perform::<ractor::Host>(self, workload, threads, messages),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Work to be done on a worker thread.
type Act = Box<dyn FnOnce() + Send>;

/// A runtime, from outside.
trait Runtime: Sized {
    /// The address of one of its actors.
    type Addr: Address;

    /// Starts it with so many worker threads.
    fn start(threads: usize) -> Self;

    /// Makes these actors, on a worker thread. A runtime that places by hand keeps so many neighbours together.
    fn cast(&self, players: Vec<Player<Self::Addr>>, together: usize) -> Vec<Self::Addr>;

    /// Has this done on a worker thread.
    fn inside(&self, act: Act);

    /// Ends it, and its threads.
    fn stop(self);
}

/// One run on a runtime.
fn perform<R: Runtime>(peer: Peer, workload: Workload, threads: usize, messages: u64) -> Outcome {
    let who = format!("{workload} on {peer} with {threads} threads");
    let plan = workload.plan::<R::Addr>(messages);
    let (ledger, heard) = Ledger::new(plan.cast.len() as u64, plan.parts);
    let wires = Wires::<R::Addr>::default();
    let runtime = R::start(threads);

    let players = plan
        .cast
        .into_iter()
        .map(|role| Player::new(role, ledger.clone(), wires.clone()))
        .collect();
    let addresses = runtime.cast(players, plan.together);
    let for_wiring = addresses.clone();
    let friends = plan.friends;
    runtime.inside(Box::new(move || {
        let wiring = Wiring {
            addresses: for_wiring,
            friends,
        };
        let cast = &wires.get_or_init(|| wiring).addresses;
        for (place, address) in cast.iter().enumerate() {
            address.send(Msg::Meet(place as u64));
        }
    }));
    wait_for(&heard, Event::Ready, &who);

    let first: Vec<_> = plan
        .first
        .into_iter()
        .map(|(place, msg)| (addresses[place].clone(), msg))
        .collect();
    let for_begin = ledger.clone();
    runtime.inside(Box::new(move || {
        for_begin.begin();
        for (address, msg) in first {
            address.send(msg);
        }
    }));
    wait_for(&heard, Event::Finished, &who);

    for address in &addresses {
        address.send(Msg::Stop);
    }
    wait_for(&heard, Event::Gone, &who);
    drop(addresses);
    runtime.stop();

    let (elapsed, checksum) = ledger.result();
    checked(&who, messages, elapsed, checksum, plan.checksum)
}

/// An outcome whose sum is right.
fn checked(who: &str, messages: u64, elapsed: std::time::Duration, checksum: u64, expected: u64) -> Outcome {
    assert_eq!(
        checksum, expected,
        "{who}: the checksum of {messages} messages is wrong: some were lost, doubled or handled by the wrong actor"
    );
    Outcome {
        messages,
        elapsed,
        checksum,
    }
}
