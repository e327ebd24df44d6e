//! How much may wait in one mailbox, and what happens then.
//!
//! Above the soft mark senders are muted; above the hard limit, which there is none of by default, messages are refused.
//! The marks of a cell lie in its header, as numbers of messages, where every sender can read them. It lacks the bytes
//! that a message owns elsewhere: a mailbox knows the size of its messages, not what hangs on them.

use super::inbox::WAITING_MAX;
use crate::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What happens to a message that comes when the hard limit has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused: [`try_tell`](crate::ActorRef::try_tell) gives it back, [`tell`](crate::ActorRef::tell) makes it a
    /// dead letter, an ask fails with [`AskError::Rejected`](crate::AskError::Rejected).
    Reject,
    /// It is dropped, and counted as a dead letter.
    DropNewest,
    /// The message that has waited longest is dropped in its place. (What lies in the inbox, on the way from another worker,
    /// cannot be reached: if that alone reaches the limit, the new message is dropped.)
    DropOldest,
    /// It is refused, and the actor ends with [`ExitReason::MailboxFull`](crate::ExitReason::MailboxFull).
    Fail,
}

/// How much may wait in one mailbox.
///
/// The soft marks make senders wait: an actor that has told something to one whose mailbox is above any of them is *muted*
/// when its turn ends, and has no more data turns until the receiver is below half of them. Timers, answers and other
/// control messages reach a muted actor all the same. See [`Context::is_muted`](crate::Context::is_muted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxLimits {
    pub(crate) soft_messages: usize,
    pub(crate) soft_bytes: usize,
    pub(crate) age_max: Option<Duration>,
    pub(crate) hard: Option<(usize, Overflow)>,
}

impl Default for MailboxLimits {
    fn default() -> Self {
        Self {
            soft_messages: 1024,
            soft_bytes: 1 << 20,
            age_max: Some(Duration::from_millis(10)),
            hard: None,
        }
    }
}

impl MailboxLimits {
    /// How many waiting messages are too many. Default: 1,024. Noticed when the mailbox has to grow, which it does in powers
    /// of two, when messages arrive from another worker, and when a turn is cut short; so a mailbox may hold a little more
    /// before anybody is muted. In the inbox, where messages from other workers lie until the receiver takes them, a mark
    /// above 32,767 counts as 32,767.
    #[must_use]
    pub fn soft_messages(mut self, messages: usize) -> Self {
        self.soft_messages = messages.max(1);
        self
    }

    /// How many bytes of waiting messages are too many, by the size of the message type; what messages own on the heap is not
    /// counted. Default: 1 MiB.
    #[must_use]
    pub fn soft_bytes(mut self, bytes: usize) -> Self {
        self.soft_bytes = bytes.max(1);
        self
    }

    /// How long the oldest message may wait, with at least 16 waiting, before it is too long; looked at when a turn
    /// is cut short for lack of time. Default: 10 ms. `None`: for ever.
    #[must_use]
    pub fn age_max(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.age_max = age.into();
        self
    }

    /// How many messages may wait at all, and what happens to one more. Default: no limit. Messages from other workers are
    /// counted where they lie: up to so many in the inbox, and up to so many in the queue of the actor. A soft mark above it
    /// counts as the same.
    #[must_use]
    pub fn hard(mut self, messages: usize, overflow: Overflow) -> Self {
        self.hard = Some((messages.clamp(1, HARD_MAX), overflow));
        self
    }
}

/// Fewer waiting messages than this are never too old: muting would cost more than the waiting.
pub(crate) const AGED_MIN: usize = 16;

/// The largest hard limit.
const HARD_MAX: usize = (1 << 30) - 1;

/// The marks of one cell, in messages. Written by the home, read by every sender: hints, and Relaxed.
#[derive(Debug)]
pub(crate) struct Marks {
    soft: AtomicU32,
    /// 0, or the hard limit below the [`Overflow`].
    hard: AtomicU32,
}

impl Marks {
    /// The marks for messages of a size.
    pub(crate) fn new(limits: &MailboxLimits, message_bytes: usize) -> Self {
        let marks = Self {
            soft: AtomicU32::new(0),
            hard: AtomicU32::new(0),
        };
        marks.set(limits, message_bytes);
        marks
    }

