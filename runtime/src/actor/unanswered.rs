//! What it means that a reply is dropped just now.
//!
//! A [`Reply`](super::Reply) that is dropped tells its asker why there is no answer, but it does not know: it lies in a
//! message, and whoever drops the message knows. So that one says it, for the calling thread, while it drops. Nobody has
//! said anything in a handler: then the handler itself has dropped the reply, or is being left by a panic.

use crate::scheduler::control::AskError;
use crate::scheduler::header::Attention;
use crate::scheduler::worker::Worker;
use crate::sync::thread::panicking;
use std::cell::Cell;

thread_local! {
    static MEANING: Cell<Option<AskError>> = const { Cell::new(None) };
}

/// As long as this lives, a reply dropped by this thread means what was said.
#[must_use]
pub(crate) struct Unanswered(Option<AskError>);

impl Unanswered {
    /// From now on replies are dropped because of `why`.
    pub(crate) fn because(why: AskError) -> Self {
        Self(MEANING.replace(Some(why)))
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        MEANING.set(self.0);
    }
}

/// Why a reply that is dropped now is not sent.
#[cold]
pub(super) fn why() -> AskError {
    MEANING.get().unwrap_or_else(|| {
        Worker::with_current(|worker| match worker {
            Some(worker) if panicking() && worker.desk().tenure.looks_revocable() => by_failure(worker),
            _ => AskError::Dropped,
        })
    })
}

/// What becomes of the requests that an actor holds whose turn is being left by a panic.
fn by_failure(worker: &Worker) -> AskError {
    // SAFETY: S4: the turn is not over, so the cell is alive. M1: this is a turn of the home.
    let restartable = unsafe {
        let cell = worker.desk().running();
        cell.as_ref()
            .plain
            .with(|plain| (*plain).attention & Attention::RESTARTABLE != 0)
    };
    if restartable {
        AskError::Restarted
    } else {
        AskError::Stopped
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_holds_until_it_is_over() {
        assert_eq!(why(), AskError::Dropped);
        let stopped = Unanswered::because(AskError::Stopped);
        {
            let _rejected = Unanswered::because(AskError::Rejected);
            assert_eq!(why(), AskError::Rejected);
        }
        assert_eq!(why(), AskError::Stopped);
        drop(stopped);
        assert_eq!(why(), AskError::Dropped);
    }
}
