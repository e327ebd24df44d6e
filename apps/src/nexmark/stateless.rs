//! Queries 0, 1 and 2, which look at one event at a time: steps that are fused into the source.

use super::event::{Bid, Event};
use super::{Plan, RESULTS};
use potoroo_actors::{Branch, Stream};

/// The bids of the events.
#[inline]
pub(super) fn bid(event: Event) -> Option<Bid> {
    match event {
        Event::Bid(bid) => Some(bid),
        Event::Person(_) | Event::Auction(_) => None,
    }
}

/// A price in dollars as one in euros, without the rest.
#[inline]
pub fn to_euros(cents: u64) -> u64 {
    (cents as f64 * 0.908) as u64
}

/// Which auctions query 2 looks at.
#[inline]
pub fn is_looked_at(auction: u64) -> bool {
    auction.is_multiple_of(123)
}

/// Query 0: all bids as they are.
pub(super) fn q0(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .filter_map(bid)
        .sink(RESULTS, plan.total.sum(|bid: &Bid| bid.price));
}

/// Query 1: all bids, with prices in another currency.
pub(super) fn q1(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .filter_map(bid)
        .map(|mut bid| {
            bid.price = to_euros(bid.price);
            bid
        })
        .sink(RESULTS, plan.total.sum(|bid: &Bid| bid.price));
}

/// Query 2: auction and price of the bids in some auctions.
pub(super) fn q2(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .filter_map(bid)
        .filter(|bid| is_looked_at(bid.auction))
        .map(|bid| (bid.auction, bid.price))
        .sink(RESULTS, plan.total.sum(|(_, price): &(u64, u64)| *price));
}
