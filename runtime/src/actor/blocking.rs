//! What blocks, done for an actor by a thread of the system's pool, and continued with the actor's state.
//!
//! The result comes back as the answer to an ask does, in the same table. The pool is scheduler/blocking.rs.

use super::ask::Patience;
use super::unanswered::Unanswered;
use super::{Actor, Context, Reply, Turn};
use crate::scheduler::blocking::{BlockingPool, Job};
use crate::scheduler::control::AskError;
use crate::scheduler::exit::panic_text;
use crate::sync::Arc;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Why blocking work gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockingError {
    /// All threads are busy, and as many jobs wait as may; see
    /// [`SystemBuilder::blocking_queue_max`](crate::SystemBuilder::blocking_queue_max). The closure was dropped.
    Full,
    /// The closure panicked; the payload's text.
    Panicked(String),
    /// The time was up. The closure goes on if it has begun, and its result is dropped.
    TimedOut,
    /// The system is ending; the closure was dropped.
    Stopped,
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too much blocking work waits"),
            Self::Panicked(text) => write!(f, "blocking work panicked: {text}"),
            Self::TimedOut => f.write_str("blocking work was not done in time"),
            Self::Stopped => f.write_str("the system is ending"),
        }
    }
}

impl std::error::Error for BlockingError {}

/// Blocking work about to be done for an actor: [`then`](Self::then) begins it.
#[must_use = "nothing is done before `then`"]
pub struct BlockingInside<'c, 't, A: Actor, F> {
    ctx: &'c mut Context<'t, A>,
    work: F,
    patience: Patience,
}

impl<'t, A: Actor> Context<'t, A> {
    /// Has something done that blocks: on another thread, of a pool with a bound. The result comes to the continuation given
    /// to [`BlockingInside::then`], in a later turn of this actor, which handles other messages meanwhile.
    ///
    /// A panic in the closure comes back as [`BlockingError::Panicked`]. If the actor ends before the result comes, the
    /// closure is done all the same and its result dropped by the thread that did it. A shutdown waits for blocking work
    /// until its drain deadline; what waits in the queue then is dropped, what runs goes on by itself.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, System, Turn};
    /// struct Reader;
    ///
    /// impl Actor for Reader {
    ///     type Msg = (String, Reply<Option<String>>);
    ///     fn handle(&mut self, (path, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.blocking(move || std::fs::read_to_string(path)).then(|_this, result, _ctx| {
    ///             reply.send(result?.ok());
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let reader = system.spawn(|_| Ok(Reader));
    /// assert_eq!(reader.ask(|reply| ("/no/such/file".into(), reply)).wait()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &mut self,
        work: F,
    ) -> BlockingInside<'_, 't, A, F> {
        BlockingInside {
            ctx: self,
            work,
            patience: Patience::Endless,
        }
    }
}

impl<A: Actor> Context<'_, A> {
    /// Remembers what to do with the result of some work, and gives the way back to it. A reply that is dropped says that the
    /// system is ending.
    pub(crate) fn expect_result<T: Send + 'static>(
        &mut self,
        patience: Patience,
        continuation: impl FnOnce(&mut A, Result<T, BlockingError>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) -> Reply<Result<T, BlockingError>> {
        let continuation = |actor: &mut A, result, ctx: &mut Context<'_, A>| {
            let result = match result {
                Ok(result) => result,
                Err(AskError::TimedOut) => Err(BlockingError::TimedOut),
                Err(AskError::Rejected) => Err(BlockingError::Full),
                Err(_) => Err(BlockingError::Stopped),
            };
            continuation(actor, result, ctx)
        };
        self.expect_reply(continuation, patience)
    }

    /// Has a job done by the pool. If it is refused it is dropped, and replies in it say so.
    pub(crate) fn have_done(&self, job: Job) {
        if let Err(refused) = BlockingPool::submit(&self.worker.shared().blocking, job) {
            let _full = Unanswered::because(AskError::Rejected);
            drop(refused);
        }
    }

    /// The pool, for jobs that go on with others.
    pub(crate) fn blocking_pool(&self) -> Arc<BlockingPool> {
        self.worker.shared().blocking.clone()
    }
}

impl<A: Actor, F> BlockingInside<'_, '_, A, F> {
    /// Waits for at most `at_most`, queueing included. By default there is no limit, because a result or an error comes in
    /// any case.
    pub fn within(mut self, at_most: Duration) -> Self {
        self.patience = Patience::AtMost(at_most);
        self
    }

    /// Hands the closure to the pool, and remembers what to do with the result.
    pub fn then<T: Send + 'static>(
        self,
        continuation: impl FnOnce(&mut A, Result<T, BlockingError>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) where
        F: FnOnce() -> T + Send + 'static,
    {
        let reply = self.ctx.expect_result(self.patience, continuation);
        let work = self.work;
        self.ctx.have_done(Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            reply.send(result.map_err(|payload| BlockingError::Panicked(panic_text(&*payload))));
        }));
    }
}

impl<A: Actor, F> fmt::Debug for BlockingInside<'_, '_, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockingInside")
    }
}
