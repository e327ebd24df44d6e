//! The tasks of an actor: futures and streams that are polled in its turns.
//!
//! A task lies in a table of its actor, named by slot and generation, and is polled when a control message says so. Polls
//! that a turn causes for the actor's own tasks come through the inbox: a task that wakes itself, or two that wake each
//! other, let others in (send.rs). A panic in a task is a panic of the turn. What a task does is futures.rs and streams.rs;
//! invariants cited: K1 to K5 (actor/README.md), M1 (mailbox/README.md).

use super::cell::ActorCell;
use super::slots::Slots;
use super::timers::{Timer, TimerId};
use super::waking::{Wakeup, waker};
use super::{Actor, Context, Turn};
use crate::scheduler::header::{Attention, CellRef};
use crate::sync::Arc;
use crate::sys::clock;
use std::pin::Pin;
use std::time::Duration;

/// What a poll came to.
pub(super) enum Progress {
    /// The waker will say when there is more to do.
    Pending,
    /// There is more to do, when the actor has no more than so many messages waiting.
    Paused(usize),
    /// It is over, with this.
    Done(Turn),
}

/// Something that is polled in an actor's turns.
pub(super) trait Work<A: Actor>: Send {
    /// Goes on as far as it can.
    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<'_, A>,
        task: &mut std::task::Context<'_>,
    ) -> Progress;

    /// The time is up; the last call.
    fn expire(self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<'_, A>) -> Turn;
}

struct Task<A: Actor> {
    /// Taken out while it is polled.
    work: Option<Pin<Box<dyn Work<A>>>>,
    wakeup: Option<Arc<Wakeup>>,
    limit: Option<TimerId>,
    /// The actor is held until it is over.
    holds: bool,
}

/// The tasks of one actor.
pub(super) struct Tasks<A: Actor> {
    table: Slots<Task<A>>,
    /// Those that wait for the actor to have handled what it has.
    paused: Vec<Arc<Wakeup>>,
    /// They go on when the actor has no more messages than this.
    resume_at: usize,
}

impl<A: Actor> Default for Tasks<A> {
    fn default() -> Self {
        Self {
            table: Slots::default(),
            paused: Vec::new(),
            resume_at: 0,
        }
    }
}

impl<A: Actor> Tasks<A> {
    /// Forgets all tasks, for the next life of a restarted actor; late wake-ups find nothing. What is given back is the
    /// user's and to be dropped where that does no harm.
    pub(super) fn forget_all(&mut self) -> impl Sized + use<A> {
        self.paused.clear();
        self.table.take_all()
    }
}

impl<A: Actor> Drop for Task<A> {
    fn drop(&mut self) {
        // Whoever wakes it now sends nothing any more.
        if let Some(wakeup) = &self.wakeup {
            wakeup.state.pause();
        }
    }
}

/// Names a task, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId {
    slot: u32,
    generation: u32,
}

impl<A: Actor> Context<'_, A> {
    /// Ends what [`run`](Self::run) or [`attach`](Self::attach) began: it is dropped here, and its continuation is not
    /// called. Messages that a stream has given already are handled. Says whether there was something to end.
    pub fn cancel_task(&mut self, task: TaskId) -> bool {
        let TaskId { slot, generation } = task;
        let cell = self.cell;
        // SAFETY: a context exists only in its actor's turn, on the home (M1); the task is dropped outside.
        match unsafe { cell.with_extras(|extras| extras.tasks.table.remove(slot, generation)) } {
            Some(task) => {
                self.cancel_limit(&task);
                if task.holds {
                    self.let_go();
                }
                true
            }
            None => false,
        }
    }

    fn cancel_limit(&mut self, task: &Task<A>) {
        if let Some(limit) = task.limit {
            self.cancel(limit);
        }
    }

    /// Begins a task; the first poll is in a later turn.
    pub(super) fn begin_task(&mut self, work: Pin<Box<dyn Work<A>>>, at_most: Option<Duration>, holds: bool) -> TaskId {
        let cell = self.cell;
        if holds {
            self.hold(None);
        }
        let task = Task {
            work: Some(work),
            wakeup: None,
            limit: None,
            holds,
        };
        // SAFETY: as in `cancel_task`.
        let (slot, generation) = unsafe { cell.with_extras(|extras| extras.tasks.table.insert(task)) };
        let limit = at_most.map(|at_most| self.arm(clock::now() + at_most, Timer::Task { slot, generation }));
        let wakeup = Wakeup::new(CellRef::new(&cell.header), slot, generation);
        // SAFETY: as above.
        unsafe {
            cell.with_extras(|extras| {
                if let Some(task) = extras.tasks.table.get_mut(slot, generation) {
                    task.wakeup = Some(wakeup.clone());
                    task.limit = limit;
                }
            });
        }
        wakeup.send();
        TaskId { slot, generation }
    }
}

