//! Query 7's first stage, fused into the source: the highest bids of each window, of those of one instance.
//!
//! Of all bids of a window one or two leave the source. It wraps a source, since what is fused has no state otherwise; each
//! instance is in the order of time, so there is one window at a time.

use super::WINDOW_MILLIS;
use super::event::{Bid, Event};
use super::windows::High;
use potoroo_actors::Deploy;
use potoroo_actors::element::{EdgeId, Grant, Mark, Timestamp};
use potoroo_actors::exchange::{Collector, Downstream, Flow, Wiring};
use potoroo_actors::source::Source;

/// A source of events as one of the highest bids.
pub(super) struct HighestOf<S>(pub(super) S);

impl<S: Source<Record = Event>> Source for HighestOf<S> {
    type Record = High;

    fn actors(&self) -> Option<usize> {
        self.0.actors()
    }

    fn deploy<D: Downstream<High>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        self.0.deploy(name, &HighestTo(down.clone()), deploy);
    }
}

#[derive(Clone)]
struct HighestTo<D>(D);

impl<D: Downstream<High>> Downstream<Event> for HighestTo<D> {
    type Collector = Highest<D::Collector>;

    fn open(&self, edge: EdgeId) {
        self.0.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.0.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.0.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        Highest {
            end_millis: i64::MIN,
            price: 0,
            bids: Vec::new(),
            next: self.0.connect(edge, wiring),
        }
    }
}

/// The window of one instance.
struct Highest<C> {
    end_millis: i64,
    /// Of all `bids`.
    price: u64,
    bids: Vec<Bid>,
    next: C,
}

impl<C: Collector<High>> Highest<C> {
    /// The window is over.
    fn close(&mut self) {
        if self.bids.is_empty() {
            return;
        }
        let end = Timestamp::from_millis(self.end_millis);
        for bid in self.bids.drain(..) {
            self.next.collect(High { end, bid }, end.before());
        }
        self.price = 0;
        self.next.mark(Mark::Watermark(end));
    }

    #[cold]
    fn open(&mut self, millis: i64) {
        self.close();
        self.end_millis = millis - millis.rem_euclid(WINDOW_MILLIS) + WINDOW_MILLIS;
    }

    #[cold]
    fn put(&mut self, bid: Bid) {
        if bid.price > self.price {
            self.price = bid.price;
            self.bids.clear();
        }
        self.bids.push(bid);
    }
}

impl<C: Collector<High>> Flow for Highest<C> {
    fn mark(&mut self, mark: Mark) {
        self.next.mark(mark);
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn flush(&mut self) {
        self.next.flush();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        self.next.granted(grant)
    }

    fn end(&mut self) {
        self.close();
        self.next.end();
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<C: Collector<High>> Collector<Event> for Highest<C> {
    #[inline]
    fn collect(&mut self, event: Event, _: Timestamp) {
        let Event::Bid(bid) = event else {
            return;
        };
        if bid.millis >= self.end_millis {
            self.open(bid.millis);
        }
        if bid.price >= self.price {
            self.put(bid);
        }
    }
}
