//! What was sent and what became of it, by receiver.
//!
//! A message carries a [`Ticket`], which names its receiver and knows whether it was handled; it is dropped with the message,
//! wherever that ends. So at rest three numbers have to agree for every receiver: what was sent, what was handled or is a dead
//! letter, and what was dropped. What is none of the messages (a timer, an ask, a connection) is [`Open`] until it is
//! settled. It lacks the contents: the parts check those themselves.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most complaints that one part keeps.
const COMPLAINTS_MAX: usize = 5;

/// One receiver, or several that are counted together.
#[derive(Debug)]
pub(super) struct Post {
    name: String,
    sent: AtomicU64,
    handled: AtomicU64,
    dropped: AtomicU64,
}

impl Post {
    /// A message to this receiver.
    pub(super) fn ticket(self: &Arc<Self>) -> Ticket {
        self.sent.fetch_add(1, Relaxed);
        Ticket {
            post: self.clone(),
            is_handled: false,
        }
    }

    /// Who it is.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many messages are under way.
    pub(super) fn owed(&self) -> u64 {
        // In this order: what is sent in between is counted as owed.
        let dropped = self.dropped.load(Relaxed);
        self.sent.load(Relaxed).saturating_sub(dropped)
    }

    /// Changes whenever the receiver gets on.
    pub(super) fn heartbeat(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// Goes with a message.
#[derive(Debug)]
pub(super) struct Ticket {
    post: Arc<Post>,
    is_handled: bool,
}

impl Ticket {
    /// The message is being handled.
    pub(super) fn handled(mut self) {
        self.is_handled = true;
    }

    /// The message was given back to its sender: it was not sent after all.
    pub(super) fn given_back(self) {
        self.post.sent.fetch_sub(1, Relaxed);
        self.post.dropped.fetch_sub(1, Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_handled {
            self.post.handled.fetch_add(1, Relaxed);
        }
        self.post.dropped.fetch_add(1, Relaxed);
    }
}

/// Something under way that is no message; settled when it is dropped.
#[derive(Debug)]
pub(super) struct Open(Arc<Ledger>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// The books of one part.
#[derive(Debug)]
pub(super) struct Ledger {
    posts: Mutex<Vec<Arc<Post>>>,
    open: AtomicU64,
    operations: AtomicU64,
    faults: AtomicU64,
    /// Messages that their sender took back before they were handled: timers that were cancelled.
    cancelled: AtomicU64,
    complaints: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            posts: Mutex::default(),
            open: AtomicU64::new(0),
            operations: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            complaints: Mutex::default(),
        })
    }

    /// The books of one more receiver.
    pub(super) fn post(&self, name: impl Into<String>) -> Arc<Post> {
        let post = Arc::new(Post {
            name: name.into(),
            sent: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        lock(&self.posts).push(post.clone());
        post
    }

    pub(super) fn posts(&self) -> Vec<Arc<Post>> {
        lock(&self.posts).clone()
    }

    /// Something that is to be settled.
    pub(super) fn open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Relaxed);
        Open(self.clone())
    }

    /// Counts things done that are no messages.
    pub(super) fn did(&self, operations: u64) {
        self.operations.fetch_add(operations, Relaxed);
    }

    /// Counts faults that were injected.
    pub(super) fn injected(&self, faults: u64) {
        self.faults.fetch_add(faults, Relaxed);
    }

    /// Counts messages that will neither be handled nor be dead letters.
    pub(super) fn cancelled(&self, messages: u64) {
        self.cancelled.fetch_add(messages, Relaxed);
    }

    /// Something is not as it must be.
    pub(super) fn complain(&self, what: impl Into<String>) {
        let mut complaints = lock(&self.complaints);
        if complaints.len() < COMPLAINTS_MAX {
            complaints.push(what.into());
        }
    }

    /// What was said to be wrong since the last look.
    pub(super) fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.complaints))
    }

    /// Whether nothing is under way.
    pub(super) fn is_settled(&self) -> bool {
        self.open.load(Relaxed) == 0 && lock(&self.posts).iter().all(|post| post.owed() == 0)
    }

    /// How much is under way, messages aside.
    pub(super) fn still_open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// Messages handled, and other things done.
    pub(super) fn operations(&self) -> u64 {
        let handled: u64 = lock(&self.posts).iter().map(|post| post.handled.load(Relaxed)).sum();
        handled + self.operations.load(Relaxed)
    }

    pub(super) fn faults(&self) -> u64 {
        self.faults.load(Relaxed)
    }

    /// How many messages nobody can account for, given the dead letters that the system counts for these receivers; more
    /// that were accounted for than sent are as wrong. To be asked at rest.
    pub(super) fn lost(&self, dead_letters: u64) -> u64 {
        let (mut sent, mut handled) = (0, 0);
        for post in &*lock(&self.posts) {
            sent += post.sent.load(Relaxed);
            handled += post.handled.load(Relaxed);
        }
        let explained = handled + dead_letters + self.cancelled.load(Relaxed);
        explained.abs_diff(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_handled_a_dead_letter_or_lost() {
        let ledger = Ledger::new();
        let post = ledger.post("somebody");
        post.ticket().handled();
        drop(post.ticket());
        assert!(ledger.is_settled());
        assert_eq!((ledger.lost(1), ledger.lost(0), ledger.lost(2)), (0, 1, 1));
        post.ticket().given_back();
        assert_eq!((ledger.lost(1), ledger.operations()), (0, 1));
        let under_way = post.ticket();
        assert_eq!((post.owed(), ledger.is_settled()), (1, false));
        drop(under_way);
        assert_eq!(ledger.lost(1), 1);
        ledger.cancelled(1);
        assert_eq!(ledger.lost(1), 0);
    }

    #[test]
    fn what_is_open_keeps_a_ledger_unsettled() {
        let ledger = Ledger::new();
        let open = ledger.open();
        assert_eq!((ledger.is_settled(), ledger.still_open()), (false, 1));
        drop(open);
        assert!(ledger.is_settled());
    }

    #[test]
    fn complaints_are_few_and_heard_once() {
        let ledger = Ledger::new();
        (0..100).for_each(|n| ledger.complain(n.to_string()));
        assert_eq!(ledger.complaints(), ["0", "1", "2", "3", "4"]);
        assert!(ledger.complaints().is_empty());
    }
}
