//! The queries of Nexmark that have windows: results come out when the frontier has come to the end of a window.

use super::nexmark::{Builder, Records};
use super::{InProcess, Results, reached, route};
use ::timely::dataflow::channels::pact::{Exchange, Pipeline};
use ::timely::dataflow::operators::Capability;
use ::timely::dataflow::operators::generic::{Operator, OutputBuilderSession, Session};
use ::timely::dataflow::operators::vec::Map;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use potoroo::nexmark::event::{Bid, Event};
use potoroo::nexmark::state::{Newcomers, Panes};
use potoroo::nexmark::{GAP_MILLIS, PANES, SLIDE_MILLIS, WINDOW_MILLIS};
use std::collections::BTreeMap;

/// Lets `give` have what is to come out by now, at the time of `capability`, and then says that no more comes before `now`.
pub(super) fn fire<T: 'static>(
    capability: &mut Option<Capability<u64>>,
    now: i64,
    output: &mut OutputBuilderSession<'_, u64, Builder<T>>,
    give: impl FnOnce(&mut Session<'_, '_, u64, Builder<T>, Capability<u64>>),
) {
    if let Some(time) = capability {
        give(&mut output.session(time));
        if now == i64::MAX {
            *capability = None;
        } else {
            time.downgrade(&now.cast_unsigned());
        }
    }
}

/// The windows that something may still come for, latest last: few.
struct Open<W>(Vec<(i64, W)>);

