//! Work that needs a credit in hand.

use super::{Shared, lock};
use potoroo_runtime::kit::Credits;
use potoroo_runtime::sim::Sim;
use potoroo_runtime::{Actor, Context, Turn};
use std::sync::Arc;

/// Works only with a credit in hand.
struct Careful {
    credits: Credits,
    left: u32,
    inside: Shared<(u32, u32)>,
}

impl Actor for Careful {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        ctx.run(self.credits.reserve(1)).then(|me, credit, ctx| {
            {
                let mut inside = lock(&me.inside);
                inside.0 += 1;
                inside.1 += 1;
            }
            let inside = me.inside.clone();
            ctx.run(std::future::ready(credit)).then(move |_, credit, ctx| {
                lock(&inside).0 -= 1;
                drop(credit);
                ctx.me().tell(());
                Ok(())
            });
            Ok(())
        });
        Ok(())
    }
}

/// As many work as there are credits, and all get theirs.
pub(super) fn credits(sim: &Sim) {
    const WORKERS: u32 = 4;
    const EACH: u32 = 5;
    let credits = Credits::new(2);
    let inside: Shared<(u32, u32)> = Arc::default();
    for _ in 0..WORKERS {
        let (credits, inside) = (credits.clone(), inside.clone());
        sim.spawn(move |_| {
            Ok(Careful {
                credits,
                left: EACH,
                inside,
            })
        })
        .tell(());
    }
    let seen = inside.clone();
    sim.invariant("no more than the credits", move || match lock(&seen).0 {
        0..=2 => Ok(()),
        more => Err(format!("{more} are inside")),
    });
    sim.run_until_quiet();
    assert_eq!(*lock(&inside), (0, WORKERS * EACH));
    assert_eq!(credits.available(), 2);
}
