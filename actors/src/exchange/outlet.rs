//! One end of an edge: a buffer that is being filled, and the credits to send it.
//!
//! Batches travel to the consumer and come back empty with the credit, so a steady stream allocates nothing. A mark travels
//! with the batch before it, or in an empty one, and so keeps its place. It lacks any idea of keys.

use crate::element::{Batch, EdgeId, Element, Grant, Granted, Mark};
use potoroo_runtime::Recipient;
use std::collections::VecDeque;

/// How many records make a full batch at most. Enough for the cost of a message to vanish (about 0.1 ns a record).
pub(crate) const BATCH_RECORDS_MAX: usize = 256;

/// How many bytes a batch should not exceed: few enough to stay in the first-level cache between producer and consumer.
const BATCH_BYTES: usize = 16 * 1024;

/// How many batches may be under way on one edge. Enough to keep both ends busy across cores, few enough to bound
/// memory: records in flight per edge ≤ 16 × 256.
pub(crate) const EDGE_CREDITS: u32 = 16;

/// How many records of this type make a full batch.
pub(crate) const fn batch_records<I>() -> usize {
    let bytes = if size_of::<I>() == 0 { 1 } else { size_of::<I>() };
    let fitting = BATCH_BYTES / bytes;
    match fitting {
        0..32 => 32,
        BATCH_RECORDS_MAX.. => BATCH_RECORDS_MAX,
        _ => fitting,
    }
}

/// The producing end of one edge.
#[derive(Debug)]
pub struct Outlet<I> {
    to: Recipient<Element<I>>,
    /// To whom grants come back: the producing actor.
    me: Recipient<Grant>,
    lane: u32,
    edge: EdgeId,
    filling: Vec<I>,
    /// Full batches that wait for credit; only what one input can produce at most ends up here.
    waiting: VecDeque<Box<Batch<I>>>,
    #[expect(clippy::vec_box, reason = "the boxes travel")]
    spare: Vec<Box<Batch<I>>>,
    credits: u32,
    /// Nothing may be sent for now, whatever credit there is.
    is_held: bool,
    /// The end has been asked for; it is sent when everything before it has been.
    ending: bool,
    ended: bool,
}

impl<I: Send + 'static> Outlet<I> {
    pub(crate) fn new(to: Recipient<Element<I>>, me: Recipient<Grant>, lane: u32, edge: EdgeId) -> Self {
        Self {
            to,
            me,
            lane,
            edge,
            filling: Vec::new(),
            waiting: VecDeque::new(),
            spare: Vec::new(),
            credits: EDGE_CREDITS,
            is_held: false,
            ending: false,
            ended: false,
        }
    }

    /// Adds a record; says whether that made the batch full.
    #[inline]
    pub(crate) fn push(&mut self, item: I) -> bool {
        self.filling.push(item);
        let is_full = self.filling.len() >= const { batch_records::<I>() };
        if is_full {
            self.batch_is_full();
        }
        is_full
    }

    /// Whether more may come: nothing waits for credit.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.waiting.is_empty()
    }

    #[cold]
    fn batch_is_full(&mut self) {
        self.close_batch(None);
        if self.filling.capacity() == 0 {
            self.filling.reserve(const { batch_records::<I>() });
        }
        self.send_what_credit_allows();
    }

    /// Puts what has gathered into the queue, as a batch with `mark` after it.
    fn close_batch(&mut self, mark: Option<Mark>) {
        let mut batch = self.spare.pop().unwrap_or_else(|| {
            Box::new(Batch {
                items: Vec::new(),
                divide: None,
                mark: None,
                edge: self.edge,
                lane: self.lane,
                back: None,
            })
        });
        std::mem::swap(&mut batch.items, &mut self.filling);
        batch.divide = None;
        batch.mark = mark;
        self.waiting.push_back(batch);
    }

    /// Says that the producer routes by another table from here on.
    pub(super) fn divide(&mut self, step: u64) {
        self.close_batch(None);
        if let Some(last) = self.waiting.back_mut() {
            last.divide = Some(step);
        }
        self.send_what_credit_allows();
    }

    /// Keeps everything until it is [`released`](Self::release).
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    /// Sends what was held.
    pub(super) fn release(&mut self) {
        self.is_held = false;
        self.send_what_credit_allows();
    }

    /// Whether everything has been sent.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.filling.is_empty()
    }

    fn send_what_credit_allows(&mut self) {
        while self.credits > 0
            && !self.is_held
            && let Some(mut batch) = self.waiting.pop_front()
        {
            self.credits -= 1;
            batch.back = Some(self.me.clone());
            self.to.tell(Element::Batch(batch));
        }
    }

    /// Says something at this place of the stream.
    pub(crate) fn mark(&mut self, mark: Mark) {
        match self.waiting.back_mut() {
            // What waits with nothing after it takes the mark along; a watermark makes way for a later one.
            Some(last) if self.filling.is_empty() => match joined(last.mark, mark) {
                Some(both) => last.mark = Some(both),
                None => self.close_batch(Some(mark)),
            },
            _ => self.close_batch(Some(mark)),
        }
        self.send_what_credit_allows();
    }

    /// Sends what there is, as far as credit goes; at the end of a turn.
    pub(crate) fn flush(&mut self) {
        self.send_what_credit_allows();
        if self.credits > 0 && !self.is_held && !self.filling.is_empty() {
            self.close_batch(None);
            self.send_what_credit_allows();
        }
        if self.ending && !self.ended && self.waiting.is_empty() && self.filling.is_empty() {
            self.ended = true;
            self.to.tell(Element::End(self.edge));
        }
    }

    /// A credit and a buffer came back, if they are this lane's.
    pub(crate) fn granted(&mut self, grant: Grant) -> Option<Grant> {
        if grant.lane != self.lane {
            return Some(grant);
        }
        if let Granted::Credit(batch) = grant.what {
            let batch = batch.downcast::<Batch<I>>().expect("a lane's batches are of one type");
            debug_assert!(batch.items.is_empty());
            self.credits += 1;
            self.spare.push(batch);
            self.send_what_credit_allows();
        }
        None
    }

    /// Which lane this is.
    pub(crate) fn lane(&self) -> u32 {
        self.lane
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

/// What stands for both marks at the same place, if one can.
fn joined(last: Option<Mark>, next: Mark) -> Option<Mark> {
    match (last, next) {
        (None, next) => Some(next),
        (Some(Mark::Watermark(last)), Mark::Watermark(next)) => Some(Mark::Watermark(last.max(next))),
        _ => None,
    }
}
