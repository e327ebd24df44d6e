//! Models of the word that says whether a cell must be scheduled: exactly one schedule for each time it turns busy.
//!
//! They check M2 of `runtime/src/mailbox/README.md`: on the real `Inbox` alone, and with a whole system of one worker, whose
//! actor goes idle while somebody tells it the next message. Notifications are counted in ordinary atomics, which loom does
//! not see: between an operation on the inbox and the count no other thread runs.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::{model, small_model};
use potoroo_runtime::loom::Model;
use potoroo_runtime::mailbox::{Inbox, Pushed};
use potoroo_runtime::sync::Arc;
use potoroo_runtime::{Actor, Context, Turn};
use std::sync::atomic::{AtomicUsize as OracleCount, Ordering::Relaxed};

/// An inbox, and the notifications that are under way.
#[derive(Default)]
struct Word {
    inbox: Inbox<u32>,
    underway: OracleCount,
    pushed_out_of_idle: OracleCount,
}

impl Word {
    fn push(&self, value: u32) {
        if self.inbox.push(value) == Ok(Pushed::Notify) {
            self.pushed_out_of_idle.fetch_add(1, Relaxed);
            let before = self.underway.fetch_add(1, Relaxed);
            assert_eq!(before, 0, "M2: scheduled twice");
        }
    }

    /// Receives a notification, if one is under way; how many messages it brought.
    fn receive(&self) -> Option<usize> {
        if self.underway.load(Relaxed) == 0 {
            return None;
        }
        self.underway.fetch_sub(1, Relaxed);
        Some(self.inbox.take().count())
    }
}

#[test]
fn one_push_out_of_idle_schedules() {
    small_model(
        "schedule::one_push_out_of_idle_schedules",
        "M2: each time the cell turns busy it is scheduled once, and what was pushed is found by that",
        "3 threads, 2 x 1 messages, 2 receipts",
        || {
            let word = Arc::new(Word::default());
            let pushers = [1, 2].map(|value| {
                let word = word.clone();
                thread::spawn(move || word.push(value))
            });
            let (mut received, mut messages) = (0, 0);
            for _ in 0..2 {
                if let Some(count) = word.receive() {
                    assert!(count > 0, "scheduled for nothing");
                    (received, messages) = (received + 1, messages + count);
                }
            }
            for pusher in pushers {
                pusher.join().expect("no panic");
            }
            while let Some(count) = word.receive() {
                (received, messages) = (received + 1, messages + count);
            }
            assert_eq!(messages, 2, "M4: a message waits and nobody is scheduled");
            assert_eq!(
                received,
                word.pushed_out_of_idle.load(Relaxed),
                "one schedule per idle to busy"
            );
        },
    );
}

#[test]
fn a_claim_and_a_push_exclude_each_other() {
    small_model(
        "schedule::a_claim_and_a_push_exclude_each_other",
        "M2, M5: of whoever claims an idle cell and whoever pushes into it, one has it",
        "2 threads, 1 message, 1 claim",
        || {
            let word = Arc::new(Word::default());
            let pusher = {
                let word = word.clone();
                thread::spawn(move || word.push(1))
            };
            let claimed = word.inbox.claim();
            if claimed {
                assert_eq!(
                    word.underway.load(Relaxed),
                    0,
                    "M5: claimed while a notification is under way"
                );
                assert!(word.inbox.take().count() <= 1);
            }
            pusher.join().expect("no panic");
            let pushed = word.pushed_out_of_idle.load(Relaxed);
            assert!(claimed || pushed == 1, "neither");
            let _ = word.receive();
            assert!(!word.inbox.has_messages() || claimed && pushed == 0, "M4");
        },
    );
}

/// Counts, outside of loom.
struct Counter(std::sync::Arc<OracleCount>);

impl Actor for Counter {
    type Msg = ();
    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        self.0.fetch_add(1, Relaxed);
        Ok(())
    }
}

#[test]
fn a_turn_ends_while_the_next_message_comes() {
    model(
        "schedule::a_turn_ends_while_the_next_message_comes",
        "M2, S6: whatever is told while a turn ends and its worker goes to sleep is handled",
        "a system of 1 worker, 2 threads outside, 2 + 1 messages",
        || {
            Model::new().workers(1).run(&|small| {
                let handled = std::sync::Arc::new(OracleCount::new(0));
                let count = handled.clone();
                let counter = small.spawn_on(0, move |_| Ok(Counter(count)));
                small.explore(|| {
                    let other = {
                        let counter = counter.clone();
                        thread::spawn(move || counter.tell(()))
                    };
                    counter.tell(());
                    counter.tell(());
                    other.join().expect("no panic");
                });
                assert_eq!(handled.load(Relaxed), 3, "M4");
            });
        },
    );
}
