//! kameo: `mailbox::unbounded()`, `tell().try_send()`, built without its feature `tracing`.
//!
//! Its default, a mailbox of 64 places and tracing, is slower, and can deadlock where actors send in circles. Nothing
//! is supervised or linked.

use super::{Act, Runtime, tokio as on_tokio};
use crate::role::{Address, Io, Msg, Player};
use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};
use std::convert::Infallible;
use tokio::runtime;

/// An actor's address.
#[derive(Clone)]
pub(super) struct Addr(ActorRef<Shell>);

impl Address for Addr {
    fn send(&self, msg: Msg) {
        // A lost message shows in the sum.
        let _ = self.0.tell(msg).try_send();
    }
}

/// An actor.
pub(super) struct Shell(Player<Addr>);

impl Actor for Shell {
    type Args = Player<Addr>;
    type Error = Infallible;

    async fn on_start(player: Player<Addr>, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self(player))
    }
}

impl Message<Msg> for Shell {
    type Reply = ();

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self, ()>) {
        if self.0.handle(msg, &mut Outside(ctx)).is_break() {
            ctx.stop();
        }
    }
}

struct Outside<'a>(&'a mut Context<Shell, ()>);

impl Io<Addr> for Outside<'_> {
    fn send(&mut self, to: &Addr, msg: Msg) {
        to.send(msg);
    }

    fn again(&mut self) {
        // A lost message shows in the sum.
        let _ = self.0.actor_ref().tell(Msg::NextBurst).try_send();
    }

    fn spawn(&mut self, player: Player<Addr>) -> Addr {
        spawn(player)
    }
}

/// An actor, made on a worker thread.
fn spawn(player: Player<Addr>) -> Addr {
    Addr(Shell::spawn_with_mailbox(player, mailbox::unbounded()))
}

/// The runtime.
pub(super) struct Host(runtime::Runtime);

impl Runtime for Host {
    type Addr = Addr;

    fn start(threads: usize) -> Self {
        Self(on_tokio::runtime(threads))
    }

    fn cast(&self, players: Vec<Player<Addr>>, _: usize) -> Vec<Addr> {
        on_tokio::cast(&self.0, players, spawn)
    }

    fn inside(&self, act: Act) {
        self.0.spawn(async move { act() });
    }

    fn stop(self) {
        drop(self.0);
    }
}
