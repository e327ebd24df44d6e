//! A queue in plain memory: the local side of a mailbox, and the run queue.
//!
//! What `VecDeque` does, with two differences that count when a message costs a few nanoseconds: the capacity is a power
//! of two, so that wrapping around is a mask, and head and tail only ever rise, so that a full or an empty ring is one
//! comparison. A ring that has grown in a burst gives its memory back when asked. It lacks everything else.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// The first capacity of a ring without room of its own, and the next after that.
const CAPACITY_AT_FIRST: u32 = 16;

/// How many times in a row a ring must be found empty before it gives its buffer up: a burst may come with every turn.
const CALM_ENOUGH: u32 = 64;

/// A first-in, first-out queue, whose first elements lie in it: as many as fit into `ROOM` bytes.
///
/// A buffer on the heap begins with sixteen elements and is not aligned to cache lines: what two of them may have in common
/// is a small part of either.
pub(crate) struct Ring<T, const ROOM: usize> {
    /// The buffer on the heap, if there is one.
    heap: Option<NonNull<MaybeUninit<T>>>,
    /// A power of two, or 0.
    capacity: u32,
    /// How many times in a row the ring has been found empty, with a buffer on the heap.
    calm: u32,
    /// How many have ever been taken from the front, less those put back there; wraps.
    head: usize,
    /// `head` plus the length; wraps.
    tail: usize,
    room: Room<ROOM>,
}

/// Where the first elements lie.
#[repr(C, align(16))]
struct Room<const ROOM: usize>([MaybeUninit<u8>; ROOM]);

impl<T, const ROOM: usize> Ring<T, ROOM> {
    /// How many elements have room in the ring itself: a power of two, or 0.
    const AT_HOME: u32 = {
        let fit = if size_of::<T>() == 0 { 1 } else { ROOM / size_of::<T>() };
        if fit == 0 || align_of::<T>() > align_of::<Room<ROOM>>() {
            0
        } else {
            1 << fit.ilog2()
        }
    };

    /// An empty ring.
    pub(crate) const fn new() -> Self {
        Self {
            heap: None,
            capacity: Self::AT_HOME,
            calm: 0,
            head: 0,
            tail: 0,
            room: Room([MaybeUninit::uninit(); ROOM]),
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.tail.wrapping_sub(self.head)
    }

    /// The positions of the first element and of the end; both only rise, and wrap.
    pub(crate) fn positions(&self) -> (usize, usize) {
        (self.head, self.tail)
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.tail == self.head
    }

    /// Whether the next push has to allocate.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.capacity as usize
    }

    /// The slot of a position; the capacity is not 0.
    #[inline(always)]
    fn slot(&mut self, position: usize) -> *mut MaybeUninit<T> {
        let slots = match self.heap {
            Some(heap) => heap.as_ptr(),
            // SAFETY: the capacity is not 0, so without room in the ring there is a buffer.
            None if Self::AT_HOME == 0 => unsafe { std::hint::unreachable_unchecked() },
            None => (&raw mut self.room).cast(),
        };
        debug_assert!(self.capacity > 0, "there is room");
        // SAFETY: there are `capacity` slots, a power of two, so the mask keeps the index below it.
        unsafe { slots.add(position & (self.capacity as usize).wrapping_sub(1)) }
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
        // SAFETY: a slot of this ring, which is free: the ring is not full.
        unsafe { (*self.slot(tail)).write(value) };
        self.tail = tail.wrapping_add(1);
    }

    /// Puts `value` before the first.
    pub(crate) fn push_front(&mut self, value: T) {
        self.reserve_one();
        let head = self.head.wrapping_sub(1);
        // SAFETY: a slot of this ring, which is free: the ring is not full.
        unsafe { (*self.slot(head)).write(value) };
        self.head = head;
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
        Some(unsafe { (*self.slot(head)).assume_init_read() })
    }

