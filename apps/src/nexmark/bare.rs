//! The queries as loops on one thread, without an engine: the oracle for the results, and the limit for the speed.
//!
//! Each loop is what one would write for one source that is in order. Nothing is shared with the pipelines but the events and
//! the small questions, such as which auctions query 2 looks at.

use super::event::{Auction, Bid, Event, Person};
use super::hot::{PANES, SLIDE_MILLIS};
use super::joins::{CATEGORY, is_near};
use super::sessions::GAP_MILLIS;
use super::stateless::{is_looked_at, to_euros};
use super::total::Total;
use super::{Query, WINDOW_MILLIS};
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::rc::Rc;

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

#[derive(Default)]
struct Seller {
    person: Option<Rc<Person>>,
    auctions: Vec<u64>,
}

fn q3(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut sellers: HashMap<u64, Seller> = HashMap::new();
    for event in events {
        match event {
            Event::Person(person) if is_near(person.state()) => {
                let seller = sellers.entry(person.id).or_default();
                let person: Rc<Person> = Rc::from(person);
                for auction in &seller.auctions {
                    let (_, auction) = black_box((person.clone(), *auction));
                    total.add(auction);
                }
                seller.person = Some(person);
            }
            Event::Auction(auction) if auction.category == CATEGORY => {
                let seller = sellers.entry(auction.seller).or_default();
                if let Some(person) = &seller.person {
                    let (_, auction) = black_box((person.clone(), auction.id));
                    total.add(auction);
                }
                seller.auctions.push(auction.id);
            }
            _ => {}
        }
    }
    total
}

/// An auction in queries 4 and 6.
struct Lot {
    of: u64,
    from: i64,
    until: i64,
    highest: Option<u64>,
}

impl Lot {
    /// A bid; says what the highest was before it, if this is higher.
    fn offer(&mut self, price: u64, millis: i64) -> Option<Option<u64>> {
        let counts = self.from <= millis && millis <= self.until && self.highest.is_none_or(|highest| price > highest);
        counts.then(|| self.highest.replace(price))
    }
}

/// Auctions, and the bids that came before theirs.
#[derive(Default)]
struct Lots {
    lots: HashMap<u64, Lot>,
    early: HashMap<u64, Vec<(u64, i64)>>,
}

impl Lots {
    /// An auction opens; calls `changed` with each new highest price.
    fn open(&mut self, id: u64, mut lot: Lot, mut changed: impl FnMut(u64, Option<u64>, u64)) {
        for (price, millis) in self.early.remove(&id).unwrap_or_default() {
            if let Some(before) = lot.offer(price, millis) {
                changed(lot.of, before, price);
            }
        }
        self.lots.insert(id, lot);
    }

    fn bid(&mut self, bid: &Bid, changed: impl FnOnce(u64, Option<u64>, u64)) {
        match self.lots.get_mut(&bid.auction) {
            Some(lot) => {
                if let Some(before) = lot.offer(bid.price, bid.millis) {
                    changed(lot.of, before, bid.price);
                }
            }
            None => self.early.entry(bid.auction).or_default().push((bid.price, bid.millis)),
        }
    }
}

fn q4(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut lots = Lots::default();
    let mut categories: HashMap<u64, (u64, u64)> = HashMap::new();
    let mut changed = |category, before: Option<u64>, now| {
        let (sum, count) = categories.entry(category).or_default();
        *sum = *sum - before.unwrap_or(0) + now;
        *count += u64::from(before.is_none());
        total.add(*sum / *count);
    };
    for event in events {
        match event {
            Event::Person(_) => {}
            Event::Auction(auction) => {
                let lot = Lot {
                    of: auction.category,
                    from: auction.millis,
                    until: auction.expires_millis,
                    highest: None,
                };
                lots.open(auction.id, lot, &mut changed);
            }
            Event::Bid(bid) => lots.bid(&bid, &mut changed),
        }
    }
    total
}

