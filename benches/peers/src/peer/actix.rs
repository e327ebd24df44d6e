//! actix: one arbiter per worker thread, `do_send`, actors placed by hand with `start_in_arbiter`.
//!
//! Actors never move, so the placement is part of the program: the cast is cut into as many pieces as there are
//! arbiters, which keeps pairs, and all but the seams of a ring, together. A producer yields between its bursts, since
//! an actor that sends to itself never gives its thread away. Leaves are started in turn on each arbiter.

use super::{Act, Runtime};
use crate::role::{Address, Io, Msg, Player};
use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, Message, System};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

/// An actor's address.
#[derive(Clone)]
pub(super) struct Addr(actix::Addr<Shell>);

impl Address for Addr {
    fn send(&self, msg: Msg) {
        self.0.do_send(msg);
    }
}

impl Message for Msg {
    type Result = ();
}

/// An actor.
pub(super) struct Shell {
    player: Player<Addr>,
    arbiters: Arc<[ArbiterHandle]>,
    /// Its own arbiter.
    home: usize,
    /// How many it has spawned.
    spawned: usize,
}

impl Actor for Shell {
    type Context = Context<Self>;
}

impl Handler<Msg> for Shell {
    type Result = ();

    fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) {
        let mut io = Outside {
            ctx,
            arbiters: &self.arbiters,
            home: self.home,
            spawned: &mut self.spawned,
        };
        if self.player.handle(msg, &mut io).is_break() {
            actix::ActorContext::stop(ctx);
        }
    }
}

struct Outside<'a> {
    ctx: &'a mut Context<Shell>,
    arbiters: &'a Arc<[ArbiterHandle]>,
    home: usize,
    spawned: &'a mut usize,
}

impl Io<Addr> for Outside<'_> {
    fn send(&mut self, to: &Addr, msg: Msg) {
        to.send(msg);
    }

    fn again(&mut self) {
        let yielded = wrap_future::<_, Shell>(tokio::task::yield_now());
        self.ctx
            .spawn(yielded.map(|(), _, ctx: &mut Context<Shell>| ctx.notify(Msg::NextBurst)));
    }

    fn spawn(&mut self, player: Player<Addr>) -> Addr {
        *self.spawned += 1;
        let arbiter = (self.home + *self.spawned) % self.arbiters.len();
        let shell = shell(player, self.arbiters, arbiter);
        Addr(if arbiter == self.home {
            shell.start()
        } else {
            Shell::start_in_arbiter(&self.arbiters[arbiter], move |_| shell)
        })
    }
}

fn shell(player: Player<Addr>, arbiters: &Arc<[ArbiterHandle]>, home: usize) -> Shell {
    Shell {
        player,
        arbiters: arbiters.clone(),
        home,
        spawned: 0,
    }
}

/// The runtime: a thread that waits for the system, and the arbiters.
pub(super) struct Host {
    system: System,
    arbiters: Arc<[ArbiterHandle]>,
    thread: JoinHandle<()>,
}

impl Runtime for Host {
    type Addr = Addr;

    fn start(threads: usize) -> Self {
        let (send, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runner = System::new();
            let arbiters: Vec<Arbiter> = (0..threads).map(|_| Arbiter::new()).collect();
            let handles: Vec<ArbiterHandle> = arbiters.iter().map(Arbiter::handle).collect();
            // Whoever starts this waits for it.
            let _ = send.send((System::current(), handles));
            runner.run().expect("the system ends without an error");
            for arbiter in arbiters {
                arbiter.stop();
                arbiter.join().expect("no arbiter panics");
            }
        });
        let (system, handles) = started.recv().expect("the system starts");
        Self {
            system,
            arbiters: handles.into(),
            thread,
        }
    }

    fn cast(&self, players: Vec<Player<Addr>>, together: usize) -> Vec<Addr> {
        let (groups, arbiters) = (players.len() / together, self.arbiters.len());
        players
            .into_iter()
            .enumerate()
            .map(|(place, player)| {
                let arbiter = place / together * arbiters / groups;
                let shell = shell(player, &self.arbiters, arbiter);
                Addr(Shell::start_in_arbiter(&self.arbiters[arbiter], move |_| shell))
            })
            .collect()
    }

    fn inside(&self, act: Act) {
        self.arbiters[0].spawn_fn(act);
    }

    fn stop(self) {
        self.system.stop();
        self.thread.join().expect("the system ends");
    }
}
