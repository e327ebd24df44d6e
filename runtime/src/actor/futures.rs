//! Futures run by an actor: what another library computes or waits for, continued with the actor's state.
//!
//! The future is a task of the actor (tasks.rs): it is polled on the actor's worker, within its turns, and moves with it. It
//! lacks a reactor: a library that brings its own threads or none at all works, one that must be polled inside its own
//! executor (its timers and sockets) does not.

use super::tasks::{Progress, TaskId, Work};
use super::{Actor, Context, Turn};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// The time that a future was given is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the future was not ready in time")
    }
}

impl std::error::Error for TimedOut {}

/// A future and what comes after it. The future is dropped before that.
struct Running<F, C> {
    future: Option<F>,
    then: Option<C>,
}

impl<F, C> Running<F, C> {
    fn parts(self: Pin<&mut Self>) -> (Pin<&mut Option<F>>, &mut Option<C>) {
        // SAFETY: nothing is moved out of the future, which is pinned with the whole; the continuation never is.
        unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.then)
        }
    }
}

impl<A, F, C> Work<A> for Running<F, C>
where
    A: Actor,
    F: Future + Send,
    C: FnOnce(&mut A, Result<F::Output, TimedOut>, &mut Context<'_, A>) -> Turn + Send,
{
    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<'_, A>,
        task: &mut std::task::Context<'_>,
    ) -> Progress {
        let (mut future, then) = self.parts();
        match future.as_mut().as_pin_mut().map(|future| future.poll(task)) {
            Some(Poll::Pending) => Progress::Pending,
            Some(Poll::Ready(output)) => {
                future.set(None);
                Progress::Done(finish(then, actor, Ok(output), ctx))
            }
            None => Progress::Done(Ok(())),
        }
    }

    fn expire(self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<'_, A>) -> Turn {
        let (mut future, then) = self.parts();
        future.set(None);
        finish(then, actor, Err(TimedOut), ctx)
    }
}

fn finish<A: Actor, T>(
    then: &mut Option<impl FnOnce(&mut A, Result<T, TimedOut>, &mut Context<'_, A>) -> Turn>,
    actor: &mut A,
    output: Result<T, TimedOut>,
    ctx: &mut Context<'_, A>,
) -> Turn {
    match then.take() {
        Some(then) => then(actor, output, ctx),
        None => Ok(()),
    }
}

/// A future about to be run by an actor: [`then`](Self::then) begins it.
#[must_use = "nothing is polled before `then`"]
pub struct RunInside<'c, 't, A: Actor, F> {
    ctx: &'c mut Context<'t, A>,
    future: F,
}

/// As [`RunInside`], with a limit to how long it may take.
#[must_use = "nothing is polled before `then`"]
pub struct RunWithin<'c, 't, A: Actor, F> {
    ctx: &'c mut Context<'t, A>,
    future: F,
    at_most: Duration,
}

impl<'t, A: Actor> Context<'t, A> {
    /// Runs a future. Its output comes to the continuation given to [`RunInside::then`], in a later turn of this actor,
    /// which handles other messages meanwhile.
    ///
    /// The future is polled on this actor's worker, and must not block. It must be `Send`, because actors move between
    /// workers. It may be woken from any thread, as often as one likes; wakes before the next poll count as one, and wakes
    /// after the end of the actor, which drops the future, as none. A panic in it is a panic of this actor.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, System, Turn};
    /// /// Sums up what others compute.
    /// struct Sum(u64);
    ///
    /// enum Msg { Add, Get(Reply<u64>) }
    ///
    /// impl Actor for Sum {
    ///     type Msg = Msg;
    ///     fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
    ///         match msg {
    ///             Msg::Add => {
    ///                 ctx.run(async { 20 + 1 }).then(|this, output, _ctx| {
    ///                     this.0 += output;
    ///                     Ok(())
    ///                 });
    ///             }
    ///             Msg::Get(reply) => reply.send(self.0),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let sum = system.spawn(|_| Ok(Sum(0)));
    /// sum.tell(Msg::Add);
    /// while sum.ask(Msg::Get).wait()? != 21 {}
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<F: Future + Send + 'static>(&mut self, future: F) -> RunInside<'_, 't, A, F> {
        RunInside { ctx: self, future }
    }
}

