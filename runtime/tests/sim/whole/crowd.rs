//! Everybody tells everybody, in order, wherever anybody moves.

use super::{Shared, lock};
use potoroo_runtime::sim::{InOrder, Sim};
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Turn};
use std::sync::Arc;
use std::time::Duration;

/// The numbers that came from each sender to each receiver.
#[derive(Default)]
struct Numbers {
    order: InOrder<(usize, usize)>,
    wrong: Option<String>,
    count: u64,
}

struct Hears {
    name: usize,
    numbers: Shared<Numbers>,
}

impl Actor for Hears {
    type Msg = (usize, u64);

    fn handle(&mut self, (from, number): (usize, u64), _: &mut Context<'_, Self>) -> Turn {
        let mut numbers = lock(&self.numbers);
        numbers.count += 1;
        if let Err(wrong) = numbers.order.saw((from, self.name), number) {
            numbers.wrong.get_or_insert(wrong);
        }
        Ok(())
    }
}

/// Tells each receiver its next number, one of them otherwise than the others, and goes on with a turn of its own, or lets a
/// neighbor have one before.
struct Says {
    name: usize,
    to: Vec<ActorRef<Hears>>,
    next: u64,
    rounds: u64,
    neighbor: Option<ActorRef<Says>>,
}

enum SaysMsg {
    Meet(ActorRef<Says>),
    Go,
}

impl Actor for Says {
    type Msg = SaysMsg;

    fn handle(&mut self, msg: SaysMsg, ctx: &mut Context<'_, Self>) -> Turn {
        if let SaysMsg::Meet(neighbor) = msg {
            self.neighbor = Some(neighbor);
            return Ok(());
        }
        if self.next == self.rounds {
            return Ok(());
        }
        for (place, to) in self.to.iter().enumerate() {
            let msg = (self.name, self.next);
            if (place as u64 + self.next).is_multiple_of(3) {
                // Refused only where there is a limit, and there is none.
                to.try_tell(msg)
                    .map_err(|_| Fault::new("a mailbox without a limit is full"))?;
            } else {
                to.tell(msg);
            }
        }
        self.next += 1;
        match &self.neighbor {
            Some(neighbor) if self.next.is_multiple_of(2) => neighbor.tell(SaysMsg::Go),
            _ => {}
        }
        ctx.me().tell(SaysMsg::Go);
        Ok(())
    }
}

const SENDERS: usize = 4;
const RECEIVERS: usize = 4;

fn gather(sim: &Sim, rounds: u64) -> Shared<Numbers> {
    if sim.choose(2) == 0 {
        // Everybody sleeps when the first comes.
        sim.run_until_quiet();
    }
    let numbers: Shared<Numbers> = Arc::default();
    let hearers: Vec<_> = (0..RECEIVERS)
        .map(|name| {
            let numbers = numbers.clone();
            sim.spawn(move |_| Ok(Hears { name, numbers }))
        })
        .collect();
    let senders: Vec<_> = (0..SENDERS)
        .map(|name| {
            let to = hearers.clone();
            sim.spawn(move |_| {
                Ok(Says {
                    name,
                    to,
                    next: 0,
                    rounds,
                    neighbor: None,
                })
            })
        })
        .collect();
    for (place, sender) in senders.iter().enumerate() {
        sender.tell(SaysMsg::Meet(senders[(place + 1) % SENDERS].clone()));
        sender.tell(SaysMsg::Go);
    }
    let seen = numbers.clone();
    sim.invariant("order between each two", move || {
        lock(&seen).wrong.take().map_or(Ok(()), Err)
    });
    numbers
}

/// How many numbers are told in so many rounds.
const fn told(rounds: u64) -> u64 {
    SENDERS as u64 * RECEIVERS as u64 * rounds
}

/// Everybody tells everybody: nothing is lost, doubled or overtaken, wherever anybody moves.
pub(super) fn crowd(sim: &Sim) {
    const ROUNDS: u64 = 12;
    let numbers = gather(sim, ROUNDS);
    sim.run_until_quiet();
    assert_eq!(lock(&numbers).count, told(ROUNDS));
}

/// What the system calls quiet is quiet.
pub(super) fn quiet(sim: &Sim) {
    /// Longer than from one look of the system at itself to the next.
    const ROUNDS: u64 = 80;
    let numbers = gather(sim, ROUNDS);
    assert!(sim.system().run_until_quiet(Duration::from_secs(60)));
    assert_eq!(
        lock(&numbers).count,
        told(ROUNDS),
        "the system has said that it is quiet"
    );
}
