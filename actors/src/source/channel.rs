//! A source that is fed by the program itself: by threads and by actors.
//!
//! Records wait in a queue with a lock around it, and the source's actor takes all of them at once, so the lock is taken once
//! a burst. The actor is told once, and not again before it has looked. It lacks a way to wait for room: an actor may not
//! wait, and a thread knows best what to do meanwhile. It lacks event time and idleness too.

use super::{Source, SourceMsg};
use crate::element::{EdgeId, Grant, Timestamp};
use crate::exchange::{Collector, Downstream, Wiring};
use crate::job::{Deploy, Drain, StageCounters};
use potoroo_runtime::{Actor, Context, Fault, Recipient, Signal, Turn};
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many records one turn takes at most.
const RECORDS_PER_TURN: usize = 1024;

/// How many records are taken between two looks whether there is room.
const RECORDS_PER_LOOK: usize = 64;

/// A source, and the end by which it is fed. So many records may wait in between; as many again may be on their way into the
/// stream. The source ends when the last [`Feed`] is dropped, or the job drains, and what was sent before has gone on.
///
/// ```
/// use potoroo_actors::runtime::System;
/// use potoroo_actors::{Pipeline, sink, source};
/// use std::num::NonZeroUsize;
///
/// let system = System::new()?;
/// let pipeline = Pipeline::new();
/// let (feed, words) = source::channel(NonZeroUsize::new(1024).ok_or("none")?);
/// let (tell, told) = std::sync::mpsc::channel();
/// pipeline.source("words", words).map(str::len).sink("lengths", sink::each(move |length| {
///     let _ = tell.send(length);
/// }));
/// let job = pipeline.start(&system);
/// feed.try_send("potoroo")?;
/// assert_eq!(told.recv()?, 7);
/// drop(feed);
/// job.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn channel<T: Send + 'static>(room: NonZeroUsize) -> (Feed<T>, ChannelSource<T>) {
    let queue = Arc::new(Queue {
        room: room.get(),
        state: Mutex::new(State {
            records: VecDeque::new(),
            actor: None,
            // The actor looks when it begins, without being told.
            is_told: true,
            is_fed: true,
            is_open: true,
        }),
    });
    let feed = Feed(Arc::new(Feeding(queue.clone())));
    (feed, ChannelSource(Taking(queue)))
}

/// Feeds a source that was made by [`channel`]. Clones feed the same source; what one of them sends keeps its order.
pub struct Feed<T: Send + 'static>(Arc<Feeding<T>>);

/// The source of a [`channel`].
pub struct ChannelSource<T: Send + 'static>(Taking<T>);

impl<T: Send + 'static> Feed<T> {
    /// Sends a record, if there is room.
    ///
    /// # Errors
    ///
    /// `Full` if there is no room now, `Disconnected` if there will be none: the stream takes nothing more in.
    pub fn try_send(&self, record: T) -> Result<(), TrySendError<T>> {
        let queue = &self.0.0;
        let mut state = queue.state();
        if !state.is_open {
            return Err(TrySendError::Disconnected(record));
        }
        if state.records.len() >= queue.room {
            return Err(TrySendError::Full(record));
        }
        state.records.push_back(record);
        tell(state);
        Ok(())
    }

    /// Sends as many as there is room for, from the front, and leaves the others. Cheaper than one at a time.
    ///
    /// # Errors
    ///
    /// If the stream takes nothing more in; no record is gone then.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    ///
    /// let room = NonZeroUsize::new(2).unwrap();
    /// let (feed, source) = potoroo_actors::source::channel(room);
    /// let mut records = vec!['a', 'b', 'c'];
    /// assert_eq!(feed.try_send_all(&mut records), Ok(()));
    /// assert_eq!(records, ['c']);
    /// drop(source);
    /// assert!(feed.try_send_all(&mut records).is_err());
    /// ```
    pub fn try_send_all(&self, records: &mut Vec<T>) -> Result<(), TrySendError<()>> {
        let queue = &self.0.0;
        let mut state = queue.state();
        if !state.is_open {
            return Err(TrySendError::Disconnected(()));
        }
        let fitting = records.len().min(queue.room.saturating_sub(state.records.len()));
        if fitting > 0 {
            state.records.extend(records.drain(..fitting));
            tell(state);
        }
        Ok(())
    }
}

/// Tells the actor that there is something, unless it has been told and has not looked since.
fn tell<T>(mut state: MutexGuard<'_, State<T>>) {
    if std::mem::replace(&mut state.is_told, true) {
        return;
    }
    let actor = state.actor.clone();
    drop(state);
    if let Some(actor) = actor {
        actor.tell(Come);
    }
}

impl<T: Send + 'static> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("room", &self.0.0.room)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> fmt::Debug for ChannelSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSource")
            .field("room", &self.0.0.room)
            .finish_non_exhaustive()
    }
}

/// What is between those who feed and the source.
struct Queue<T> {
    room: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    records: VecDeque<T>,
    /// Set when the source begins.
    actor: Option<Recipient<Come>>,
    /// The actor will look.
    is_told: bool,
    /// Somebody may feed.
    is_fed: bool,
    /// The source takes in.
    is_open: bool,
}

