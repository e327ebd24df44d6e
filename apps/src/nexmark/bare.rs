//! The queries as loops on one thread, without an engine: the oracle for the results, and the limit for the speed.
//!
//! Each loop is what one would write for one source that is in order. Nothing is shared with the pipelines but the events and
//! the small questions, such as which auctions query 2 looks at.

use super::event::{Bid, Event};
use super::hot::{PANES, SLIDE_MILLIS};
use super::joins::{CATEGORY, is_near};
use super::sessions::GAP_MILLIS;
use super::state::{Averages, Items, LastSales, Lot, Lots, Newcomers, Panes, Sellers};
use super::stateless::{is_looked_at, to_euros};
use super::total::Total;
use super::{Query, WINDOW_MILLIS};
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;

/// The results of a query.
pub fn run(query: Query, events: impl Iterator<Item = Event>) -> Total {
    match query {
        Query::Q0 => q0(events),
        Query::Q1 => q1(events),
        Query::Q2 => q2(events),
        Query::Q3 => q3(events),
        Query::Q4 => q4(events),
        Query::Q5 => q5(events),
        Query::Q6 => q6(events),
        Query::Q7 => q7(events),
        Query::Q8 => q8(events),
        Query::Q11 => q11(events),
        Query::Q18 => q18(events),
        Query::Q20 => q20(events),
    }
}

fn q0(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    for event in events {
        if let Event::Bid(bid) = event {
            total.add(bid.price);
            drop(black_box(bid));
        }
    }
    total
}

fn q1(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    for event in events {
        if let Event::Bid(mut bid) = event {
            bid.price = to_euros(bid.price);
            total.add(bid.price);
            drop(black_box(bid));
        }
    }
    total
}

fn q2(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    for event in events {
        match event {
            Event::Bid(bid) if is_looked_at(bid.auction) => total.add(bid.price),
            _ => {}
        }
    }
    total
}

fn q3(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut sellers = Sellers::default();
    let mut emit = |person, auction| {
        let (_, auction) = black_box((person, auction));
        total.add(auction);
    };
    for event in events {
        match event {
            Event::Person(person) if is_near(person.state()) => sellers.register(person, &mut emit),
            Event::Auction(auction) if auction.category == CATEGORY => {
                sellers.sell(auction.seller, auction.id, &mut emit);
            }
            _ => {}
        }
    }
    total
}

fn q4(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut lots = Lots::default();
    let mut averages = Averages::default();
    let mut changed = |change| total.add(averages.change(change));
    for event in events {
        match event {
            Event::Person(_) => {}
            Event::Auction(auction) => lots.open(auction.id, Lot::new(auction.category, &auction), &mut changed),
            Event::Bid(bid) => lots.bid(&bid, &mut changed),
        }
    }
    total
}

fn q6(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut lots = Lots::default();
    let mut sellers: HashMap<u64, LastSales> = HashMap::new();
    // By when they close.
    let mut open: BTreeMap<(i64, u64), ()> = BTreeMap::new();
    let mut sell = |lots: &Lots, auction: u64| {
        if let Some((seller, price)) = lots.highest(auction) {
            total.add(sellers.entry(seller).or_default().sold(price));
        }
    };
    for event in events {
        let now = event.millis();
        while let Some(first) = open.first_entry()
            && first.key().0 < now
        {
            sell(&lots, first.remove_entry().0.1);
        }
        match event {
            Event::Person(_) => {}
            Event::Auction(auction) => {
                lots.open(auction.id, Lot::new(auction.seller, &auction), |_| {});
                open.insert((auction.expires_millis, auction.id), ());
            }
            Event::Bid(bid) => lots.bid(&bid, |_| {}),
        }
    }
    for (_, auction) in open.into_keys() {
        sell(&lots, auction);
    }
    total
}

