//! The bare loop for actors and messages of any type: what is done with a message is up to the workload.

use crate::Outcome;
use std::collections::VecDeque;
use std::time::Instant;

/// Messages on their way: to whom, and what.
pub(super) type Queue<M> = VecDeque<(u32, M)>;

/// The actors of one workload.
pub(super) trait Stage {
    type Msg: Copy;

    fn handle(&mut self, target: u32, msg: Self::Msg, queue: &mut Queue<Self::Msg>);

    /// What all actors have handled.
    fn checksum(&self) -> u64;
}

/// Handles messages until none is left, and times it.
pub(super) fn perform<S: Stage>(
    workload: &str,
    mut stage: S,
    messages: u64,
    expected: u64,
    begin: impl FnOnce(&mut Queue<S::Msg>),
) -> Outcome {
    assert!(messages > 0, "{workload}: a run needs messages");
    let mut queue = Queue::new();
    let begun = Instant::now();
    begin(&mut queue);
    while let Some((target, msg)) = queue.pop_front() {
        stage.handle(target, msg, &mut queue);
    }
    let elapsed = begun.elapsed();
    Outcome::checked(workload, messages, elapsed, stage.checksum(), expected)
}
