//! What the queries remember when one thread has it all: for the loops of `bare`, and for other engines that are measured beside
//! ours and keep the same.
//!
//! The pipelines do not use it: their state is one entity per key, and the engine has the tables.

use super::event::{Auction, Bid, Person};
use super::hot::PANES;
use super::joins::CATEGORY;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;

#[derive(Debug, Default)]
struct Seller {
    person: Option<Rc<Person>>,
    auctions: Vec<u64>,
}

/// People and what they sell, for query 3.
#[derive(Debug, Default)]
pub struct Sellers(HashMap<u64, Seller>);

impl Sellers {
    /// Somebody registers; `emit` gets that person with each auction so far.
    #[inline]
    pub fn register(&mut self, person: Box<Person>, mut emit: impl FnMut(Rc<Person>, u64)) {
        let seller = self.0.entry(person.id).or_default();
        let person: Rc<Person> = Rc::from(person);
        for auction in &seller.auctions {
            emit(person.clone(), *auction);
        }
        seller.person = Some(person);
    }

    /// Somebody sells; `emit` gets who, if that is known.
    #[inline]
    pub fn sell(&mut self, seller: u64, auction: u64, emit: impl FnOnce(Rc<Person>, u64)) {
        let seller = self.0.entry(seller).or_default();
        if let Some(person) = &seller.person {
            emit(person.clone(), auction);
        }
        seller.auctions.push(auction);
    }
}

/// An auction in queries 4 and 6.
#[derive(Debug)]
pub struct Lot {
    of: u64,
    from: i64,
    until: i64,
    highest: Option<u64>,
}

/// The highest price of a lot has changed.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// What the lot is added up by.
    pub of: u64,
    /// The highest price before, if there was one.
    pub before: Option<u64>,
    /// The highest price now.
    pub now: u64,
}

impl Lot {
    /// Without bids. `of` is its category or its seller.
    #[must_use]
    pub fn new(of: u64, auction: &Auction) -> Self {
        Self {
            of,
            from: auction.millis,
            until: auction.expires_millis,
            highest: None,
        }
    }

    /// A bid; says what changes, if this is a higher one.
    #[inline]
    fn offer(&mut self, price: u64, millis: i64) -> Option<Change> {
        let counts = self.from <= millis && millis <= self.until && self.highest.is_none_or(|highest| price > highest);
        counts.then(|| Change {
            of: self.of,
            before: self.highest.replace(price),
            now: price,
        })
    }
}

/// Auctions, and the bids that came before theirs, for queries 4 and 6.
#[derive(Debug, Default)]
pub struct Lots {
    lots: HashMap<u64, Lot>,
    early: HashMap<u64, Vec<(u64, i64)>>,
}

impl Lots {
    /// An auction opens; `changed` gets each new highest price.
    #[inline]
    pub fn open(&mut self, auction: u64, mut lot: Lot, changed: impl FnMut(Change)) {
        let early = self.early.remove(&auction).unwrap_or_default();
        early
            .into_iter()
            .filter_map(|(price, millis)| lot.offer(price, millis))
            .for_each(changed);
        self.lots.insert(auction, lot);
    }

    /// Somebody bids; `changed` gets the new highest price, if it is one.
    #[inline]
    pub fn bid(&mut self, bid: &Bid, changed: impl FnOnce(Change)) {
        self.offer(bid.auction, bid.price, bid.millis, changed);
    }

    /// As [`bid`](Self::bid), for what matters of a bid.
    #[inline]
    pub fn offer(&mut self, auction: u64, price: u64, millis: i64, changed: impl FnOnce(Change)) {
        match self.lots.get_mut(&auction) {
            Some(lot) => lot.offer(price, millis).map_or((), changed),
            None => self.early.entry(auction).or_default().push((price, millis)),
        }
    }

    /// What an auction that has opened is added up by, and its highest price, if there is one.
    #[must_use]
    pub fn highest(&self, auction: u64) -> Option<(u64, u64)> {
        let lot = &self.lots[&auction];
        lot.highest.map(|highest| (lot.of, highest))
    }
}

