//! Queries 5, 7 and 11, which count and compare within windows.
//!
//! "Most" and "highest" of all are found in two stages: each partition, or each source, says what it has, and one entity per
//! window compares.

use super::event::{Bid, Event};
use super::highest::HighestOf;
use super::hot::{Hot, HotKeys};
use super::sessions::Sessions;
use super::{Plan, RESULTS, in_order};
use potoroo_actors::element::Timestamp;
use potoroo_actors::runtime::Turn;
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::source::Source;
use potoroo_actors::{Branch, KeyContext, KeyedProcess, NodeKind, Pipeline, Stream, Timer};
use std::marker::PhantomData;

/// A record for a window, of which only the greatest are wanted.
trait Ranked: Send + 'static {
    /// The end of the window.
    fn end(&self) -> Timestamp;

    /// What is compared.
    fn rank(&self) -> u64;
}

impl Ranked for Hot {
    fn end(&self) -> Timestamp {
        self.end
    }

    fn rank(&self) -> u64 {
        self.count
    }
}

/// A bid that no other bid of its window is known to exceed.
pub(super) struct High {
    /// The end of the window.
    pub(super) end: Timestamp,
    pub(super) bid: Bid,
}

impl Ranked for High {
    fn end(&self) -> Timestamp {
        self.end
    }

    fn rank(&self) -> u64 {
        self.bid.price
    }
}

/// Keeps the greatest records of each window, and gives them when the window is over. The key is the window's end.
struct Greatest<R>(PhantomData<fn(R)>);

impl<R> Clone for Greatest<R> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<R: Ranked> KeyedProcess<i64, R> for Greatest<R> {
    type State = Vec<R>;
    type Out = R;

    fn state(&mut self, _: &i64, _: &Arena) -> Vec<R> {
        Vec::new()
    }

    fn on_record(&mut self, greatest: &mut Vec<R>, record: R, ctx: &mut KeyContext<'_, i64, R>) -> Turn {
        match greatest.first().map(Ranked::rank) {
            None => ctx.set_timer(record.end()),
            Some(rank) if record.rank() < rank => return Ok(()),
            Some(rank) if record.rank() > rank => greatest.clear(),
            Some(_) => {}
        }
        greatest.push(record);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, greatest: &mut Vec<R>, ctx: &mut KeyContext<'_, i64, R>) -> Turn {
        for record in greatest.drain(..) {
            ctx.emit_at(record, timer.time.before());
        }
        ctx.delete_state();
        Ok(())
    }
}

/// The greatest records of each window.
fn greatest<R: Ranked>(records: Stream<R, impl Branch<R>>, plan: &Plan) -> Stream<R> {
    records
        .key_by(|record| record.end().nanos())
        .partitions(plan.partitions)
        .process("greatest", Greatest(PhantomData))
}

/// Query 5: the auctions with most bids in ten seconds, every two seconds.
pub(super) fn q5(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    let hot = events
        .timestamps(in_order())
        .filter_map(|event| match event {
            Event::Bid(bid) => Some(bid.auction),
            Event::Person(_) | Event::Auction(_) => None,
        })
        .key_by(|auction| *auction)
        .partitions(plan.partitions)
        .operator("counts", NodeKind::Window, |_| HotKeys::default());
    greatest(hot, plan).sink(RESULTS, plan.total.sum(|hot: &Hot| hot.key.wrapping_mul(hot.count)));
}

/// Query 7: the highest bids of each ten seconds.
pub(super) fn q7(pipeline: &Pipeline, source: impl Source<Record = Event>, plan: &Plan) {
    let high = pipeline.source("events", HighestOf(source));
    greatest(high, plan).sink(RESULTS, plan.total.sum(|high: &High| high.bid.price));
}

/// Query 11: how many bids each bidder makes until there is none for ten seconds.
pub(super) fn q11(events: Stream<Event, impl Branch<Event>>, plan: &Plan) {
    events
        .timestamps(in_order())
        .filter_map(|event| match event {
            Event::Bid(bid) => Some(bid.bidder),
            Event::Person(_) | Event::Auction(_) => None,
        })
        .key_by(|bidder| *bidder)
        .partitions(plan.partitions)
        .operator("sessions", NodeKind::Window, |_| Sessions::default())
        .sink(
            RESULTS,
            plan.total
                .sum(|(bidder, count): &(u64, u64)| bidder.wrapping_mul(*count)),
        );
}
