//! Where what goes from core to core has its memory: a pool per worker, to which it returns by the crate.
//!
//! The node of a message is taken by the sender and given up by the receiver, on another core as a rule; the cell of an
//! actor, and what makes the actor, by whoever spawns it and wherever it ends. An allocator pays for that with a lock or with
//! caches that empty on one side and fill on the other. Here whoever gives a block up gathers it with others of its owner,
//! and hands them back thirty at a time. Memory comes from the global allocator and may be given back to it by anybody: a
//! thread without a pool does just that, as does everybody when much waits for an owner who does not come for it, so there
//! is no case in which a block cannot be freed. It lacks a pool for blocks of more than half a kilobyte, which go straight
//! to the allocator, and for threads outside. Under loom workers have none: most models are about the words, and loom watches
//! plain boxes better. That of the pools enters its own.

use super::crates::{Crate, CrateList};
use super::inbox::is_possible_address;
use crate::mutant;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::heap::{alloc, dealloc};
use crate::sync::{UnsafeCell, global, thread_local_pointer};
use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::ptr::{self, NonNull};

/// The sizes of pooled blocks go up from the first by this: with a word in front of each, as most allocators have it, they
/// leave no gap. They are not aligned to cache lines: allocators take several times as long over that, and
/// threads outside take each block from the allocator.
const UNIT: usize = 16;
const FIRST: usize = 24;

/// What blocks are aligned to: what allocators give without being asked.
const ALIGN: usize = 16;

/// How many sizes there are; the largest is 504 bytes.
const CLASSES: usize = 31;

/// How many bytes in blocks of one size a pool keeps at most; what comes back beyond that goes to the allocator.
const KEEP_BYTES: usize = 1 << 20;

/// How many crates of one size may wait for their owner, who takes them when it has none left and may never need any. Who
/// has more of them gives them to the allocator.
const WAITING_MAX: usize = 256;

/// How many pools have a number. A process with more workers than that does without for the cells of the rest.
#[cfg(not(potoroo_loom))]
const NUMBERED: usize = 1024;

/// How many empty crates a pool keeps.
const SPARE_CRATES: usize = 16;

thread_local_pointer! {
    /// The pool of the worker that this thread is.
    static CURRENT: NodePool
}

/// What comes back to a pool. Lives as long as the process, like the doorbell that it is part of.
#[derive(Debug, Default)]
pub struct Returns {
    classes: [Waiting; CLASSES],
    /// Above 0 if the pool can be found by it.
    number: Number,
    /// Whether there is a pool that would come for it.
    awaited: Awaited,
}

/// What comes back of one size.
#[derive(Debug, Default)]
struct Waiting {
    crates: CrateList<u8>,
    /// How many of them, or one more for each that is about to be pushed.
    count: AtomicUsize,
}

/// Stands for a pool where a pointer to it would take too much room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolNumber(u16);

/// The number that the returns of a pool have got.
#[derive(Debug, Default)]
struct Number(global::AtomicU64);

/// A bound on memory and nothing else: what is handed over while the pool goes waits for the next one that these returns
/// lead to, so nothing is lost whatever is read here.
#[derive(Debug, Default)]
struct Awaited(global::AtomicBool);

