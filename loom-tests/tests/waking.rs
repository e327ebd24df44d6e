//! Models of waking a task: the real `WakeState` and the real `Inbox`, through which the one poll travels.
//!
//! They check K3 and K4 of `runtime/src/actor/README.md`: at most one poll is under way, and the last wake is followed by a
//! poll that sees what was done before it. Around them this file repeats the few lines of `runtime/src/actor/tasks.rs` and
//! `runtime/src/actor/waking.rs` that send and receive polls; keep them alike.
#![cfg(potoroo_loom)]

use loom::alloc::Track;
use loom::thread;
use potoroo_loom_tests::model;
use potoroo_runtime::WakeState;
use potoroo_runtime::mailbox::Inbox;
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A task, the inbox of its actor, and what it waits for.
struct Task {
    state: WakeState,
    inbox: Inbox<Track<()>>,
    done: [AtomicUsize; 2],
}

impl Task {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: WakeState::new(),
            inbox: Inbox::new(),
            done: [AtomicUsize::new(0), AtomicUsize::new(0)],
        })
    }

    /// Sends a poll; says whether the actor has ended.
    fn send(&self) -> bool {
        self.inbox.push(Track::new(())).is_err()
    }

    /// Does one of the two things that the task waits for, and wakes it.
    fn wake(&self, which: usize) -> bool {
        // Relaxed: the wake is what makes it seen.
        self.done[which].store(1, Relaxed);
        self.state.wake() && self.send()
    }

    /// One poll, on the home; how many things it has seen done.
    fn poll(&self) -> usize {
        self.state.begin();
        let seen = self.done.iter().map(|done| done.load(Relaxed)).sum();
        if self.state.end() {
            self.send();
        }
        seen
    }

    /// Handles the polls that have come; what the last saw, if there was one.
    fn handle(&self) -> Option<usize> {
        let polls = self.inbox.take().count();
        assert!(polls <= 1, "K3: {polls} polls are under way");
        (polls == 1).then(|| self.poll())
    }
}

#[test]
fn a_wake_is_followed_by_a_poll_that_sees_why() {
    model(
        "waking::a_wake_is_followed_by_a_poll_that_sees_why",
        "K3, K4: two wakes during polls, between them or together lose nothing",
        "3 threads, 2 wakes",
        || {
            let task = Task::new();
            task.send();
            let wakers = [0, 1].map(|which| {
                let task = task.clone();
                thread::spawn(move || assert!(!task.wake(which)))
            });
            let mut seen = task.handle().expect("the first poll was sent");
            seen = task.handle().unwrap_or(seen);
            for waker in wakers {
                waker.join().expect("no panic");
            }
            while let Some(now) = task.handle() {
                seen = now;
            }
            assert_eq!(seen, 2, "K4: the last poll has missed something");
        },
    );
}

#[test]
fn a_wake_at_the_end_of_the_actor_is_harmless() {
    model(
        "waking::a_wake_at_the_end_of_the_actor_is_harmless",
        "K4: a poll that comes too late is refused or dropped, and nothing is left behind",
        "2 threads, 2 wakes",
        || {
            let task = Task::new();
            task.send();
            let waker = {
                let task = task.clone();
                thread::spawn(move || {
                    let _ = task.wake(0);
                    let _ = task.wake(1);
                })
            };
            task.handle();
            drop(task.inbox.close());
            // What the task was is dropped after the mailbox has been closed.
            task.state.pause();
            waker.join().expect("no panic");
            assert!(!task.state.wake(), "nobody is woken any more");
        },
    );
}

#[test]
fn a_paused_task_is_polled_when_its_actor_says_so() {
    model(
        "waking::a_paused_task_is_polled_when_its_actor_says_so",
        "K3: wakes during a pause send nothing, and are seen by the poll after it",
        "2 threads, 1 wake, 1 pause",
        || {
            let task = Task::new();
            task.send();
            let waker = {
                let task = task.clone();
                thread::spawn(move || assert!(!task.wake(0)))
            };
            assert_eq!(task.inbox.take().count(), 1);
            task.state.begin();
            task.state.pause();
            waker.join().expect("no panic");
            assert_eq!(task.inbox.take().count(), 0, "K3: a poll was sent during the pause");
            task.send();
            assert_eq!(task.handle(), Some(1));
        },
    );
}