/// The average of the highest prices, by category, for query 4.
#[derive(Debug, Default)]
pub struct Averages(HashMap<u64, (u64, u64)>);

impl Averages {
    /// The average after a change.
    #[inline]
    pub fn change(&mut self, change: Change) -> u64 {
        let (sum, count) = self.0.entry(change.of).or_default();
        *sum = *sum - change.before.unwrap_or(0) + change.now;
        *count += u64::from(change.before.is_none());
        *sum / *count
    }
}

/// The last ten prices that a seller got, for query 6.
#[derive(Debug, Default)]
pub struct LastSales(VecDeque<u64>);

impl LastSales {
    /// The average with one more.
    #[inline]
    pub fn sold(&mut self, price: u64) -> u64 {
        if self.0.len() == 10 {
            self.0.pop_front();
        }
        self.0.push_back(price);
        self.0.iter().sum::<u64>() / self.0.len() as u64
    }
}

/// How many bids each auction had in the panes of a window that are over, for query 5.
#[derive(Debug, Default)]
pub struct Panes(VecDeque<HashMap<u64, u64>>);

impl Panes {
    /// A pane is over, and with it a window: `emit` gets the auctions with most bids, and how many.
    pub fn close(&mut self, pane: HashMap<u64, u64>, mut emit: impl FnMut(u64, u64)) {
        if self.0.len() == PANES as usize {
            self.0.pop_front();
        }
        self.0.push_back(pane);
        let mut sums: HashMap<u64, u64> = HashMap::new();
        for (auction, count) in self.0.iter().flatten() {
            *sums.entry(*auction).or_default() += count;
        }
        let most = sums.values().max().copied().unwrap_or(0);
        for (auction, count) in sums.iter().filter(|(_, count)| **count == most) {
            emit(*auction, *count);
        }
    }
}

/// Who has registered and who has sold in a window, for query 8.
#[derive(Debug, Default)]
pub struct Newcomers(HashMap<u64, (bool, bool)>);

impl Newcomers {
    /// Somebody registers, or sells. Whether that person has done both now, and had not before.
    #[inline]
    pub fn did(&mut self, person: u64, registers: bool) -> bool {
        let done = self.0.entry(person).or_default();
        let was_both = done.0 && done.1;
        done.0 |= registers;
        done.1 |= !registers;
        done.0 && done.1 && !was_both
    }

    /// Forgets everybody.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// An auction in query 20.
#[derive(Debug)]
enum Known {
    Nothing(Vec<Bid>),
    Other,
    Wanted(Rc<Auction>),
}

/// Auctions, and the bids that came before theirs, for query 20.
#[derive(Debug, Default)]
pub struct Items(HashMap<u64, Known>);

impl Items {
    /// An auction opens; `emit` gets the bids that have waited for it, if it is of the category.
    #[inline]
    pub fn open(&mut self, auction: Box<Auction>, mut emit: impl FnMut(Bid, Rc<Auction>)) {
        let known = self.0.entry(auction.id).or_insert(Known::Other);
        if auction.category != CATEGORY {
            *known = Known::Other;
            return;
        }
        let auction: Rc<Auction> = Rc::from(auction);
        if let Known::Nothing(waiting) = known {
            waiting.drain(..).for_each(|bid| emit(bid, auction.clone()));
        }
        *known = Known::Wanted(auction);
    }

    /// Somebody bids; `emit` gets the bid, if its auction is known and of the category.
    #[inline]
    pub fn bid(&mut self, bid: Bid, emit: impl FnOnce(Bid, Rc<Auction>)) {
        match self.0.entry(bid.auction).or_insert(Known::Nothing(Vec::new())) {
            Known::Nothing(waiting) => waiting.push(bid),
            Known::Other => {}
            Known::Wanted(auction) => emit(bid, auction.clone()),
        }
    }
}
