//! State in arenas that grows, shrinks and is evacuated, and parcels that go from hand to hand.
//!
//! Each keeper carries a sum beside its collections, which must agree whatever was moved meanwhile. A parcel is changed by
//! everyone it visits, and looked through at the end.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Post, Ticket};
use crate::soak::part::Part;
use potoroo_runtime::arena::{ArenaMap, ArenaVec, Evacuate, Parcel};
use potoroo_runtime::{Actor, ActorRef, Context, System, Turn};
use std::sync::Arc;

const KEEPERS: usize = 4;

/// Batches for one keeper in a round, at most, and the changes of one.
const BATCHES_MAX: u64 = 20;
const CHANGES: u64 = 500;

/// The keys of one keeper.
const KEYS: u64 = 2_000;

/// Parcels of a round, at most, and how many keepers one visits.
const PARCELS_MAX: u64 = 50;
const VISITS: u64 = 20;

enum Msg {
    /// Who gets parcels next.
    Next(Neighbor),
    Change(SplitMix64, Ticket),
    /// Look through everything, and forget it.
    Close(Ticket),
    Parcel(u64, Parcel<ArenaVec<u64>>, Ticket),
}

type Neighbor = (ActorRef<Keeper>, Arc<Post>);

struct Keeper {
    ledger: Arc<Ledger>,
    state: ArenaMap<u64, ArenaVec<u64>>,
    /// How many numbers are in it, and their sum.
    count: u64,
    sum: u64,
    next: Option<Neighbor>,
}

impl Keeper {
    fn change(&mut self, mut random: SplitMix64, ctx: &mut Context<'_, Self>) {
        let arena = ctx.arena();
        for _ in 0..CHANGES {
            let (key, number) = (random.below(KEYS), random.next_u64() >> 32);
            match random.below(4) {
                0 => {
                    if let Some(numbers) = self.state.remove(&key) {
                        self.count -= numbers.len() as u64;
                        self.sum -= numbers.iter().sum::<u64>();
                    }
                }
                1 => {
                    if let Some(number) = self.state.get_mut(&key).and_then(ArenaVec::pop) {
                        self.count -= 1;
                        self.sum -= number;
                    }
                }
                _ => {
                    let numbers = self.state.get_or_insert_with(key, || ArenaVec::new_in(&arena));
                    numbers.push(number);
                    self.count += 1;
                    self.sum += number;
                }
            }
        }
        self.ledger.did(CHANGES);
    }

    fn close(&mut self, ctx: &mut Context<'_, Self>) {
        let count: u64 = self.state.values().map(|numbers| numbers.len() as u64).sum();
        let sum: u64 = self.state.values().flat_map(|numbers| numbers.iter()).sum();
        if (count, sum) != (self.count, self.sum) {
            self.ledger.complain(format!(
                "{} numbers with the sum {} became {count} with {sum}",
                self.count, self.sum
            ));
        }
        self.state = ArenaMap::new_in(&ctx.arena());
        (self.count, self.sum) = (0, 0);
        ctx.compact();
    }

    fn pass_on(&self, visits: u64, mut parcel: Parcel<ArenaVec<u64>>) {
        parcel.open(|numbers, _| numbers.push(visits));
        if visits < VISITS {
            if let Some((next, post)) = &self.next {
                next.tell(Msg::Parcel(visits + 1, parcel, post.ticket()));
            }
        } else if !parcel.iter().copied().eq(0..=VISITS) {
            self.ledger.complain(format!("a parcel came with {:?}", &**parcel));
        }
    }
}

impl Actor for Keeper {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Next(next) => self.next = Some(next),
            Msg::Change(random, ticket) => {
                self.change(random, ctx);
                ticket.handled();
            }
            Msg::Close(ticket) => {
                self.close(ctx);
                ticket.handled();
            }
            Msg::Parcel(visits, parcel, ticket) => {
                self.pass_on(visits, parcel);
                ticket.handled();
            }
        }
        Ok(())
    }

    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        Some(&mut self.state)
    }
}

pub(super) struct Memory {
    ledger: Arc<Ledger>,
    keepers: Vec<Neighbor>,
}

impl Memory {
    pub(super) fn start(system: &System) -> Self {
        let ledger = Ledger::new();
        let keepers = (0..KEEPERS).map(|n| {
            let books = ledger.clone();
            let keeper = system.spawn(move |ctx: &mut Context<'_, Keeper>| {
                Ok(Keeper {
                    ledger: books,
                    state: ArenaMap::new_in(&ctx.arena()),
                    count: 0,
                    sum: 0,
                    next: None,
                })
            });
            (keeper, ledger.post(format!("keeper {n}")))
        });
        let keepers: Vec<_> = keepers.collect();
        for (n, (keeper, _)) in keepers.iter().enumerate() {
            keeper.tell(Msg::Next(keepers[(n + 1) % KEEPERS].clone()));
        }
        Self { ledger, keepers }
    }
}

impl Part for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for (keeper, post) in &self.keepers {
            for _ in 0..random.below(BATCHES_MAX) {
                let purpose = SplitMix64::new(random.next_u64());
                keeper.tell(Msg::Change(purpose, post.ticket()));
            }
            for _ in 0..random.below(PARCELS_MAX) {
                let parcel = Parcel::build(ArenaVec::new_in);
                keeper.tell(Msg::Parcel(0, parcel, post.ticket()));
            }
            keeper.tell(Msg::Close(post.ticket()));
        }
    }
}