    pub(crate) fn set(&self, limits: &MailboxLimits, message_bytes: usize) {
        let by_bytes = limits.soft_bytes / message_bytes.max(1);
        let most = limits.hard.map_or(HARD_MAX, |(messages, _)| messages);
        let soft = limits.soft_messages.min(by_bytes.max(1)).min(most);
        let hard = limits.hard.map_or(0, |(messages, overflow)| {
            let overflow = match overflow {
                Overflow::Reject => 0,
                Overflow::DropNewest => 1,
                Overflow::DropOldest => 2,
                Overflow::Fail => 3,
            };
            messages as u32 | overflow << 30
        });
        self.soft.store(soft as u32, Ordering::Relaxed);
        self.hard.store(hard, Ordering::Relaxed);
    }

    /// How many waiting messages are too many.
    pub(crate) fn soft(&self) -> usize {
        self.soft.load(Ordering::Relaxed) as usize
    }

    /// How few waiting messages end a flood.
    pub(crate) fn low(&self) -> usize {
        self.soft() / 2
    }

    /// The same where the inbox is counted, which ends earlier.
    pub(crate) fn soft_of_inbox(&self) -> usize {
        self.soft().min(WAITING_MAX - 1)
    }

    /// Whether there is a hard limit at all; there seldom is.
    #[inline(always)]
    pub(crate) fn has_hard(&self) -> bool {
        self.hard.load(Ordering::Relaxed) != 0
    }

    /// The limit has been met and the actor is to fail for it: says whether this is the first time. From now on messages are
    /// refused.
    pub(crate) fn fails_now(&self) -> bool {
        let hard = self.hard.load(Ordering::Relaxed);
        let refuses = hard & HARD_MAX as u32;
        hard >> 30 == 3
            && self
                .hard
                .compare_exchange(hard, refuses, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// How many messages may wait at all, and what happens to one more.
    pub(crate) fn hard(&self) -> Option<(usize, Overflow)> {
        let hard = self.hard.load(Ordering::Relaxed);
        let overflow = match hard >> 30 {
            0 => Overflow::Reject,
            1 => Overflow::DropNewest,
            2 => Overflow::DropOldest,
            _ => Overflow::Fail,
        };
        (hard != 0).then_some(((hard & HARD_MAX as u32) as usize, overflow))
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_message_lower_the_mark() {
        let marks = Marks::new(&MailboxLimits::default(), 8);
        assert_eq!((marks.soft(), marks.low()), (1024, 512));
        let marks = Marks::new(&MailboxLimits::default(), 1 << 14);
        assert_eq!(marks.soft(), 64);
        let marks = Marks::new(&MailboxLimits::default(), 1 << 24);
        assert_eq!(marks.soft(), 1, "one message is always allowed");
        let marks = Marks::new(&MailboxLimits::default().soft_messages(1 << 20), 0);
        assert_eq!((marks.soft(), marks.soft_of_inbox()), (1 << 20, WAITING_MAX - 1));
    }

    #[test]
    fn a_hard_limit_keeps_its_kind() {
        assert_eq!(Marks::new(&MailboxLimits::default(), 8).hard(), None);
        for overflow in [
            Overflow::Reject,
            Overflow::DropNewest,
            Overflow::DropOldest,
            Overflow::Fail,
        ] {
            let limits = MailboxLimits::default().hard(5000, overflow);
            assert_eq!(Marks::new(&limits, 8).hard(), Some((5000, overflow)));
            let limits = limits.hard(50, overflow);
            assert_eq!(Marks::new(&limits, 8).soft(), 50, "who is full is flooded");
        }
        let marks = Marks::new(&MailboxLimits::default().hard(5, Overflow::Fail), 8);
        assert!(marks.fails_now());
        assert!(!marks.fails_now(), "once");
        assert_eq!(marks.hard(), Some((5, Overflow::Reject)));
        let limits = MailboxLimits::default().hard(usize::MAX, Overflow::Fail);
        assert_eq!(Marks::new(&limits, 8).hard(), Some((HARD_MAX, Overflow::Fail)));
    }
}
