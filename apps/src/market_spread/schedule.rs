//! The schedule of a run: when message i is due, and where a late one's delay is counted from.
//!
//! It exists because the sender and the receiver must agree to the nanosecond on when a message was
//! due; a latency from the due time hides nothing, however late the sender was. At `--rate max`
//! nothing is due, so there the sender's stamps take its place. Sending is not here.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::AppError;
use crate::rate::Rate;

const NS_PER_SECOND: u128 = 1_000_000_000;
/// One stamp on disk: the index of a batch's first message, and when its sending began.
pub const STAMP_BYTES: usize = 16;

/// When message `index` is due, in ns since 1970.
#[inline]
#[must_use]
pub fn due_ns(start_ns: u64, per_second: u64, index: u64) -> u64 {
    let after = u128::from(index) * NS_PER_SECOND / u128::from(per_second.max(1));
    start_ns.saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
}

/// How many messages are due by `now_ns`: message 0 is due at the start itself.
#[inline]
#[must_use]
pub fn due_count(start_ns: u64, per_second: u64, now_ns: u64) -> u64 {
    let Some(elapsed) = now_ns.checked_sub(start_ns) else {
        return 0;
    };
    // The largest i with i * 1e9 / rate, rounded down, not above the elapsed time, plus one.
    let after = ((u128::from(elapsed) + 1) * u128::from(per_second)).div_ceil(NS_PER_SECOND);
    u64::try_from(after).unwrap_or(u64::MAX)
}

/// What the receiver has to know of the sender to compute latencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The sender's seed.
    pub seed: u64,
    /// When its message 0 was due, in ns since 1970.
    pub start_ns: u64,
    /// Its rate.
    pub rate: Rate,
    /// Its stamps, which exist at `max` and only there.
    pub stamps: Option<PathBuf>,
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut seed, mut start_ns, mut rate, mut stamps) = (None, None, None, None);
        // The path comes last and takes the rest, since it may have commas of its own.
        let fields = match text.split_once("stamps=") {
            Some((fields, path)) => {
                stamps = Some(PathBuf::from(path));
                fields
            }
            None => text,
        };
        for field in fields.split(',').filter(|field| !field.is_empty()) {
            let number = |value: &str| {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("`{field}` is not a whole number"))
            };
            match field.split_once('=') {
                Some(("seed", value)) => seed = Some(number(value)?),
                Some(("start_ns", value)) => start_ns = Some(number(value)?),
                Some(("rate", value)) => rate = Some(value.parse()?),
                _ => return Err(format!("`{field}` is unknown, expected {FORM}")),
            }
        }
        let missing = |name| format!("`{name}` is missing, expected {FORM}");
        let schedule = Self {
            seed: seed.ok_or_else(|| missing("seed"))?,
            start_ns: start_ns.ok_or_else(|| missing("start_ns"))?,
            rate: rate.ok_or_else(|| missing("rate"))?,
            stamps,
        };
        match (schedule.rate, &schedule.stamps) {
            (Rate::Max, None) => Err("rate=max has no due times, so it needs stamps=FILE".to_owned()),
            (Rate::PerSecond(_), Some(_)) => Err("stamps=FILE is for rate=max, a fixed rate has due times".to_owned()),
            _ => Ok(schedule),
        }
    }
}

const FORM: &str = "seed=S,start_ns=T,rate=R or seed=S,start_ns=T,rate=max,stamps=FILE";

/// The sender's stamps, read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamps(Vec<(u64, u64)>);

impl Stamps {
    /// Reads a file of stamps: pairs of big-endian u64, first index and time.
    pub fn read(path: &Path) -> Result<Self, AppError> {
        let error = |source| AppError::File {
            action: "read the stamps",
            path: path.to_owned(),
            source,
            advice: "is it the file of the sender's --stamps, and has the sender ended?",
        };
        let bytes = std::fs::read(path).map_err(error)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, &b| (sum << 8) | u64::from(b));
        let stamps: Vec<_> = bytes
            .chunks_exact(STAMP_BYTES)
            .map(|stamp| (number(&stamp[..8]), number(&stamp[8..])))
            .collect();
        let sorted = stamps.is_sorted_by(|a, b| a.0 < b.0);
        if !sorted || !bytes.len().is_multiple_of(STAMP_BYTES) {
            let expected = "expected pairs of u64 with rising indexes";
            return Err(error(io::Error::new(io::ErrorKind::InvalidData, expected)));
        }
        Ok(Self(stamps))
    }

    /// When the batch of message `index` began to be sent; `None` before the first batch.
    #[must_use]
    pub fn sent_ns(&self, index: u64) -> Option<u64> {
        let after = self.0.partition_point(|&(first, _)| first <= index);
        Some(self.0[after.checked_sub(1)?].1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_schedule_is_read_from_its_text() {
        let schedule: Schedule = "seed=1,start_ns=5,rate=1M".parse().unwrap();
        assert_eq!((schedule.seed, schedule.start_ns), (1, 5));
        assert_eq!(schedule.rate, Rate::PerSecond(1_000_000));
        let schedule: Schedule = "seed=1,start_ns=5,rate=max,stamps=/tmp/a,b".parse().unwrap();
        assert_eq!(schedule.stamps, Some(PathBuf::from("/tmp/a,b")));
        for (text, reason) in [
            ("seed=1,rate=1", "`start_ns` is missing"),
            ("seed=x,start_ns=5,rate=1", "`seed=x` is not a whole number"),
            ("speed=1", "`speed=1` is unknown"),
            ("seed=1,start_ns=5,rate=max", "needs stamps=FILE"),
            ("seed=1,start_ns=5,rate=1,stamps=a", "is for rate=max"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_message_has_the_stamp_of_its_batch() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stamps");
        let bytes: Vec<u8> = [10_u64, 100, 20, 200]
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        std::fs::write(&path, &bytes).unwrap();
        let stamps = Stamps::read(&path).unwrap();
        let sent: Vec<_> = [9, 10, 19, 20, 99].map(|at| stamps.sent_ns(at)).into();
        assert_eq!(sent, [None, Some(100), Some(100), Some(200), Some(200)]);
        std::fs::write(&path, &bytes[..31]).unwrap();
        assert!(Stamps::read(&path).is_err());
    }

    proptest! {
        #[test]
        fn counting_and_due_times_agree(
            start in 0_u64..1 << 61,
            per_second in 1_u64..1_000_000_000,
            index in 1_u64..1 << 31,
        ) {
            let due = due_ns(start, per_second, index);
            prop_assert!(due_count(start, per_second, due) > index);
            prop_assert!(due_count(start, per_second, due - 1) <= index);
            prop_assert_eq!(due_count(start, per_second, start), 1);
        }
    }
}
