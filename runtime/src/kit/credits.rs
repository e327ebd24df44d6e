//! Credits: how much may be under way to somebody, agreed upon beforehand.
//!
//! Muting slows a sender down after it has sent too much. Who must never send too much takes a credit first, lets it travel
//! with the message, and the receiver gives it back by dropping the message. Credits are taken and given back by one atomic
//! word; only who has to wait for them takes a lock. A fence stands between the steps on both sides: a waiter announces
//! itself and looks once more, a giver gives and then looks for waiters. The model is `loom-tests/tests/credits.rs`. It
//! lacks any tie to an actor: credits may stand for bytes, requests or places as well.

use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::{Arc, Mutex, lock};
use crate::{mutant, weakened};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A number of credits, shared by those who take them.
///
/// ```
/// use potoroo_runtime::kit::{Credit, Credits};
/// use potoroo_runtime::{Actor, Context, System, Turn};
///
/// /// At most as many jobs are under way as there are credits: each carries one, and gives it back when it has been done.
/// struct Worker;
///
/// impl Actor for Worker {
///     type Msg = (u64, Credit);
///     fn handle(&mut self, (_job, _credit): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let (worker, credits) = (system.spawn(|_| Ok(Worker)), Credits::new(10));
/// let mut hand = credits.try_reserve(10).expect("nothing is under way");
/// assert!(credits.try_reserve(1).is_none());
/// while let Some(credit) = hand.split(1) {
///     worker.tell((7, credit));
/// }
/// system.shutdown();
/// assert_eq!(credits.available(), 10);
/// # Ok::<(), potoroo_runtime::Error>(())
/// ```
///
/// An actor waits for credits by [`ctx.run(credits.reserve(n))`](crate::Context::run), an async function by `.await`.
#[derive(Clone)]
pub struct Credits(Arc<Pot>);

struct Pot {
    capacity: usize,
    available: AtomicUsize,
    /// How many wait; written under the lock, read without.
    waiting: AtomicUsize,
    queue: Mutex<VecDeque<Arc<Waiter>>>,
}

/// Somebody who waits, first come, first served.
struct Waiter {
    count: usize,
    state: Mutex<WaiterState>,
}

#[derive(Default)]
struct WaiterState {
    granted: bool,
    waker: Option<Waker>,
}

impl Pot {
    /// Takes so many if they are there.
    fn take(&self, count: usize) -> bool {
        // Relaxed: only a guess; the exchange decides.
        let mut available = self.available.load(Ordering::Relaxed);
        while available >= count {
            // Acquire pairs with the Release of `give`: who gets a credit sees what was done with it before.
            match self.available.compare_exchange_weak(
                available,
                available - count,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(seen) => available = seen,
            }
        }
        false
    }

    fn give(&self, count: usize) {
        // Release pairs with the Acquire of `take`.
        let order = weakened!("credits_give_relaxed", Ordering::Release, Ordering::Relaxed);
        self.available.fetch_add(count, order);
        // Pairs with the fence of a waiter: either it sees what was given, or it is seen here.
        if !mutant!("credits_give_without_fence") {
            fence(Ordering::SeqCst);
        }
        if self.waiting.load(Ordering::Relaxed) > 0 && !mutant!("sim_credit_wakes_nobody") {
            self.grant();
        }
    }

    /// Serves those who wait, as far as it goes.
    fn grant(&self) {
        let mut wakers = Vec::new();
        let mut queue = lock(&self.queue);
        while let Some(first) = queue.front()
            && self.take(first.count)
        {
            let mut state = lock(&first.state);
            state.granted = true;
            wakers.extend(state.waker.take());
            drop(state);
            queue.pop_front();
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        drop(queue);
        // Outside of the lock: a waker is anybody's code.
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Credits {
    /// So many credits.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "with no credit at all nothing could ever be sent");
        Self(Arc::new(Pot {
            capacity,
            available: AtomicUsize::new(capacity),
            waiting: AtomicUsize::new(0),
            queue: Mutex::new(VecDeque::new()),
        }))
    }

    /// How many there are in all.
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// How many are to be had at this moment.
    pub fn available(&self) -> usize {
        self.0.available.load(Ordering::Relaxed)
    }

    /// Takes `count` credits if they are there and nobody waits for some.
    pub fn try_reserve(&self, count: usize) -> Option<Credit> {
        let free = self.0.waiting.load(Ordering::Relaxed) == 0 && self.0.take(count);
        free.then(|| self.credit(count))
    }

    /// Takes `count` credits as soon as they are there. Who came first is served first.
    ///
    /// # Panics
    ///
    /// If there are not so many in all: that would wait for ever.
    pub fn reserve(&self, count: usize) -> Reserve {
        let capacity = self.capacity();
        assert!(count <= capacity, "{count} credits of {capacity} would never be there");
        Reserve {
            credits: self.clone(),
            count,
            waiter: None,
        }
    }

    fn credit(&self, count: usize) -> Credit {
        Credit {
            pot: self.0.clone(),
            count,
        }
    }
}

impl fmt::Debug for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credits({} of {})", self.available(), self.capacity())
    }
}

/// Credits in hand. Dropped, they are given back.
#[must_use = "dropped, it is given back at once"]
pub struct Credit {
    pot: Arc<Pot>,
    count: usize,
}

impl Credit {
    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes `count` of them off, if there are so many: one hand is taken, and each message gets its part.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.count = self.count.checked_sub(count)?;
        Some(Self {
            pot: self.pot.clone(),
            count,
        })
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        if self.count > 0 {
            self.pot.give(self.count);
        }
    }
}

impl fmt::Debug for Credit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credit({})", self.count)
    }
}

/// Credits to come; see [`Credits::reserve`]. Dropped, it waits no more.
#[must_use = "nothing is reserved before it is awaited"]
pub struct Reserve {
    credits: Credits,
    count: usize,
    waiter: Option<Arc<Waiter>>,
}

impl Future for Reserve {
    type Output = Credit;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Credit> {
        let pot = self.credits.0.clone();
        let waiter = match &self.waiter {
            Some(waiter) => waiter.clone(),
            None => {
                if let Some(credit) = self.credits.try_reserve(self.count) {
                    return Poll::Ready(credit);
                }
                let waiter = Arc::new(Waiter {
                    count: self.count,
                    state: Mutex::new(WaiterState::default()),
                });
                self.waiter = Some(waiter.clone());
                let mut queue = lock(&pot.queue);
                queue.push_back(waiter.clone());
                pot.waiting.fetch_add(1, Ordering::Relaxed);
                drop(queue);
                waiter
            }
        };
        let mut state = lock(&waiter.state);
        if !state.granted {
            state.waker = Some(task.waker().clone());
        }
        drop(state);
        // Pairs with the fence of `give`.
        if !mutant!("credits_poll_without_fence") {
            fence(Ordering::SeqCst);
        }
        pot.grant();
        if lock(&waiter.state).granted {
            self.waiter = None;
            return Poll::Ready(self.credits.credit(self.count));
        }
        Poll::Pending
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        let pot = &self.credits.0;
        let mut queue = lock(&pot.queue);
        // Granted or not is decided under the lock of the queue.
        if let Some(at) = queue.iter().position(|other| Arc::ptr_eq(other, &waiter)) {
            queue.remove(at);
            pot.waiting.fetch_sub(1, Ordering::Relaxed);
            drop(queue);
            // Whoever comes after it may want less.
            pot.grant();
        } else {
            drop(queue);
            pot.give(waiter.count);
        }
    }
}

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reserve({} of {:?})", self.count, self.credits)
    }
}
