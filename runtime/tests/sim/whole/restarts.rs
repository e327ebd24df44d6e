//! A supervised actor that fails now and then while it is told things.

use super::{Shared, lock};
use potoroo_runtime::sim::Sim;
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Restart, Strategy, Turn};
use std::sync::Arc;
use std::time::Duration;

/// Fails at every seventh message.
struct Fragile(Shared<u64>);

impl Actor for Fragile {
    type Msg = u64;

    fn handle(&mut self, number: u64, _: &mut Context<'_, Self>) -> Turn {
        *lock(&self.0) += 1;
        if number % 7 == 3 {
            return Err(Fault::new("a bad number"));
        }
        Ok(())
    }
}

/// Tells numbers from inside.
struct Counts(ActorRef<Fragile>, u64);

impl Actor for Counts {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        if self.1 > 0 {
            self.1 -= 1;
            self.0.tell(self.1);
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// A life ends with a bad message, and the next goes on with those behind it.
pub(super) fn restarts(sim: &Sim) {
    const SENDERS: u64 = 3;
    const EACH: u64 = 20;
    let handled: Shared<u64> = Arc::default();
    let counted = handled.clone();
    let mut tree = sim.supervise(Strategy::OneForOne.intensity(usize::MAX, Duration::from_secs(3600)));
    let fragile = tree.child("fragile", Restart::Permanent, move |_| Ok(Fragile(counted.clone())));
    tree.start();
    for _ in 0..SENDERS {
        let fragile = fragile.clone();
        sim.spawn(move |_| Ok(Counts(fragile, EACH))).tell(());
    }
    sim.run_until_quiet();
    assert_eq!(*lock(&handled), SENDERS * EACH, "each number is handled once");
}
