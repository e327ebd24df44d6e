//! Where the nodes of inboxes come from: a pool per worker, to which they return by the crate.
//!
//! A node is taken by the sender and given up by the receiver, on another core as a rule. An allocator pays for that with a
//! lock or with caches that empty on one side and fill on the other. Here the receiver gathers nodes by their owner and
//! hands them back thirty at a time. Memory comes from the global allocator and may be given back to it by anybody: a
//! thread without a pool does just that, so there is no case in which a node cannot be freed. It lacks a pool for nodes of
//! more than 256 bytes, which go straight to the allocator, and for threads outside. Under loom workers have none: most
//! models are about the words, and loom watches plain boxes better. That of the pools enters its own.

use super::crates::{Crate, CrateList};
use super::inbox::is_possible_address;
use crate::mutant;
use crate::sync::heap::{alloc, dealloc};
use crate::sync::{UnsafeCell, thread_local_pointer};
use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::ptr::{self, NonNull};

/// The sizes of pooled nodes are multiples of this, a cache line. They are not aligned to it: allocators take several times
/// as long over that, and threads outside take each node from the allocator.
const UNIT: usize = 64;

/// What nodes are aligned to: what allocators give without being asked.
const ALIGN: usize = 16;

/// How many sizes there are.
const CLASSES: usize = 4;

/// How many nodes of one size a pool keeps at most; what comes back beyond that goes to the allocator.
const KEEP: usize = 8192;

/// How many empty crates a pool keeps.
const SPARE_CRATES: usize = 16;

thread_local_pointer! {
    /// The pool of the worker that this thread is.
    static CURRENT: NodePool
}

/// What comes back to a pool. Lives as long as the process, like the doorbell that it is part of.
#[derive(Debug, Default)]
pub struct Returns([CrateList<u8>; CLASSES]);

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
    let class = layout.size().div_ceil(UNIT);
    if class == 0 || class > CLASSES || layout.align() > ALIGN {
        None
    } else {
        Some(class - 1)
    }
}

/// The layout of all nodes of a class.
const fn layout_of(class: usize) -> Layout {
    match Layout::from_size_align((class + 1) * UNIT, ALIGN) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
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

impl NodePool {
    /// An empty pool, to which `returns` leads.
    pub fn new(returns: &'static Returns) -> Self {
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
            for (owner, class, gathered) in inner.outward.drain(..) {
                owner.0[class].push(gathered);
            }
        });
    }
}

impl Inner {
    fn keep(&mut self, class: usize, node: NonNull<u8>) {
        if self.free[class].len() < KEEP {
            self.free[class].push(node);
        } else {
            // SAFETY: pooled nodes are allocated with the layout of their class.
            unsafe { dealloc(node.as_ptr(), layout_of(class)) };
        }
    }

    /// Takes in what has come back; a new node if nothing has.
    #[cold]
    fn refill(&mut self, class: usize, returns: &Returns) -> NonNull<u8> {
        returns.0[class].take(|mut returned| {
            for node in returned.items().iter().skip(usize::from(mutant!("nodes_one_is_lost"))) {
                if let Some(node) = NonNull::new(*node) {
                    self.keep(class, node);
                }
            }
            if self.spare.len() < SPARE_CRATES {
                returned.clear();
                self.spare.push(returned);
            }
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
            owner.0[class].push(full);
        }
    }
}

impl Drop for NodePool {
    fn drop(&mut self) {
        self.flush();
        self.with_inner(|inner| {
            for (class, free) in inner.free.iter_mut().enumerate() {
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

    #[test]
    fn a_pool_keeps_a_bounded_number() {
        let pool = NodePool::new(returns());
        let inbox = Inbox::new();
        pool.enter(|| {
            for n in 0..2 * KEEP {
                assert!(inbox.push(n).is_ok());
            }
            assert_eq!(inbox.take().count(), 2 * KEEP);
        });
        let free = pool.with_inner(|inner| inner.free.iter().map(Vec::len).sum::<usize>());
        assert_eq!(free, KEEP);
    }
}
