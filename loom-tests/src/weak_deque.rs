//! A four-slot Chase–Lev deque at the orderings of `crossbeam-deque`, as a stand-in for the models.
//!
//! The locked queue that the runtime uses under loom orders more than the real deque does: its lock would hide a missing
//! fence in the park protocol. loom cannot check the real one (its payload races by design, its epochs take too many
//! steps). So this one has the same indices, accesses and fences as `crossbeam_deque::Worker::new_fifo`, which is what
//! the runtime makes: both ends take the oldest. The slots hold addresses in relaxed atomics where the real one has
//! volatile memory. It lacks growth (it refuses when full), batches, and a last-in-first-out end.

use potoroo_runtime::mutant;
use potoroo_runtime::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use std::fmt;
use std::ptr::{self, NonNull};

/// How many items there is room for.
pub const SLOTS: usize = 4;

/// What a thief got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steal<T> {
    /// There was nothing.
    Empty,
    /// Somebody else was faster; there may be more.
    Retry,
    /// The oldest item.
    Success(T),
}

/// The deque. [`push`](Self::push) and [`pop`](Self::pop) are the owner's, the rest is everybody's.
pub struct WeakDeque<T> {
    front: AtomicUsize,
    back: AtomicUsize,
    slots: [AtomicPtr<T>; SLOTS],
}

impl<T> WeakDeque<T> {
    /// An empty deque.
    pub fn new() -> Self {
        Self {
            front: AtomicUsize::new(0),
            back: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Adds an item; gives it back if there is no room. Owner only.
    pub fn push(&self, item: NonNull<T>) -> Result<(), NonNull<T>> {
        let back = self.back.load(Ordering::Relaxed);
        // Acquire pairs with the exchange of a thief: its read of the slot came before we write there again.
        let front = self.front.load(Ordering::Acquire);
        if length(front, back) >= SLOTS as isize {
            return Err(item);
        }
        self.slots[back % SLOTS].store(item.as_ptr(), Ordering::Relaxed);
        // Release, by way of a fence as in the original: whoever sees the new back sees the slot and what it points to.
        if !mutant!("deque_push_without_fence") {
            fence(Ordering::Release);
        }
        self.back.store(back.wrapping_add(1), Ordering::Relaxed);
        Ok(())
    }

    /// Takes the oldest item back. Owner only.
    pub fn pop(&self) -> Option<NonNull<T>> {
        let back = self.back.load(Ordering::Relaxed);
        if length(self.front.load(Ordering::Relaxed), back) <= 0 {
            return None;
        }
        // SeqCst as in the original (loom treats it as AcqRel): the exchange of a thief and this addition decide between
        // them who has the item, since both are read-modify-writes of one word.
        let front = if mutant!("deque_pop_by_a_store") {
            let front = self.front.load(Ordering::Relaxed);
            self.front.store(front.wrapping_add(1), Ordering::Release);
            front
        } else {
            self.front.fetch_add(1, Ordering::SeqCst)
        };
        if length(front.wrapping_add(1), back) < 0 {
            // Thieves had emptied it after our first look.
            self.front.store(front, Ordering::Relaxed);
            return None;
        }
        NonNull::new(self.slots[front % SLOTS].load(Ordering::Relaxed))
    }

    /// Takes the oldest item away.
    pub fn steal(&self) -> Steal<NonNull<T>> {
        let front = self.front.load(Ordering::Acquire);
        // The original pins an epoch here, which is such a fence: back is not read from before front.
        fence(Ordering::SeqCst);
        let back = self.back.load(Ordering::Acquire);
        if length(front, back) <= 0 {
            return Steal::Empty;
        }
        let item = self.slots[front % SLOTS].load(Ordering::Relaxed);
        // Release pairs with the Acquire in `push`.
        match self
            .front
            .compare_exchange(front, front.wrapping_add(1), Ordering::SeqCst, Ordering::Relaxed)
        {
            Ok(_) => NonNull::new(item).map_or(Steal::Empty, Steal::Success),
            Err(_) => Steal::Retry,
        }
    }

    /// Whether a thief would find nothing.
    pub fn is_empty(&self) -> bool {
        let front = self.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        length(front, self.back.load(Ordering::Acquire)) <= 0
    }
}

/// How many items lie between two indices; negative while `pop` has gone one too far.
fn length(front: usize, back: usize) -> isize {
    back.wrapping_sub(front) as isize
}

impl<T> Default for WeakDeque<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for WeakDeque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakDeque").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn both_ends_take_the_oldest_and_the_fifth_is_refused() {
        let items = [1, 2, 3, 4, 5].map(|n| Box::leak(Box::new(n)));
        let items = items.map(NonNull::from);
        let deque = WeakDeque::new();
        assert!(deque.is_empty());
        for item in &items[..SLOTS] {
            assert_eq!(deque.push(*item), Ok(()));
        }
        assert_eq!(deque.push(items[4]), Err(items[4]));
        assert_eq!(deque.pop(), Some(items[0]));
        assert_eq!(deque.steal(), Steal::Success(items[1]));
        assert_eq!(deque.push(items[4]), Ok(()));
        assert_eq!(deque.pop(), Some(items[2]));
        assert_eq!(deque.steal(), Steal::Success(items[3]));
        assert_eq!(deque.steal(), Steal::Success(items[4]));
        assert_eq!(deque.steal(), Steal::Empty);
        assert_eq!(deque.pop(), None);
    }

    #[test]
    fn each_item_goes_to_one_taker() {
        const ITEMS: usize = 100_000;
        let items: Vec<usize> = (0..ITEMS).collect();
        let deque = &WeakDeque::new();
        let taken: usize = std::thread::scope(|scope| {
            let thieves: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(move || {
                        let mut taken = 0_usize;
                        loop {
                            match deque.steal() {
                                // SAFETY: the items outlive the scope.
                                Steal::Success(item) => match unsafe { *item.as_ref() } {
                                    usize::MAX => return taken,
                                    n => taken += n,
                                },
                                Steal::Empty | Steal::Retry => std::thread::yield_now(),
                            }
                        }
                    })
                })
                .collect();
            let mut taken = 0_usize;
            let take_back = |item: NonNull<usize>| {
                // SAFETY: as above.
                unsafe { *item.as_ref() }
            };
            for item in &items {
                while deque.push(NonNull::from(item)).is_err() {
                    taken += deque.pop().map_or(0, take_back);
                }
            }
            while let Some(item) = deque.pop() {
                taken += take_back(item);
            }
            static LAST: usize = usize::MAX;
            for _ in &thieves {
                while deque.push(NonNull::from(&LAST)).is_err() {
                    std::thread::yield_now();
                }
            }
            taken
                + thieves
                    .into_iter()
                    .map(|thief| thief.join().expect("no panic"))
                    .sum::<usize>()
        });
        assert_eq!(taken, ITEMS * (ITEMS - 1) / 2);
    }
}
