//! Time, in nanoseconds.
//!
//! [`Time`] is a point on a monotone clock with an origin of its own; only differences mean anything. Reading it
//! costs about 25 ns on the machines we measured, more than a whole message between two actors of one core, so the
//! scheduler reads it once per slice of work and nothing reads it per message. Wall-clock time is a separate
//! function, [`wall_ns`], because it may jump.

use super::simulated;
use crate::sync::thread;
use std::ops::{Add, Sub};
#[cfg(not(potoroo_loom))]
use std::sync::OnceLock;
#[cfg(not(potoroo_loom))]
use std::time::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in monotone time, in nanoseconds since this process first asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);

    /// A time that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The time `ns` nanoseconds after the origin.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the origin.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        let ns = u64::try_from(later.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ns))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// The monotone clock of a model, which stands still: an interleaving must be the same whenever it is replayed.
#[cfg(potoroo_loom)]
pub fn now() -> Time {
    Time(1)
}

/// Reads the monotone clock; in a simulated world, its own.
#[cfg(not(potoroo_loom))]
pub fn now() -> Time {
    if let Some(now) = simulated::with(|world| world.now()) {
        return now;
    }
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let elapsed = ORIGIN.get_or_init(Instant::now).elapsed();
    // One tick above zero, so that a time that was read never equals the origin.
    Time(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX - 1) + 1)
}

/// Reads the wall clock: nanoseconds since 1970-01-01 00:00 UTC, comparable between processes of one machine.
pub fn wall_ns() -> u64 {
    if let Some(now) = simulated::with(|world| world.wall_ns()) {
        return now;
    }
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Lets `time` pass on the calling thread; in a simulated world the others go on meanwhile.
pub fn sleep(time: Duration) {
    if !simulated::wait(now() + time, &mut || false) {
        thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_and_arithmetic_saturates() {
        let first = now();
        let second = now();
        assert!(second >= first);
        assert_eq!(first.since(second + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
        assert_eq!((Time::from_ns(5) + Duration::from_nanos(7)).as_ns(), 12);
    }
}
