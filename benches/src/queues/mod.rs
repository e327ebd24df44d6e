//! Queues of many producers and one consumer, alone: the runtime's inbox, and Vyukov's queue to hold it against.
//!
//! One run pushes numbers and takes them again, on one thread or with each producer and the consumer on a thread of
//! its own, and checks that every producer's numbers came once and in order. Threads are pinned, the consumer to one core
//! and the producers to the others in turn, so that a single producer is always on another core (where there are two).
//! Producers stay at most [`AHEAD`] messages ahead, so that memory stays bounded. It lacks actors: nobody is notified.

mod vyukov;

pub use vyukov::{Notifying, Vyukov};

use crate::fan_in;
use potoroo_runtime::mailbox::Inbox;
use std::hint::spin_loop;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};
use std::thread;
use std::time::{Duration, Instant};

/// Messages pushed before the queue is emptied, on one thread.
pub const BATCH: u64 = 128;

/// How many messages may be in the queue between threads.
pub const AHEAD: u64 = 16_384;

/// How often a consumer looks in vain before it lets others run: producers may have to share its core.
const LOOKS_BEFORE_YIELD: u32 = 64;

/// A queue of numbers.
pub trait Queue: Default + Sync {
    /// From any thread.
    fn push(&self, n: u64);

    /// Takes what is there, oldest first; from one thread at a time.
    fn take(&self, take: impl FnMut(u64));
}

impl Queue for Inbox<u64> {
    fn push(&self, n: u64) {
        let pushed = Self::push(self, n);
        assert!(pushed.is_ok(), "an open inbox refused");
    }

    fn take(&self, take: impl FnMut(u64)) {
        if self.has_messages() {
            Self::take(self).for_each(take);
        }
    }
}

/// Pushes and takes so many `messages`, a multiple of [`BATCH`], on this thread.
///
/// # Panics
///
/// If one is lost.
pub fn alone<Q: Queue>(messages: u64) -> Duration {
    let queue = Q::default();
    let mut next = 0;
    let begun = Instant::now();
    for batch in 0..messages / BATCH {
        for n in batch * BATCH..(batch + 1) * BATCH {
            queue.push(n);
        }
        queue.take(|n| {
            assert_eq!(n, next, "a message was lost, or came out of order");
            next += 1;
        });
    }
    let took = begun.elapsed();
    assert_eq!(next, messages / BATCH * BATCH, "a message was lost");
    took
}

/// Pushes so many `messages` from so many `producers`, a thread each, and takes them on this thread, which it pins.
///
/// # Panics
///
/// If one is lost or comes out of order.
pub fn crossing<Q: Queue>(producers: u64, messages: u64) -> Duration {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let pin = move |thread: usize| {
        // A refusal makes the measurement noisier, nothing else.
        if let Some(core) = cores.get(thread.checked_rem(cores.len()).unwrap_or(0)) {
            core_affinity::set_for_current(*core);
        }
    };
    let queue = Q::default();
    let taken = AtomicU64::new(0);
    let ready = Barrier::new(producers as usize + 1);
    // A thread of its own, since pinning is for ever.
    thread::scope(|scope| {
        for producer in 0..producers {
            let (pin, queue, taken, ready) = (pin.clone(), &queue, &taken, &ready);
            scope.spawn(move || {
                pin(producer as usize + 1);
                let own = fan_in::share(producer, producers, messages);
                let ahead = AHEAD / producers;
                ready.wait();
                for (sent, n) in (0..).zip(own) {
                    // Each is ahead of its share of what was taken.
                    while sent % BATCH == 0 && sent > taken.load(Acquire) / producers + ahead {
                        thread::yield_now();
                    }
                    queue.push(n);
                }
            });
        }
        let consumer = scope.spawn(|| {
            pin(0);
            let mut expected: Vec<_> = (0..producers)
                .map(|producer| fan_in::share(producer, producers, messages))
                .collect();
            ready.wait();
            let begun = Instant::now();
            let (mut seen, mut in_vain) = (0, 0);
            while seen < messages {
                let before = seen;
                queue.take(|n| {
                    let producer = expected.partition_point(|own| own.end <= n);
                    assert_eq!(expected[producer].next(), Some(n), "lost, doubled or out of order");
                    seen += 1;
                });
                if seen > before {
                    taken.store(seen, Release);
                    in_vain = 0;
                } else if in_vain < LOOKS_BEFORE_YIELD {
                    in_vain += 1;
                    spin_loop();
                } else {
                    thread::yield_now();
                }
            }
            begun.elapsed()
        });
        consumer.join().expect("the consumer has checked what it took")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing_is_lost<Q: Queue>() {
        alone::<Q>(4 * BATCH);
        for producers in [1, 2, 8] {
            crossing::<Q>(producers, 20_011);
        }
    }

    #[test]
    fn an_inbox_loses_nothing() {
        nothing_is_lost::<Inbox<u64>>();
    }

    #[test]
    fn a_queue_of_vyukov_loses_nothing() {
        nothing_is_lost::<Vyukov>();
    }

    #[test]
    fn a_notifying_queue_of_vyukov_loses_nothing() {
        nothing_is_lost::<Notifying>();
    }
}
