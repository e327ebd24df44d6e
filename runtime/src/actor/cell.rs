//! The heap object of one actor: header, inbox, local queue, body, and what only some actors need.
//!
//! The mailbox protocol is carried out on the typed side: pushes in `send.rs`, taking the inbox in and claiming it for a
//! move here. What happens in a turn is `life.rs`, at the end of a life `end.rs`. Invariants cited: M1 to M5
//! (mailbox/README.md), S1 to S5 (scheduler/README.md).

use super::Actor;
use super::ask::Asks;
use super::carried::Carried;
use super::factory::Factory;
use super::hold::Holding;
use super::hooks::Kept;
use super::ids::AtomicIds;
use super::lineage::Lineage;
use super::memory::Memory;
use super::pressure::{Admission, Pressure};
use super::tasks::Tasks;
use super::ties::Ties;
use super::timers::Timers;
use super::tree::Children;
use crate::mailbox::nodes::{self, Returns};
use crate::mailbox::ring::Ring;
use crate::mailbox::{Inbox, MailboxLimits, Marks, Taken};
use crate::mutant;
use crate::scheduler::control::Control;
use crate::scheduler::doorbell::Doorbell;
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{Attention, CellRef, Header, Queued};
use crate::scheduler::worker::Worker;
use crate::sync::UnsafeCell;
use std::collections::VecDeque;
use std::ptr::{self, NonNull};

/// A message in the inbox, and the worker that sent it; `None` for threads outside.
pub(crate) struct Envelope<M> {
    pub(super) from: Option<&'static Doorbell>,
    pub(super) content: Content<M>,
}

/// What an envelope carries.
pub(crate) enum Content<M> {
    Data(Carried<M>),
    Control(Control),
}

/// The actor itself.
pub(super) enum Body<A: Actor> {
    /// Not made yet.
    Unborn(Factory<A>),
    Alive(A),
    /// Never made, or dropped.
    Gone,
}

/// What most actors never use, made on first use.
pub(super) struct Extras<A: Actor> {
    pub(super) control: VecDeque<Control>,
    pub(super) timers: Timers<A>,
    pub(super) asks: Asks<A>,
    pub(super) tasks: Tasks<A>,
    pub(super) memory: Option<Box<Memory>>,
    pub(super) pressure: Option<Box<Pressure>>,
    /// What the data lane waits for.
    pub(super) holding: Option<Box<Holding>>,
    pub(super) children: Children,
    /// Tokens of the watched sockets.
    pub(super) sockets: Vec<usize>,
    /// What it keeps until its end for others.
    pub(super) kept: Kept,
    /// Why the actor is going to end, as soon as its children have.
    pub(super) ending: Option<ExitReason>,
    /// What makes the next life, if there may be one.
    pub(super) lineage: Option<Box<Lineage<A>>>,
    /// Monitors and links.
    pub(super) ties: Option<Box<Ties>>,
}

impl<A: Actor> Default for Extras<A> {
    fn default() -> Self {
        Self {
            control: VecDeque::new(),
            timers: Timers::default(),
            asks: Asks::default(),
            tasks: Tasks::default(),
            memory: None,
            pressure: None,
            holding: None,
            children: Children::default(),
            sockets: Vec::new(),
            kept: Kept::default(),
            ending: None,
            lineage: None,
            ties: None,
        }
    }
}

