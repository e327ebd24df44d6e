//! The face that every actor cell shows to the scheduler: where it lives, who counts it, what it can be told to do.
//!
//! The typed rest of the cell (mailbox, body) is `actor/cell.rs`; down here a cell is a header with a table of
//! functions. Invariants cited: M1, M2, M5 (mailbox/README.md), S1 to S4 (scheduler/README.md).

use super::control::Control;
use super::doorbell::{Doorbell, Visit};
use super::outgoing::Receipt;
use super::worker::Worker;
use crate::mailbox::nodes::PoolNumber;
use crate::mailbox::{ErasedChain, Marks, Notifiable};
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use crate::sync::hint::prefetch_to_write;
#[cfg(not(potoroo_loom))]
use crate::sys::simulated::Glimpse;
use crate::{mutant, weakened};
use std::any::Any;
use std::fmt;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// What an actor is called in reports: unique for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub(crate) u64);

impl ActorId {
    /// A number that is as good as the id for telling actors of one system apart by a hash, and the same in every run of one
    /// simulated world, whose ids differ from another's above these bits.
    #[inline(always)]
    pub(crate) fn low(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Whether a cell waits for a turn. Plain memory of the home (M1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// In no queue; a local tell puts it into the run queue.
    No,
    /// In a run queue or a deque, or having its turn.
    Yes,
    /// In no queue, and data does not put it into one: the actor is muted, or held. Control messages do.
    Muted,
    /// The actor has ended; tells are refused.
    Closed,
}

/// The fields that only the home touches (M1).
pub(crate) struct Plain {
    pub(crate) queued: Queued,
    /// What a turn must look at before it goes on with data: [`Attention`].
    pub(crate) attention: u16,
    /// Never leaves its worker: it watches sockets there, or was spawned to stay.
    pub(crate) pinned: bool,
    /// Where the memory of the cell goes back to. Never changed.
    pub(crate) pool: PoolNumber,
    pub(crate) drift: Drift,
}

/// The bits of [`Plain::attention`]. None of them is set in the life of most actors but for its first turn and its last,
/// so that a turn on the short way tests one word.
pub(crate) struct Attention;

impl Attention {
    /// Something is on the control lane.
    pub(crate) const CONTROL: u16 = 1;
    /// The actor has not been made yet.
    pub(crate) const UNBORN: u16 = 1 << 1;
    /// The actor is stopping or has ended.
    pub(crate) const ENDING: u16 = 1 << 2;
    /// There is a state arena to be entered.
    pub(crate) const ARENA: u16 = 1 << 3;
    /// The actor has asked to end.
    pub(crate) const STOP: u16 = 1 << 4;
    /// The actor has asked for another turn.
    pub(crate) const AGAIN: u16 = 1 << 5;
    /// The actor has filled somebody's mailbox, and has no data turns until that is over.
    pub(crate) const MUTED: u16 = 1 << 6;
    /// The actor's mailbox is fuller than it should be, or it is under pressure; who tells it something is muted.
    pub(crate) const FLOODED: u16 = 1 << 7;
    /// It is flooded because it said so, whatever waits.
    pub(crate) const PRESSURE: u16 = 1 << 8;
    /// It has asked for another turn, and gets it when it is neither muted nor held any more.
    pub(crate) const AGAIN_UNMUTED: u16 = 1 << 9;
    /// The actor ends as soon as no message waits.
    pub(crate) const DRAINING: u16 = 1 << 10;
    /// The actor is restarted when it fails.
    pub(crate) const RESTARTABLE: u16 = 1 << 11;
    /// A task waits for room in the mailbox.
    pub(crate) const PAUSED: u16 = 1 << 12;
    /// The actor waits for an answer, and has no data turns until it has come.
    pub(crate) const HELD: u16 = 1 << 13;
}

impl Plain {
    /// The cell leaves for another worker, whose acceptance will queue it.
    pub(crate) fn leave(&mut self) {
        self.queued = Queued::No;
        if !mutant!("cell_leaves_unannounced") {
            self.attention |= Attention::CONTROL;
        }
        self.drift = Drift::default();
    }
}

/// Who has woken the cell lately: evidence that it would be better off elsewhere (drift.rs).
#[derive(Default)]
pub(crate) struct Drift {
    pub(crate) from: Option<&'static Doorbell>,
    /// How many wake-ups in a row came from there.
    pub(crate) streak: u8,
}

/// What is to become of a cell when its turn is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It is to be queued again.
    Again,
    /// It waits until something is told to it.
    Idle,
    /// The actor has ended, and the cell may have been freed.
    Gone,
}

/// The functions that differ by actor type.
pub(crate) struct Table {
    /// Has a turn. The worker is the home.
    pub(crate) run: unsafe fn(NonNull<Header>, &Worker) -> After,
    /// A turn was left by a panic: ends the actor. Otherwise as `run`.
    pub(crate) panicked: unsafe fn(NonNull<Header>, &Worker, &(dyn Any + Send)) -> After,
    /// The turn that just ended has flooded the receiver: mutes the actor, if it may be. The worker is the home. Says, as
    /// it is told, whether the cell is to be queued again.
    pub(crate) mute: unsafe fn(NonNull<Header>, &Worker, CellRef, bool) -> bool,
    /// Moves the inbox to the local queue after a notification (or after leaving a deque).
    pub(crate) accept: unsafe fn(NonNull<Header>, &Worker),
    /// Puts one message on the control lane, from any thread.
    pub(crate) control: unsafe fn(NonNull<Header>, Control),
    /// Puts a chain of messages into the inbox, from any thread.
    pub(crate) deliver: unsafe fn(NonNull<Header>, ErasedChain) -> Receipt,
    /// Counts and drops a chain of messages that was refused: the user's destructors run.
    pub(crate) bury: unsafe fn(NonNull<Header>, ErasedChain),
    /// Asks for what lies in the inbox.
    pub(crate) prefetch: unsafe fn(NonNull<Header>),
    /// Claims the inbox so that the cell may move (M5).
    pub(crate) claim: unsafe fn(NonNull<Header>) -> bool,
    /// Shows the actor and its children to somebody who has all workers stand still.
    #[cfg(not(potoroo_loom))]
    pub(crate) look: unsafe fn(NonNull<Header>, &mut dyn FnMut(&Glimpse<'_>)),
    /// Frees the cell; nobody counts it any more.
    pub(crate) free: unsafe fn(NonNull<Header>),
    /// The actor's type, for reports.
    pub(crate) type_name: fn() -> &'static str,
}

/// The untyped front of an actor cell.
///
/// In this order: what every sender reads and what is seldom touched comes first, what the home writes with each turn a
/// cache line later, and then what senders from afar write, next to the inbox that follows in the cell.
#[repr(C)]
pub(crate) struct Header {
    /// The doorbell of the home worker; null while the cell lies in a deque or is on its way to another worker.
    home: AtomicPtr<Doorbell>,
    pub(crate) table: &'static Table,
    pub(crate) id: ActorId,
    /// References, plus one for the actor itself until it has ended (S4).
    refs: AtomicUsize,
    /// The neighbors among the children of the parent; only the parent's home touches them (S5).
    pub(crate) siblings: UnsafeCell<Siblings>,
    pub(crate) parent: Option<CellRef>,
    /// How much may wait here.
    pub(crate) marks: Marks,
    pub(crate) plain: UnsafeCell<Plain>,
    /// The link of the notification list; whoever has the duty (M2).
    notify_link: AtomicPtr<Header>,
    /// Has loom watch that the cell is freed.
    #[cfg(potoroo_loom)]
    _life: crate::sync::Track<()>,
}

/// Links between the children of one parent.
pub(crate) struct Siblings {
    pub(crate) previous: Option<NonNull<Header>>,
    pub(crate) next: Option<NonNull<Header>>,
}

// SAFETY: the field is used by notification lists alone, and M2 allows one at a time.
unsafe impl Notifiable for Header {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.notify_link
    }
}

impl Header {
    /// A header that counts one: the actor itself.
    pub(crate) fn new(
        home: Option<&'static Doorbell>,
        table: &'static Table,
        id: ActorId,
        (queued, pinned): (Queued, bool),
        pool: PoolNumber,
        parent: Option<CellRef>,
        marks: Marks,
    ) -> Self {
        Self {
            home: AtomicPtr::new(home.map_or(ptr::null_mut(), |home| ptr::from_ref(home).cast_mut())),
            refs: AtomicUsize::new(1),
            notify_link: AtomicPtr::new(ptr::null_mut()),
            table,
            id,
            marks,
            plain: UnsafeCell::new(Plain {
                queued,
                // Nothing is on the control lane, which does no harm: whoever accepts the cell gives it its first turn.
                attention: Attention::UNBORN | Attention::CONTROL,
                pinned,
                pool,
                drift: Drift::default(),
            }),
            siblings: UnsafeCell::new(Siblings {
                previous: None,
                next: None,
            }),
            parent,
            #[cfg(potoroo_loom)]
            _life: crate::sync::Track::new(()),
        }
    }

