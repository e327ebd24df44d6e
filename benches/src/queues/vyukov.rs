//! Vyukov's intrusive queue of many producers and one consumer (2008), for comparison only.
//!
//! A push is one exchange and one store, and never tries again, where the inbox compares and swaps. Its price: between
//! the exchange and the store a producer that stands still hides everything pushed after it ([`Vyukov::take`] ends
//! there), and a push does not tell whether the consumer must be notified, which [`Notifying`] adds with a flag. Numbers
//! only, nodes from the heap like the inbox's.
//!
//! Invariants: **V1**: a node belongs to its producer until the exchange, then to the queue; its link is written once
//! more, by the producer whose exchange returned it. **V2**: one thread at a time takes ([`Queue::take`] asks for it); only
//! it touches `tail`. **V3**: a node is freed after its successor has been seen: nobody writes its link any more.

use super::Queue;
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

struct Node {
    next: AtomicPtr<Node>,
    value: u64,
}

impl Node {
    fn new(value: u64) -> *mut Self {
        Box::into_raw(Box::new(Self {
            next: AtomicPtr::new(ptr::null_mut()),
            value,
        }))
    }
}

/// The queue. There is always one node that has been taken, or never held anything: `tail`.
#[derive(Debug)]
pub struct Vyukov {
    /// The newest node.
    head: AtomicPtr<Node>,
    /// The node before the oldest that has not been taken.
    tail: UnsafeCell<*mut Node>,
}

// SAFETY: V1 and V2 say which thread touches what.
unsafe impl Sync for Vyukov {}
// SAFETY: as above; numbers may go anywhere.
unsafe impl Send for Vyukov {}

impl Default for Vyukov {
    fn default() -> Self {
        let stub = Node::new(0);
        Self {
            head: AtomicPtr::new(stub),
            tail: UnsafeCell::new(stub),
        }
    }
}

impl Vyukov {
    /// The first half of a push: gives the node to link from.
    fn exchange(&self, node: *mut Node) -> *mut Node {
        // Release pairs with the Acquire of the next producer's exchange, after which the consumer may free the node.
        self.head.swap(node, Ordering::AcqRel)
    }

    /// The second half: from here on the consumer sees the node.
    fn link(before: *mut Node, node: *mut Node) {
        // Release pairs with the Acquire in `pop`: the value is seen there.
        // SAFETY: V1 and V3: `before` came out of this producer's exchange, and is not freed before this store.
        unsafe { (*before).next.store(node, Ordering::Release) };
    }

    /// The oldest that can be reached.
    fn pop(&self) -> Option<u64> {
        // SAFETY: V2.
        let tail = unsafe { *self.tail.get() };
        // SAFETY: V1: the queue's own node, freed only below.
        let next = unsafe { (*tail).next.load(Ordering::Acquire) };
        if next.is_null() {
            return None;
        }
        // SAFETY: V1: linked, so it is the queue's.
        let value = unsafe { (*next).value };
        // SAFETY: V2.
        unsafe { *self.tail.get() = next };
        // SAFETY: V3: its successor has been seen, and `tail` has left it.
        drop(unsafe { Box::from_raw(tail) });
        Some(value)
    }
}

impl Queue for Vyukov {
    fn push(&self, n: u64) {
        let node = Node::new(n);
        Self::link(self.exchange(node), node);
    }

    fn take(&self, mut take: impl FnMut(u64)) {
        while let Some(n) = self.pop() {
            take(n);
        }
    }
}

impl Drop for Vyukov {
    fn drop(&mut self) {
        self.take(drop);
        // SAFETY: nobody else is left, so the last node is the queue's alone.
        drop(unsafe { Box::from_raw(*self.tail.get_mut()) });
    }
}

/// The same, with what a mailbox also needs: to know which push must notify the consumer.
#[derive(Debug, Default)]
pub struct Notifying {
    queue: Vyukov,
    notified: AtomicBool,
}

impl Notifying {
    /// Adds a number; says whether the consumer must be notified.
    pub fn push_and_ask(&self, n: u64) -> bool {
        self.queue.push(n);
        // After the link, so that who is notified finds the node. A load first would be cheaper and could miss that the
        // consumer has just looked for the last time.
        !self.notified.swap(true, Ordering::AcqRel)
    }
}

impl Queue for Notifying {
    fn push(&self, n: u64) {
        self.push_and_ask(n);
    }

    fn take(&self, take: impl FnMut(u64)) {
        // Before the last look: a push after it asks again.
        if self.notified.load(Ordering::Relaxed) {
            self.notified.swap(false, Ordering::AcqRel);
            self.queue.take(take);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(queue: &impl Queue) -> Vec<u64> {
        let mut all = Vec::new();
        queue.take(|n| all.push(n));
        all
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let queue = Vyukov::default();
        assert!(taken(&queue).is_empty());
        (1..=3).for_each(|n| queue.push(n));
        assert_eq!(taken(&queue), [1, 2, 3]);
        queue.push(4);
        assert_eq!(taken(&queue), [4]);
        queue.push(5);
    }

    #[test]
    fn a_producer_that_stands_still_hides_what_others_have_pushed() {
        let queue = Vyukov::default();
        queue.push(1);
        let node = Node::new(2);
        let before = queue.exchange(node);
        queue.push(3);
        assert_eq!(taken(&queue), [1]);
        Vyukov::link(before, node);
        assert_eq!(taken(&queue), [2, 3]);
    }

    #[test]
    fn the_first_push_asks_for_a_notification() {
        let queue = Notifying::default();
        assert!(queue.push_and_ask(1));
        assert!(!queue.push_and_ask(2));
        assert_eq!(taken(&queue), [1, 2]);
        assert!(queue.push_and_ask(3));
    }
}
