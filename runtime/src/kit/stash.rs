//! A bounded place for messages that cannot be handled yet.
//!
//! An actor that waits for something (a connection, an answer, its turn) puts aside what it cannot handle meanwhile, and puts
//! it back before all that has come since. Bounded, and explicitly so: a stash is a queue that no back-pressure sees.

use crate::actor::{Actor, Context};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;

/// Messages put aside, in order. An actor keeps it in its state; what is in it when the actor ends goes with the actor.
///
/// ```
/// use potoroo_runtime::kit::Stash;
/// use potoroo_runtime::{Actor, Context, Reply, System, Turn};
///
/// enum Msg { Open(u64), Read(Reply<u64>) }
///
/// struct Store { content: Option<u64>, waiting: Stash<Msg> }
///
/// impl Actor for Store {
///     type Msg = Msg;
///     fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
///         match (msg, self.content) {
///             (Msg::Open(content), _) => {
///                 self.content = Some(content);
///                 ctx.unstash(&mut self.waiting);
///             }
///             (Msg::Read(reply), Some(content)) => reply.send(content),
///             (read, None) => drop(self.waiting.push(read)), // Full: dropped, and the asker knows at once.
///         }
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let store = system.spawn(|_| Ok(Store { content: None, waiting: Stash::new(100) }));
/// let early = store.ask(Msg::Read);
/// store.tell(Msg::Open(7));
/// assert_eq!(early.wait()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Stash<M> {
    put_aside: VecDeque<M>,
    capacity: usize,
}

/// A stash was full; this gives the message back.
#[derive(PartialEq, Eq)]
pub struct StashFull<M>(pub M);

impl<M> fmt::Debug for StashFull<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StashFull")
    }
}

impl<M> fmt::Display for StashFull<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stash is full")
    }
}

impl<M> Error for StashFull<M> {}

impl<M> Stash<M> {
    /// An empty stash for at most `capacity` messages. Takes memory as it fills.
    pub const fn new(capacity: usize) -> Self {
        Self {
            put_aside: VecDeque::new(),
            capacity,
        }
    }

    /// Puts `msg` aside, after those that are there. With `?` a full stash ends the actor.
    pub fn push(&mut self, msg: M) -> Result<(), StashFull<M>> {
        if self.is_full() {
            return Err(StashFull(msg));
        }
        self.put_aside.push_back(msg);
        Ok(())
    }

    /// The message put aside first, to be handled in some other way than by [`Context::unstash`].
    pub fn pop(&mut self) -> Option<M> {
        self.put_aside.pop_front()
    }

    /// How many messages are put aside.
    pub fn len(&self) -> usize {
        self.put_aside.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.put_aside.is_empty()
    }

    /// Whether no more can be.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity
    }

    /// How many can be.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

impl<A: Actor> Context<'_, A> {
    /// Puts all that is in `stash` back into the mailbox, in order, before what waits there: it is handled next. Gives how
    /// many that were. An actor that is ending handles nothing more; then the stash stays as it is.
    ///
    /// [`Stash`] has an example.
    pub fn unstash(&mut self, stash: &mut Stash<A::Msg>) -> usize {
        let mut count = 0;
        while let Some(msg) = stash.put_aside.pop_back() {
            if let Err(msg) = self.put_in_front(msg) {
                stash.put_aside.push_back(msg);
                break;
            }
            count += 1;
        }
        count
    }

    /// As [`unstash`](Self::unstash), but only the message that was put aside first, if there is one: says whether.
    pub fn unstash_one(&mut self, stash: &mut Stash<A::Msg>) -> bool {
        let Some(first) = stash.put_aside.pop_front() else {
            return false;
        };
        match self.put_in_front(first) {
            Ok(()) => true,
            Err(first) => {
                stash.put_aside.push_front(first);
                false
            }
        }
    }
}
