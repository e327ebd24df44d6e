//! The actor that takes the records of bodies in, in the order in which the bodies were complete.
//!
//! There is one for all connections, since connections of HTTP come and go with each request, and a stream whose edges did so
//! too would have no event time to speak of. It says that it is idle while it has nothing, so that an endpoint which nobody
//! posts to holds nobody up.

use crate::element::{Grant, Mark, Timestamp};
use crate::exchange::Collector;
use crate::job::{Drain, StageCounters};
use potoroo_runtime::{Actor, Context, Recipient, Turn};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec;

/// How many records one turn takes in, at most.
const RECORDS_PER_TURN: usize = 4096;

/// The bytes of bodies that wait, of all connections.
#[derive(Clone, Debug)]
pub(super) struct Room {
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: Arc::default(),
            bytes_max,
        }
    }

    /// Room for so many bytes, unless there is none; the first to come always has it.
    pub(super) fn hold(&self, bytes: usize) -> Option<Held> {
        // Relaxed: the number guards nothing but itself.
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let held = Held {
            of: self.bytes.clone(),
            bytes,
        };
        (before == 0 || before.saturating_add(bytes) <= self.bytes_max).then_some(held)
    }
}

/// Room that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    of: Arc<AtomicUsize>,
    pub(super) bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Whether all of it is in the job; otherwise nothing is.
    pub(super) all: bool,
}

/// Tells the connection, whatever becomes of its records.
pub(super) struct Ticket {
    client: Recipient<Taken>,
    taken: bool,
}

impl Ticket {
    pub(super) fn new(client: Recipient<Taken>) -> Self {
        Self { client, taken: false }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.client.tell(Taken { all: self.taken });
    }
}

/// The records of a body.
pub(super) struct Offer<T> {
    pub(super) records: vec::IntoIter<T>,
    pub(super) held: Held,
    pub(super) ticket: Ticket,
}

/// What the actor is told.
pub(super) enum TakingMsg<T> {
    Offer(Offer<T>),
    Granted(Grant),
    Drain,
}

impl<T> From<Offer<T>> for TakingMsg<T> {
    fn from(offer: Offer<T>) -> Self {
        Self::Offer(offer)
    }
}

impl<T> From<Grant> for TakingMsg<T> {
    fn from(grant: Grant) -> Self {
        Self::Granted(grant)
    }
}

impl<T> From<Drain> for TakingMsg<T> {
    fn from(Drain: Drain) -> Self {
        Self::Drain
    }
}

/// See the file's head.
pub(super) struct Taking<T, C> {
    pub(super) out: C,
    pub(super) counters: Arc<StageCounters>,
    pub(super) offers: VecDeque<Offer<T>>,
    /// The edge begins so.
    pub(super) is_idle: bool,
    /// No more offers are taken.
    pub(super) over: bool,
}

impl<T: Send + 'static, C: Collector<T>> Taking<T, C> {
    /// Takes in what there is room for; says whether there is more to do now.
    fn take_in(&mut self) -> bool {
        if !self.offers.is_empty() && std::mem::take(&mut self.is_idle) {
            self.out.mark(Mark::Active);
        }
        let mut left = RECORDS_PER_TURN;
        while let Some(offer) = self.offers.front_mut() {
            let before = left;
            while left > 0 && self.out.is_ready() {
                let Some(record) = offer.records.next() else { break };
                self.out.collect(record, Timestamp::MIN);
                left -= 1;
            }
            self.counters.records_in.add((before - left) as u64);
            if offer.records.len() > 0 {
                return self.out.is_ready();
            }
            if let Some(Offer { held, mut ticket, .. }) = self.offers.pop_front() {
                self.counters.bytes.add(held.bytes as u64);
                ticket.taken = true;
            }
        }
        if !std::mem::replace(&mut self.is_idle, true) {
            self.out.mark(Mark::Idle);
        }
        false
    }
}

impl<T: Send + 'static, C: Collector<T>> Actor for Taking<T, C> {
    type Msg = TakingMsg<T>;

    fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            // Dropped, an offer is refused.
            TakingMsg::Offer(offer) if !self.over => self.offers.push_back(offer),
            TakingMsg::Offer(_) => {}
            TakingMsg::Granted(grant) => drop(self.out.granted(grant)),
            TakingMsg::Drain => self.over = true,
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.take_in() {
            ctx.run_again();
        }
        if self.over && self.offers.is_empty() {
            self.out.end();
        } else {
            self.out.flush();
        }
        let ended = self.out.has_ended();
        // After the end nobody is here to see the last credits come back.
        let in_flight = if ended { 0 } else { self.out.batches_in_flight() };
        self.counters.batches_waiting.set(in_flight as u64);
        if ended {
            ctx.stop();
        }
        Ok(())
    }
}
