//! Producers that all send to one counter: the cost of a message when many come in one turn.
//!
//! A producer sends [`BURST`] numbers and then tells itself to go on, so that the counter gets its turn in between;
//! there is no back-pressure. Only the numbers are counted as messages. It does not check the order of arrival: the
//! runtime's own tests do.

use crate::Outcome;
use crate::stage::{self, Cast, Ledger, Play};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::ops::Range;
use std::sync::Arc;

/// How many numbers a producer sends between two messages to itself.
pub const BURST: u64 = 128;

/// One type for both sides, as on the bare loop.
enum Msg {
    Inc(u64),
    NextBurst,
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

struct Counter {
    left: u64,
    sum: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Counter {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Inc(n) => {
                self.sum = self.sum.wrapping_add(n);
                self.left -= 1;
                if self.left == 0 {
                    self.ledger.part_finished();
                }
                Ok(())
            }
            Msg::NextBurst => Err(Fault::new("a counter has no bursts")),
        }
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.sum);
    }
}

struct Producer {
    counter: ActorRef<Counter>,
    numbers: Range<u64>,
}

impl Actor for Producer {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::NextBurst => {
                for n in next_burst(&mut self.numbers) {
                    self.counter.tell(Msg::Inc(n));
                }
                if !self.numbers.is_empty() {
                    ctx.me().tell(Msg::NextBurst);
                }
                Ok(())
            }
            Msg::Inc(_) => Err(Fault::new("a producer counts nothing")),
        }
    }
}

/// Takes one burst off the numbers.
pub(crate) fn next_burst(numbers: &mut Range<u64>) -> Range<u64> {
    let burst = numbers.start..numbers.end.min(numbers.start + BURST);
    numbers.start = burst.end;
    burst
}

/// The numbers of one of several producers: together they send each number below `messages` once.
pub(crate) fn share(producer: u64, producers: u64, messages: u64) -> Range<u64> {
    let edge = |producer| (u128::from(messages) * u128::from(producer) / u128::from(producers)) as u64;
    edge(producer)..edge(producer + 1)
}

/// The sum of all numbers below `messages`.
pub(crate) fn checksum(messages: u64) -> u64 {
    (u128::from(messages) * u128::from(messages - 1) / 2) as u64
}

/// Runs `producers` that send `messages` together to one counter.
///
/// # Panics
///
/// If a message is lost, or if there are none to send.
pub fn run(system: &System, producers: u64, messages: u64) -> Outcome {
    assert!(producers > 0 && messages > 0, "fan_in: nothing to send");
    let play = Play {
        workload: "fan_in",
        cast: Cast {
            children: producers + 1,
            parts: 1,
        },
        messages,
        expected: checksum(messages),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let counted = ledger.clone();
        let counter = ctx.spawn(move |_| {
            counted.ready();
            Ok(Counter {
                left: messages,
                sum: 0,
                ledger: counted,
            })
        });
        let producers: Vec<ActorRef<Producer>> = (0..producers)
            .map(|producer| {
                let (counter, ledger) = (counter.clone(), ledger.clone());
                ctx.spawn(move |_| {
                    ledger.ready();
                    Ok(Producer {
                        counter,
                        numbers: share(producer, producers, messages),
                    })
                })
            })
            .collect();
        Box::new(move || producers.iter().for_each(|producer| producer.tell(Msg::NextBurst)))
    })
}
