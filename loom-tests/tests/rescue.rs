//! Models of a worker that is stuck in a turn and of those who take its desk over.
//!
//! They check S7 of `runtime/src/scheduler/README.md` on the real `Tenure`: of the worker and its rescuers one at a time is
//! at the desk, and each sees what the one before has done. The desk is a cell that loom watches: two at it at once, or one
//! that comes without synchronising, is an error. `membarrier` and the compiler's fence are both full fences here, which is
//! what they amount to together. What the rescuers do with cells is the migration models' business: they claim them.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::model;
use potoroo_runtime::Tenure;
use potoroo_runtime::sync::{Arc, UnsafeCell};

/// A worker's tenure and its desk, on which everybody counts what they did.
#[derive(Default)]
struct Stuck {
    tenure: Tenure,
    desk: UnsafeCell<u32>,
}

// SAFETY: that the desk is touched by one thread at a time is what the models check.
unsafe impl Sync for Stuck {}
// SAFETY: as above.
unsafe impl Send for Stuck {}

impl Stuck {
    fn touch(&self) {
        // SAFETY: loom reports the access if another is under way or has not synchronised with this one.
        self.desk.with_mut(|count| unsafe { *count += 1 });
    }

    /// A turn with one local tell in it. Counts what it did at the desk.
    fn turn(&self) -> u32 {
        let mut done = 0;
        self.tenure.begin_turn();
        if self.tenure.take_hold() {
            self.touch();
            done += 1;
            self.tenure.let_go();
        } else if let Some(_held) = self.tenure.hold() {
            // The other way of holding on, which a turn takes when the short one fails.
            self.touch();
            done += 1;
        }
        if !self.tenure.end_turn() {
            self.tenure.reclaim();
        }
        // Between turns the desk is the worker's without asking.
        self.touch();
        done + 1
    }

    /// One attempt to take the desk over, and one pass if it succeeds.
    fn rescue(&self) -> u32 {
        match self.tenure.revoke().or_else(|| self.tenure.resume()) {
            Some(_at_work) => {
                self.touch();
                1
            }
            None => 0,
        }
    }

    fn total(&self) -> u32 {
        // SAFETY: the other threads have ended.
        self.desk.with(|count| unsafe { *count })
    }
}

#[test]
fn a_turn_and_a_rescuer() {
    model(
        "rescue::a_turn_and_a_rescuer",
        "S7: worker and rescuer are never at the desk together, whenever the rescuer comes",
        "2 threads, 2 turns with a tell in each, 1 rescue",
        || {
            let stuck = Arc::new(Stuck::default());
            let rescuer = {
                let stuck = stuck.clone();
                thread::spawn(move || stuck.rescue())
            };
            let done = stuck.turn() + stuck.turn();
            let rescued = rescuer.join().expect("no panic");
            assert_eq!(stuck.total(), done + rescued);
            assert!(!stuck.tenure.is_lost() || rescued == 1);
        },
    );
}

#[test]
fn two_rescuers() {
    model(
        "rescue::two_rescuers",
        "S7: two rescuers take turns at the desk, and the worker gets it back",
        "3 threads, 1 turn with a tell, 2 rescues",
        || {
            let stuck = Arc::new(Stuck::default());
            let rescuers: Vec<_> = (0..2)
                .map(|_| {
                    let stuck = stuck.clone();
                    thread::spawn(move || stuck.rescue())
                })
                .collect();
            let mut done = stuck.turn();
            for rescuer in rescuers {
                done += rescuer.join().expect("no panic");
            }
            assert_eq!(stuck.total(), done);
        },
    );
}

#[test]
fn between_turns_nobody_comes() {
    model(
        "rescue::between_turns_nobody_comes",
        "S7: a worker that is not in a turn keeps its desk, and nested holds do not give it up",
        "2 threads, 1 hold between turns, 1 rescue",
        || {
            let stuck = Arc::new(Stuck::default());
            let rescuer = {
                let stuck = stuck.clone();
                thread::spawn(move || stuck.rescue())
            };
            // A timer that fires between turns tells by the same way as a handler does. If it cannot hold because somebody
            // is just trying, it takes the long way; the desk stays the worker's.
            drop(stuck.tenure.hold());
            stuck.touch();
            assert_eq!(rescuer.join().expect("no panic"), 0);
        },
    );
}
