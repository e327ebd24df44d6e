//! Asking: a request that carries its own way back.
//!
//! A [`Reply`] is made by the asker, travels in the message, and is used up by answering; dropping it unanswered tells
//! the asker so at once. An actor that asks goes on with its next message and gets the answer in a continuation with
//! its own state; it is named by slot and generation, so an answer that comes too late finds nobody. Code outside the
//! system waits on an [`Ask`], by blocking or as a future that any executor can poll.

use super::actor_ref::ActorRef;
use super::context::Context;
use super::slots::Slots;
use super::timers::Timer;
use super::{Actor, Turn};
use crate::scheduler::control::{AskError, Control, ReplyValue};
use crate::scheduler::header::CellRef;
use crate::scheduler::worker::Worker;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, lock};
use crate::sys::clock::{self, Time};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

/// How long an ask waits when nothing else is said.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// What an asking actor does with the answer.
pub(super) type Continuation<A> = Box<dyn FnOnce(&mut A, ReplyValue, &mut Context<'_, A>) -> Turn + Send>;

/// An ask that waits for its answer.
struct Pending<A: Actor> {
    continuation: Continuation<A>,
    due: Time,
}

/// The asks of one actor. Together they have one timer, set to the first deadline there was: an answered ask leaves
/// nothing behind in the worker's wheel, however many there are.
pub(super) struct Asks<A: Actor> {
    pending: Slots<Pending<A>>,
    sweep_at: Option<Time>,
}

impl<A: Actor> Default for Asks<A> {
    fn default() -> Self {
        Self {
            pending: Slots::default(),
            sweep_at: None,
        }
    }
}

impl<A: Actor> Asks<A> {
    /// Keeps a continuation. Gives its name, and whether a sweep must be set to its deadline.
    fn insert(&mut self, continuation: Continuation<A>, due: Time) -> (u32, u32, bool) {
        let (slot, generation) = self.pending.insert(Pending { continuation, due });
        let is_first = self.sweep_at.is_none_or(|at| due < at);
        if is_first {
            self.sweep_at = Some(due);
        }
        (slot, generation, is_first)
    }

    /// The continuation of an ask that is answered now; `None` if it has been already, or is out of time.
    pub(super) fn answered(&mut self, slot: u32, generation: u32) -> Option<Continuation<A>> {
        Some(self.pending.remove(slot, generation)?.continuation)
    }

    /// Forgets all pending asks, for the next life of a restarted actor; late answers find nobody. What is given back is
    /// the user's and to be dropped where that does no harm.
    pub(super) fn forget_all(&mut self) -> impl Sized + use<A> {
        self.sweep_at = None;
        self.pending.take_all()
    }

    /// A sweep is due: gives the asks that are out of time, and when to sweep next. Of sweeps that were set twice, as
    /// happens where a later ask has an earlier deadline, one is in vain.
    fn sweep(&mut self, now: Time) -> (Vec<(u32, u32)>, Option<Time>) {
        if self.sweep_at.is_none_or(|at| now < at) {
            return (Vec::new(), None);
        }
        let is_over = |pending: &Pending<A>| pending.due <= now;
        let over = self.pending.iter().filter(|(_, _, pending)| is_over(pending));
        let over = over.map(|(slot, generation, _)| (slot, generation)).collect();
        let rest = self.pending.iter().filter(|(_, _, pending)| !is_over(pending));
        self.sweep_at = rest.map(|(_, _, pending)| pending.due).min();
        (over, self.sweep_at)
    }
}

impl<A: Actor> Context<'_, A> {
    /// The timer of the asks is due: gives those that are out of time.
    pub(super) fn sweep_asks(&mut self) -> Vec<(u32, u32)> {
        let now = clock::now();
        // SAFETY: a context exists only in its actor's turn, on the home (M1); nothing of the user's runs inside.
        let (over, next) = unsafe { self.cell.with_extras(|extras| extras.asks.sweep(now)) };
        if let Some(next) = next {
            self.arm(next, Timer::AskSweep);
        }
        over
    }
}

/// The way back to an asker; use it once.
pub struct Reply<R: Send + 'static>(Option<Way<R>>);

enum Way<R> {
    /// To an actor's pending ask.
    Inside { asker: CellRef, slot: u32, generation: u32 },
    /// To a thread or a future.
    Outside(Arc<OneShot<R>>),
}

impl<R: Send + 'static> Reply<R> {
    /// Answers.
    pub fn send(mut self, value: R) {
        self.finish(Ok(value));
    }

    fn finish(&mut self, outcome: Result<R, AskError>) {
        match self.0.take() {
            Some(Way::Inside {
                asker,
                slot,
                generation,
            }) => asker.control(Control::Reply {
                slot,
                generation,
                value: outcome.map(|value| Box::new(value) as _),
            }),
            Some(Way::Outside(one_shot)) => one_shot.put(outcome),
            None => {}
        }
    }
}

impl<R: Send + 'static> Drop for Reply<R> {
    fn drop(&mut self) {
        self.finish(Err(AskError::Dropped));
    }
}

impl<R: Send + 'static> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// A place for one answer.
struct OneShot<R> {
    state: Mutex<State<R>>,
    arrived: Condvar,
}

struct State<R> {
    outcome: Option<Result<R, AskError>>,
    waker: Option<Waker>,
}

