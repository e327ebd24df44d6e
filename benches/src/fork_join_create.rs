//! Savina's fork-join create: a root spawns actors and sends each one message; each handles it and stops.
//!
//! The root spawns and sends in one handler, so all actors wait to begin when it returns. An actor has a number and a
//! pointer as its state. A message is a creation, a first turn, a handler and an end; the run lasts until the last
//! message is handled, the last ends follow outside the clock.

use crate::stage::{self, Cast, Ledger, Play};
use crate::{Outcome, fan_in};
use potoroo_runtime::{Actor, Context, System, Turn};
use std::sync::Arc;

/// The only message of a leaf; it carries a number to be added up.
struct Work(u64);

struct Leaf {
    ledger: Arc<Ledger>,
}

impl Actor for Leaf {
    type Msg = Work;

    fn handle(&mut self, Work(n): Work, ctx: &mut Context<'_, Self>) -> Turn {
        self.ledger.add(n);
        self.ledger.part_finished();
        ctx.stop();
        Ok(())
    }
}

/// Spawn this many.
struct Fork(u64);

struct Root {
    ledger: Arc<Ledger>,
}

impl Actor for Root {
    type Msg = Fork;

    fn handle(&mut self, Fork(leaves): Fork, ctx: &mut Context<'_, Self>) -> Turn {
        for n in 0..leaves {
            let ledger = self.ledger.clone();
            ctx.spawn(move |_| Ok(Leaf { ledger })).tell(Work(n));
        }
        Ok(())
    }
}

/// Spawns `messages` actors and sends each one message.
///
/// # Panics
///
/// If a message is lost, or if there are none to send.
pub fn run(system: &System, messages: u64) -> Outcome {
    assert!(messages > 0, "fork_join_create: nothing to spawn");
    let play = Play {
        workload: "fork_join_create",
        cast: Cast {
            children: 1,
            parts: messages,
        },
        messages,
        expected: fan_in::checksum(messages),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let ledger = ledger.clone();
        let root = ctx.spawn(move |_| {
            ledger.ready();
            Ok(Root { ledger })
        });
        Box::new(move || root.tell(Fork(messages)))
    })
}