impl<A: Actor> ActorCell<A> {
    /// A poll has come for the task of this name.
    pub(super) fn poll_task(&self, actor: &mut A, ctx: &mut Context<'_, A>, slot: u32, generation: u32) -> Turn {
        // SAFETY: M1: this is a turn of the home, here and below; nothing of the user's runs inside.
        let taken = unsafe {
            self.with_extras(|extras| {
                let task = extras.tasks.table.get_mut(slot, generation)?;
                Some((task.work.take()?, task.wakeup.clone()?))
            })
        };
        let Some((mut work, wakeup)) = taken else {
            // Too late: the task is over.
            return Ok(());
        };
        wakeup.state.begin();
        let waker = waker(wakeup.clone());
        let progress = work
            .as_mut()
            .poll(actor, ctx, &mut std::task::Context::from_waker(&waker));
        let resume_at = match progress {
            Progress::Done(turn) => {
                ctx.cancel_task(TaskId { slot, generation });
                return turn;
            }
            Progress::Pending => None,
            Progress::Paused(resume_at) => Some(resume_at),
        };
        // SAFETY: as above. Cancelled by what it did itself, the work is dropped below.
        let cancelled = unsafe {
            self.with_extras(|extras| match extras.tasks.table.get_mut(slot, generation) {
                Some(task) => task.work.replace(work),
                None => Some(work),
            })
        };
        if cancelled.is_some() {
            return Ok(());
        }
        match resume_at {
            Some(resume_at) => {
                wakeup.state.pause();
                self.set(Attention::PAUSED);
                // SAFETY: as above.
                unsafe {
                    self.with_extras(|extras| {
                        let tasks = &mut extras.tasks;
                        let is_first = tasks.paused.is_empty();
                        tasks.resume_at = if is_first {
                            resume_at
                        } else {
                            resume_at.min(tasks.resume_at)
                        };
                        tasks.paused.push(wakeup);
                    });
                }
            }
            None if wakeup.state.end() => wakeup.send(),
            None => {}
        }
        Ok(())
    }

    /// The time of a task is up.
    pub(super) fn expire_task(&self, actor: &mut A, ctx: &mut Context<'_, A>, slot: u32, generation: u32) -> Turn {
        // SAFETY: M1: this is a turn of the home.
        let task = unsafe { self.with_extras(|extras| extras.tasks.table.remove(slot, generation)) };
        let Some(mut task) = task else { return Ok(()) };
        if task.holds {
            ctx.let_go();
        }
        match task.work.take() {
            Some(mut work) => work.as_mut().expire(actor, ctx),
            None => Ok(()),
        }
    }

    /// At the end of a batch: lets paused tasks go on if there is room again.
    #[cold]
    pub(super) fn resume_tasks(&self) {
        // SAFETY: M1: this is a turn of the home.
        let paused = unsafe {
            let waiting = self.queue_len();
            self.with_extras(|extras| {
                let has_room = waiting <= extras.tasks.resume_at;
                has_room.then(|| std::mem::take(&mut extras.tasks.paused))
            })
        };
        if let Some(paused) = paused {
            self.clear(Attention::PAUSED);
            paused.iter().for_each(|wakeup| wakeup.send());
        }
    }
}
