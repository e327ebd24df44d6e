//! What else an actor does besides handling messages: it begins and ends, and it asks.
//!
//! Lives: a parent spawns a child that ends with its first turn, hears of the end, and spawns the next, so one child
//! exists at a time; no message is sent. Asks: an actor asks its child for the successor of a number, and asks again in
//! the continuation. Both run on the worker of the one who spawns or asks, and are timed by it. A child that does not
//! end, or an answer that does not come, ends in a panic.

use potoroo_runtime::{Actor, ActorRef, Ask, Context, Fault, Reply, Signal, System, Turn};
use std::time::{Duration, Instant};

/// A run that takes longer than this hangs.
const STALLED_AFTER: Duration = Duration::from_secs(60);

fn answer<R: Send + 'static>(what: &str, ask: Ask<R>) -> R {
    ask.wait_for(STALLED_AFTER)
        .unwrap_or_else(|error| panic!("{what}: no answer: {error}"))
}

/// Ends with its first turn.
struct Mayfly;

impl Actor for Mayfly {
    type Msg = ();

    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        Ok(())
    }
}

/// Spawns one child after the other.
struct Parent {
    left: u64,
    begun: Instant,
    reply: Option<Reply<Duration>>,
}

impl Parent {
    fn bear(ctx: &mut Context<'_, Self>) {
        ctx.spawn(|ctx: &mut Context<'_, Mayfly>| {
            ctx.stop();
            Ok(Mayfly)
        });
    }
}

impl Actor for Parent {
    type Msg = (u64, Reply<Duration>);

    fn handle(&mut self, (lives, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        self.left = lives;
        self.reply = Some(reply);
        self.begun = Instant::now();
        Self::bear(ctx);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { .. } = signal {
            self.left -= 1;
            if self.left > 0 {
                Self::bear(ctx);
            } else if let Some(reply) = self.reply.take() {
                reply.send(self.begun.elapsed());
            }
        }
        Ok(())
    }
}

/// How long so many `lives` take, one after the other.
///
/// # Panics
///
/// If there are none, or if one does not end.
pub fn spawn_and_stop(system: &System, lives: u64) -> Duration {
    assert!(lives > 0, "spawn_and_stop: nobody to live");
    let parent = system.spawn(|_| {
        Ok(Parent {
            left: 0,
            begun: Instant::now(),
            reply: None,
        })
    });
    let took = answer("spawn_and_stop", parent.ask(|reply| (lives, reply)));
    parent.stop();
    took
}

/// Answers with one more.
struct Successor;

impl Actor for Successor {
    type Msg = (u64, Reply<u64>);

    fn handle(&mut self, (n, reply): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        reply.send(n + 1);
        Ok(())
    }
}

/// Asks again and again, with the answer to the last ask.
struct Asker {
    successor: ActorRef<Successor>,
}

impl Asker {
    fn ask(&self, n: u64, end: u64, begun: Instant, reply: Reply<Duration>, ctx: &mut Context<'_, Self>) {
        if n == end {
            reply.send(begun.elapsed());
            return;
        }
        ctx.ask(&self.successor, move |back| (n, back))
            .then(move |this, answer, ctx| {
                if answer? != n + 1 {
                    return Err(Fault::new("an answer to another question"));
                }
                this.ask(n + 1, end, begun, reply, ctx);
                Ok(())
            });
    }
}

impl Actor for Asker {
    type Msg = (u64, Reply<Duration>);

    fn handle(&mut self, (asks, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        self.ask(0, asks, Instant::now(), reply, ctx);
        Ok(())
    }
}

/// How long so many `asks` inside the system take, one after the other.
///
/// # Panics
///
/// If one is not answered.
pub fn ask_inside(system: &System, asks: u64) -> Duration {
    let asker = system.spawn(|ctx| {
        let successor = ctx.spawn(|_| Ok(Successor));
        Ok(Asker { successor })
    });
    let took = answer("ask_inside", asker.ask(|reply| (asks, reply)));
    asker.stop();
    took
}
