//! Potoroo itself, as it comes: a system of so many workers, everything else at its default.
//!
//! A driver actor is the parent of the cast, so on one worker every message is local. The root of `create` is the
//! parent of its leaves and hears of each one's end; no other peer's root does.

use super::{Act, Runtime};
use crate::role::{Address, Io, Msg, Player};
use potoroo_runtime::{Actor, ActorRef, Context, System, Turn};
use std::sync::mpsc;

/// An actor's address.
#[derive(Clone)]
pub(super) struct Addr(ActorRef<Shell>);

impl Address for Addr {
    fn send(&self, msg: Msg) {
        self.0.tell(msg);
    }
}

/// An actor.
pub(super) struct Shell(Player<Addr>);

impl Actor for Shell {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        if self.0.handle(msg, &mut Outside(ctx)).is_break() {
            ctx.stop();
        }
        Ok(())
    }
}

struct Outside<'a, 't>(&'a mut Context<'t, Shell>);

impl Io<Addr> for Outside<'_, '_> {
    fn send(&mut self, to: &Addr, msg: Msg) {
        to.send(msg);
    }

    fn again(&mut self) {
        self.0.me().tell(Msg::NextBurst);
    }

    fn spawn(&mut self, player: Player<Addr>) -> Addr {
        Addr(self.0.spawn(move |_| Ok(Shell(player))))
    }
}

/// What the parent of the cast is told.
enum Order {
    Cast(Vec<Player<Addr>>, mpsc::Sender<Vec<Addr>>),
    Act(Act),
}

struct Driver;

impl Actor for Driver {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Self>) -> Turn {
        match order {
            Order::Cast(players, reply) => {
                let cast = players
                    .into_iter()
                    .map(|player| Addr(ctx.spawn(move |_| Ok(Shell(player)))))
                    .collect();
                // Whoever asked waits for it.
                let _ = reply.send(cast);
            }
            Order::Act(act) => act(),
        }
        Ok(())
    }
}

/// The runtime.
pub(super) struct Host {
    system: System,
    driver: ActorRef<Driver>,
}

impl Runtime for Host {
    type Addr = Addr;

    fn start(threads: usize) -> Self {
        let system = System::builder()
            .workers(threads)
            .build()
            .unwrap_or_else(|error| panic!("cannot start {threads} workers: {error}"));
        let driver = system.spawn(|_| Ok(Driver));
        Self { system, driver }
    }

    fn cast(&self, players: Vec<Player<Addr>>, _: usize) -> Vec<Addr> {
        let (reply, cast) = mpsc::channel();
        self.driver.tell(Order::Cast(players, reply));
        cast.recv().expect("the driver replies")
    }

    fn inside(&self, act: Act) {
        self.driver.tell(Order::Act(act));
    }

    fn stop(self) {
        self.system.shutdown();
    }
}
