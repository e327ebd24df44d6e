//! In which order the results of calls go on, and where the marks between them stand.
//!
//! A mark goes on when every record before it has: results never come behind a watermark that their records were before. In
//! order, a result waits for all before it. As they are ready, results wait only for the marks that stood before their
//! records. It lacks the calls themselves: it knows how many are out, and where each belongs.

use crate::element::{Mark, Timed};
use crate::exchange::Collector;
use std::collections::VecDeque;

/// A place in the order of records.
#[derive(Debug)]
enum Slot<U> {
    /// A call is out.
    Out,
    /// It has come back, perhaps with nothing.
    Back(Option<Timed<U>>),
    Mark(Mark),
}

/// The records between two marks.
#[derive(Debug)]
struct Section<U> {
    out: usize,
    back: Vec<Timed<U>>,
    /// What stands behind them; nothing yet behind the last section.
    mark: Option<Mark>,
}

impl<U> Section<U> {
    fn new() -> Self {
        Self {
            out: 0,
            back: Vec::new(),
            mark: None,
        }
    }
}

#[derive(Debug)]
enum Order<U> {
    Kept(VecDeque<Slot<U>>),
    /// Never without a last section.
    AsReady(VecDeque<Section<U>>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Arrangement<U> {
    order: Order<U>,
    /// The number of the first slot, or section.
    first: u64,
    /// Records that have not gone on.
    records: usize,
    marks: usize,
}

impl<U> Arrangement<U> {
    pub(super) fn new(is_ordered: bool) -> Self {
        Self {
            order: if is_ordered {
                Order::Kept(VecDeque::new())
            } else {
                Order::AsReady([Section::new()].into())
            },
            first: 0,
            records: 0,
            marks: 0,
        }
    }

    /// How many records have not gone on.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// How many marks have not gone on.
    pub(super) fn marks(&self) -> usize {
        self.marks
    }

    /// A call goes out; gives the place of its result.
    pub(super) fn begin(&mut self) -> u64 {
        self.records += 1;
        match &mut self.order {
            Order::Kept(slots) => {
                slots.push_back(Slot::Out);
                self.first + slots.len() as u64 - 1
            }
            Order::AsReady(sections) => {
                if let Some(last) = sections.back_mut() {
                    last.out += 1;
                }
                self.first + sections.len() as u64 - 1
            }
        }
    }

    /// A call has come back, perhaps with nothing.
    pub(super) fn finish(&mut self, place: u64, result: Option<Timed<U>>) {
        let at = (place - self.first) as usize;
        match &mut self.order {
            Order::Kept(slots) => slots[at] = Slot::Back(result),
            Order::AsReady(sections) => {
                sections[at].out -= 1;
                match result {
                    Some(result) => sections[at].back.push(result),
                    None => self.records -= 1,
                }
            }
        }
    }

    /// A mark behind all that has begun. Of two watermarks with nothing between them, the later one is enough.
    pub(super) fn mark(&mut self, mark: Mark) {
        let before = match &mut self.order {
            Order::Kept(slots) => match slots.back_mut() {
                Some(Slot::Mark(before)) => Some(before),
                _ => None,
            },
            Order::AsReady(sections) => {
                let is_empty = sections
                    .back()
                    .is_some_and(|last| last.out == 0 && last.back.is_empty());
                let before = sections.len().checked_sub(2).filter(|_| is_empty);
                before.and_then(|at| sections[at].mark.as_mut())
            }
        };
        if let (Some(Mark::Watermark(before)), Mark::Watermark(time)) = (before, mark) {
            *before = time.max(*before);
            return;
        }
        self.marks += 1;
        match &mut self.order {
            Order::Kept(slots) => slots.push_back(Slot::Mark(mark)),
            Order::AsReady(sections) => {
                if let Some(last) = sections.back_mut() {
                    last.mark = Some(mark);
                }
                sections.push_back(Section::new());
            }
        }
    }

    /// Hands on what may go, as far as there is room; gives the number of records.
    pub(super) fn give<C: Collector<U>>(&mut self, out: &mut C) -> u64 {
        let mut given = 0;
        while out.is_ready() {
            match &mut self.order {
                Order::Kept(slots) => match slots.front_mut() {
                    None | Some(Slot::Out) => break,
                    Some(Slot::Back(result)) => {
                        if let Some(Timed { time, record }) = result.take() {
                            out.collect(record, time);
                            given += 1;
                        }
                        slots.pop_front();
                        self.records -= 1;
                        self.first += 1;
                    }
                    Some(Slot::Mark(mark)) => {
                        out.mark(*mark);
                        slots.pop_front();
                        self.marks -= 1;
                        self.first += 1;
                    }
                },
                Order::AsReady(sections) => {
                    let Some(section) = sections.front_mut() else { break };
                    self.records -= section.back.len();
                    given += section.back.len() as u64;
                    out.collect_all(&mut section.back);
                    let Some(mark) = section.mark.filter(|_| section.out == 0) else {
                        break;
                    };
                    out.mark(mark);
                    sections.pop_front();
                    self.marks -= 1;
                    self.first += 1;
                }
            }
        }
        given
    }
}