/// By number less one.
#[cfg(not(potoroo_loom))]
static BY_NUMBER: [global::OnceLock<&'static Returns>; NUMBERED] = [const { global::OnceLock::new() }; NUMBERED];

/// The pool of one worker.
pub struct NodePool {
    returns: &'static Returns,
    inner: UnsafeCell<Inner>,
}

#[derive(Default)]
struct Inner {
    free: [Vec<NonNull<u8>>; CLASSES],
    /// What is to go back to others: whose, of which size.
    outward: Vec<(&'static Returns, usize, Box<Crate<u8>>)>,
    #[expect(clippy::vec_box, reason = "crates are handed over in their boxes")]
    spare: Vec<Box<Crate<u8>>>,
}

/// The size class of a layout, if it is pooled.
const fn class_of(layout: Layout) -> Option<usize> {
    let class = layout.size().saturating_sub(FIRST).div_ceil(UNIT);
    if layout.size() == 0 || class >= CLASSES || layout.align() > ALIGN {
        None
    } else {
        Some(class)
    }
}

/// The layout of all nodes of a class.
const fn layout_of(class: usize) -> Layout {
    match Layout::from_size_align(FIRST + class * UNIT, ALIGN) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

/// How many blocks of a class a pool keeps.
const fn keep_of(class: usize) -> usize {
    KEEP_BYTES / layout_of(class).size()
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: nodes are not of size 0: they begin with a link.
    let node = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
    assert!(
        is_possible_address(node.addr().get()),
        "an allocator that gives memory beyond 2^48 cannot serve mailboxes"
    );
    node
}

/// Takes memory for a node, and says to whom it has to go back.
#[inline]
pub(crate) fn take<N>() -> (NonNull<N>, Option<&'static Returns>) {
    let layout = Layout::new::<N>();
    let Some(class) = class_of(layout) else {
        return (allocate(layout).cast(), None);
    };
    let current = CURRENT.with(std::cell::Cell::get);
    // SAFETY: the pointer is set while the pool is borrowed on this thread.
    let Some(pool) = (unsafe { current.as_ref() }) else {
        return (allocate(layout_of(class)).cast(), None);
    };
    (pool.take(class).cast(), Some(pool.returns))
}

/// Gives the memory of a node back.
///
/// # Safety
///
/// It came from [`take`] for the same `N`, with this owner, and nobody uses it any more.
#[inline]
pub(crate) unsafe fn give_back<N>(node: NonNull<N>, owner: Option<&'static Returns>) {
    let layout = Layout::new::<N>();
    let Some(class) = class_of(layout) else {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(node.cast().as_ptr(), layout) };
        return;
    };
    let current = CURRENT.with(std::cell::Cell::get);
    // SAFETY: as in `take`.
    match (owner, unsafe { current.as_ref() }) {
        (Some(owner), Some(pool)) => pool.give_back(class, node.cast(), owner),
        // SAFETY: allocated with the layout of its class.
        _ => unsafe { dealloc(node.cast().as_ptr(), layout_of(class)) },
    }
}

impl Returns {
    /// Gives the pool a number, for good.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn enlist(&'static self) {
        static NEXT: global::AtomicU64 = global::AtomicU64::new(0);
        let next = NEXT.fetch_add(1, global::Relaxed) as usize;
        if let Some(place) = BY_NUMBER.get(next)
            && place.set(self).is_ok()
        {
            self.number.0.store(next as u64 + 1, global::Relaxed);
        }
    }

    /// The number of the pool, if there is one and it has any.
    pub(crate) fn number(owner: Option<&'static Self>) -> PoolNumber {
        PoolNumber(owner.map_or(0, |owner| owner.number.0.load(global::Relaxed) as u16))
    }

    /// The pool of this number.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn numbered(number: PoolNumber) -> Option<&'static Self> {
        BY_NUMBER[usize::from(number.0).checked_sub(1)?].get().copied()
    }

    /// In a model nobody has a number.
    #[cfg(potoroo_loom)]
    pub(crate) fn numbered(_: PoolNumber) -> Option<&'static Self> {
        None
    }

    /// Hands a crate over, unless so many wait already or the pool has gone.
    fn accept(&self, class: usize, full: Box<Crate<u8>>) -> Result<(), Box<Crate<u8>>> {
        let waiting = &self.classes[class];
        // Relaxed, here and below: only a bound on memory, and a count that never misses a crate since it is counted first.
        if !self.awaited.0.load(global::Relaxed) || waiting.count.load(Ordering::Relaxed) >= WAITING_MAX {
            return Err(full);
        }
        waiting.count.fetch_add(1, Ordering::Relaxed);
        waiting.crates.push(full);
        Ok(())
    }

    /// Takes all that has come back.
    fn take(&self, class: usize, mut each: impl FnMut(Box<Crate<u8>>)) {
        let waiting = &self.classes[class];
        let mut count = 0;
        waiting.crates.take(|crate_| {
            count += 1;
            each(crate_);
        });
        waiting.count.fetch_sub(count, Ordering::Relaxed);
    }
}

impl NodePool {
    /// An empty pool, to which `returns` leads: to one at a time.
    pub fn new(returns: &'static Returns) -> Self {
        returns.awaited.0.store(true, global::Relaxed);
        Self {
            returns,
            inner: UnsafeCell::new(Inner::default()),
        }
    }

    /// Makes this the calling thread's pool during `f`.
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore(*const NodePool);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(self.0));
            }
        }
        let _restore = Restore(CURRENT.with(|current| current.replace(ptr::from_ref(self))));
        f()
    }

    fn with_inner<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        // SAFETY: a pool is not `Sync`, and no closure below comes back here.
        self.inner.with_mut(|inner| f(unsafe { &mut *inner }))
    }

    #[inline]
    fn take(&self, class: usize) -> NonNull<u8> {
        self.with_inner(|inner| match inner.free[class].pop() {
            Some(node) => node,
            None => inner.refill(class, self.returns),
        })
    }

    #[inline]
    fn give_back(&self, class: usize, node: NonNull<u8>, owner: &'static Returns) {
        self.with_inner(|inner| {
            if ptr::eq(owner, self.returns) {
                inner.keep(class, node);
            } else {
                inner.send_back(class, node, owner);
            }
        });
    }

    /// Hands over what has been gathered for others; before a pause, so that nothing lies about.
    pub fn flush(&self) {
        self.with_inner(|inner| {
            if mutant!("nodes_flush_forgets") {
                return inner.outward.clear();
            }
            while let Some((owner, class, gathered)) = inner.outward.pop() {
                inner.hand_over(owner, class, gathered);
            }
        });
    }
}