fn q6(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut lots = Lots::default();
    let mut sellers: HashMap<u64, VecDeque<u64>> = HashMap::new();
    // By when they close.
    let mut open: BTreeMap<(i64, u64), ()> = BTreeMap::new();
    let mut sell = |lots: &Lots, auction: u64| {
        let lot = &lots.lots[&auction];
        if let Some(price) = lot.highest {
            let last = sellers.entry(lot.of).or_default();
            if last.len() == 10 {
                last.pop_front();
            }
            last.push_back(price);
            total.add(last.iter().sum::<u64>() / last.len() as u64);
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
                let lot = Lot {
                    of: auction.seller,
                    from: auction.millis,
                    until: auction.expires_millis,
                    highest: None,
                };
                lots.open(auction.id, lot, |_, _, _| {});
                open.insert((auction.expires_millis, auction.id), ());
            }
            Event::Bid(bid) => lots.bid(&bid, |_, _, _| {}),
        }
    }
    for (_, auction) in open.into_keys() {
        sell(&lots, auction);
    }
    total
}

/// The panes of a sliding window.
#[derive(Default)]
struct Panes {
    panes: VecDeque<HashMap<u64, u64>>,
    now: HashMap<u64, u64>,
}

impl Panes {
    /// A pane is over, and with it a window.
    fn close(&mut self, total: &mut Total) {
        if self.panes.len() == PANES as usize {
            self.panes.pop_front();
        }
        self.panes.push_back(std::mem::take(&mut self.now));
        let mut sums: HashMap<u64, u64> = HashMap::new();
        for (auction, count) in self.panes.iter().flatten() {
            *sums.entry(*auction).or_default() += count;
        }
        let most = sums.values().max().copied().unwrap_or(0);
        for (auction, count) in sums.iter().filter(|(_, count)| **count == most) {
            total.add(auction.wrapping_mul(*count));
        }
    }
}

fn q5(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut panes = Panes::default();
    let mut end = None;
    for event in events {
        if let Event::Bid(bid) = event {
            let mut pane_end = *end.get_or_insert(bid.millis - bid.millis.rem_euclid(SLIDE_MILLIS) + SLIDE_MILLIS);
            while bid.millis >= pane_end {
                panes.close(&mut total);
                pane_end += SLIDE_MILLIS;
                end = Some(pane_end);
            }
            *panes.now.entry(bid.auction).or_default() += 1;
        }
    }
    if end.is_some() {
        (0..PANES).for_each(|_| panes.close(&mut total));
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
    // Whether they have registered, and whether they have sold.
    let mut people: HashMap<u64, (bool, bool)> = HashMap::new();
    for event in events {
        let (person, registers) = match &event {
            Event::Person(person) => (person.id, true),
            Event::Auction(auction) => (auction.seller, false),
            Event::Bid(_) => continue,
        };
        if event.millis() >= end {
            people.clear();
            end = event.millis() - event.millis().rem_euclid(WINDOW_MILLIS) + WINDOW_MILLIS;
        }
        let done = people.entry(person).or_default();
        let was_both = done.0 && done.1;
        done.0 |= registers;
        done.1 |= !registers;
        if done.0 && done.1 && !was_both {
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

/// An auction in query 20.
enum Known {
    Nothing(Vec<Bid>),
    Other,
    Wanted(Rc<Auction>),
}

fn q20(events: impl Iterator<Item = Event>) -> Total {
    let mut total = Total::default();
    let mut auctions: HashMap<u64, Known> = HashMap::new();
    let mut emit = |bid: Bid, auction: &Rc<Auction>| {
        let (bid, _) = black_box((bid, auction.clone()));
        total.add(bid.price);
    };
    for event in events {
        match event {
            Event::Person(_) => {}
            Event::Auction(auction) => {
                let known = auctions.entry(auction.id).or_insert(Known::Other);
                if auction.category == CATEGORY {
                    let auction: Rc<Auction> = Rc::from(auction);
                    if let Known::Nothing(waiting) = known {
                        waiting.drain(..).for_each(|bid| emit(bid, &auction));
                    }
                    *known = Known::Wanted(auction);
                } else {
                    *known = Known::Other;
                }
            }
            Event::Bid(bid) => match auctions.entry(bid.auction).or_insert(Known::Nothing(Vec::new())) {
                Known::Nothing(waiting) => waiting.push(bid),
                Known::Other => {}
                Known::Wanted(auction) => emit(bid, auction),
            },
        }
    }
    total
}
