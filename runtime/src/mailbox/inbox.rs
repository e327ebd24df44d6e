//! The lock-free side of a mailbox: many push, the home takes all.
//!
//! One atomic word tells the state and heads the list, so that the same compare-and-swap that adds a message decides
//! whether its receiver must be notified. Taking the whole list with one swap leaves no gap that a stalled producer
//! could open. The word also counts the list and says whether the receiver is flooded, so that a sender knows what it
//! has done to its receiver without a look at anything else. States, invariants M1 to M6 and the protocol are in the
//! folder's README. It lacks a bound: limits are the sender's and the receiver's business.

use super::chain::{Chain, Node, Taken, taken};
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::hint::prefetch;
use crate::{mutant, weakened};
use std::fmt;
use std::ptr;

/// How many bits of the word are the pointer; user space ends below that, which `nodes.rs` makes sure of.
const POINTER_BITS: u32 = 48;
const POINTER: usize = (1 << POINTER_BITS) - 1;
/// The largest count that the word holds: of a longer list it says this much.
pub(crate) const WAITING_MAX: usize = (1 << 15) - 1;
/// The bit that says that the receiver is flooded.
const FLOODED: usize = 1 << 63;

const _: () = assert!(
    usize::BITS == 64,
    "the inbox keeps its count in the upper bits of a pointer"
);

/// Whether a node may lie there.
pub(super) fn is_possible_address(address: usize) -> bool {
    address > 2 && address & !POINTER == 0
}

/// The word of an empty inbox with no notification under way.
const IDLE: usize = 0;
/// The word of an empty inbox with a notification under way.
const DRAINED: usize = 1;
/// The word of an inbox that refuses.
const CLOSED: usize = 2;

/// One of the three words above, with the flooded bit of another.
fn state<T>(state: usize, like: *mut Node<T>) -> *mut Node<T> {
    ptr::without_provenance_mut(state | (like.addr() & FLOODED))
}

/// The word without its count and its bit: the head of the list, or one of the three.
#[inline(always)]
fn head<T>(word: *mut Node<T>) -> *mut Node<T> {
    word.map_addr(|address| address & POINTER)
}

/// Whether `word` heads a list, that is, is none of the three above.
#[inline(always)]
pub(super) fn is_list<T>(word: *mut Node<T>) -> bool {
    word.addr() & POINTER > CLOSED
}

/// The count of a word.
fn waiting<T>(word: *mut Node<T>) -> usize {
    (word.addr() & !FLOODED) >> POINTER_BITS
}

/// What a sender sees of a receiver when it pushes, or looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// How many messages lie in the inbox, one's own included; of more than 32,767 it says 32,767.
    pub waiting: usize,
    /// Whether the receiver has said that it is flooded (M6).
    pub flooded: bool,
}

impl Gauge {
    fn of<T>(word: *mut Node<T>) -> Self {
        Self {
            waiting: waiting(word),
            flooded: word.addr() & FLOODED != 0,
        }
    }
}

/// What an accepted push asks of the pusher.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The inbox was idle: notify the home, exactly once.
    Notify,
    /// Somebody else's notification is under way.
    Underway,
}

/// A push that came too late; the value is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<T>(pub T);

/// The lock-free side of one actor's mailbox.
pub struct Inbox<T> {
    word: AtomicPtr<Node<T>>,
}

// SAFETY: values cross threads (so `T: Send`), and nodes are reached by one thread at a time: the pusher before its
// exchange, the taker after its swap (M4).
unsafe impl<T: Send> Send for Inbox<T> {}
// SAFETY: as above; a shared inbox only ever moves values.
unsafe impl<T: Send> Sync for Inbox<T> {}

impl<T> Inbox<T> {
    /// An empty inbox with no notification under way.
    pub fn new() -> Self {
        Self {
            word: AtomicPtr::new(ptr::without_provenance_mut(IDLE)),
        }
    }

    /// An empty inbox whose owner is about to be handed to somebody as if notified (a new cell in a deque).
    pub fn new_claimed() -> Self {
        Self {
            word: AtomicPtr::new(ptr::without_provenance_mut(DRAINED)),
        }
    }

