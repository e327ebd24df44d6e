//! Queries 4 and 6: what things are sold for.
//!
//! The generator bids for auctions that open a little later, and with several sources a bid may also come before its auction by
//! chance. Such bids wait for their auction, so that the highest price does not depend on who is faster.

use super::event::{Auction, Event};
use super::{Plan, RESULTS, in_order};
use potoroo_actors::element::Timestamp;
use potoroo_actors::runtime::Turn;
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::{Branch, KeyContext, KeyedProcess, Stream, Timer};
use std::collections::VecDeque;
use std::time::Duration;

/// What the queries look at.
enum Lot {
    Auction(Box<Auction>),
    Bid(Offer),
}

/// A bid, as far as it matters.
#[derive(Clone, Copy)]
struct Offer {
    auction: u64,
    price: u64,
    millis: i64,
}

impl Lot {
    #[inline]
    fn of(event: Event) -> Option<Self> {
        match event {
            Event::Person(_) => None,
            Event::Auction(auction) => Some(Self::Auction(auction)),
            Event::Bid(bid) => Some(Self::Bid(Offer {
                auction: bid.auction,
                price: bid.price,
                millis: bid.millis,
            })),
        }
    }

    #[inline]
    fn auction(&self) -> u64 {
        match self {
            Self::Auction(auction) => auction.id,
            Self::Bid(offer) => offer.auction,
        }
    }
}

/// What is known of an auction.
#[derive(Default)]
struct Known {
    /// Its category or its seller, when it opens and when it closes; nothing before it has opened.
    listing: Option<(u64, i64, i64)>,
    /// The highest price so far.
    highest: Option<u64>,
    /// What was bid before it opened.
    early: Vec<Offer>,
}

impl Known {
    /// A bid; says what the highest price was before, if this is a higher one.
    #[inline]
    fn offer(&mut self, offer: Offer) -> Option<Change> {
        let Some((of, from, until)) = self.listing else {
            self.early.push(offer);
            return None;
        };
        let counts = (from..=until).contains(&offer.millis) && self.highest.is_none_or(|highest| offer.price > highest);
        counts.then(|| Change {
            of,
            before: self.highest.replace(offer.price),
            now: offer.price,
        })
    }
}

/// An auction's highest price changes.
struct Change {
    /// What it is added up by.
    of: u64,
    before: Option<u64>,
    now: u64,
}

/// Prices, added up.
#[derive(Default)]
struct Prices {
    sum: u64,
    count: u64,
}

/// Query 4: the average of the highest prices of each category, each time it changes.
pub(super) fn q4(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .filter_map(Lot::of)
        .key_by(Lot::auction)
        .partitions(plan.partitions)
        .entity(
            "highest bids",
            |_| Known::default(),
            |known: &mut Known, lot, out| {
                match lot {
                    Lot::Bid(offer) => known.offer(offer).into_iter().for_each(|change| out.emit(change)),
                    Lot::Auction(auction) => {
                        known.listing = Some((auction.category, auction.millis, auction.expires_millis));
                        for offer in std::mem::take(&mut known.early) {
                            known.offer(offer).into_iter().for_each(|change| out.emit(change));
                        }
                    }
                }
                Ok(())
            },
        )
        .key_by(|change| change.of)
        .partitions(plan.partitions)
        .entity(
            "averages",
            |_| Prices::default(),
            |prices: &mut Prices, change: Change, out| {
                prices.sum = prices.sum - change.before.unwrap_or(0) + change.now;
                prices.count += u64::from(change.before.is_none());
                out.emit((change.of, prices.sum / prices.count));
                Ok(())
            },
        )
        .sink(RESULTS, plan.total.sum(|(_, average): &(u64, u64)| *average));
}

/// Something is sold.
#[derive(Clone, Copy)]
struct Sale {
    seller: u64,
    auction: u64,
    price: u64,
}

/// How long after the last bid that counts an auction is over: times are whole milliseconds.
const A_MOMENT: Duration = Duration::from_millis(1);

/// Says what each auction ends with, when nothing more is expected for it.
#[derive(Clone)]
struct Sell;

impl KeyedProcess<u64, Lot> for Sell {
    type State = Known;
    type Out = Sale;

    fn state(&mut self, _: &u64, _: &Arena) -> Known {
        Known::default()
    }

    fn on_record(&mut self, known: &mut Known, lot: Lot, ctx: &mut KeyContext<'_, u64, Sale>) -> Turn {
        match lot {
            Lot::Bid(offer) => drop(known.offer(offer)),
            Lot::Auction(auction) => {
                known.listing = Some((auction.seller, auction.millis, auction.expires_millis));
                for offer in std::mem::take(&mut known.early) {
                    known.offer(offer);
                }
                ctx.set_timer(Timestamp::from_millis(auction.expires_millis) + A_MOMENT);
            }
        }
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, known: &mut Known, ctx: &mut KeyContext<'_, u64, Sale>) -> Turn {
        if let (Some((seller, ..)), Some(price)) = (known.listing, known.highest) {
            ctx.emit(Sale {
                seller,
                auction: *ctx.key(),
                price,
            });
        }
        Ok(())
    }
}

/// How many sales of a seller are averaged.
const SALES: usize = 10;

/// Averages the last prices of each seller. Sales come from several partitions: those of one moment wait until they are
/// complete, and are taken in the order of their auctions.
#[derive(Clone)]
struct AverageOfLast;

#[derive(Default)]
struct Sales {
    waiting: Vec<(Timestamp, Sale)>,
    last: VecDeque<u64>,
}

impl KeyedProcess<u64, Sale> for AverageOfLast {
    type State = Sales;
    type Out = (u64, u64);

    fn state(&mut self, _: &u64, _: &Arena) -> Sales {
        Sales::default()
    }

    fn on_record(&mut self, sales: &mut Sales, sale: Sale, ctx: &mut KeyContext<'_, u64, (u64, u64)>) -> Turn {
        sales.waiting.push((ctx.time(), sale));
        ctx.set_timer(ctx.time() + A_MOMENT);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, sales: &mut Sales, ctx: &mut KeyContext<'_, u64, (u64, u64)>) -> Turn {
        let mut due: Vec<_> = sales.waiting.extract_if(.., |(time, _)| *time < timer.time).collect();
        due.sort_unstable_by_key(|(time, sale)| (*time, sale.auction));
        for (_, sale) in due {
            if sales.last.len() == SALES {
                sales.last.pop_front();
            }
            sales.last.push_back(sale.price);
            let sum: u64 = sales.last.iter().sum();
            ctx.emit((*ctx.key(), sum / sales.last.len() as u64));
        }
        Ok(())
    }
}

/// Query 6: the average of what each seller got for the last ten things sold, with each that is sold.
pub(super) fn q6(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .timestamps(in_order())
        .filter_map(Lot::of)
        .key_by(Lot::auction)
        .partitions(plan.partitions)
        .process("sales", Sell)
        .key_by(|sale| sale.seller)
        .partitions(plan.partitions)
        .process("averages", AverageOfLast)
        .sink(RESULTS, plan.total.sum(|(_, average): &(u64, u64)| *average));
}
