//! Savina's counting actor: a producer sends all its numbers in one handler, then asks for the count.
//!
//! Against `fan_in` with one producer it shows what a queue costs that grows to the whole of the run before its receiver
//! gets a turn. The numbers are counted as messages, the question and its answer are not; the run ends with the answer.

use crate::stage::{self, Cast, Ledger, Play};
use crate::{Outcome, fan_in};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, System, Turn};
use std::sync::Arc;

enum CounterMsg {
    Inc(u64),
    /// How much is it? Answered with [`ProducerMsg::Total`].
    Retrieve(ActorRef<Producer>),
}

const _: () = assert!(size_of::<CounterMsg>() == 16, "a small enum with a u64");

struct Counter {
    sum: u64,
}

impl Actor for Counter {
    type Msg = CounterMsg;

    fn handle(&mut self, msg: CounterMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            CounterMsg::Inc(n) => self.sum = self.sum.wrapping_add(n),
            CounterMsg::Retrieve(producer) => producer.tell(ProducerMsg::Total(self.sum)),
        }
        Ok(())
    }
}

enum ProducerMsg {
    Go,
    Total(u64),
}

struct Producer {
    counter: ActorRef<Counter>,
    messages: u64,
    total: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Producer {
    type Msg = ProducerMsg;

    fn handle(&mut self, msg: ProducerMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ProducerMsg::Go => {
                for n in 0..self.messages {
                    self.counter.tell(CounterMsg::Inc(n));
                }
                self.counter.tell(CounterMsg::Retrieve(ctx.me()));
            }
            ProducerMsg::Total(total) => {
                self.total = total;
                self.ledger.part_finished();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.total);
    }
}

/// Runs one producer that sends `messages` to one counter at once.
///
/// # Panics
///
/// If a message is lost, or if there are none to send.
pub fn run(system: &System, messages: u64) -> Outcome {
    assert!(messages > 0, "counting: nothing to send");
    let play = Play {
        workload: "counting",
        cast: Cast { children: 2, parts: 1 },
        messages,
        expected: fan_in::checksum(messages),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let ready = ledger.clone();
        let counter = ctx.spawn(move |_| {
            ready.ready();
            Ok(Counter { sum: 0 })
        });
        let ledger = ledger.clone();
        let producer = ctx.spawn(move |_| {
            ledger.ready();
            Ok(Producer {
                counter,
                messages,
                total: 0,
                ledger,
            })
        });
        Box::new(move || producer.tell(ProducerMsg::Go))
    })
}
