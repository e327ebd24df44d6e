//! A queue in plain memory: the local side of a mailbox, and the run queue.
//!
//! What `VecDeque` does, with two differences that count when a message costs a few nanoseconds: the capacity is a power
//! of two, so that wrapping around is a mask, and head and tail only ever rise, so that a full or an empty ring is one
//! comparison. A ring that has grown in a burst gives its memory back when asked. It lacks everything else.

use std::mem::MaybeUninit;

/// The first capacity.
const CAPACITY_AT_FIRST: usize = 4;

/// A first-in, first-out queue.
pub(crate) struct Ring<T> {
    /// Empty, or of a length that is a power of two.
    slots: Box<[MaybeUninit<T>]>,
    /// How many have ever been taken from the front; wraps.
    head: usize,
    /// `head` plus the length; wraps.
    tail: usize,
}

impl<T> Ring<T> {
    /// An empty ring; it allocates with the first element.
    pub(crate) fn new() -> Self {
        Self {
            slots: Box::default(),
            head: 0,
            tail: 0,
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.tail.wrapping_sub(self.head)
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.tail == self.head
    }

    /// Whether the next push has to allocate.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.slots.len()
    }

    /// The slot of a position; the ring has memory.
    #[inline(always)]
    fn slot(&mut self, position: usize) -> &mut MaybeUninit<T> {
        let index = position & (self.slots.len().wrapping_sub(1));
        debug_assert!(index < self.slots.len(), "the ring has memory");
        // SAFETY: the length is a power of two (and not 0, as the callers see to), so the mask keeps the index below it.
        unsafe { self.slots.get_unchecked_mut(index) }
    }

    /// Appends `value`.
    #[inline(always)]
    pub(crate) fn push_back(&mut self, value: T) {
        self.reserve_one();
        self.push_back_in_place(value);
    }

    /// Appends `value` to a ring that is not full.
    #[inline(always)]
    pub(crate) fn push_back_in_place(&mut self, value: T) {
        debug_assert!(!self.is_full(), "somebody has made room");
        let tail = self.tail;
        self.slot(tail).write(value);
        self.tail = tail.wrapping_add(1);
    }

    /// Makes room for one more.
    #[inline(always)]
    pub(crate) fn reserve_one(&mut self) {
        if self.is_full() {
            self.grow();
        }
    }

    /// Takes the first.
    #[inline(always)]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let head = self.head;
        self.head = head.wrapping_add(1);
        // SAFETY: the positions from head to tail are written, and this one has just been given up.
        Some(unsafe { self.slot(head).assume_init_read() })
    }

    /// Takes the last.
    pub(crate) fn pop_back(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        self.tail = self.tail.wrapping_sub(1);
        let tail = self.tail;
        // SAFETY: as in `pop_front`.
        Some(unsafe { self.slot(tail).assume_init_read() })
    }

    /// Gives the memory of a burst back: of an empty ring that has room for more than `keep`.
    #[inline(always)]
    pub(crate) fn forget_burst(&mut self, keep: usize) {
        if self.slots.len() > keep {
            self.free_if_empty();
        }
    }

    #[cold]
    fn free_if_empty(&mut self) {
        if self.is_empty() {
            self.slots = Box::default();
        }
    }

    /// Doubles the room.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let length = self.len();
        let capacity = (self.slots.len() * 2).max(CAPACITY_AT_FIRST);
        let mut slots: Box<[MaybeUninit<T>]> = Box::new_uninit_slice(capacity);
        for (offset, slot) in slots.iter_mut().take(length).enumerate() {
            let position = self.head.wrapping_add(offset);
            // SAFETY: the positions from head to tail are written; the old slots are given up below without being dropped.
            slot.write(unsafe { self.slot(position).assume_init_read() });
        }
        // Head and tail stay what they are, so the elements go where the new mask puts them.
        let shift = self.head & (capacity - 1);
        slots.rotate_right(shift);
        self.slots = slots;
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while let Some(value) = self.pop_front() {
            drop(value);
        }
    }
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: a ring owns its elements.
unsafe impl<T: Send> Send for Ring<T> {}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::rc::Rc;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        PushBack,
        PopFront,
        PopBack,
        ForgetBurst,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::PushBack),
            3 => Just(Step::PopFront),
            1 => Just(Step::PopBack),
            1 => Just(Step::ForgetBurst),
        ]
    }

    proptest! {
        #[test]
        fn a_ring_is_a_queue(steps in proptest::collection::vec(step(), 0..400)) {
            let mut ring = Ring::new();
            let mut model = VecDeque::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::PushBack => { ring.push_back(number); model.push_back(number); }
                    Step::PopFront => {
                        prop_assert_eq!(ring.pop_front(), model.pop_front());
                    }
                    Step::PopBack => prop_assert_eq!(ring.pop_back(), model.pop_back()),
                    Step::ForgetBurst => ring.forget_burst(4),
                }
                prop_assert_eq!(ring.len(), model.len());
                prop_assert_eq!(ring.is_empty(), model.is_empty());
            }
            let mut left = Vec::new();
            while let Some(number) = ring.pop_front() { left.push(number); }
            prop_assert_eq!(left, Vec::from(model));
        }
    }

    #[test]
    fn what_is_left_is_dropped_once() {
        let counted = Rc::new(());
        let mut ring = Ring::new();
        for _ in 0..9 {
            ring.push_back(counted.clone());
        }
        drop(ring.pop_front());
        assert_eq!(Rc::strong_count(&counted), 9);
        drop(ring);
        assert_eq!(Rc::strong_count(&counted), 1);
    }

    #[test]
    fn a_burst_gives_its_memory_back_only_when_it_is_over() {
        let mut ring = Ring::new();
        for n in 0..100 {
            ring.push_back(n);
        }
        ring.forget_burst(16);
        assert_eq!(ring.slots.len(), 128);
        while ring.pop_front().is_some() {}
        ring.forget_burst(16);
        assert_eq!(ring.slots.len(), 0);
        ring.push_back(7);
        assert_eq!(ring.pop_front(), Some(7));
    }

    #[test]
    fn elements_without_size_are_counted() {
        let mut ring = Ring::new();
        for _ in 0..10 {
            ring.push_back(());
        }
        assert_eq!(ring.len(), 10);
        assert_eq!(ring.pop_front(), Some(()));
        assert_eq!(ring.len(), 9);
    }
}
