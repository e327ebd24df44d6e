//! The lock-free side of a mailbox: many push, the home takes all.
//!
//! One atomic word tells the state and heads the list, so that the same compare-and-swap that adds a message decides
//! whether its receiver must be notified. Taking the whole list with one swap leaves no gap that a stalled producer
//! could open. The word also counts the list and says whether the receiver is flooded, so that a sender knows what it
//! has done to its receiver without a look at anything else. States, invariants M1 to M6 and the protocol are in the
//! folder's README. It lacks a bound: limits are the sender's and the receiver's business.

use super::nodes::{self, Returns};
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::hint::prefetch;
use crate::{mutant, weakened};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

/// One message on its way.
struct Node<T> {
    next: *mut Node<T>,
    /// To whom its memory goes back.
    owner: Option<&'static Returns>,
    value: UnsafeCell<ManuallyDrop<T>>,
}

impl<T> Node<T> {
    fn make(value: T, next: *mut Self) -> *mut Self {
        let (memory, owner) = nodes::take::<Self>();
        let value = UnsafeCell::new(ManuallyDrop::new(value));
        // SAFETY: the memory is new, and made for a node.
        unsafe { memory.write(Self { next, owner, value }) };
        memory.as_ptr()
    }

    /// Takes the value out and gives the memory back.
    ///
    /// # Safety
    ///
    /// The node is the caller's alone, on no list, and is not used again.
    unsafe fn open(node: *mut Self) -> T {
        // SAFETY: the caller's; the value is taken once, because the node ends here.
        let (value, owner) = unsafe {
            let value = (*node).value.with_mut(|value| ManuallyDrop::take(&mut *value));
            (value, (*node).owner)
        };
        // SAFETY: `make` took it, for this type, with this owner. Under loom the watched cell in it ends as well.
        unsafe {
            ptr::drop_in_place(node);
            nodes::give_back(NonNull::new_unchecked(node), owner);
        }
        value
    }
}

/// Messages that go into an inbox together, in the order in which they were added.
pub struct Chain<T> {
    newest: *mut Node<T>,
    oldest: *mut Node<T>,
    count: usize,
}

impl<T> Chain<T> {
    /// A chain of one.
    pub fn new(value: T) -> Self {
        let node = Node::make(value, ptr::null_mut());
        Self {
            newest: node,
            oldest: node,
            count: 1,
        }
    }

    /// Adds a message after the others.
    pub fn add(&mut self, value: T) {
        self.newest = Node::make(value, self.newest);
        self.count += 1;
    }

    /// The number of messages.
    #[expect(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The messages, in order, of a chain that was not accepted.
    pub(crate) fn open(self) -> Taken<T> {
        let newest = self.newest;
        std::mem::forget(self);
        taken(newest)
    }

    /// Forgets the type, for whoever passes chains on unopened.
    pub(crate) fn erase(self) -> ErasedChain {
        let erased = ErasedChain {
            newest: self.newest.cast(),
            oldest: self.oldest.cast(),
            count: self.count,
        };
        std::mem::forget(self);
        erased
    }
}

/// A chain of some type. Whoever has it must have it restored: dropped as it is, its messages leak.
#[must_use]
#[derive(Clone, Copy)]
pub(crate) struct ErasedChain {
    newest: *mut (),
    oldest: *mut (),
    count: usize,
}

impl ErasedChain {
    /// Remembers the type.
    ///
    /// # Safety
    ///
    /// It was a chain of `T` before it was erased, and this is the only copy that is used.
    pub(crate) unsafe fn restore<T>(self) -> Chain<T> {
        Chain {
            newest: self.newest.cast(),
            oldest: self.oldest.cast(),
            count: self.count,
        }
    }
}

impl<T> Drop for Chain<T> {
    /// A chain that was not accepted drops its messages.
    fn drop(&mut self) {
        drop(taken(self.newest));
    }
}

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
fn is_list<T>(word: *mut Node<T>) -> bool {
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
        self.push_gauged(Chain::new(value)).map_err(|Refused(chain)| {
            let node = chain.newest;
            std::mem::forget(chain);
            // SAFETY: a chain of one, which was not accepted, and is forgotten.
            Refused(unsafe { Node::open(node) })
        })
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
                // SAFETY: the chain is ours; a try before may have linked it to what was there then.
                unsafe { (*chain.oldest).next = ptr::null_mut() };
                return Err(Refused(chain));
            }
            let next = if is_list(word) { before } else { ptr::null_mut() };
            // SAFETY: the nodes are ours until the exchange publishes them.
            unsafe { (*chain.oldest).next = next };
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
            let count = (already + chain.count).min(WAITING_MAX);
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
            newest = unsafe { (*newest).next };
            if newest.is_null() {
                break;
            }
        }
        for node in nodes.into_iter().rev() {
            // SAFETY: as above.
            unsafe { (*node).value.with(|value| each(&*value)) };
        }
    }

    /// Whether a notification is under way.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn is_claimed(&self) -> bool {
        let word = head(self.word.load(Ordering::Relaxed));
        word.addr() == DRAINED || is_list(word)
    }

    /// Asks the processor for the oldest of what lies in the inbox, for whoever will take it soon.
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
            return Taken { next: ptr::null_mut() };
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

/// Turns the head of a list (newest first), or one of the states, into what comes out in the order of arrival.
fn taken<T>(word: *mut Node<T>) -> Taken<T> {
    let mut newest = if is_list(word) { word } else { ptr::null_mut() };
    let mut oldest = ptr::null_mut();
    while !newest.is_null() {
        if mutant!("inbox_newest_first") {
            return Taken { next: newest };
        }
        // SAFETY: M4: the swap made this list ours, and its links were published with it.
        let next = unsafe { std::mem::replace(&mut (*newest).next, oldest) };
        oldest = newest;
        newest = next;
    }
    Taken { next: oldest }
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

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("has_messages", &self.has_messages())
            .finish()
    }
}

/// What was taken from an inbox, in the order of arrival. Dropping it drops what is left.
#[derive(Debug)]
pub struct Taken<T> {
    next: *mut Node<T>,
}

impl<T> Iterator for Taken<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next.is_null() {
            return None;
        }
        let node = self.next;
        // SAFETY: M4: the list is ours alone, and each node is unlinked before it is opened.
        unsafe {
            self.next = (*node).next;
            Some(Node::open(node))
        }
    }
}

impl<T> Drop for Taken<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

#[cfg(all(test, not(potoroo_loom)))]
#[path = "inbox_tests.rs"]
mod tests;