fn q5(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut panes = Panes::default();
    let mut now: HashMap<u64, u64> = HashMap::new();
    let mut emit = |auction: u64, count: u64| total.add(auction.wrapping_mul(count));
    let mut end = None;
    for event in events {
        if let Event::Bid(bid) = event {
            let mut pane_end = *end.get_or_insert(bid.millis - bid.millis.rem_euclid(SLIDE_MILLIS) + SLIDE_MILLIS);
            while bid.millis >= pane_end {
                panes.close(std::mem::take(&mut now), &mut emit);
                pane_end += SLIDE_MILLIS;
                end = Some(pane_end);
            }
            *now.entry(bid.auction).or_default() += 1;
        }
    }
    if end.is_some() {
        (0..PANES).for_each(|_| panes.close(std::mem::take(&mut now), &mut emit));
    }
    total
}

fn q7(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut end = i64::MIN;
    let mut highest: Vec<Bid> = Vec::new();
    let mut close = |highest: &mut Vec<Bid>| highest.drain(..).for_each(|bid| total.add(bid.price));
    for event in events {
        if let Event::Bid(bid) = event {
            if bid.millis >= end {
                close(&mut highest);
                end = bid.millis - bid.millis.rem_euclid(WINDOW_MILLIS) + WINDOW_MILLIS;
            }
            let price = highest.first().map_or(0, |bid| bid.price);
            if bid.price >= price {
                if bid.price > price {
                    highest.clear();
                }
                highest.push(bid);
            }
        }
    }
    close(&mut highest);
    total
}

fn q8(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut end = i64::MIN;
    let mut newcomers = Newcomers::default();
    for event in events {
        let (person, registers) = match &event {
            Event::Person(person) => (person.id, true),
            Event::Auction(auction) => (auction.seller, false),
            Event::Bid(_) => continue,
        };
        if event.millis() >= end {
            newcomers.clear();
            end = event.millis() - event.millis().rem_euclid(WINDOW_MILLIS) + WINDOW_MILLIS;
        }
        if newcomers.did(person, registers) {
            total.add(person);
        }
    }
    total
}

fn q11(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    // The last bid and how many there were.
    let mut open: HashMap<u64, (i64, u64)> = HashMap::new();
    // Who may be gone at a time; times are in order.
    let mut queue: VecDeque<(i64, u64)> = VecDeque::new();
    for event in events {
        if let Event::Bid(bid) = event {
            while let Some(&(due, bidder)) = queue.front()
                && due <= bid.millis
            {
                queue.pop_front();
                let Some(&(last, count)) = open.get(&bidder) else {
                    continue;
                };
                if last + GAP_MILLIS <= bid.millis {
                    total.add(bidder.wrapping_mul(count));
                    open.remove(&bidder);
                } else {
                    // Not before what is queued already, so it waits a little longer than it must.
                    queue.push_back(((last + GAP_MILLIS).max(queue.back().map_or(0, |(due, _)| *due)), bidder));
                }
            }
            match open.get_mut(&bid.bidder) {
                Some((last, count)) if bid.millis < *last + GAP_MILLIS => {
                    *last = bid.millis;
                    *count += 1;
                }
                Some((last, count)) => {
                    total.add(bid.bidder.wrapping_mul(*count));
                    (*last, *count) = (bid.millis, 1);
                }
                None => {
                    open.insert(bid.bidder, (bid.millis, 1));
                    queue.push_back((bid.millis + GAP_MILLIS, bid.bidder));
                }
            }
        }
    }
    for (bidder, (_, count)) in open {
        total.add(bidder.wrapping_mul(count));
    }
    total
}

fn q18(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut last: HashMap<(u64, u64), Bid> = HashMap::new();
    for event in events {
        if let Event::Bid(bid) = event {
            total.add(bid.price);
            last.insert((bid.bidder, bid.auction), bid);
        }
    }
    total
}

fn q20(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut items = Items::default();
    let mut emit = |bid, auction| {
        let (bid, _): (Bid, _) = black_box((bid, auction));
        total.add(bid.price);
    };
    for event in events {
        match event {
            Event::Person(_) => {}
            Event::Auction(auction) => items.open(auction, &mut emit),
            Event::Bid(bid) => items.bid(bid, &mut emit),
        }
    }
    total
}
