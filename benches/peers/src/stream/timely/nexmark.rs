//! The queries of Nexmark without windows; those with are in [`windows`](super::windows).
//!
//! Each is written as it is fastest: what can be decided or made smaller by looking at one event is one step behind the source, and
//! joins are one stream of an enumeration. Queries 3 and 8 are also there as two streams that meet, which is how one would write
//! them at first; timely copies every batch for the second reader of a stream. What is kept is what the loops keep
//! (`potoroo::nexmark::state`).

use super::{InProcess, Results, reached, route, timed, windows};
use crate::stream::Timed;
use ::timely::container::CapacityContainerBuilder;
use ::timely::dataflow::StreamVec;
use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::generic::Operator;
use ::timely::dataflow::operators::vec::Map;
use hashbrown::HashMap;
use potoroo::nexmark::event::{Auction, Bid, Event, Person};
use potoroo::nexmark::generate::Events;
use potoroo::nexmark::state::{Averages, Change, Items, LastSales, Lot, Lots, Sellers};
use potoroo::nexmark::{CATEGORY, Query, is_looked_at, is_near, to_euros};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A stream on one worker.
pub(super) type Records<'scope, T> = StreamVec<'scope, u64, T>;

/// What an operator puts its results into.
pub(super) type Builder<T> = CapacityContainerBuilder<Vec<T>>;

/// A query, with a worker for each of `sources`; as two streams if it is said so, where that is another thing.
pub(in crate::stream) fn nexmark(query: Query, two_streams: bool, sources: Vec<Events>) -> Timed {
    timed(sources, move |scope, events, results| {
        let events = results.read(scope, events, |event: &Event, _| event.millis().cast_unsigned());
        match query {
            Query::Q0 => q0(events, results),
            Query::Q1 => q1(events, results),
            Query::Q2 => q2(events, results),
            Query::Q3 if two_streams => q3_two(events, results),
            Query::Q3 => q3(events, results),
            Query::Q4 => q4(events, results),
            Query::Q5 => windows::q5(events, results),
            Query::Q6 => q6(events, results),
            Query::Q7 => windows::q7(events, results),
            Query::Q8 if two_streams => windows::q8_two(events, results),
            Query::Q8 => windows::q8(events, results),
            Query::Q11 => windows::q11(events, results),
            Query::Q18 => q18(events, results),
            Query::Q20 => q20(events, results),
        }
    })
}

/// The bids of the events.
#[inline]
pub(super) fn bid(event: Event) -> Option<Bid> {
    match event {
        Event::Bid(bid) => Some(bid),
        Event::Person(_) | Event::Auction(_) => None,
    }
}

fn q0(events: Records<'_, Event>, results: &Results) {
    results.add_up(events.flat_map(bid), |bid| bid.price);
}

fn q1(events: Records<'_, Event>, results: &Results) {
    let in_euros = |mut bid: Bid| {
        bid.price = to_euros(bid.price);
        bid
    };
    results.add_up(events.flat_map(move |event| bid(event).map(in_euros)), |bid| bid.price);
}

fn q2(events: Records<'_, Event>, results: &Results) {
    let looked_at = events.flat_map(|event| match event {
        Event::Bid(bid) if is_looked_at(bid.auction) => Some((bid.auction, bid.price)),
        _ => None,
    });
    results.add_up(looked_at, |(_, price)| *price);
}

/// What query 3 brings together.
enum Party {
    Person(Box<Person>),
    Auction { id: u64, seller: u64 },
}

fn near(event: Event) -> Option<Box<Person>> {
    match event {
        Event::Person(person) if is_near(person.state()) => Some(person),
        _ => None,
    }
}

fn q3(events: Records<'_, Event>, results: &Results) {
    let parties = events.flat_map(|event| match event {
        Event::Auction(auction) if auction.category == CATEGORY => Some(InProcess(Party::Auction {
            id: auction.id,
            seller: auction.seller,
        })),
        other => near(other).map(Party::Person).map(InProcess),
    });
    let by_seller = Exchange::new(|InProcess(party): &InProcess<Party>| match party {
        Party::Person(person) => route(person.id),
        Party::Auction { seller, .. } => route(*seller),
    });
    let pairs = parties.unary::<Builder<(Rc<Person>, u64)>, _, _, _>(by_seller, "sellers", |_, _| {
        let mut sellers = Sellers::default();
        move |input, output| {
            input.for_each_stamp(|time, batches| {
                let mut session = output.session(&time);
                let mut emit = |person, auction| session.give((person, auction));
                for InProcess(party) in batches.flat_map(|batch| batch.drain(..)) {
                    match party {
                        Party::Person(person) => sellers.register(person, &mut emit),
                        Party::Auction { id, seller } => sellers.sell(seller, id, &mut emit),
                    }
                }
            });
        }
    });
    results.add_up(pairs, |(_, auction)| *auction);
}

