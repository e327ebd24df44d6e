//! One end of an edge: a buffer that is being filled, and the credits to send it.
//!
//! Buffers travel to the consumer and come back empty with the credit, so a steady stream allocates nothing. It lacks
//! any idea of keys.

use crate::element::{EdgeId, Element, Grant};
use potoroo_runtime::Recipient;
use std::collections::VecDeque;

/// How many records make a full batch. Enough for the cost of a message to vanish (about 0.1 ns a record), few enough
/// that a batch of small records stays in the first-level cache between its producer and its consumer.
pub(crate) const BATCH_RECORDS_MAX: usize = 256;

/// How many batches may be under way on one edge. Enough to keep both ends busy across cores, few enough to bound
/// memory: records in flight per edge ≤ 16 × 256.
pub(crate) const EDGE_CREDITS: u32 = 16;

/// The producing end of one edge.
pub(crate) struct Outlet<I> {
    to: Recipient<Element<I>>,
    /// To whom grants come back: the producing actor.
    me: Recipient<Grant<Vec<I>>>,
    lane: u32,
    edge: EdgeId,
    filling: Vec<I>,
    /// Full batches that wait for credit; only what one input can produce at most ends up here.
    waiting: VecDeque<Vec<I>>,
    spare: Vec<Vec<I>>,
    credits: u32,
    /// The end has been asked for; it is sent when everything before it has been.
    ending: bool,
    ended: bool,
}

impl<I: Send + 'static> Outlet<I> {
    pub(crate) fn new(to: Recipient<Element<I>>, me: Recipient<Grant<Vec<I>>>, lane: u32, edge: EdgeId) -> Self {
        Self {
            to,
            me,
            lane,
            edge,
            filling: Vec::new(),
            waiting: VecDeque::new(),
            spare: Vec::new(),
            credits: EDGE_CREDITS,
            ending: false,
            ended: false,
        }
    }

    /// Adds a record; says whether the outlet is still ready for more.
    #[inline]
    pub(crate) fn push(&mut self, item: I) -> bool {
        self.filling.push(item);
        if self.filling.len() < BATCH_RECORDS_MAX {
            return true;
        }
        self.batch_is_full();
        self.is_ready()
    }

    /// Whether more may come: nothing waits for credit.
    pub(crate) fn is_ready(&self) -> bool {
        self.waiting.is_empty()
    }

    #[cold]
    fn batch_is_full(&mut self) {
        let empty = self
            .spare
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(BATCH_RECORDS_MAX));
        let full = std::mem::replace(&mut self.filling, empty);
        self.waiting.push_back(full);
        self.send_what_credit_allows();
    }

    fn send_what_credit_allows(&mut self) {
        while self.credits > 0
            && let Some(items) = self.waiting.pop_front()
        {
            self.credits -= 1;
            self.to.tell(Element::Batch {
                items,
                back: self.me.clone(),
                lane: self.lane,
            });
        }
    }

    /// Sends what there is, as far as credit goes; at the end of a turn.
    pub(crate) fn flush(&mut self) {
        self.send_what_credit_allows();
        if self.credits > 0 && !self.filling.is_empty() {
            let empty = self.spare.pop().unwrap_or_default();
            let items = std::mem::replace(&mut self.filling, empty);
            self.waiting.push_back(items);
            self.send_what_credit_allows();
        }
        if self.ending && !self.ended && self.waiting.is_empty() && self.filling.is_empty() {
            self.ended = true;
            self.to.tell(Element::End(self.edge));
        }
    }

    /// A credit and a buffer came back.
    pub(crate) fn granted(&mut self, buffer: Vec<I>) {
        debug_assert!(buffer.is_empty());
        self.credits += 1;
        self.spare.push(buffer);
        self.send_what_credit_allows();
    }

    /// Nothing more comes: sends the rest, then the end.
    pub(crate) fn end(&mut self) {
        self.ending = true;
        self.flush();
    }

    /// Whether the end has been sent.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The batches that the consumer has not granted back, and those that wait.
    pub(crate) fn batches_in_flight(&self) -> usize {
        (EDGE_CREDITS - self.credits) as usize + self.waiting.len()
    }
}
