//! The stealable surplus of a worker, and the injector for cells that come from outside.
//!
//! Chase and Lev's deque, from `crossbeam-deque`, behind names of our own: loom cannot check that crate (its payload
//! races by design, and its epochs need more steps than a model has), so under `--cfg potoroo_loom` a locked queue
//! takes its place here, and the models of the park protocol bring a small deque with the real orderings.

use super::header::Header;
use std::ptr::NonNull;

/// A cell on its way between workers. Owning one means: the cell is claimed, has no home, and is in no other queue
/// (M5, S2).
pub(crate) struct Runnable(pub(crate) NonNull<Header>);

// SAFETY: a cell in a deque has no home; the deque's ordering hands all of it to the one who takes it out.
unsafe impl Send for Runnable {}

#[cfg(not(potoroo_loom))]
mod queues {
    use super::Runnable;
    use crossbeam_deque::{Injector as CrossbeamInjector, Steal, Stealer as CrossbeamStealer, Worker};

    /// The owner's end.
    pub(crate) struct Deque(Worker<Runnable>);

    /// The thieves' end.
    pub(crate) struct Stealer(CrossbeamStealer<Runnable>);

    /// Cells from outside, for whoever comes first.
    pub(crate) struct Injector(CrossbeamInjector<Runnable>);

    impl Deque {
        pub(crate) fn new() -> (Self, Stealer) {
            // First in, first out: the oldest surplus has waited longest, on both ends.
            let owner = Worker::new_fifo();
            let stealer = Stealer(owner.stealer());
            (Self(owner), stealer)
        }

        pub(crate) fn push(&self, cell: Runnable) {
            self.0.push(cell);
        }

        pub(crate) fn pop(&self) -> Option<Runnable> {
            self.0.pop()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        /// Takes about half of what `victim` offers, and the first of it at once.
        pub(crate) fn steal_from(&self, victim: &Stealer) -> Option<Runnable> {
            loop {
                match victim.0.steal_batch_and_pop(&self.0) {
                    Steal::Success(cell) => return Some(cell),
                    Steal::Empty => return None,
                    Steal::Retry => crate::sync::hint::spin_loop(),
                }
            }
        }

        /// Takes a share of what came from outside, and the first of it at once.
        pub(crate) fn steal_from_injector(&self, injector: &Injector) -> Option<Runnable> {
            loop {
                match injector.0.steal_batch_and_pop(&self.0) {
                    Steal::Success(cell) => return Some(cell),
                    Steal::Empty => return None,
                    Steal::Retry => crate::sync::hint::spin_loop(),
                }
            }
        }
    }

    impl Stealer {
        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }

    impl Injector {
        pub(crate) fn new() -> Self {
            Self(CrossbeamInjector::new())
        }

        pub(crate) fn push(&self, cell: Runnable) {
            self.0.push(cell);
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }
}

#[cfg(potoroo_loom)]
mod queues {
    //! The stand-in for logic models: a locked queue. It orders more than the real one does, so the park models do not
    //! use it.

    use super::Runnable;
    use crate::sync::{Arc, Mutex};
    use std::collections::VecDeque;

    #[derive(Clone)]
    struct Shared(Arc<Mutex<VecDeque<Runnable>>>);

    impl Shared {
        fn new() -> Self {
            Self(Arc::new(Mutex::new(VecDeque::new())))
        }

        fn push(&self, cell: Runnable) {
            self.0.lock().expect("not poisoned").push_back(cell);
        }

        fn pop(&self) -> Option<Runnable> {
            self.0.lock().expect("not poisoned").pop_front()
        }

        fn is_empty(&self) -> bool {
            self.0.lock().expect("not poisoned").is_empty()
        }
    }

    pub(crate) struct Deque(Shared);
    pub(crate) struct Stealer(Shared);
    pub(crate) struct Injector(Shared);

    impl Deque {
        pub(crate) fn new() -> (Self, Stealer) {
            let shared = Shared::new();
            (Self(shared.clone()), Stealer(shared))
        }

        pub(crate) fn push(&self, cell: Runnable) {
            self.0.push(cell);
        }

        pub(crate) fn pop(&self) -> Option<Runnable> {
            self.0.pop()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(crate) fn steal_from(&self, victim: &Stealer) -> Option<Runnable> {
            victim.0.pop()
        }

        pub(crate) fn steal_from_injector(&self, injector: &Injector) -> Option<Runnable> {
            injector.0.pop()
        }
    }

    impl Stealer {
        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }

    impl Injector {
        pub(crate) fn new() -> Self {
            Self(Shared::new())
        }

        pub(crate) fn push(&self, cell: Runnable) {
            self.0.push(cell);
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }
}

pub(crate) use queues::{Deque, Injector, Stealer};