impl<R> OneShot<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        lock(&self.state)
    }

    fn put(&self, outcome: Result<R, AskError>) {
        let mut state = self.lock();
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        self.arrived.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// An answer that will come, for code outside the system: block with [`wait`](Self::wait), or `.await` it.
#[must_use = "an ask that nobody waits for is a tell"]
pub struct Ask<R: Send + 'static>(Arc<OneShot<R>>);

impl<R: Send + 'static> Ask<R> {
    /// An ask and the reply that answers it.
    pub(super) fn new() -> (Self, Reply<R>) {
        let one_shot = Arc::new(OneShot {
            state: Mutex::new(State {
                outcome: None,
                waker: None,
            }),
            arrived: Condvar::new(),
        });
        (Self(one_shot.clone()), Reply(Some(Way::Outside(one_shot))))
    }

    /// Blocks the calling thread for at most 5 s.
    ///
    /// # Panics
    ///
    /// On a worker: a handler that blocks would stop every actor of its core, perhaps the one that is to answer. Use
    /// [`Context::ask`] there.
    pub fn wait(self) -> Result<R, AskError> {
        self.wait_for(ASK_TIMEOUT)
    }

    /// Blocks the calling thread for at most `at_most`. Panics like [`wait`](Self::wait).
    pub fn wait_for(mut self, at_most: Duration) -> Result<R, AskError> {
        self.poll_for(at_most).unwrap_or(Err(AskError::TimedOut))
    }

    /// Blocks the calling thread for at most `at_most` and may be called again; `None` if the answer has not come.
    /// Panics like [`wait`](Self::wait).
    pub fn poll_for(&mut self, at_most: Duration) -> Option<Result<R, AskError>> {
        assert!(
            Worker::with_current(|worker| worker.is_none()),
            "a handler must not block: use `ctx.ask(..).then(..)` inside actors"
        );
        let until = clock::now() + at_most;
        let mut state = self.0.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return Some(outcome);
            }
            let left = until.since(clock::now());
            if left.is_zero() {
                return None;
            }
            state = self
                .0
                .arrived
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }
}

impl<R: Send + 'static> Future for Ask<R> {
    type Output = Result<R, AskError>;

    fn poll(self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock();
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        let waker = state.waker.get_or_insert_with(|| task.waker().clone());
        waker.clone_from(task.waker());
        Poll::Pending
    }
}

impl<R: Send + 'static> fmt::Debug for Ask<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}

/// An ask in the making, inside an actor: [`then`](Self::then) sends it.
#[must_use = "nothing is sent before `then`"]
pub struct AskInside<'c, 't, A: Actor, B: Actor, R, F> {
    ctx: &'c mut Context<'t, A>,
    target: &'c ActorRef<B>,
    make: F,
    at_most: Duration,
    answer: PhantomData<fn() -> R>,
}

impl<'t, A: Actor> Context<'t, A> {
    /// Asks another actor. The answer comes to the continuation given to [`AskInside::then`], in a later turn of this
    /// actor, which handles other messages meanwhile.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, ActorRef, Context, Reply, Turn};
    /// # struct Store; enum StoreMsg { Get(&'static str, Reply<u64>) }
    /// # impl Actor for Store { type Msg = StoreMsg; fn handle(&mut self, _: StoreMsg, _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// struct Cache { store: ActorRef<Store>, last: u64 }
    ///
    /// impl Actor for Cache {
    ///     type Msg = &'static str;
    ///     fn handle(&mut self, key: &'static str, ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.ask(&self.store, |reply| StoreMsg::Get(key, reply)).then(|this, answer, _ctx| {
    ///             this.last = answer?;
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn ask<'c, B: Actor, R: Send + 'static, F: FnOnce(Reply<R>) -> B::Msg>(
        &'c mut self,
        target: &'c ActorRef<B>,
        make: F,
    ) -> AskInside<'c, 't, A, B, R, F> {
        AskInside {
            ctx: self,
            target,
            make,
            at_most: ASK_TIMEOUT,
            answer: PhantomData,
        }
    }
}

impl<A: Actor, B: Actor, R: Send + 'static, F: FnOnce(Reply<R>) -> B::Msg> AskInside<'_, '_, A, B, R, F> {
    /// Waits for at most `at_most` instead of 5 s.
    pub fn within(mut self, at_most: Duration) -> Self {
        self.at_most = at_most;
        self
    }

    /// Sends the request and remembers what to do with the answer.
    pub fn then(
        self,
        continuation: impl FnOnce(&mut A, Result<R, AskError>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) {
        let cell = self.ctx.cell;
        let due = clock::now() + self.at_most;
        let continuation: Continuation<A> = Box::new(move |actor, value, ctx| {
            let value = value.map(|value| *value.downcast::<R>().expect("a reply carries what was asked for"));
            continuation(actor, value, ctx)
        });
        // SAFETY: a context exists only in its actor's turn, on the home (M1); nothing of the user's runs inside.
        let (slot, generation, is_first) = unsafe { cell.with_extras(|extras| extras.asks.insert(continuation, due)) };
        if is_first {
            self.ctx.arm(due, Timer::AskSweep);
        }
        let reply = Reply(Some(Way::Inside {
            asker: CellRef::new(&cell.header),
            slot,
            generation,
        }));
        self.target.tell((self.make)(reply));
    }
}