impl<T> Queue<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All feeds of a source; when it goes, nothing more comes.
struct Feeding<T: Send + 'static>(Arc<Queue<T>>);

impl<T: Send + 'static> Drop for Feeding<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_fed = false;
        tell(state);
    }
}

/// The source's end; when it goes, nothing more is taken in.
struct Taking<T: Send + 'static>(Arc<Queue<T>>);

impl<T: Send + 'static> Taking<T> {
    /// Exchanges `taken`, which is empty, for what has come. Says whether more may come.
    fn take(&self, taken: &mut VecDeque<T>) -> bool {
        let mut state = self.0.state();
        std::mem::swap(&mut state.records, taken);
        // Whoever takes something looks again.
        state.is_told = !taken.is_empty();
        state.is_fed || state.is_told
    }

    /// Takes nothing more in. What has been taken in is still there.
    fn close(&self) {
        let mut state = self.0.state();
        state.is_open = false;
        state.is_fed = false;
    }
}

impl<T: Send + 'static> Drop for Taking<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_open = false;
        state.actor = None;
        let records = std::mem::take(&mut state.records);
        drop(state);
        // Outside of the lock: a record may hold a feed.
        drop(records);
    }
}

impl<T: Send + 'static> Source for ChannelSource<T> {
    type Record = T;

    fn actors(&self) -> Option<usize> {
        Some(1)
    }

    fn deploy<D: Downstream<T>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        let edge = deploy.announce(down);
        let counters = deploy.counters(name);
        let worker = deploy.next_worker();
        let down = down.clone();
        let actor = deploy.spawn(name, worker, move |ctx| {
            Channel::new(self.0, &down, edge, counters, ctx)
        });
        deploy.add_source(actor.recipient());
    }
}

/// There is something in the queue, or nobody feeds it any more.
struct Come;

/// What the source's actor is told.
enum ChannelMsg {
    Come,
    Source(SourceMsg),
}

impl From<Come> for ChannelMsg {
    fn from(Come: Come) -> Self {
        Self::Come
    }
}

impl From<Drain> for ChannelMsg {
    fn from(drain: Drain) -> Self {
        Self::Source(drain.into())
    }
}

impl From<Grant> for ChannelMsg {
    fn from(grant: Grant) -> Self {
        Self::Source(grant.into())
    }
}

/// The source's actor.
struct Channel<T: Send + 'static, C> {
    /// Gone when nothing more is taken in.
    queue: Option<Taking<T>>,
    taken: VecDeque<T>,
    out: C,
    counters: Arc<StageCounters>,
}

impl<T: Send + 'static, C: Collector<T>> Channel<T, C> {
    fn new<D: Downstream<T, Collector = C>>(
        queue: Taking<T>,
        down: &D,
        edge: EdgeId,
        counters: Arc<StageCounters>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        // Before its first look: whoever sends after that finds somebody to tell.
        queue.0.state().actor = Some(ctx.me().recipient());
        ctx.run_again();
        Ok(Self {
            queue: Some(queue),
            taken: VecDeque::new(),
            out: down.connect(edge, &mut Wiring::new(ctx.me().recipient())),
            counters,
        })
    }

    /// Passes on what has come, as far as there is room.
    fn pass_on(&mut self, ctx: &mut Context<'_, Self>) {
        let mut left = RECORDS_PER_TURN;
        while self.out.is_ready() {
            if self.taken.is_empty() {
                match &self.queue {
                    Some(queue) if !queue.take(&mut self.taken) => self.queue = None,
                    _ => {}
                }
            }
            let count = self.taken.len().min(RECORDS_PER_LOOK).min(left);
            if count == 0 {
                break;
            }
            for record in self.taken.drain(..count) {
                self.out.collect(record, Timestamp::MIN);
            }
            left -= count;
        }
        if left == 0 {
            ctx.run_again();
        }
        let made = (RECORDS_PER_TURN - left) as u64;
        self.counters.records_in.add(made);
        self.counters.records_out.add(made);
    }
}

impl<T: Send + 'static, C: Collector<T>> Actor for Channel<T, C> {
    type Msg = ChannelMsg;

    fn handle(&mut self, msg: ChannelMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ChannelMsg::Come => self.pass_on(ctx),
            ChannelMsg::Source(SourceMsg::Drain) => {
                if let Some(queue) = &self.queue {
                    queue.close();
                }
                self.pass_on(ctx);
            }
            ChannelMsg::Source(SourceMsg::Granted(grant)) => {
                let was_ready = self.out.is_ready();
                drop(self.out.granted(grant));
                if !was_ready {
                    self.pass_on(ctx);
                }
            }
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if matches!(signal, Signal::RunAgain) {
            self.pass_on(ctx);
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        self.counters.batches_waiting.set(self.out.batches_in_flight() as u64);
        if self.queue.is_none() && self.taken.is_empty() {
            self.out.end();
            if self.out.has_ended() {
                ctx.stop();
            }
        } else {
            self.out.flush();
        }
        Ok(())
    }
}
