//! Who floods another is muted, and goes on.

use super::{Shared, lock};
use potoroo_runtime::sim::Sim;
use potoroo_runtime::{Actor, Context, MailboxLimits, Recipient, Turn};
use std::sync::Arc;
use std::time::Duration;

/// Counts.
struct Slow(u64, Shared<u64>);

impl Actor for Slow {
    type Msg = u64;

    fn handle(&mut self, _: u64, _: &mut Context<'_, Self>) -> Turn {
        self.0 += 1;
        *lock(&self.1) = self.0;
        Ok(())
    }
}

/// Tells many at once, again and again.
struct Eager {
    to: Recipient<u64>,
    rounds: u64,
}

impl Actor for Eager {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        (0..6).for_each(|number| self.to.tell(number));
        self.rounds -= 1;
        if self.rounds > 0 {
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// Whoever floods another waits for it, and goes on.
pub(super) fn pressure(sim: &Sim) {
    const SENDERS: u64 = 4;
    const ROUNDS: u64 = 8;
    let count: Shared<u64> = Arc::default();
    let counted = count.clone();
    let slow = sim.spawn(move |ctx| {
        ctx.limit_mailbox(MailboxLimits::default().soft_messages(4));
        Ok(Slow(0, counted))
    });
    for _ in 0..SENDERS {
        let to = slow.recipient();
        sim.spawn(move |_| Ok(Eager { to, rounds: ROUNDS })).tell(());
    }
    sim.run_until_quiet();
    sim.advance(Duration::from_secs(1));
    assert_eq!(*lock(&count), SENDERS * ROUNDS * 6);
}