fn q3_two(events: Records<'_, Event>, results: &Results) {
    let people = events.clone().flat_map(|event| near(event).map(InProcess));
    let auctions = events.flat_map(|event| match event {
        Event::Auction(auction) if auction.category == CATEGORY => Some((auction.seller, auction.id)),
        _ => None,
    });
    let by_person = Exchange::new(|InProcess(person): &InProcess<Box<Person>>| route(person.id));
    let by_seller = Exchange::new(|(seller, _): &(u64, u64)| route(*seller));
    let pairs = people.binary::<_, Builder<(Rc<Person>, u64)>, _, _, _, _>(
        auctions,
        by_person,
        by_seller,
        "sellers",
        |_, _| {
            let mut sellers = Sellers::default();
            move |people, auctions, output| {
                people.for_each_stamp(|time, batches| {
                    let mut session = output.session(&time);
                    for InProcess(person) in batches.flat_map(|batch| batch.drain(..)) {
                        sellers.register(person, |person, auction| session.give((person, auction)));
                    }
                });
                auctions.for_each_stamp(|time, batches| {
                    let mut session = output.session(&time);
                    for (seller, id) in batches.flat_map(|batch| batch.drain(..)) {
                        sellers.sell(seller, id, |person, auction| session.give((person, auction)));
                    }
                });
            }
        },
    );
    results.add_up(pairs, |(_, auction)| *auction);
}

/// What queries 4 and 6 look at.
enum Offer {
    Auction(Box<Auction>),
    Bid { auction: u64, price: u64, millis: i64 },
}

fn offer(event: Event) -> Option<InProcess<Offer>> {
    match event {
        Event::Person(_) => None,
        Event::Auction(auction) => Some(InProcess(Offer::Auction(auction))),
        Event::Bid(bid) => Some(InProcess(Offer::Bid {
            auction: bid.auction,
            price: bid.price,
            millis: bid.millis,
        })),
    }
}

fn by_auction(InProcess(offer): &InProcess<Offer>) -> u64 {
    match offer {
        Offer::Auction(auction) => route(auction.id),
        Offer::Bid { auction, .. } => route(*auction),
    }
}

fn q4(events: Records<'_, Event>, results: &Results) {
    let by_auction = Exchange::new(by_auction);
    let changes =
        events
            .flat_map(offer)
            .unary::<Builder<InProcess<Change>>, _, _, _>(by_auction, "highest bids", |_, _| {
                let mut lots = Lots::default();
                move |input, output| {
                    input.for_each_stamp(|time, batches| {
                        let mut session = output.session(&time);
                        let mut emit = |change| session.give(InProcess(change));
                        for InProcess(offer) in batches.flat_map(|batch| batch.drain(..)) {
                            match offer {
                                Offer::Bid { auction, price, millis } => lots.offer(auction, price, millis, &mut emit),
                                Offer::Auction(auction) => {
                                    lots.open(auction.id, Lot::new(auction.category, &auction), &mut emit);
                                }
                            }
                        }
                    });
                }
            });
    let by_category = Exchange::new(|InProcess(change): &InProcess<Change>| route(change.of));
    let averages = changes.unary::<Builder<(u64, u64)>, _, _, _>(by_category, "averages", |_, _| {
        let mut averages = Averages::default();
        move |input, output| {
            input.for_each_stamp(|time, batches| {
                let changes = batches.flat_map(|batch| batch.drain(..));
                output
                    .session(&time)
                    .give_iterator(changes.map(|InProcess(change)| (change.of, averages.change(change))));
            });
        }
    });
    results.add_up(averages, |(_, average)| *average);
}

/// Something is sold: when, which, by whom, for how much.
type Sale = (i64, u64, u64, u64);

