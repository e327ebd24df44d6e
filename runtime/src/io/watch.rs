//! Time-outs of a connection, without a clock in the way of its bytes.
//!
//! Turns count bytes, nothing else. While there is something to wait for, one timer looks a few times within the time
//! allowed: what has not changed since the look before has lasted from then on. A connection that waits for nothing has
//! no timer.

use super::close::CloseReason;
use super::limits::Limits;
use crate::actor::TimerId;
use crate::sys::clock::Time;
use std::time::Duration;

/// How many looks there are within the time allowed.
const LOOKS: u32 = 4;

/// Timers are not finer than this.
const LOOK_AFTER_MIN: Duration = Duration::from_millis(1);

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    /// All bytes received and sent so far.
    pub(super) moved_bytes: u64,
    /// All bytes sent so far, if some are unsent.
    pub(super) stalled_at: Option<u64>,
    /// Where the frame that has begun begins, and how much of it has come.
    pub(super) frame: Option<(u64, usize)>,
}

/// Since when something has been as it is.
#[derive(Debug, Default)]
struct Mark(Option<(u64, Time)>);

impl Mark {
    /// For how long it has been `value`; `None`: it is not.
    fn lasts(&mut self, value: Option<u64>, now: Time) -> Duration {
        match (value, self.0) {
            (Some(value), Some((before, since))) if value == before => return now.since(since),
            (Some(value), _) => self.0 = Some((value, now)),
            (None, _) => self.0 = None,
        }
        Duration::ZERO
    }
}

/// The time-outs of one connection.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The timer, and how long it was set for.
    pub(super) timer: Option<(TimerId, Duration)>,
    idle: Mark,
    stall: Mark,
    frame: Mark,
}

impl Watch {
    /// When to look next: `None` if there is nothing to wait for.
    pub(super) fn look_after(limits: &Limits, waits: &Waits) -> Option<Duration> {
        let stall = limits.stall_max.filter(|_| waits.stalled_at.is_some());
        let frame = limits.frame_within.filter(|_| waits.frame.is_some());
        let shortest = [limits.idle_max, stall, frame].into_iter().flatten().min()?;
        Some((shortest / LOOKS).max(LOOK_AFTER_MIN))
    }

    /// Looks: the reason if something has lasted too long.
    pub(super) fn look(&mut self, limits: &Limits, waits: &Waits, now: Time) -> Option<CloseReason> {
        let idle = self.idle.lasts(Some(waits.moved_bytes), now);
        let stall = self.stall.lasts(waits.stalled_at, now);
        let frame = self.frame.lasts(waits.frame.map(|(offset, _)| offset), now);
        if limits.stall_max.is_some_and(|max| stall >= max) {
            return Some(CloseReason::PeerStalled);
        }
        if let (Some(within), Some((offset, have))) = (limits.frame_within, waits.frame) {
            let more = have as u64 * 1000 / u64::from(limits.frame_rate_min.max(1));
            let more = Duration::from_millis(if limits.frame_rate_min == 0 { 0 } else { more });
            if frame >= within + more {
                return Some(CloseReason::FrameTooSlow { offset, have });
            }
        }
        limits
            .idle_max
            .is_some_and(|max| idle >= max)
            .then_some(CloseReason::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Time {
        Time::from_ns(1) + SECOND * seconds as u32
    }

    fn limits() -> Limits {
        Limits {
            idle_max: Some(SECOND * 100),
            frame_within: Some(SECOND * 20),
            frame_rate_min: 10,
            stall_max: Some(SECOND * 40),
            ..Limits::default()
        }
    }

    #[test]
    fn the_shortest_time_that_applies_sets_the_pace() {
        let mut waits = Waits::default();
        assert_eq!(Watch::look_after(&limits(), &waits), Some(SECOND * 25));
        waits.stalled_at = Some(7);
        assert_eq!(Watch::look_after(&limits(), &waits), Some(SECOND * 10));
        waits.frame = Some((0, 1));
        assert_eq!(Watch::look_after(&limits(), &waits), Some(SECOND * 5));
        assert_eq!(Watch::look_after(&Limits::default(), &Waits::default()), None);
        assert_eq!(Watch::look_after(&Limits::patient(), &waits), None);
    }

    #[test]
    fn bytes_that_move_keep_a_connection_from_being_idle() {
        let (mut watch, mut waits) = (Watch::default(), Waits::default());
        for second in (0..1000).step_by(50) {
            waits.moved_bytes += 1;
            assert!(watch.look(&limits(), &waits, at(second)).is_none());
        }
        assert!(watch.look(&limits(), &waits, at(1049)).is_none());
        assert!(matches!(
            watch.look(&limits(), &waits, at(1050)),
            Some(CloseReason::Idle)
        ));
    }

    #[test]
    fn a_peer_that_takes_a_little_has_not_stalled_and_one_that_takes_nothing_has() {
        let (mut watch, mut waits) = (Watch::default(), Waits::default());
        for second in 0..100 {
            waits.stalled_at = Some(second);
            waits.moved_bytes = second;
            assert!(watch.look(&limits(), &waits, at(second)).is_none());
        }
        assert!(watch.look(&limits(), &waits, at(138)).is_none());
        assert!(matches!(
            watch.look(&limits(), &waits, at(139)),
            Some(CloseReason::PeerStalled)
        ));
    }

    #[test]
    fn a_frame_that_comes_too_slowly_is_given_up_and_a_new_one_gets_new_time() {
        let (mut watch, mut waits) = (Watch::default(), Waits::default());
        for second in 0..60 {
            // A frame each 10 s.
            waits.frame = Some((second / 10, 5));
            assert!(watch.look(&limits(), &waits, at(second)).is_none());
        }
        // 100 bytes at 10 a second: 10 s more than the 20 s.
        waits.frame = Some((77, 100));
        waits.moved_bytes = 1;
        assert!(watch.look(&limits(), &waits, at(60)).is_none());
        assert!(watch.look(&limits(), &waits, at(89)).is_none());
        let reason = watch.look(&limits(), &waits, at(90));
        assert!(
            matches!(reason, Some(CloseReason::FrameTooSlow { offset: 77, have: 100 })),
            "{reason:?}"
        );
    }

    #[test]
    fn what_is_over_does_not_count() {
        let (mut watch, mut waits) = (Watch::default(), Waits::default());
        waits.frame = Some((0, 5));
        assert!(watch.look(&limits(), &waits, at(0)).is_none());
        // Paused.
        waits.frame = None;
        assert!(watch.look(&limits(), &waits, at(19)).is_none());
        waits.frame = Some((0, 5));
        assert!(watch.look(&limits(), &waits, at(30)).is_none());
        assert!(watch.look(&limits(), &waits, at(49)).is_none());
        assert!(watch.look(&limits(), &waits, at(51)).is_some());
    }
}