impl<'c, 't, A: Actor, F: Future + Send + 'static> RunInside<'c, 't, A, F> {
    /// Drops the future if it is not ready after `at_most`; the continuation gets [`TimedOut`] then.
    pub fn within(self, at_most: Duration) -> RunWithin<'c, 't, A, F> {
        RunWithin {
            ctx: self.ctx,
            future: self.future,
            at_most,
        }
    }

    /// Begins to run it; the first poll is in a later turn. [`Context::cancel_task`] ends it early.
    pub fn then(
        self,
        continuation: impl FnOnce(&mut A, F::Output, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) -> TaskId {
        begin(self.ctx, self.future, None, false, unlimited(continuation))
    }

    /// As [`then`](Self::then), and holds this actor until the future is ready, or cancelled: no further message is handled
    /// before the continuation has been called. Otherwise as [`AskInside::then_holding`](super::AskInside::then_holding); but a
    /// future without a limit may hold for ever, so give it one where it may not come to an end.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, System, Turn};
    /// struct Steps(Vec<u32>);
    ///
    /// enum Msg { Step(u32), All(Reply<Vec<u32>>) }
    ///
    /// impl Actor for Steps {
    ///     type Msg = Msg;
    ///     fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
    ///         match msg {
    ///             Msg::Step(n) => {
    ///                 ctx.run(async move { n * n }).then_holding(|this, square, _ctx| {
    ///                     this.0.push(square);
    ///                     Ok(())
    ///                 });
    ///             }
    ///             Msg::All(reply) => reply.send(self.0.clone()),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let steps = system.spawn(|_| Ok(Steps(Vec::new())));
    /// [1, 2, 3].map(|n| steps.tell(Msg::Step(n)));
    /// assert_eq!(steps.ask(Msg::All).wait()?, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn then_holding(
        self,
        continuation: impl FnOnce(&mut A, F::Output, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) -> TaskId {
        begin(self.ctx, self.future, None, true, unlimited(continuation))
    }
}

/// The continuation of a future that has no limit.
fn unlimited<A: Actor, T>(
    continuation: impl FnOnce(&mut A, T, &mut Context<'_, A>) -> Turn + Send + 'static,
) -> impl FnOnce(&mut A, Result<T, TimedOut>, &mut Context<'_, A>) -> Turn + Send + 'static {
    |actor, output, ctx| match output {
        Ok(output) => continuation(actor, output, ctx),
        Err(TimedOut) => unreachable!("no limit was set"),
    }
}

impl<A: Actor, F: Future + Send + 'static> RunWithin<'_, '_, A, F> {
    /// As [`RunInside::then`].
    pub fn then(
        self,
        continuation: impl FnOnce(&mut A, Result<F::Output, TimedOut>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) -> TaskId {
        begin(self.ctx, self.future, Some(self.at_most), false, continuation)
    }

    /// As [`RunInside::then_holding`].
    pub fn then_holding(
        self,
        continuation: impl FnOnce(&mut A, Result<F::Output, TimedOut>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) -> TaskId {
        begin(self.ctx, self.future, Some(self.at_most), true, continuation)
    }
}

fn begin<A: Actor, F: Future + Send + 'static>(
    ctx: &mut Context<'_, A>,
    future: F,
    at_most: Option<Duration>,
    holds: bool,
    continuation: impl FnOnce(&mut A, Result<F::Output, TimedOut>, &mut Context<'_, A>) -> Turn + Send + 'static,
) -> TaskId {
    let (future, then) = (Some(future), Some(continuation));
    ctx.begin_task(Box::pin(Running { future, then }), at_most, holds)
}

impl<A: Actor, F> fmt::Debug for RunInside<'_, '_, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunInside")
    }
}

impl<A: Actor, F> fmt::Debug for RunWithin<'_, '_, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunWithin")
    }
}
