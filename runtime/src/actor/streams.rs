//! Streams attached to an actor: their items come as messages.
//!
//! A stream is a task of the actor (tasks.rs). Each item goes to the end of the actor's own queue; when so many messages wait
//! there that the bound is reached, the stream is not polled until half of them have been handled. So what the stream comes
//! from feels that the actor is slow.

use super::tasks::{Progress, TaskId, Work};
use super::{Actor, Context, Turn};
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::Poll;

/// With how many waiting messages a stream is not polled any further, when nothing else is said.
const WAITING_MAX: usize = 128;

/// A stream, and what becomes of its items and of its end.
struct Attached<S, F, E> {
    stream: S,
    message: F,
    end: Option<E>,
    waiting_max: usize,
}

impl<A, S, F, E> Work<A> for Attached<S, F, E>
where
    A: Actor,
    S: Stream + Send,
    F: FnMut(S::Item) -> A::Msg + Send,
    E: FnOnce() -> A::Msg + Send,
{
    fn poll(self: Pin<&mut Self>, _: &mut A, ctx: &mut Context<'_, A>, task: &mut std::task::Context<'_>) -> Progress {
        // SAFETY: nothing is moved out of the stream, which is pinned with the whole; the rest never is.
        let (mut stream, message, end, waiting_max) = unsafe {
            let this = self.get_unchecked_mut();
            let stream = Pin::new_unchecked(&mut this.stream);
            (stream, &mut this.message, &mut this.end, this.waiting_max)
        };
        let me = ctx.me();
        while ctx.queue_len() < waiting_max {
            match stream.as_mut().poll_next(task) {
                Poll::Pending => return Progress::Pending,
                Poll::Ready(Some(item)) => me.tell(message(item)),
                Poll::Ready(None) => {
                    if let Some(end) = end.take() {
                        me.tell(end());
                    }
                    return Progress::Done(Ok(()));
                }
            }
        }
        Progress::Paused(waiting_max / 2)
    }

    fn expire(self: Pin<&mut Self>, _: &mut A, _: &mut Context<'_, A>) -> Turn {
        unreachable!("a stream has no time limit")
    }
}

/// A stream about to be attached to an actor: [`start`](Self::start) does it.
#[must_use = "nothing is polled before `start`"]
pub struct AttachInside<'c, 't, A: Actor, S, F, E> {
    ctx: &'c mut Context<'t, A>,
    attached: Attached<S, F, E>,
}

impl<'t, A: Actor> Context<'t, A> {
    /// Attaches a stream: `message` makes a message of each item, which comes to this actor's queue like any other. The
    /// stream is polled as [`run`](Self::run) says, as long as this actor has less than a bounded number of messages waiting.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, System, Turn};
    /// struct Sum(u64, Option<Reply<u64>>);
    ///
    /// enum Msg { Add(u64), Report }
    ///
    /// impl Actor for Sum {
    ///     type Msg = Msg;
    ///     fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
    ///         match msg {
    ///             Msg::Add(n) => self.0 += n,
    ///             Msg::Report => self.1.take().into_iter().for_each(|reply| reply.send(self.0)),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// /// Waits to be asked, so that the answer is all that comes out.
    /// struct Main;
    ///
    /// impl Actor for Main {
    ///     type Msg = Reply<u64>;
    ///     fn handle(&mut self, reply: Reply<u64>, ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.spawn(|ctx: &mut Context<'_, Sum>| {
    ///             let numbers = futures_util::stream::iter(1..=1000);
    ///             ctx.attach(numbers, Msg::Add).at_end(|| Msg::Report).start();
    ///             Ok(Sum(0, Some(reply)))
    ///         });
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// assert_eq!(system.spawn(|_| Ok(Main)).ask(|reply| reply).wait()?, 500_500);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach<S, F>(&mut self, stream: S, message: F) -> AttachInside<'_, 't, A, S, F, fn() -> A::Msg>
    where
        S: Stream + Send + 'static,
        F: FnMut(S::Item) -> A::Msg + Send + 'static,
    {
        AttachInside {
            ctx: self,
            attached: Attached {
                stream,
                message,
                end: None,
                waiting_max: WAITING_MAX,
            },
        }
    }
}

impl<'c, 't, A, S, F, E> AttachInside<'c, 't, A, S, F, E>
where
    A: Actor,
    S: Stream + Send + 'static,
    F: FnMut(S::Item) -> A::Msg + Send + 'static,
    E: FnOnce() -> A::Msg + Send + 'static,
{
    /// Polls no further while this many messages wait, of whatever origin; at least 1. Default: 128.
    pub fn waiting_max(mut self, messages: usize) -> Self {
        self.attached.waiting_max = messages.max(1);
        self
    }

    /// What is told when the stream has ended, after its last item. By default nothing is.
    pub fn at_end<E2: FnOnce() -> A::Msg + Send + 'static>(self, end: E2) -> AttachInside<'c, 't, A, S, F, E2> {
        AttachInside {
            ctx: self.ctx,
            attached: Attached {
                stream: self.attached.stream,
                message: self.attached.message,
                end: Some(end),
                waiting_max: self.attached.waiting_max,
            },
        }
    }

    /// Begins to poll; the first items come in a later turn. [`Context::cancel_task`] drops the stream.
    pub fn start(self) -> TaskId {
        self.ctx.begin_task(Box::pin(self.attached), None, false)
    }
}

impl<A: Actor, S, F, E> fmt::Debug for AttachInside<'_, '_, A, S, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttachInside")
    }
}