    /// Whether the worker of this doorbell is the home.
    #[inline(always)]
    pub(crate) fn is_home(&self, doorbell: &'static Doorbell) -> bool {
        // Acquire pairs with the Release in `set_home`. Only a worker makes itself the home, so whoever sees itself here has
        // done so before; the pairing is for those who moved to this worker since. On x86 it is an ordinary load.
        ptr::eq(self.home.load(Ordering::Acquire), doorbell)
    }

    /// Notifies the home. The caller has the duty (M2), so the home cannot change meanwhile (M5).
    pub(crate) fn notify_home(&self) {
        // SAFETY: the caller has the duty, and the cell waits for its notification before it is freed (S4).
        unsafe { self.home_to_notify().notify(NonNull::from(self)) };
    }

    /// The home, for one who has the duty to notify it (M2, M5).
    pub(crate) fn home_to_notify(&self) -> &'static Doorbell {
        let home = self.home.load(Ordering::Acquire);
        debug_assert!(!home.is_null(), "a cell in a deque is never notified (M2)");
        // SAFETY: doorbells are never freed (doorbell.rs).
        unsafe { &*home }
    }

    /// A thread outside comes to tell something; until what it returns is dropped, the system is not quiet.
    pub(crate) fn visit(&self) -> Visit {
        let home = self.home.load(Ordering::Acquire);
        // SAFETY: doorbells are never freed (doorbell.rs).
        match unsafe { home.as_ref() } {
            Some(home) => home.visit(),
            None => self.root().home_to_notify().visit(),
        }
    }

