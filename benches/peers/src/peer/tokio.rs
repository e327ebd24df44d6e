//! Tasks of tokio, each with an unbounded channel: no actor library, but what most of them stand on.
//!
//! The multi-threaded runtime, everything else at its default. It lacks what an actor library adds, and pays nothing
//! for it.

use super::{Act, Runtime};
use crate::role::{Address, Io, Msg, Player};
use std::sync::mpsc;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// An actor's address.
#[derive(Clone)]
pub(super) struct Addr(UnboundedSender<Msg>);

impl Address for Addr {
    fn send(&self, msg: Msg) {
        // A lost message shows in the sum.
        let _ = self.0.send(msg);
    }
}

struct Outside {
    me: Addr,
}

impl Io<Addr> for Outside {
    fn send(&mut self, to: &Addr, msg: Msg) {
        to.send(msg);
    }

    fn again(&mut self) {
        self.me.send(Msg::NextBurst);
    }

    fn spawn(&mut self, player: Player<Addr>) -> Addr {
        spawn(player)
    }
}

/// An actor, made on a worker thread.
fn spawn(mut player: Player<Addr>) -> Addr {
    let (sender, mut mailbox) = unbounded_channel();
    let me = Addr(sender);
    let mut io = Outside { me: me.clone() };
    tokio::spawn(async move {
        while let Some(msg) = mailbox.recv().await {
            if player.handle(msg, &mut io).is_break() {
                break;
            }
        }
    });
    me
}

/// The runtime.
pub(super) struct Host(runtime::Runtime);

/// A multi-threaded runtime of tokio; kameo and ractor use it too.
pub(super) fn runtime(threads: usize) -> runtime::Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_time()
        .build()
        .unwrap_or_else(|error| panic!("cannot start {threads} workers: {error}"))
}

/// Has `make` done for each player on a worker thread.
pub(super) fn cast<A: Address>(
    runtime: &runtime::Runtime,
    players: Vec<Player<A>>,
    make: fn(Player<A>) -> A,
) -> Vec<A> {
    let (reply, cast) = mpsc::channel();
    runtime.spawn(async move {
        // Whoever asked waits for it.
        let _ = reply.send(players.into_iter().map(make).collect());
    });
    cast.recv().expect("the task replies")
}

impl Runtime for Host {
    type Addr = Addr;

    fn start(threads: usize) -> Self {
        Self(runtime(threads))
    }

    fn cast(&self, players: Vec<Player<Addr>>, _: usize) -> Vec<Addr> {
        cast(&self.0, players, spawn)
    }

    fn inside(&self, act: Act) {
        self.0.spawn(async move { act() });
    }

    fn stop(self) {
        drop(self.0);
    }
}