/// How a new cell enters the world.
pub(crate) enum Birth {
    /// On the run queue of the spawning worker, which is its home.
    Here,
    /// Notified to the worker of this doorbell, where it stays.
    At(&'static Doorbell),
    /// Through the injector, to whoever comes first.
    Anywhere,
    /// Not yet: claimed, without a home and in no queue. Messages wait in the inbox until it is notified to some worker.
    Later,
}

/// The room for messages that a cell has in itself, in bytes.
const QUEUE_BYTES: usize = 64;

/// The heap object of one actor. `repr(C)`: the header comes first, so that a pointer to it is a pointer to the cell.
///
/// Cells lie next to each other, and those of two workers may. What is seldom written comes first (the beginning of the
/// header, as long as a cache line), so that no two cells have a busy line in common; the first few messages lie in the
/// cell itself for the same reason. Without both, 1,000 pairs on two workers ran at half the speed.
#[repr(C)]
pub(crate) struct ActorCell<A: Actor> {
    pub(crate) header: Header,
    pub(super) inbox: Inbox<Envelope<A::Msg>>,
    /// The data lane of the local mailbox; the home's (M1).
    pub(super) queue: UnsafeCell<Ring<Carried<A::Msg>, QUEUE_BYTES>>,
    /// The home's (M1), borrowed for the length of each call into the actor.
    pub(super) body: UnsafeCell<Body<A>>,
    /// The home's (M1).
    extras: UnsafeCell<Option<Box<Extras<A>>>>,
}

impl<A: Actor> ActorCell<A> {
    /// Makes a cell. Its one reference is the actor's own (S4).
    pub(crate) fn create(
        birth: &Birth,
        factory: Factory<A>,
        parent: Option<CellRef>,
        limits: &MailboxLimits,
    ) -> NonNull<Self> {
        static NEXT_ID: AtomicIds = AtomicIds::new();
        let (home, queued, pinned, inbox) = match *birth {
            Birth::Here => (
                Worker::with_current(|worker| worker.map(Worker::doorbell)),
                Queued::Yes,
                false,
                Inbox::new(),
            ),
            // Whoever accepts the notification will find that something waits on the control lane (nothing is there,
            // which does no harm) and give the first turn.
            Birth::At(doorbell) => (Some(doorbell), Queued::No, true, Inbox::new_claimed()),
            Birth::Anywhere => (None, Queued::Yes, false, Inbox::new_claimed()),
            // As a cell on its way to another worker (`Plain::leave`).
            Birth::Later => (None, Queued::No, false, Inbox::new_claimed()),
        };
        let marks = Marks::new(limits, size_of::<A::Msg>());
        let (cell, owner) = nodes::take::<Self>();
        let pool = Returns::number(owner);
        let header = Header::new(
            home,
            &Self::TABLE,
            NEXT_ID.next(),
            (queued, pinned),
            pool,
            parent,
            marks,
        );
        // SAFETY: the memory is for a cell of this type.
        unsafe {
            cell.write(Self {
                header,
                inbox,
                queue: UnsafeCell::new(Ring::new()),
                body: UnsafeCell::new(Body::Unborn(factory)),
                extras: UnsafeCell::new(None),
            });
        }
        cell
    }

    /// Frees a cell.
    ///
    /// # Safety
    ///
    /// [`create`](Self::create) made it, and nobody counts it any more (S4).
    pub(super) unsafe fn destroy(cell: NonNull<Self>) {
        // SAFETY: passed on: nobody else has the cell, so the fields of the home may be read.
        unsafe {
            let pool = cell.as_ref().header.plain.with(|plain| (*plain).pool);
            ptr::drop_in_place(cell.as_ptr());
            nodes::give_back(cell, Returns::numbered(pool));
        }
    }

    /// The typed cell behind a header of this table.
    ///
    /// # Safety
    ///
    /// The header is that of a live `ActorCell<A>`.
    pub(super) unsafe fn from_header<'a>(header: NonNull<Header>) -> &'a Self {
        // SAFETY: `repr(C)` puts the header at the cell's address.
        unsafe { header.cast::<Self>().as_ref() }
    }

    pub(super) fn as_header(&self) -> NonNull<Header> {
        NonNull::from(self).cast()
    }

    /// Queues a control message and the cell.
    ///
    /// # Safety
    ///
    /// `worker` is the home, and holds its tenure (S7) unless the cell is having its turn.
    pub(super) unsafe fn push_control(&self, worker: &Worker, message: Control) {
        // SAFETY: M1.
        let closed = self
            .header
            .plain
            .with(|plain| unsafe { (*plain).queued == Queued::Closed });
        if closed {
            return;
        }
        // SAFETY: passed on.
        unsafe { self.with_extras(|extras| extras.control.push_back(message)) };
        // SAFETY: M1.
        self.header
            .plain
            .with_mut(|plain| unsafe { (*plain).attention |= Attention::CONTROL });
        // SAFETY: passed on.
        unsafe { self.queue_up(worker, true) };
    }

    /// Puts the cell into the run queue unless it is queued already, which it counts as during its turn. For data alone a
    /// muted actor is not queued.
    ///
    /// # Safety
    ///
    /// As [`push_control`](Self::push_control).
    pub(super) unsafe fn queue_up(&self, worker: &Worker, for_control: bool) {
        // SAFETY: M1.
        let was_idle = self.header.plain.with_mut(|plain| unsafe {
            let is_muted = (*plain).queued == Queued::Muted && !mutant!("mute_keeps_control_away");
            let was_idle = (*plain).queued == Queued::No || for_control && is_muted;
            if was_idle {
                (*plain).queued = Queued::Yes;
            }
            was_idle
        });
        if was_idle || crate::mutant!("sim_queued_twice") {
            worker.enqueue(self.as_header());
        }
    }

