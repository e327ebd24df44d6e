//! Savina's bounded buffer: producers and consumers around a manager that holds so many items and no more.
//!
//! An item takes four messages: the manager asks a producer for it, the producer sends it, the manager sends it to a
//! consumer, the consumer says that it is free again. The manager asks a producer for its next item only while there is
//! room; a producer that it does not ask waits. It checks that the bound holds. Unlike Savina's, producers
//! and consumers do no work on the items, and a producer says with its last item that there are no more.

use crate::stage::{self, Cast, Ledger, Play};
use crate::{Outcome, fan_in};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// How many items the manager holds at most.
pub const ROOM: usize = 50;

enum ManagerMsg {
    /// Setting up: who is there.
    Open(Vec<ActorRef<Producer>>, Vec<ActorRef<Consumer>>),
    /// Ask all producers for their first items.
    Begin,
    Item {
        item: u64,
        producer: u32,
        last: bool,
    },
    Free {
        consumer: u32,
    },
}

struct Manager {
    producers: Vec<ActorRef<Producer>>,
    consumers: Vec<ActorRef<Consumer>>,
    items: VecDeque<u64>,
    /// Items that were asked for and have not come yet.
    under_way: usize,
    /// Producers that have items and have not been asked.
    waiting: VecDeque<u32>,
    free: Vec<u32>,
    /// Items that no consumer has dealt with yet.
    left: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Manager {
    type Msg = ManagerMsg;

    fn handle(&mut self, msg: ManagerMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            ManagerMsg::Item { item, producer, last } => {
                self.under_way -= 1;
                match self.free.pop() {
                    Some(consumer) => self.consumers[consumer as usize].tell(Consume(item)),
                    None => self.items.push_back(item),
                }
                if self.items.len() > ROOM {
                    return Err(Fault::new("more items than there is room for"));
                }
                if !last {
                    self.waiting.push_back(producer);
                }
                self.ask();
            }
            ManagerMsg::Free { consumer } => {
                self.left -= 1;
                if self.left == 0 {
                    self.ledger.part_finished();
                }
                match self.items.pop_front() {
                    Some(item) => {
                        self.consumers[consumer as usize].tell(Consume(item));
                        self.ask();
                    }
                    None => self.free.push(consumer),
                }
            }
            ManagerMsg::Begin => self.ask(),
            ManagerMsg::Open(producers, consumers) => {
                self.waiting = (0..producers.len() as u32).collect();
                self.free = (0..consumers.len() as u32).collect();
                self.producers = producers;
                self.consumers = consumers;
                self.ledger.ready();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        // They know the manager: all would keep each other's memory alive.
        self.producers = Vec::new();
        self.consumers = Vec::new();
    }
}

impl Manager {
    /// Asks producers for as many items as there is room for.
    fn ask(&mut self) {
        while self.items.len() + self.under_way < ROOM {
            let Some(producer) = self.waiting.pop_front() else {
                break;
            };
            self.under_way += 1;
            self.producers[producer as usize].tell(Produce);
        }
    }
}

/// The only message of a producer: the next item, please.
struct Produce;

struct Producer {
    index: u32,
    items: Range<u64>,
    manager: ActorRef<Manager>,
}

impl Actor for Producer {
    type Msg = Produce;

    fn handle(&mut self, _: Produce, _: &mut Context<'_, Self>) -> Turn {
        let item = self
            .items
            .next()
            .ok_or_else(|| Fault::new("a producer without items was asked for one"))?;
        self.manager.tell(ManagerMsg::Item {
            item,
            producer: self.index,
            last: self.items.is_empty(),
        });
        Ok(())
    }
}

/// The only message of a consumer.
struct Consume(u64);

struct Consumer {
    index: u32,
    sum: u64,
    manager: ActorRef<Manager>,
    ledger: Arc<Ledger>,
}

impl Actor for Consumer {
    type Msg = Consume;

    fn handle(&mut self, Consume(item): Consume, _: &mut Context<'_, Self>) -> Turn {
        self.sum = self.sum.wrapping_add(item);
        self.manager.tell(ManagerMsg::Free { consumer: self.index });
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.sum);
    }
}

/// Runs `producers` that make `items` together, and `consumers`.
///
/// # Panics
///
/// If a message is lost, if there are no consumers, or fewer items than producers.
pub fn run(system: &System, producers: u64, consumers: u64, items: u64) -> Outcome {
    assert!(
        producers > 0 && consumers > 0 && items >= producers,
        "bounded_buffer: a producer without items, or nobody to take them"
    );
    let play = Play {
        workload: "bounded_buffer",
        cast: Cast {
            children: producers + consumers + 1,
            parts: 1,
        },
        messages: 4 * items,
        expected: fan_in::checksum(items),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let of_manager = ledger.clone();
        let manager = ctx.spawn(move |_| {
            Ok(Manager {
                producers: Vec::new(),
                consumers: Vec::new(),
                items: VecDeque::new(),
                under_way: 0,
                waiting: VecDeque::new(),
                free: Vec::new(),
                left: items,
                ledger: of_manager,
            })
        });
        let makers = (0..producers)
            .map(|producer| {
                let (manager, ledger) = (manager.clone(), ledger.clone());
                ctx.spawn(move |_| {
                    ledger.ready();
                    Ok(Producer {
                        index: producer as u32,
                        items: fan_in::share(producer, producers, items),
                        manager,
                    })
                })
            })
            .collect();
        let takers = (0..consumers as u32)
            .map(|index| {
                let (manager, ledger) = (manager.clone(), ledger.clone());
                ctx.spawn(move |_| {
                    ledger.ready();
                    Ok(Consumer {
                        index,
                        sum: 0,
                        manager,
                        ledger,
                    })
                })
            })
            .collect();
        manager.tell(ManagerMsg::Open(makers, takers));
        Box::new(move || manager.tell(ManagerMsg::Begin))
    })
}