impl Inner {
    fn keep(&mut self, class: usize, node: NonNull<u8>) {
        if self.free[class].len() < keep_of(class) {
            self.free[class].push(node);
        } else {
            // SAFETY: pooled nodes are allocated with the layout of their class.
            unsafe { dealloc(node.as_ptr(), layout_of(class)) };
        }
    }

    /// Takes in what has come back; a new node if nothing has.
    #[cold]
    fn refill(&mut self, class: usize, returns: &Returns) -> NonNull<u8> {
        returns.take(class, |mut returned| {
            for node in returned.items().iter().skip(usize::from(mutant!("nodes_one_is_lost"))) {
                if let Some(node) = NonNull::new(*node) {
                    self.keep(class, node);
                }
            }
            returned.clear();
            self.keep_crate(returned);
        });
        self.free[class].pop().unwrap_or_else(|| allocate(layout_of(class)))
    }

    fn send_back(&mut self, class: usize, node: NonNull<u8>, owner: &'static Returns) {
        let found = self
            .outward
            .iter()
            .position(|(to, of, _)| ptr::eq(*to, owner) && *of == class);
        let index = found.unwrap_or_else(|| {
            let empty = self.spare.pop().unwrap_or_else(Crate::new);
            self.outward.push((owner, class, empty));
            self.outward.len() - 1
        });
        if self.outward[index].2.add(node.as_ptr()) {
            let (owner, class, full) = self.outward.swap_remove(index);
            self.hand_over(owner, class, full);
        }
    }

    fn hand_over(&mut self, owner: &'static Returns, class: usize, full: Box<Crate<u8>>) {
        if let Err(mut full) = owner.accept(class, full) {
            for node in full.items() {
                // SAFETY: pooled blocks are allocated with the layout of their class.
                unsafe { dealloc(*node, layout_of(class)) };
            }
            full.clear();
            self.keep_crate(full);
        }
    }

    fn keep_crate(&mut self, empty: Box<Crate<u8>>) {
        if self.spare.len() < SPARE_CRATES {
            self.spare.push(empty);
        }
    }
}

impl Drop for NodePool {
    fn drop(&mut self) {
        self.flush();
        let returns = self.returns;
        returns.awaited.0.store(false, global::Relaxed);
        self.with_inner(|inner| {
            for (class, free) in inner.free.iter_mut().enumerate() {
                // Nobody else will come for what has come back.
                returns.take(class, |mut returned| {
                    free.extend(returned.items().iter().filter_map(|node| NonNull::new(*node)));
                    returned.clear();
                });
                for node in free.drain(..) {
                    // SAFETY: pooled nodes are allocated with the layout of their class.
                    unsafe { dealloc(node.as_ptr(), layout_of(class)) };
                }
            }
        });
    }
}

