//! Whether what several clients did to one thing at the same time could have been done by one after the other.
//!
//! Wing and Gong's check (1993) with Lowe's memory of what was tried (2017): among the calls that had begun before any of
//! the rest had returned, one is tried as the next; if the model answers it as it was answered, the search goes on from
//! there, and otherwise tries another. Two ways that lead to the same state with the same calls done lead on alike, so the
//! second is not followed. It takes time that grows with how many calls overlap, not with how many there are.

use std::collections::HashSet;
use std::fmt::{self, Debug};
use std::hash::Hash;

/// What the thing should do, one call at a time.
pub trait Model {
    /// What is asked of it.
    type Op: Clone + Debug;
    /// What it answers.
    type Answer: PartialEq + Debug;
    /// What it is.
    type State: Clone + Eq + Hash;

    /// How it begins.
    fn start(&self) -> Self::State;

    /// Does `op` and answers.
    fn apply(&self, state: &mut Self::State, op: &Self::Op) -> Self::Answer;
}

/// Names a call that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call(usize);

struct Record<M: Model> {
    op: M::Op,
    answer: Option<M::Answer>,
    began: u64,
    returned: u64,
}

/// The calls of a run, as they began and returned.
///
/// ```
/// use potoroo_runtime::sim::{History, Model};
///
/// /// A cell that holds a number: `Some` writes it, `None` reads it.
/// struct Cell;
/// impl Model for Cell {
///     type Op = Option<u64>;
///     type Answer = u64;
///     type State = u64;
///     fn start(&self) -> u64 { 0 }
///     fn apply(&self, state: &mut u64, op: &Option<u64>) -> u64 {
///         *state = op.unwrap_or(*state);
///         *state
///     }
/// }
///
/// let mut history = History::new(Cell);
/// let write = history.call(Some(7));
/// let read = history.call(None);
/// history.answer(read, 7); // While the write is under way: it may have happened.
/// history.answer(write, 7);
/// assert!(history.check().is_ok());
/// let stale = history.call(None);
/// history.answer(stale, 0); // After it has returned: it must have.
/// assert!(history.check().is_err());
/// ```
pub struct History<M: Model> {
    model: M,
    calls: Vec<Record<M>>,
    time: u64,
}

impl<M: Model> History<M> {
    /// Nothing has happened yet.
    pub fn new(model: M) -> Self {
        Self {
            model,
            calls: Vec::new(),
            time: 0,
        }
    }

    /// A client calls.
    pub fn call(&mut self, op: M::Op) -> Call {
        self.time += 1;
        self.calls.push(Record {
            op,
            answer: None,
            began: self.time,
            returned: u64::MAX,
        });
        Call(self.calls.len() - 1)
    }

    /// Its call returns. One that never does may have happened, or not.
    pub fn answer(&mut self, call: Call, answer: M::Answer) {
        self.time += 1;
        let record = &mut self.calls[call.0];
        record.answer = Some(answer);
        record.returned = self.time;
    }

    /// Whether there is an order of the calls, each at some moment between its beginning and its return, in which the model
    /// would have answered as they were answered. If not: the calls of the longest beginning of such an order, and those of
    /// which none could come next.
    pub fn check(&self) -> Result<(), String> {
        let mut done = vec![false; self.calls.len()];
        let mut best = Vec::new();
        let mut seen = HashSet::new();
        let mut order = Vec::new();
        if self.goes_on(&self.model.start(), &mut done, &mut order, &mut seen, &mut best) {
            return Ok(());
        }
        let said = |index: &usize| {
            let Record { op, answer, .. } = &self.calls[*index];
            format!("{op:?} → {answer:?}")
        };
        let stuck: Vec<String> = self
            .next(&self.done_of(&best))
            .iter()
            .filter(|index| self.calls[**index].answer.is_some())
            .map(said)
            .collect();
        let begun: Vec<String> = best.iter().map(said).collect();
        Err(format!(
            "no order of the calls explains their answers; after [{}] none of [{}] can come next",
            begun.join(", "),
            stuck.join(", ")
        ))
    }

    fn done_of(&self, order: &[usize]) -> Vec<bool> {
        (0..self.calls.len()).map(|index| order.contains(&index)).collect()
    }

    /// The calls that may be the next: those that began before any of the rest returned.
    fn next(&self, done: &[bool]) -> Vec<usize> {
        let rest = || (0..self.calls.len()).filter(|index| !done[*index]);
        let first_return = rest().map(|index| self.calls[index].returned).min().unwrap_or(u64::MAX);
        rest().filter(|index| self.calls[*index].began < first_return).collect()
    }

    fn goes_on(
        &self,
        state: &M::State,
        done: &mut Vec<bool>,
        order: &mut Vec<usize>,
        seen: &mut HashSet<(Vec<bool>, M::State)>,
        best: &mut Vec<usize>,
    ) -> bool {
        let answered = |index: usize| self.calls[index].answer.is_some();
        if (0..self.calls.len()).all(|index| done[index] || !answered(index)) {
            return true;
        }
        if !seen.insert((done.clone(), state.clone())) {
            return false;
        }
        if order.len() > best.len() {
            best.clone_from(order);
        }
        for index in self.next(done) {
            let mut after = state.clone();
            let answer = self.model.apply(&mut after, &self.calls[index].op);
            if self.calls[index].answer.as_ref().is_some_and(|given| *given != answer) {
                continue;
            }
            done[index] = true;
            order.push(index);
            if self.goes_on(&after, done, order, seen, best) {
                return true;
            }
            order.pop();
            done[index] = false;
        }
        false
    }
}

impl<M: Model> Debug for History<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}