    /// Adds `value`, from any thread.
    pub fn push(&self, value: T) -> Result<Pushed, Refused<T>> {
        self.push_one(value).map(|(pushed, _)| pushed)
    }

    /// As [`push`](Self::push), and says what it left behind.
    #[inline]
    pub fn push_one(&self, value: T) -> Result<(Pushed, Gauge), Refused<T>> {
        self.push_gauged(Chain::of_one(value))
            .map_err(|Refused(chain)| Refused(chain.into_one()))
    }

    /// Adds all of a chain at once, from any thread.
    pub fn push_chain(&self, chain: Chain<T>) -> Result<Pushed, Refused<Chain<T>>> {
        self.push_gauged(chain).map(|(pushed, _)| pushed)
    }

    /// As [`push_chain`](Self::push_chain), and says what it left behind.
    #[inline]
    pub fn push_gauged(&self, chain: Chain<T>) -> Result<(Pushed, Gauge), Refused<Chain<T>>> {
        // Relaxed: only a guess; the exchange decides.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let before = head(word);
            if before.addr() == CLOSED {
                // A try before may have linked it to what was there then.
                chain.link(ptr::null_mut());
                return Err(Refused(chain));
            }
            chain.link(if is_list(word) { before } else { ptr::null_mut() });
            let already = if mutant!("inbox_push_counts_its_own_only") {
                0
            } else {
                waiting(word)
            };
            let flooded = if mutant!("inbox_push_forgets_the_flood") {
                0
            } else {
                word.addr() & FLOODED
            };
            let count = (already + chain.len()).min(WAITING_MAX);
            let tags = count << POINTER_BITS | flooded;
            let after = chain.newest.map_addr(|address| address | tags);
            // Release pairs with the Acquire of the swap that takes the list: the values and the links are seen there.
            // Acquire pairs with the Release of the `take` that made the word idle: the home written before it is seen
            // by the notification (M5), and so is the end of the last use of the notification link (M2).
            let order = weakened!("inbox_push_without_acquire", Ordering::AcqRel, Ordering::Release);
            let order = weakened!("inbox_push_without_release", order, Ordering::Acquire);
            match self.word.compare_exchange_weak(word, after, order, Ordering::Relaxed) {
                Ok(_) => {
                    std::mem::forget(chain);
                    let was_idle = before.addr() == IDLE || mutant!("inbox_push_always_notifies");
                    let pushed = if was_idle && !mutant!("inbox_push_never_notifies") {
                        Pushed::Notify
                    } else {
                        Pushed::Underway
                    };
                    return Ok((pushed, Gauge::of(after)));
                }
                Err(seen) => word = seen,
            }
        }
    }

    /// What a sender would see now.
    pub fn gauge(&self) -> Gauge {
        // Relaxed: a hint, and old as soon as it has been read.
        Gauge::of(self.word.load(Ordering::Relaxed))
    }

    /// Says to all senders whether the receiver is flooded; for the home (M6).
    pub fn set_flooded(&self, flooded: bool) {
        let bit = if flooded { FLOODED } else { 0 };
        let mut word = self.word.load(Ordering::Relaxed);
        while head(word).addr() != CLOSED {
            let after = word.map_addr(|address| address & !FLOODED | bit);
            if mutant!("inbox_flood_by_a_store") {
                return self.word.store(after, Ordering::Relaxed);
            }
            // Relaxed: nothing is published by the bit and nothing read because of it; and as an exchange it passes on what
            // the writes before it released.
            match self
                .word
                .compare_exchange_weak(word, after, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    /// Calls `each` with what lies in the inbox, the oldest first: for simulated worlds, which a model has none of.
    ///
    /// # Safety
    ///
    /// Nobody pushes or takes meanwhile.
    #[cfg(not(potoroo_loom))]
    pub(crate) unsafe fn each(&self, mut each: impl FnMut(&T)) {
        let mut newest = head(self.word.load(Ordering::Relaxed));
        let mut nodes = Vec::new();
        while is_list(newest) {
            nodes.push(newest);
            // SAFETY: the nodes of the list are alive as long as nobody takes them.
            newest = unsafe { Node::next(newest) };
        }
        for node in nodes.into_iter().rev() {
            // SAFETY: as above.
            unsafe { Node::each(node, &mut each) };
        }
    }

    /// Whether a notification is under way.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn is_claimed(&self) -> bool {
        let word = head(self.word.load(Ordering::Relaxed));
        word.addr() == DRAINED || is_list(word)
    }

    /// Asks the processor for the newest of what lies in the inbox, for whoever will take it soon.
    pub(crate) fn prefetch_content(&self) {
        // Relaxed: what is asked for too early, or in vain, does no harm.
        prefetch(head(self.word.load(Ordering::Relaxed)));
    }

    /// Whether there is something to take. The home's local tell asks this before it pushes (M3).
    #[inline(always)]
    pub fn has_messages(&self) -> bool {
        // Relaxed: a push that happened before this call, in the sense of the memory model, is seen by coherence alone;
        // what is then read out of the list is ordered by the swap.
        is_list(self.word.load(Ordering::Relaxed))
    }

    /// Whether it refuses.
    pub fn is_closed(&self) -> bool {
        // Relaxed: nothing is read because of it.
        head(self.word.load(Ordering::Relaxed)).addr() == CLOSED
    }

    /// Whether there is neither something to take nor a flood: what the short way of a local tell asks, in one comparison.
    #[inline(always)]
    pub fn is_calm(&self) -> bool {
        // Relaxed: as in `has_messages`; the bit is the home's own.
        self.word.load(Ordering::Relaxed).addr() <= CLOSED
    }

    /// The word that the home leaves behind when it takes: the bit is its own, so it is still what it reads here (M6).
    fn left_behind(&self, left: usize) -> *mut Node<T> {
        let like = if mutant!("inbox_take_forgets_the_flood") {
            ptr::null_mut()
        } else {
            self.word.load(Ordering::Relaxed)
        };
        state(left, like)
    }

    /// Takes everything and goes idle; for the one who received the notification or the claimed cell.
    pub fn take(&self) -> Taken<T> {
        // Acquire pairs with the pushes; Release with the next push out of idle (M5, and the reuse of the link, M2).
        let order = weakened!("inbox_take_without_acquire", Ordering::AcqRel, Ordering::Release);
        let order = weakened!("inbox_take_without_release", order, Ordering::Acquire);
        taken(head(self.word.swap(self.left_behind(IDLE), order)))
    }

    /// Takes everything while the notification is still under way; for the home.
    pub fn take_early(&self) -> Taken<T> {
        if !self.has_messages() {
            return Taken::of(ptr::null_mut());
        }
        // The word shows a list, and only the home takes lists, so it still does. Acquire pairs with the pushes.
        let left = if mutant!("inbox_early_drain_goes_idle") {
            IDLE
        } else {
            DRAINED
        };
        let order = weakened!(
            "inbox_early_drain_without_acquire",
            Ordering::Acquire,
            Ordering::Relaxed
        );
        taken(head(self.word.swap(self.left_behind(left), order)))
    }

    /// Tries to become the one who is notified, so that the cell may be moved (M5). Fails while a notification is under
    /// way.
    pub fn claim(&self) -> bool {
        // Acquire and Release: the claim stands for a received notification, like `take`, and for one sent, like `push`.
        self.word
            .compare_exchange(
                self.left_behind(IDLE),
                self.left_behind(DRAINED),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok()
            || mutant!("inbox_claims_always")
    }

    /// Refuses from now on. Gives what was left and whether a notification is still under way.
    pub fn close(&self) -> (Taken<T>, bool) {
        let order = weakened!("inbox_close_relaxed", Ordering::AcqRel, Ordering::Relaxed);
        let word = head(self.word.swap(ptr::without_provenance_mut(CLOSED), order));
        let underway = word.addr() != IDLE;
        (
            taken(word),
            underway && (is_list(word) || !mutant!("inbox_close_sees_lists_only")),
        )
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("has_messages", &self.has_messages())
            .finish()
    }
}

#[cfg(all(test, not(potoroo_loom)))]
#[path = "inbox_tests.rs"]
mod tests;
