//! Models of asking: an answer against the time-out, the end of the asker, and whoever waits outside.
//!
//! They check K1 and K2 of `runtime/src/actor/README.md`. Outside, `Ask` and `Reply` are the real ones. Inside, the answer
//! travels through the real `Inbox`; the slot that it names is a number here, as in `runtime/src/actor/slots.rs`. Values are
//! watched: one that is lost or dropped twice fails the model.
#![cfg(potoroo_loom)]

use loom::alloc::Track;
use loom::thread;
use potoroo_loom_tests::model;
use potoroo_runtime::mailbox::Inbox;
use potoroo_runtime::sync::Arc;
use potoroo_runtime::{Ask, AskError};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize as OracleCount, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Longer than any model takes.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn an_answer_meets_the_time_out_and_the_end_of_the_asker() {
    model(
        "asks::an_answer_meets_the_time_out_and_the_end_of_the_asker",
        "K1, K2: an ask continues once, with the answer or without; a late answer finds nobody",
        "2 threads, 2 answers",
        || {
            let inbox = Arc::new(Inbox::new());
            let answerer = {
                let inbox = inbox.clone();
                // Two asks that use the same slot one after the other.
                thread::spawn(move || {
                    for generation in 0..2 {
                        let _ = inbox.push((generation, Track::new(())));
                    }
                })
            };
            let (mut generation, mut pending) = (0, true);
            let mut continued = [0; 2];
            let take = |generation: u32, pending: &mut bool, continued: &mut [u32; 2]| {
                for (named, value) in inbox.take() {
                    if named == generation && std::mem::take(pending) {
                        continued[named as usize] += 1;
                    }
                    drop(value);
                }
            };
            take(generation, &mut pending, &mut continued);
            // The first runs out of time, or has been answered; the second takes its slot.
            if std::mem::take(&mut pending) {
                continued[0] += 1;
            }
            (generation, pending) = (1, true);
            take(generation, &mut pending, &mut continued);
            // The asker ends: what is on its way is dropped, by it or by the answerer.
            drop(inbox.close());
            if pending {
                continued[1] += 1;
            }
            answerer.join().expect("no panic");
            assert_eq!(continued, [1, 1]);
        },
    );
}

#[test]
fn a_thread_outside_gets_the_answer() {
    model(
        "asks::a_thread_outside_gets_the_answer",
        "an answer wakes the thread that waits for it",
        "2 threads, 1 answer",
        || {
            let (ask, reply) = Ask::pair(LONG);
            let answerer = thread::spawn(move || reply.send(Track::new(7)));
            assert_eq!(ask.wait().map(Track::into_inner), Ok(7));
            answerer.join().expect("no panic");
        },
    );
}

#[test]
fn a_dropped_reply_wakes_the_thread_outside() {
    model(
        "asks::a_dropped_reply_wakes_the_thread_outside",
        "a reply that is dropped wakes the thread that waits for it",
        "2 threads, 1 reply",
        || {
            let (ask, reply) = Ask::<u32>::pair(LONG);
            let answerer = thread::spawn(move || drop(reply));
            assert_eq!(ask.wait(), Err(AskError::Dropped));
            answerer.join().expect("no panic");
        },
    );
}

#[test]
fn an_answer_meets_one_who_gives_up() {
    model(
        "asks::an_answer_meets_one_who_gives_up",
        "K2: an answer is dropped once, by the one who waits no more or by the one who answers",
        "2 threads, 1 answer",
        || {
            let (ask, reply) = Ask::pair(LONG);
            let answerer = thread::spawn(move || reply.send(Track::new(7)));
            drop(ask);
            answerer.join().expect("no panic");
        },
    );
}

/// Counts wakes; an ordinary atomic, so that it adds no order.
#[derive(Default)]
struct Wakes(OracleCount);

impl Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_future_outside_is_woken_or_ready() {
    model(
        "asks::a_future_outside_is_woken_or_ready",
        "a poll that finds no answer is followed by a wake, and that by the answer",
        "2 threads, 1 answer",
        || {
            let (mut ask, reply) = Ask::pair(LONG);
            let answerer = thread::spawn(move || reply.send(Track::new(7)));
            let wakes = std::sync::Arc::new(Wakes::default());
            let waker = Waker::from(wakes.clone());
            let mut task = Context::from_waker(&waker);
            let first = Pin::new(&mut ask).poll(&mut task);
            answerer.join().expect("no panic");
            let answer = match first {
                Poll::Ready(answer) => answer,
                Poll::Pending => {
                    assert_eq!(wakes.0.load(Relaxed), 1, "nobody was woken");
                    match Pin::new(&mut ask).poll(&mut task) {
                        Poll::Ready(answer) => answer,
                        Poll::Pending => panic!("woken for nothing"),
                    }
                }
            };
            assert_eq!(answer.map(Track::into_inner), Ok(7));
        },
    );
}