impl fmt::Debug for NodePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodePool")
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use crate::mailbox::Inbox;

    /// Lives for ever, like a doorbell's; noted in a static, so that a leak checker sees that it is meant.
    fn returns() -> &'static Returns {
        static KEPT: std::sync::Mutex<Vec<&Returns>> = std::sync::Mutex::new(Vec::new());
        let returns: &'static Returns = Box::leak(Box::default());
        KEPT.lock().expect("no panic under it").push(returns);
        returns
    }

    #[test]
    fn what_another_gives_back_is_taken_again() {
        let (mine, others) = (NodePool::new(returns()), NodePool::new(returns()));
        let inbox = Inbox::new();
        let push = |n: u64| assert!(inbox.push(n).is_ok());
        mine.enter(|| (0..CRATE_SIZE_U64).for_each(push));
        let sum: u64 = others.enter(|| inbox.take().sum());
        assert_eq!(sum, CRATE_SIZE_U64 * (CRATE_SIZE_U64 - 1) / 2);
        assert!(others.with_inner(|inner| inner.free.iter().all(Vec::is_empty)));
        // The crate was full, so it has come back; the first push takes it in and uses one node of it.
        mine.enter(|| push(0));
        let free = mine.with_inner(|inner| inner.free.iter().map(Vec::len).sum::<usize>());
        assert_eq!(free as u64, CRATE_SIZE_U64 - 1);
    }

    const CRATE_SIZE_U64: u64 = super::super::crates::CRATE_SIZE as u64;

    #[test]
    fn nodes_of_all_sizes_go_round() {
        fn round<const SIZE: usize>() {
            let (mine, others) = (NodePool::new(returns()), NodePool::new(returns()));
            let inbox = Inbox::new();
            for round in 0..3_u8 {
                mine.enter(|| (0..100).for_each(|n| assert!(inbox.push([round ^ n; SIZE]).is_ok())));
                let taken: Vec<_> = others.enter(|| inbox.take().collect());
                assert_eq!(taken.len(), 100);
                assert!((0..100).zip(&taken).all(|(n, value)| *value == [round ^ n; SIZE]));
            }
            // What is left in an inbox is freed by a thread without a pool.
            mine.enter(|| assert!(inbox.push([9; SIZE]).is_ok()));
            drop(inbox);
        }
        round::<0>();
        round::<1>();
        round::<40>();
        round::<100>();
        round::<200>();
        round::<1000>();
    }

    fn free_in(pool: &NodePool) -> usize {
        pool.with_inner(|inner| inner.free.iter().map(Vec::len).sum())
    }

    #[test]
    fn a_pool_keeps_a_bounded_number() {
        let pool = NodePool::new(returns());
        let most = keep_of(class_of(Layout::new::<[u64; 10]>()).expect("is pooled"));
        let blocks: Vec<_> = pool.enter(|| (0..2 * most).map(|_| take::<[u64; 10]>()).collect());
        pool.enter(|| {
            for (block, owner) in blocks {
                // SAFETY: taken above, and used by nobody.
                unsafe { give_back(block, owner) };
            }
        });
        assert_eq!(free_in(&pool), most);
    }

    #[test]
    fn what_an_owner_does_not_come_for_is_bounded_and_the_rest_is_freed() {
        let (mine, others) = (NodePool::new(returns()), NodePool::new(returns()));
        let most = WAITING_MAX * super::super::crates::CRATE_SIZE;
        let blocks: Vec<_> = mine.enter(|| (0..most + 100).map(|_| take::<[u64; 20]>()).collect());
        others.enter(|| {
            for (block, owner) in blocks {
                // SAFETY: taken above, and used by nobody.
                unsafe { give_back(block, owner) };
            }
        });
        others.flush();
        let class = class_of(Layout::new::<[u64; 20]>()).expect("is pooled");
        assert_eq!(mine.returns.classes[class].count.load(Ordering::Relaxed), WAITING_MAX);
        // The owner comes: it keeps what it may, and the rest goes to the allocator.
        let (block, owner) = mine.enter(take::<[u64; 20]>);
        assert_eq!(mine.returns.classes[class].count.load(Ordering::Relaxed), 0);
        assert_eq!(free_in(&mine), keep_of(class).min(most) - 1);
        // SAFETY: taken above, and used by nobody.
        mine.enter(|| unsafe { give_back(block, owner) });
    }

    #[test]
    fn a_pool_that_goes_takes_along_what_has_come_back() {
        let (mine, others) = (NodePool::new(returns()), NodePool::new(returns()));
        let blocks: Vec<_> = mine.enter(|| (0..200).map(|_| take::<[u64; 20]>()).collect());
        let (early, late) = blocks.split_at(100);
        let give_back = |blocks: &[(NonNull<[u64; 20]>, _)]| {
            others.enter(|| {
                for (block, owner) in blocks {
                    // SAFETY: taken above, and used by nobody.
                    unsafe { give_back(*block, *owner) };
                }
            });
            others.flush();
        };
        let returns = mine.returns;
        let waiting = &returns.classes[class_of(Layout::new::<[u64; 20]>()).expect("is pooled")];
        give_back(early);
        assert!(waiting.count.load(Ordering::Relaxed) > 0);
        drop(mine);
        assert_eq!(waiting.count.load(Ordering::Relaxed), 0);
        // Nobody would come for these.
        give_back(late);
        assert_eq!(waiting.count.load(Ordering::Relaxed), 0);
        let next = NodePool::new(returns);
        let again: Vec<_> = next.enter(|| (0..100).map(|_| take::<[u64; 20]>()).collect());
        give_back(&again);
        assert!(waiting.count.load(Ordering::Relaxed) > 0);
    }

    #[test]
    fn classes_hold_what_they_are_for_and_little_more() {
        for size in 1..=504 {
            let layout = Layout::from_size_align(size, 8).expect("a layout");
            let class = class_of(layout).expect("is pooled");
            let room = layout_of(class).size();
            assert!(room >= size && room < size.max(FIRST) + UNIT, "{size}: {room}");
        }
        let more = Layout::from_size_align(505, 8).expect("a layout");
        assert_eq!(class_of(more), None);
        let aligned = Layout::from_size_align(64, 64).expect("a layout");
        assert_eq!(class_of(aligned), None);
    }
}
