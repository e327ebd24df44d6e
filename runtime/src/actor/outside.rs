//! Asking from outside the system: an answer that a thread or a future waits for.
//!
//! One allocation per ask holds the place for the answer, shared by the [`Ask`] and the [`Reply`]. A thread that waits looks
//! at the clock itself; for a future, which nobody may ever poll again, overdue.rs does.

use super::ask::{Reply, Way};
#[cfg(not(potoroo_loom))]
use super::overdue;
use crate::mutant;
use crate::scheduler::control::AskError;
use crate::scheduler::header::CellRef;
use crate::scheduler::worker::Worker;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, lock};
use crate::sys::{clock, simulated};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A place for one answer.
pub(super) struct OneShot<R> {
    state: Mutex<State<R>>,
    arrived: Condvar,
}

struct State<R> {
    outcome: Option<Result<R, AskError>>,
    waker: Option<Waker>,
    /// Nobody waits any more, or what was waited for has come.
    settled: bool,
}

impl<R> OneShot<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        lock(&self.state)
    }

    /// Settles the matter, unless it is settled. What comes too late is dropped here, outside the lock.
    pub(super) fn put(&self, outcome: Result<R, AskError>) {
        let mut state = self.lock();
        if state.settled {
            drop(state);
            drop(outcome);
            return;
        }
        state.settled = true;
        state.outcome = Some(outcome);
        let waker = state.waker.take().filter(|_| !mutant!("ask_answer_wakes_nobody"));
        drop(state);
        if !mutant!("ask_answer_rings_nobody") {
            self.arrived.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(not(potoroo_loom))]
impl<R: Send> overdue::Overdue for OneShot<R> {
    fn is_settled(&self) -> bool {
        self.lock().settled
    }

    fn expire(&self) {
        self.put(Err(AskError::TimedOut));
    }
}

/// An answer that will come, for code outside the system: block with [`wait`](Self::wait), or `.await` it in whatever
/// executes futures.
///
/// Both wait for the system's [`ask_timeout`](crate::SystemBuilder::ask_timeout) unless [`within`](Self::within) says
/// otherwise, counted from when the waiting begins, and end with [`AskError::TimedOut`] then. An answer that comes later is
/// dropped by whoever sends it.
///
/// ```
/// # use potoroo_runtime::{Actor, AskError, Context, Reply, System, Turn};
/// # use std::time::Duration;
/// /// Never answers.
/// #[derive(Default)]
/// struct Sphinx(Vec<Reply<u64>>);
///
/// impl Actor for Sphinx {
///     type Msg = Reply<u64>;
///     fn handle(&mut self, reply: Reply<u64>, _: &mut Context<'_, Self>) -> Turn {
///         self.0.push(reply);
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let sphinx = system.spawn(|_| Ok(Sphinx::default()));
/// let answer = sphinx.ask(|reply| reply).within(Duration::from_millis(5)).wait();
/// assert_eq!(answer, Err(AskError::TimedOut));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an ask that nobody waits for is a tell"]
pub struct Ask<R: Send + 'static> {
    one_shot: Arc<OneShot<R>>,
    at_most: Duration,
    /// Somebody looks at the clock: the first poll found nothing.
    is_watched: bool,
}

impl<R: Send + 'static> Ask<R> {
    /// An ask and the reply that answers it.
    #[doc(hidden)] // For the models in `loom-tests`.
    pub fn pair(at_most: Duration) -> (Self, Reply<R>) {
        let one_shot = Arc::new(OneShot {
            state: Mutex::new(State {
                outcome: None,
                waker: None,
                settled: false,
            }),
            arrived: Condvar::new(),
        });
        let ask = Self {
            one_shot: one_shot.clone(),
            at_most,
            is_watched: false,
        };
        (ask, Reply(Some(Way::Outside(one_shot))))
    }

    /// As [`pair`](Self::pair), with the time-out of the system that `cell` belongs to.
    pub(super) fn of(cell: &CellRef) -> (Self, Reply<R>) {
        Self::pair(cell.header().ask_timeout())
    }

    /// Waits for at most `at_most` instead of the system's [`ask_timeout`](crate::SystemBuilder::ask_timeout).
    pub fn within(mut self, at_most: Duration) -> Self {
        self.at_most = at_most;
        self
    }

    /// Blocks the calling thread until the answer comes or the time is up.
    ///
    /// # Panics
    ///
    /// On a worker: a handler that blocks would stop every actor of its core, perhaps the one that is to answer. Use
    /// [`Context::ask`](super::Context::ask) there.
    pub fn wait(mut self) -> Result<R, AskError> {
        self.poll_for(self.at_most).unwrap_or(Err(AskError::TimedOut))
    }

    /// Blocks the calling thread for at most `at_most`. Panics like [`wait`](Self::wait).
    pub fn wait_for(self, at_most: Duration) -> Result<R, AskError> {
        self.within(at_most).wait()
    }

    /// Blocks the calling thread for at most `at_most` and may be called again; `None` if the answer has not come.
    /// Panics like [`wait`](Self::wait).
    pub fn poll_for(&mut self, at_most: Duration) -> Option<Result<R, AskError>> {
        assert!(
            Worker::with_current(|worker| worker.is_none()),
            "a handler must not block: use `ctx.ask(..).then(..)` inside actors"
        );
        let until = clock::now() + at_most;
        simulated::wait(until, &mut || self.one_shot.lock().outcome.is_some());
        let mut state = self.one_shot.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return Some(outcome);
            }
            let left = until.since(clock::now());
            if left.is_zero() {
                return None;
            }
            state = self
                .one_shot
                .arrived
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }

    /// The first poll has found nothing: somebody has to look at the clock.
    #[cfg(not(potoroo_loom))]
    fn watch_the_clock(&mut self) {
        if !std::mem::replace(&mut self.is_watched, true) {
            overdue::watch(clock::now() + self.at_most, self.one_shot.clone());
        }
    }

    /// Time does not pass in a model.
    #[cfg(potoroo_loom)]
    fn watch_the_clock(&mut self) {
        self.is_watched = true;
    }
}

impl<R: Send + 'static> Future for Ask<R> {
    type Output = Result<R, AskError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        {
            let mut state = self.one_shot.lock();
            if let Some(outcome) = state.outcome.take() {
                return Poll::Ready(outcome);
            }
            let waker = state.waker.get_or_insert_with(|| task.waker().clone());
            waker.clone_from(task.waker());
        }
        self.watch_the_clock();
        Poll::Pending
    }
}

impl<R: Send + 'static> Drop for Ask<R> {
    /// Nobody waits any more: an answer that has come goes here, one that comes is dropped by whoever sends it.
    fn drop(&mut self) {
        let mut state = self.one_shot.lock();
        state.settled = true;
        let left = (state.outcome.take(), state.waker.take());
        drop(state);
        drop(left);
    }
}

impl<R: Send + 'static> fmt::Debug for Ask<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}