    /// The element at this place from the front.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn get(&mut self, place: usize) -> Option<&T> {
        let position = self.head.wrapping_add(place);
        // SAFETY: the positions from head to tail are written, and the borrow of the ring keeps it so.
        (place < self.len()).then(|| unsafe { (*self.slot(position)).assume_init_ref() })
    }

    /// Moves the first to the back so many times.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn rotate(&mut self, places: usize) {
        for _ in 0..places {
            if let Some(first) = self.pop_front() {
                self.push_back(first);
            }
        }
    }

    /// The last.
    pub(crate) fn last(&mut self) -> Option<T>
    where
        T: Copy,
    {
        let tail = self.tail.wrapping_sub(1);
        // SAFETY: as in `pop_front`; a copy of it is no second owner.
        (!self.is_empty()).then(|| unsafe { (*self.slot(tail)).assume_init_read() })
    }

    /// Takes the last.
    pub(crate) fn pop_back(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        self.tail = self.tail.wrapping_sub(1);
        let tail = self.tail;
        // SAFETY: as in `pop_front`.
        Some(unsafe { (*self.slot(tail)).assume_init_read() })
    }

    /// To be called now and then: gives the memory of a burst back when the ring has been found empty many times in a row,
    /// so that its elements lie in the ring again.
    #[inline(always)]
    pub(crate) fn settle(&mut self) {
        if self.heap.is_some() {
            self.settle_heap();
        }
    }

    /// After a flood: takes no more room than what is left needs. Positions begin anew.
    #[cold]
    pub(crate) fn shrink(&mut self) {
        let mut small = Self::new();
        while let Some(value) = self.pop_front() {
            small.push_back(value);
        }
        *self = small;
    }

    fn settle_heap(&mut self) {
        if !self.is_empty() {
            self.calm = 0;
        } else if self.calm < CALM_ENOUGH {
            self.calm += 1;
        } else {
            self.free();
        }
    }

    /// Gives the buffer on the heap up; the ring is empty.
    fn free(&mut self) {
        if let Some(heap) = self.heap.take() {
            if size_of::<T>() > 0 {
                // SAFETY: `grow` allocated it with this layout.
                unsafe { dealloc(heap.as_ptr().cast(), Self::layout(self.capacity)) };
            }
            self.capacity = Self::AT_HOME;
            self.calm = 0;
        }
    }

    fn layout(capacity: u32) -> Layout {
        match Layout::array::<MaybeUninit<T>>(capacity as usize) {
            Ok(layout) => layout,
            Err(_) => unreachable!("the address space ends before that"),
        }
    }

    /// Doubles the room of a full ring.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        debug_assert!(self.is_full(), "otherwise there is room");
        let doubled = self
            .capacity
            .checked_mul(2)
            .expect("a mailbox holds at most 2^31 messages");
        let capacity = doubled.max(CAPACITY_AT_FIRST);
        self.calm = 0;
        let heap: NonNull<MaybeUninit<T>> = if size_of::<T>() == 0 {
            NonNull::dangling()
        } else {
            let layout = Self::layout(capacity);
            let memory = match self.heap {
                // SAFETY: an earlier `grow` allocated it with this layout. The allocator moves large buffers without copying.
                Some(heap) => unsafe { realloc(heap.as_ptr().cast(), Self::layout(self.capacity), layout.size()) },
                // SAFETY: the layout is not empty.
                None => unsafe { alloc(layout) },
            };
            NonNull::new(memory)
                .unwrap_or_else(|| handle_alloc_error(layout))
                .cast()
        };
        if self.heap.is_none() {
            self.move_out(heap, capacity as usize);
        } else {
            self.move_up(heap);
        }
        self.heap = Some(heap);
        self.capacity = capacity;
    }

    /// Copies the elements to a first buffer. They keep their positions, which the new mask puts elsewhere: in at most
    /// three pieces.
    fn move_out(&mut self, heap: NonNull<MaybeUninit<T>>, capacity: usize) {
        let before = self.capacity as usize;
        let mut position = self.head;
        while position != self.tail {
            let in_old = before - (position & (before - 1));
            let in_new = capacity - (position & (capacity - 1));
            let count = in_old.min(in_new).min(self.tail.wrapping_sub(position));
            // SAFETY: the positions from head to tail are written, and so many follow each other in both buffers; what is left
            // in the old one is not dropped.
            unsafe {
                heap.add(position & (capacity - 1))
                    .as_ptr()
                    .copy_from_nonoverlapping(self.slot(position), count);
            }
            position = position.wrapping_add(count);
        }
    }

    /// Moves the elements of a full ring whose buffer has been doubled: those whose position has the new bit of the mask
    /// go up by the old capacity. They are either those before the end of the old buffer or those after its beginning.
    fn move_up(&mut self, heap: NonNull<MaybeUninit<T>>) {
        let before = self.capacity as usize;
        let first = self.head & (before - 1);
        let (from, count) = if self.head & before == 0 {
            (0, first)
        } else {
            (first, before - first)
        };
        // SAFETY: the buffer has twice `before` slots, of which the lower half is written and the upper half is free.
        unsafe {
            heap.add(before + from)
                .as_ptr()
                .copy_from_nonoverlapping(heap.add(from).as_ptr(), count);
        }
    }
}