impl<W: Default> Open<W> {
    /// The window that ends at `end`.
    #[inline]
    fn window(&mut self, end: i64) -> &mut W {
        let at = match self.0.iter().rposition(|(of, _)| *of == end) {
            Some(at) => at,
            None => {
                let at = self.0.partition_point(|(of, _)| *of < end);
                self.0.insert(at, (end, W::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    fn first_end(&self) -> Option<i64> {
        self.0.first().map(|(end, _)| *end)
    }

    /// The first, if it ends by `now`.
    fn closed(&mut self, now: i64) -> Option<(i64, W)> {
        (self.first_end()? <= now).then(|| self.0.remove(0))
    }
}

/// The end of the window of `length` in which `millis` is.
#[inline]
fn end_of(millis: i64, length: i64) -> i64 {
    millis - millis.rem_euclid(length) + length
}

/// Of the records of each window, `(end, rank, record)`, those of the highest rank.
fn greatest<'scope, R: Send + 'static>(
    records: Records<'scope, InProcess<(i64, u64, R)>>,
) -> Records<'scope, (u64, R)> {
    let by_window = Exchange::new(|InProcess((end, ..)): &InProcess<(i64, u64, R)>| route(end.cast_unsigned()));
    records.unary_frontier::<Builder<(u64, R)>, _, _, _>(by_window, "greatest", |capability, _| {
        let mut capability = Some(capability);
        let mut windows: Open<Vec<(u64, R)>> = Open(Vec::new());
        move |(input, frontier), output| {
            input.for_each_stamp(|_, batches| {
                for InProcess((end, rank, record)) in batches.flat_map(|batch| batch.drain(..)) {
                    put(windows.window(end), rank, record);
                }
            });
            let now = reached(frontier);
            fire(&mut capability, now, output, |session| {
                while let Some((_, greatest)) = windows.closed(now) {
                    session.give_iterator(greatest.into_iter());
                }
            });
        }
    })
}

/// Keeps a record, if none is known that ranks higher.
#[inline]
fn put<R>(greatest: &mut Vec<(u64, R)>, rank: u64, record: R) {
    let highest = greatest.first().map_or(0, |(rank, _)| *rank);
    if rank >= highest {
        if rank > highest {
            greatest.clear();
        }
        greatest.push((rank, record));
    }
}

pub(super) fn q5(events: Records<'_, Event>, results: &Results) {
    let bids = events.flat_map(|event| match event {
        Event::Bid(bid) => Some((bid.auction, bid.millis)),
        Event::Person(_) | Event::Auction(_) => None,
    });
    let by_auction = Exchange::new(|(auction, _): &(u64, i64)| route(*auction));
    let hot = bids.unary_frontier::<Builder<InProcess<(i64, u64, u64)>>, _, _, _>(by_auction, "counts", |first, _| {
        let mut capability = Some(first);
        let mut open: Open<HashMap<u64, u64>> = Open(Vec::new());
        let mut panes = Panes::default();
        // The window that is next, and how many more the panes that are over belong to.
        let (mut next, mut left) = (None, 0);
        move |(input, frontier), output| {
            input.for_each_stamp(|_, batches| {
                for (auction, millis) in batches.flat_map(|batch| batch.drain(..)) {
                    *open.window(end_of(millis, SLIDE_MILLIS)).entry(auction).or_default() += 1;
                }
            });
            let now = reached(frontier);
            fire(&mut capability, now, output, |session| {
                while let Some(end) = next.or(open.first_end()).filter(|end| *end <= now) {
                    let pane = open.closed(end).map(|(_, pane)| pane);
                    left = if pane.is_some() { PANES - 1 } else { left - 1 };
                    next = (left > 0).then_some(end + SLIDE_MILLIS);
                    panes.close(pane.unwrap_or_default(), |auction, count| {
                        session.give(InProcess((end, count, auction)));
                    });
                }
            });
        }
    });
    results.add_up(greatest(hot), |(count, auction)| auction.wrapping_mul(*count));
}

pub(super) fn q7(events: Records<'_, Event>, results: &Results) {
    let high = events.unary_frontier::<Builder<InProcess<(i64, u64, Bid)>>, _, _, _>(Pipeline, "high", |first, _| {
        let mut capability = Some(first);
        let mut windows: Open<Vec<(u64, Bid)>> = Open(Vec::new());
        move |(input, frontier), output| {
            input.for_each_stamp(|_, batches| {
                for event in batches.flat_map(|batch| batch.drain(..)) {
                    if let Event::Bid(bid) = event {
                        put(windows.window(end_of(bid.millis, WINDOW_MILLIS)), bid.price, bid);
                    }
                }
            });
            let now = reached(frontier);
            fire(&mut capability, now, output, |session| {
                while let Some((end, high)) = windows.closed(now) {
                    session.give_iterator(high.into_iter().map(|(price, bid)| InProcess((end, price, bid))));
                }
            });
        }
    });
    results.add_up(greatest(high), |(price, _)| *price);
}

/// A person, whether that person registers (or sells), and when.
type Deed = (u64, bool, i64);

pub(super) fn q8(events: Records<'_, Event>, results: &Results) {
    let deeds = events.flat_map(|event| match event {
        Event::Person(person) => Some((person.id, true, person.millis)),
        Event::Auction(auction) => Some((auction.seller, false, auction.millis)),
        Event::Bid(_) => None,
    });
    let by_person = Exchange::new(|(person, ..): &Deed| route(*person));
    let both = deeds.unary_frontier::<Builder<u64>, _, _, _>(by_person, "newcomers", |_, _| {
        let mut windows: Open<Newcomers> = Open(Vec::new());
        move |(input, frontier), output| {
            input.for_each_stamp(|time, batches| {
                let mut session = output.session(&time);
                for (person, registers, millis) in batches.flat_map(|batch| batch.drain(..)) {
                    if windows.window(end_of(millis, WINDOW_MILLIS)).did(person, registers) {
                        session.give(person);
                    }
                }
            });
            while windows.closed(reached(frontier)).is_some() {}
        }
    });
    results.add_up(both, |person| *person);
}

pub(super) fn q8_two(events: Records<'_, Event>, results: &Results) {
    let people = events.clone().flat_map(|event| match event {
        Event::Person(person) => Some((person.id, person.millis)),
        Event::Auction(_) | Event::Bid(_) => None,
    });
    let auctions = events.flat_map(|event| match event {
        Event::Auction(auction) => Some((auction.seller, auction.millis)),
        Event::Person(_) | Event::Bid(_) => None,
    });
    let by_first = || Exchange::new(|(person, _): &(u64, i64)| route(*person));
    let both =
        people.binary_frontier::<_, Builder<u64>, _, _, _, _>(auctions, by_first(), by_first(), "newcomers", |_, _| {
            let mut windows: Open<Newcomers> = Open(Vec::new());
            move |(people, of_people), (auctions, of_auctions), output| {
                people.for_each_stamp(|time, batches| {
                    let mut session = output.session(&time);
                    for (person, millis) in batches.flat_map(|batch| batch.drain(..)) {
                        if windows.window(end_of(millis, WINDOW_MILLIS)).did(person, true) {
                            session.give(person);
                        }
                    }
                });
                auctions.for_each_stamp(|time, batches| {
                    let mut session = output.session(&time);
                    for (person, millis) in batches.flat_map(|batch| batch.drain(..)) {
                        if windows.window(end_of(millis, WINDOW_MILLIS)).did(person, false) {
                            session.give(person);
                        }
                    }
                });
                let now = reached(of_people).min(reached(of_auctions));
                while windows.closed(now).is_some() {}
            }
        });
    results.add_up(both, |person| *person);
}

/// Bids of a bidder without a gap between them.
#[derive(Clone, Copy)]
struct Sitting {
    first: i64,
    last: i64,
    count: u64,
}

impl Sitting {
    fn end(&self) -> i64 {
        self.last + GAP_MILLIS
    }

    #[inline]
    fn meets(&self, other: &Self) -> bool {
        other.first < self.end() && self.first < other.end()
    }

    fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count += other.count;
    }
}

/// The sittings of a bidder: mostly one, but several sources are not in order among each other.
struct Bidder {
    one: Sitting,
    others: Vec<Sitting>,
}

impl Bidder {
    /// Takes a bid that does not just go on with the one sitting; whether a sitting begins.
    #[cold]
    fn bid(&mut self, bid: Sitting) -> bool {
        let mut joined = bid;
        self.others.push(self.one);
        let before = self.others.len();
        self.others.retain(|sitting| {
            let meets = sitting.meets(&bid);
            if meets {
                joined.join(sitting);
            }
            !meets
        });
        self.one = joined;
        self.others.len() == before
    }

    /// Gives what is over by `now`; whether nothing is left.
    fn close(&mut self, now: i64, mut over: impl FnMut(&Sitting)) -> bool {
        let mut is_over = |sitting: &Sitting| {
            let is_over = sitting.end() <= now;
            if is_over {
                over(sitting);
            }
            is_over
        };
        self.others.retain(|sitting| !is_over(sitting));
        if is_over(&self.one) {
            match self.others.pop() {
                Some(other) => self.one = other,
                None => return true,
            }
        }
        false
    }

    fn first_end(&self) -> i64 {
        let others = self.others.iter().map(Sitting::end);
        others.fold(self.one.end(), i64::min)
    }
}

/// Bidders, and when each is to be looked at: once for each sitting that has begun.
#[derive(Default)]
struct Sittings {
    of: HashMap<u64, Bidder>,
    due: BTreeMap<i64, Vec<u64>>,
}

impl Sittings {
    #[inline]
    fn bid(&mut self, bidder: u64, millis: i64) {
        let bid = Sitting {
            first: millis,
            last: millis,
            count: 1,
        };
        let begins = match self.of.entry(bidder) {
            Entry::Vacant(new) => {
                new.insert(Bidder {
                    one: bid,
                    others: Vec::new(),
                });
                true
            }
            Entry::Occupied(known) => {
                let known = known.into_mut();
                if known.others.is_empty() && known.one.meets(&bid) {
                    known.one.join(&bid);
                    return;
                }
                known.bid(bid)
            }
        };
        if begins {
            self.due.entry(bid.end()).or_default().push(bidder);
        }
    }

    /// Gives what is over by `now`.
    fn close(&mut self, now: i64, mut over: impl FnMut(u64, u64)) {
        while let Some(first) = self.due.first_entry()
            && *first.key() <= now
        {
            for bidder in first.remove() {
                let Some(known) = self.of.get_mut(&bidder) else {
                    continue;
                };
                if known.close(now, |sitting| over(bidder, sitting.count)) {
                    self.of.remove(&bidder);
                } else {
                    let end = known.first_end();
                    self.due.entry(end).or_default().push(bidder);
                }
            }
        }
    }
}

pub(super) fn q11(events: Records<'_, Event>, results: &Results) {
    let bids = events.flat_map(|event| match event {
        Event::Bid(bid) => Some((bid.bidder, bid.millis)),
        Event::Person(_) | Event::Auction(_) => None,
    });
    let by_bidder = Exchange::new(|(bidder, _): &(u64, i64)| route(*bidder));
    let over = bids.unary_frontier::<Builder<(u64, u64)>, _, _, _>(by_bidder, "sittings", |capability, _| {
        let mut capability = Some(capability);
        let mut sittings = Sittings::default();
        move |(input, frontier), output| {
            input.for_each_stamp(|_, batches| {
                for (bidder, millis) in batches.flat_map(|batch| batch.drain(..)) {
                    sittings.bid(bidder, millis);
                }
            });
            let now = reached(frontier);
            fire(&mut capability, now, output, |session| {
                sittings.close(now, |bidder, count| session.give((bidder, count)));
            });
        }
    });
    results.add_up(over, |(bidder, count)| bidder.wrapping_mul(*count));
}
