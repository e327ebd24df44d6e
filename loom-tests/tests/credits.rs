//! Models of credits: the real `Credits`, whose waiters must not be forgotten.
//!
//! A waiter announces itself and looks once more, a giver gives and looks for waiters; a fence stands between on both sides.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::model;
use potoroo_runtime::kit::Credits;
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicBool, Ordering};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

/// Whether it has been woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_waiter_is_served_or_woken() {
    model(
        "credits::a_waiter_is_served_or_woken",
        "a credit that is given back while somebody begins to wait for it reaches him",
        "2 threads, 1 credit",
        || {
            let credits = Credits::new(1);
            let taken = credits.try_reserve(1).expect("it is there");
            let giver = thread::spawn(move || drop(taken));
            let woken = std::sync::Arc::new(Woken(AtomicBool::new(false)));
            let waker = Waker::from(woken.clone());
            let mut task = Context::from_waker(&waker);
            let mut waiting = pin!(credits.reserve(1));
            let first = waiting.as_mut().poll(&mut task);
            giver.join().expect("no panic");
            if first.is_pending() {
                assert!(woken.0.load(Ordering::Acquire), "nobody else will");
                assert!(matches!(waiting.as_mut().poll(&mut task), Poll::Ready(_)));
            }
            assert_eq!(credits.available(), usize::from(first.is_pending()));
        },
    );
}

#[test]
fn two_take_turns() {
    model(
        "credits::two_take_turns",
        "one credit is never in two hands, and what its holder wrote is seen by the next",
        "3 threads, 1 credit",
        || {
            let credits = Credits::new(1);
            let content = Arc::new(potoroo_runtime::sync::UnsafeCell::new(0_u32));
            let threads = [1, 2].map(|_| {
                let (credits, content) = (credits.clone(), content.clone());
                thread::spawn(move || {
                    let credit = credits.try_reserve(1)?;
                    // SAFETY: there is one credit, and this thread has it.
                    content.with_mut(|content| unsafe { *content += 1 });
                    drop(credit);
                    Some(())
                })
            });
            let served = threads
                .map(|thread| thread.join().expect("no panic"))
                .iter()
                .flatten()
                .count();
            assert!(served >= 1);
            assert_eq!(credits.available(), 1);
            // SAFETY: the threads have ended.
            assert_eq!(content.with(|content| unsafe { *content }) as usize, served);
        },
    );
}