impl<T, const ROOM: usize> Drop for Ring<T, ROOM> {
    fn drop(&mut self) {
        while let Some(value) = self.pop_front() {
            drop(value);
        }
        self.free();
    }
}

impl<T, const ROOM: usize> Default for Ring<T, ROOM> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: a ring owns its elements.
unsafe impl<T: Send, const ROOM: usize> Send for Ring<T, ROOM> {}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::rc::Rc;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        PushBack,
        PushFront,
        PopFront,
        PopBack,
        Settle,
        Shrink,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::PushBack),
            1 => Just(Step::PushFront),
            3 => Just(Step::PopFront),
            1 => Just(Step::PopBack),
            1 => Just(Step::Settle),
            1 => Just(Step::Shrink),
        ]
    }

    proptest! {
        #[test]
        fn a_ring_is_a_queue(steps in proptest::collection::vec(step(), 0..400)) {
            check::<0>(&steps)?;
            check::<64>(&steps)?;
        }
    }

    fn check<const ROOM: usize>(steps: &[Step]) -> Result<(), TestCaseError> {
        let mut ring = Ring::<Box<usize>, ROOM>::new();
        let mut model = VecDeque::new();
        for (number, step) in steps.iter().enumerate() {
            let number = Box::new(number);
            match step {
                Step::PushBack => {
                    ring.push_back(number.clone());
                    model.push_back(number);
                }
                Step::PushFront => {
                    ring.push_front(number.clone());
                    model.push_front(number);
                }
                Step::PopFront => {
                    prop_assert_eq!(ring.pop_front(), model.pop_front());
                }
                Step::PopBack => prop_assert_eq!(ring.pop_back(), model.pop_back()),
                Step::Settle => (0..=CALM_ENOUGH).for_each(|_| ring.settle()),
                Step::Shrink => {
                    ring.shrink();
                    prop_assert!(ring.capacity as usize <= (2 * ring.len()).max(CAPACITY_AT_FIRST as usize));
                }
            }
            prop_assert_eq!(ring.len(), model.len());
            prop_assert_eq!(ring.is_empty(), model.is_empty());
        }
        let mut left = Vec::new();
        while let Some(number) = ring.pop_front() {
            left.push(number);
        }
        prop_assert_eq!(left, Vec::from(model));
        Ok(())
    }

    #[test]
    fn what_is_left_is_dropped_once() {
        let counted = Rc::new(());
        let mut ring = Ring::<_, 32>::new();
        for _ in 0..9 {
            ring.push_back(counted.clone());
        }
        drop(ring.pop_front());
        assert_eq!(Rc::strong_count(&counted), 9);
        drop(ring);
        assert_eq!(Rc::strong_count(&counted), 1);
    }

    #[test]
    fn a_burst_gives_its_memory_back_when_it_has_been_over_for_a_while() {
        let mut ring = Ring::<u32, 32>::new();
        for n in 0..100 {
            ring.push_back(n);
        }
        assert_eq!(ring.capacity, 128);
        for _ in 0..=CALM_ENOUGH {
            ring.settle();
        }
        assert_eq!(ring.capacity, 128, "it is not empty");
        while ring.pop_front().is_some() {}
        for _ in 0..CALM_ENOUGH {
            ring.settle();
            assert_eq!(ring.capacity, 128);
        }
        ring.settle();
        assert_eq!(ring.capacity, 8);
        ring.push_back(7);
        assert_eq!(ring.pop_front(), Some(7));
    }

    #[test]
    fn the_first_messages_lie_in_the_ring() {
        assert_eq!(Ring::<[u64; 2], 64>::AT_HOME, 4);
        assert_eq!(Ring::<[u64; 3], 64>::AT_HOME, 2);
        assert_eq!(Ring::<[u64; 9], 64>::AT_HOME, 0);
        assert_eq!(Ring::<u64, 0>::AT_HOME, 0);
        let mut ring = Ring::<[u64; 2], 64>::new();
        for n in 0..4 {
            ring.push_back([n, n]);
        }
        assert!(ring.heap.is_none());
        // A ring that moves takes them along.
        let mut ring = std::hint::black_box(ring);
        ring.push_back([4, 4]);
        assert!(ring.heap.is_some());
        for n in 0..5 {
            assert_eq!(ring.pop_front(), Some([n, n]));
        }
    }

    #[test]
    fn elements_without_size_are_counted() {
        let mut ring = Ring::<_, 32>::new();
        for _ in 0..10 {
            ring.push_back(());
        }
        assert_eq!(ring.len(), 10);
        assert_eq!(ring.pop_front(), Some(()));
        assert_eq!(ring.len(), 9);
    }
}