    /// Moves what came through the inbox to the local lanes, in order. Gives the worker that all of it came from, if it
    /// was one.
    ///
    /// # Safety
    ///
    /// `worker` is the home.
    pub(super) unsafe fn take_in(&self, worker: &Worker, taken: Taken<Envelope<A::Msg>>) -> Option<&'static Doorbell> {
        let mut count = 0;
        let mut source: Option<Option<&'static Doorbell>> = None;
        for envelope in taken {
            let from = envelope.from;
            let known = source.get_or_insert(from);
            if known.map(ptr::from_ref) != from.map(ptr::from_ref) {
                *known = None;
            }
            match envelope.content {
                Content::Data(msg) => {
                    count += 1;
                    // SAFETY: passed on.
                    unsafe { self.take_in_one(msg) };
                }
                // SAFETY: passed on.
                Content::Control(message) => unsafe { self.push_control(worker, message) },
            }
        }
        if count > 0 {
            worker.counters().received_remote.add(count);
            // SAFETY: passed on.
            unsafe {
                self.measure();
                self.queue_up(worker, false);
            }
        }
        source.flatten()
    }

    /// Puts one message that came through the inbox on the data lane, if there is room for it.
    ///
    /// # Safety
    ///
    /// As [`take_in`](Self::take_in).
    #[inline]
    unsafe fn take_in_one(&self, msg: Carried<A::Msg>) {
        if self.header.marks.has_hard() {
            // SAFETY: M1, here and below; the borrows end at once, before anything of the user's is dropped.
            match self.admit(unsafe { self.queue_len() }) {
                Admission::Admitted => {}
                // SAFETY: as above.
                Admission::InsteadOfOldest => self.reject(unsafe { self.pop() }),
                Admission::Refused => return self.reject(msg),
            }
        }
        // SAFETY: as above.
        self.queue.with_mut(|queue| unsafe { (*queue).push_back(msg) });
    }

    /// The next message of the data lane.
    ///
    /// # Safety
    ///
    /// The calling worker is the home.
    #[inline(always)]
    pub(super) unsafe fn pop(&self) -> Option<Carried<A::Msg>> {
        // SAFETY: M1, and the borrow ends here.
        self.queue.with_mut(|queue| unsafe { (*queue).pop_front() })
    }

    /// The number of messages on the data lane.
    ///
    /// # Safety
    ///
    /// The calling worker is the home.
    pub(super) unsafe fn queue_len(&self) -> usize {
        // SAFETY: M1.
        self.queue.with(|queue| unsafe { (*queue).len() })
    }

    /// The positions of the first message of the data lane and of its end.
    ///
    /// # Safety
    ///
    /// The calling worker is the home.
    pub(super) unsafe fn positions(&self) -> (usize, usize) {
        // SAFETY: M1.
        self.queue.with(|queue| unsafe { (*queue).positions() })
    }

    /// Gives back what room the data lane does not need.
    ///
    /// # Safety
    ///
    /// The calling worker is the home.
    pub(super) unsafe fn shrink_queue(&self) {
        // SAFETY: M1.
        self.queue.with_mut(|queue| unsafe { (*queue).shrink() });
    }

    /// Takes the data lane away at the end of a life.
    ///
    /// # Safety
    ///
    /// The calling worker is the home.
    pub(super) unsafe fn take_queue(&self) -> Ring<Carried<A::Msg>, QUEUE_BYTES> {
        // SAFETY: M1.
        self.queue.with_mut(|queue| unsafe { std::mem::take(&mut *queue) })
    }

    /// What only some actors need, made now if it is not there.
    ///
    /// # Safety
    ///
    /// The calling worker is the home, and `f` does not come back here.
    pub(super) unsafe fn with_extras<R>(&self, f: impl FnOnce(&mut Extras<A>) -> R) -> R {
        // SAFETY: M1, and the caller keeps the borrow single.
        self.extras
            .with_mut(|extras| f(unsafe { (*extras).get_or_insert_default() }))
    }

    /// As [`with_extras`](Self::with_extras), if they are there.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(always)]
    pub(super) unsafe fn with_extras_if_any<R>(&self, f: impl FnOnce(&mut Extras<A>) -> R) -> Option<R> {
        // SAFETY: as there.
        self.extras
            .with_mut(|extras| unsafe { (*extras).as_mut() }.map(|extras| f(extras)))
    }

    /// Takes the extras away at the end of a life.
    ///
    /// # Safety
    ///
    /// As there.
    pub(super) unsafe fn take_extras(&self) -> Option<Box<Extras<A>>> {
        // SAFETY: as there.
        self.extras.with_mut(|extras| unsafe { (*extras).take() })
    }

    /// Refuses from now on; gives what was left in the inbox and whether a notification is under way.
    pub(super) fn close_inbox(&self) -> (Taken<Envelope<A::Msg>>, bool) {
        self.inbox.close()
    }
}