fn q6(events: Records<'_, Event>, results: &Results) {
    let by_auction = Exchange::new(by_auction);
    let sales =
        events
            .flat_map(offer)
            .unary_frontier::<Builder<Sale>, _, _, _>(by_auction, "sales", |capability, _| {
                let mut capability = Some(capability);
                let mut lots = Lots::default();
                // By when they close.
                let mut open: BTreeMap<(i64, u64), ()> = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each_stamp(|_, batches| {
                        for InProcess(offer) in batches.flat_map(|batch| batch.drain(..)) {
                            match offer {
                                Offer::Bid { auction, price, millis } => lots.offer(auction, price, millis, |_| {}),
                                Offer::Auction(auction) => {
                                    lots.open(auction.id, Lot::new(auction.seller, &auction), |_| {});
                                    open.insert((auction.expires_millis, auction.id), ());
                                }
                            }
                        }
                    });
                    let now = reached(frontier);
                    windows::fire(&mut capability, now, output, |session| {
                        while let Some(first) = open.first_entry()
                            && first.key().0 < now
                        {
                            let (expires, auction) = first.remove_entry().0;
                            if let Some((seller, price)) = lots.highest(auction) {
                                session.give((expires, auction, seller, price));
                            }
                        }
                    });
                }
            });
    let by_seller = Exchange::new(|(_, _, seller, _): &Sale| route(*seller));
    let averages = sales.unary_frontier::<Builder<(u64, u64)>, _, _, _>(by_seller, "averages", |capability, _| {
        let mut capability = Some(capability);
        let mut waiting: BTreeMap<(i64, u64), (u64, u64)> = BTreeMap::new();
        let mut sellers: HashMap<u64, LastSales> = HashMap::new();
        move |(input, frontier), output| {
            input.for_each_stamp(|_, batches| {
                let sales = batches.flat_map(|batch| batch.drain(..));
                waiting.extend(sales.map(|(expires, auction, seller, price)| ((expires, auction), (seller, price))));
            });
            let now = reached(frontier);
            windows::fire(&mut capability, now, output, |session| {
                while let Some(first) = waiting.first_entry()
                    && first.key().0 < now
                {
                    let (seller, price) = first.remove();
                    session.give((seller, sellers.entry(seller).or_default().sold(price)));
                }
            });
        }
    });
    results.add_up(averages, |(_, average)| *average);
}

fn q18(events: Records<'_, Event>, results: &Results) {
    let by_both = Exchange::new(|InProcess(bid): &InProcess<Bid>| route(bid.bidder ^ route(bid.auction)));
    let last = events
        .flat_map(|event| bid(event).map(InProcess))
        .unary::<Builder<(u64, u64, u64, i64)>, _, _, _>(by_both, "last bids", |_, _| {
            let mut last: HashMap<(u64, u64), Bid> = HashMap::new();
            move |input, output| {
                input.for_each_stamp(|time, batches| {
                    let mut session = output.session(&time);
                    for InProcess(bid) in batches.flat_map(|batch| batch.drain(..)) {
                        session.give((bid.bidder, bid.auction, bid.price, bid.millis));
                        last.insert((bid.bidder, bid.auction), bid);
                    }
                });
            }
        });
    results.add_up(last, |(_, _, price, _)| *price);
}

/// What query 20 brings together.
enum Item {
    Auction(Box<Auction>),
    Bid(Bid),
}

fn q20(events: Records<'_, Event>, results: &Results) {
    let items = events.flat_map(|event| match event {
        Event::Person(_) => None,
        Event::Auction(auction) => Some(InProcess(Item::Auction(auction))),
        Event::Bid(bid) => Some(InProcess(Item::Bid(bid))),
    });
    let by_auction = Exchange::new(|InProcess(item): &InProcess<Item>| match item {
        Item::Auction(auction) => route(auction.id),
        Item::Bid(bid) => route(bid.auction),
    });
    let expanded = items.unary::<Builder<(Bid, Rc<Auction>)>, _, _, _>(by_auction, "auctions", |_, _| {
        let mut known = Items::default();
        move |input, output| {
            input.for_each_stamp(|time, batches| {
                let mut session = output.session(&time);
                let mut emit = |bid, auction| session.give((bid, auction));
                for InProcess(item) in batches.flat_map(|batch| batch.drain(..)) {
                    match item {
                        Item::Auction(auction) => known.open(auction, &mut emit),
                        Item::Bid(bid) => known.bid(bid, &mut emit),
                    }
                }
            });
        }
    });
    results.add_up(expanded, |(bid, _)| bid.price);
}
