//! Savina's fork-join throughput: one distributor sends to many workers in turn.
//!
//! A burst is [`BURST`] messages, each to the next worker, and then a message to itself, so that the workers get their
//! turns; only the workers' messages are counted. It is `fan_in` the other way round: one sender, many receivers.

use crate::Outcome;
use crate::stage::{self, Cast, Ledger, Play};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::sync::Arc;

/// How many messages the distributor sends between two messages to itself.
pub const BURST: u64 = 120;

/// One type for both sides.
enum Msg {
    Work(u64),
    NextBurst,
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

struct Worker {
    left: u64,
    sum: u64,
    weight: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Worker {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Work(n) => {
                self.sum = self.sum.wrapping_add(n);
                self.left -= 1;
                if self.left == 0 {
                    self.ledger.part_finished();
                }
                Ok(())
            }
            Msg::NextBurst => Err(Fault::new("a worker has no bursts")),
        }
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.sum.wrapping_mul(self.weight));
    }
}

struct Distributor {
    workers: Vec<ActorRef<Worker>>,
    /// Whose turn it is.
    next: usize,
    sent: u64,
    messages: u64,
}

impl Actor for Distributor {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::NextBurst => {
                let end = self.messages.min(self.sent + BURST);
                while self.sent < end {
                    self.workers[self.next].tell(Msg::Work(self.sent));
                    self.sent += 1;
                    self.next += 1;
                    if self.next == self.workers.len() {
                        self.next = 0;
                    }
                }
                if self.sent < self.messages {
                    ctx.me().tell(Msg::NextBurst);
                }
                Ok(())
            }
            Msg::Work(_) => Err(Fault::new("a distributor does not work")),
        }
    }
}

/// How many messages this worker gets.
fn share(worker: u64, workers: u64, messages: u64) -> u64 {
    messages / workers + u64::from(worker < messages % workers)
}

/// Each worker gets its index, that plus `workers`, and so on; the sums are weighted by the worker's number from 1.
pub(crate) fn checksum(workers: u64, messages: u64) -> u64 {
    (0..workers).fold(0, |all, worker| {
        let n = u128::from(share(worker, workers, messages));
        let sum = n * u128::from(worker) + u128::from(workers) * (n * (n - 1) / 2);
        all.wrapping_add((sum as u64).wrapping_mul(worker + 1))
    })
}

/// Runs one distributor that sends `messages` to `workers` in turn.
///
/// # Panics
///
/// If a message is lost, or if there are fewer messages than workers.
pub fn run(system: &System, workers: u64, messages: u64) -> Outcome {
    assert!(
        workers > 0 && messages >= workers,
        "fork_join_throughput: a worker without work"
    );
    let play = Play {
        workload: "fork_join_throughput",
        cast: Cast {
            children: workers + 1,
            parts: workers,
        },
        messages,
        expected: checksum(workers, messages),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let workers: Vec<ActorRef<Worker>> = (0..workers)
            .map(|worker| {
                let ledger = ledger.clone();
                ctx.spawn(move |_| {
                    ledger.ready();
                    Ok(Worker {
                        left: share(worker, workers, messages),
                        sum: 0,
                        weight: worker + 1,
                        ledger,
                    })
                })
            })
            .collect();
        let ready = ledger.clone();
        let distributor = ctx.spawn(move |_| {
            ready.ready();
            Ok(Distributor {
                workers,
                next: 0,
                sent: 0,
                messages,
            })
        });
        Box::new(move || distributor.tell(Msg::NextBurst))
    })
}