    /// The root of the tree, which never leaves its worker.
    fn root(&self) -> &Self {
        let mut root = self;
        while let Some(parent) = &root.parent {
            root = parent.header();
        }
        root
    }

    /// Whether the cell is at home nowhere, being on its way.
    pub(crate) fn is_on_its_way(&self) -> bool {
        // Relaxed: asked by the one who receives the cell, after it has synchronised with the one who sent it.
        self.home.load(Ordering::Relaxed).is_null()
    }

    /// Asks for the lines that a sender from afar will write.
    #[inline(always)]
    pub(crate) fn prefetch_for_sender(&self) {
        prefetch_to_write(&raw const self.notify_link);
    }

    /// Asks for the lines that the home will need to take the inbox in.
    #[inline(always)]
    pub(crate) fn prefetch_for_home(this: NonNull<Self>) {
        // SAFETY: the addresses are computed, and nothing is read.
        unsafe {
            prefetch_to_write(&raw const (*this.as_ptr()).notify_link);
            prefetch_to_write(&raw const (*this.as_ptr()).plain);
        }
    }

    /// Moves the cell: to a worker, or to nobody while it lies in a deque (M5).
    pub(crate) fn set_home(&self, home: Option<&'static Doorbell>) {
        let home = home.map_or(ptr::null_mut(), |home| ptr::from_ref(home).cast_mut());
        // Release pairs with the Acquire in `is_home`.
        self.home.store(home, Ordering::Release);
    }

    /// How long code outside waits for an answer of this cell: as its system says, whose root never leaves its worker.
    pub(crate) fn ask_timeout(&self) -> Duration {
        self.root().home_to_notify().ask_timeout()
    }

    /// Counts one more reference.
    #[inline]
    pub(crate) fn retain(&self) {
        // Relaxed: a reference is made from a reference.
        if mutant!("refs_counted_by_a_store") {
            let counted = self.refs.load(Ordering::Relaxed) + 1;
            return self.refs.store(counted, Ordering::Relaxed);
        }
        self.refs.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one reference less and frees the cell with the last.
    ///
    /// # Safety
    ///
    /// The caller owns one count and gives it up.
    #[inline]
    pub(crate) unsafe fn release(this: NonNull<Self>) {
        // SAFETY: the caller's count keeps the cell alive up to here.
        let header = unsafe { this.as_ref() };
        // Release here, Acquire below: whoever frees sees what every holder did.
        let order = weakened!("refs_given_up_relaxed", Ordering::Release, Ordering::Relaxed);
        if header.refs.fetch_sub(1, order) == 1 {
            if !mutant!("refs_freed_without_fence") {
                fence(Ordering::Acquire);
            }
            // SAFETY: that was the last count.
            unsafe { (header.table.free)(this) };
        }
    }
}

/// A counted reference to a cell of any type.
pub(crate) struct CellRef(NonNull<Header>);

// SAFETY: the count is atomic, and everything reachable through the reference is either atomic or bound to the home (M1).
unsafe impl Send for CellRef {}
// SAFETY: as above.
unsafe impl Sync for CellRef {}

impl CellRef {
    /// A new reference to `cell`.
    pub(crate) fn new(cell: &Header) -> Self {
        cell.retain();
        Self(NonNull::from(cell))
    }

    pub(crate) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: this reference is counted.
        unsafe { self.0.as_ref() }
    }

    /// Puts one message on the control lane.
    pub(crate) fn control(&self, message: Control) {
        // SAFETY: this reference keeps the cell alive during the call.
        unsafe { (self.header().table.control)(self.0, message) };
    }
}

impl Clone for CellRef {
    fn clone(&self) -> Self {
        Self::new(self.header())
    }
}

impl Drop for CellRef {
    fn drop(&mut self) {
        // SAFETY: this reference owns one count.
        unsafe { Header::release(self.0) };
    }
}
