//! Points in time: of events, of watermarks, of the wall clock.
//!
//! One type for all of them, nanoseconds since 1970 in 64 bits: from 1677 to 2262. Its ends stand for "before everything"
//! and "after everything", and all arithmetic stops at them, so an end plus a lateness never wraps around. It lacks
//! calendars and time zones: a window is a span of nanoseconds, whatever clocks on walls do in spring.

use std::fmt;
use std::time::Duration;

/// Nanoseconds since the beginning of 1970, in UTC; negative before.
///
/// ```
/// use potoroo_actors::element::Timestamp;
/// use std::time::Duration;
///
/// let time = Timestamp::from_millis(-1_500) + Duration::from_secs(2);
/// assert_eq!(time, Timestamp::from_millis(500));
/// assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before everything: the watermark of an edge that has told nothing yet, the time of a record that has none.
    pub const MIN: Self = Self(i64::MIN);

    /// After everything: the watermark at the end of a stream.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds since 1970.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since 1970.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant before.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How long after `earlier` this is; nothing if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        // The difference of any two fits into 64 bits without a sign.
        Duration::from_nanos(if self > earlier {
            self.0.wrapping_sub(earlier.0).cast_unsigned()
        } else {
            0
        })
    }
}

/// A duration as nanoseconds; 292 years if it is longer.
fn nanos_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos_of(duration)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos_of(duration)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MIN => f.write_str("before everything"),
            Self::MAX => f.write_str("after everything"),
            Self(nanos) => {
                let sign = if nanos < 0 { "-" } else { "" };
                let (seconds, rest) = (
                    nanos.unsigned_abs() / 1_000_000_000,
                    nanos.unsigned_abs() % 1_000_000_000,
                );
                write!(f, "{sign}{seconds}.{rest:09} s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let long = Duration::MAX;
        assert_eq!(Timestamp::MIN + long, Timestamp::from_nanos(-1));
        assert_eq!(Timestamp::from_secs(1) + long, Timestamp::MAX);
        assert_eq!(Timestamp::from_secs(-2) - long, Timestamp::MIN);
        assert_eq!(Timestamp::MIN.before(), Timestamp::MIN);
        assert_eq!(Timestamp::from_millis(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.since(Timestamp::MIN), Duration::from_nanos(u64::MAX));
        assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
    }

    #[test]
    fn times_before_1970_are_rounded_down_and_shown_with_a_sign() {
        assert_eq!(Timestamp::from_nanos(-1).millis(), -1);
        assert_eq!(Timestamp::from_millis(-1_500).to_string(), "-1.500000000 s");
    }
}
