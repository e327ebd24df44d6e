//! ractor: `send_message`, built with the feature `tokio_runtime` only.
//!
//! Its default carries a tracing span in every message, which is slower. Actors start with `spawn_instant`, since the
//! other ways wait for the new actor. Nothing is supervised or linked.

use super::{Act, Runtime, tokio as on_tokio};
use crate::role::{Address, Io, Msg, Player};
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use tokio::runtime;

/// An actor's address.
#[derive(Clone)]
pub(super) struct Addr(ActorRef<Msg>);

impl Address for Addr {
    fn send(&self, msg: Msg) {
        // A lost message shows in the sum.
        let _ = self.0.send_message(msg);
    }
}

/// What ractor calls a handler; its state is the player.
struct Shell;

impl Actor for Shell {
    type Msg = Msg;
    type State = Player<Addr>;
    type Arguments = Player<Addr>;

    async fn pre_start(&self, _: ActorRef<Msg>, player: Player<Addr>) -> Result<Player<Addr>, ActorProcessingErr> {
        Ok(player)
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        msg: Msg,
        player: &mut Player<Addr>,
    ) -> Result<(), ActorProcessingErr> {
        if player.handle(msg, &mut Outside(&myself)).is_break() {
            myself.stop(None);
        }
        Ok(())
    }
}

struct Outside<'a>(&'a ActorRef<Msg>);

impl Io<Addr> for Outside<'_> {
    fn send(&mut self, to: &Addr, msg: Msg) {
        to.send(msg);
    }

    fn again(&mut self) {
        // A lost message shows in the sum.
        let _ = self.0.send_message(Msg::NextBurst);
    }

    fn spawn(&mut self, player: Player<Addr>) -> Addr {
        spawn(player)
    }
}

/// An actor, made on a worker thread.
fn spawn(player: Player<Addr>) -> Addr {
    let (actor, _) =
        ActorRuntime::<Shell>::spawn_instant(None, Shell, player).expect("an actor without a name can start");
    Addr(actor)
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
