//! How fast messages are sent, and how people write large numbers.
//!
//! It exists because four commands take a rate or a count and all should accept `1M` and
//! `1_000_000`. Fractions (`1.5M`) and units other than thousands and millions are not accepted.

use std::fmt;
use std::str::FromStr;

use crate::human::count;

/// More than one message per nanosecond has no due times, which are whole nanoseconds.
const PER_SECOND_MAX: u64 = 1_000_000_000;

/// How fast messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// As fast as they are taken.
    Max,
    /// On a schedule: message i is due i / rate seconds after the start. At least 1.
    PerSecond(u64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        match parse_count(text) {
            Ok(0) => Err("a rate of 0 would never end, expected at least 1 or `max`".to_owned()),
            Ok(per_second) if per_second > PER_SECOND_MAX => Err(format!(
                "at most {} messages a second have a schedule, `max` has none",
                count(PER_SECOND_MAX)
            )),
            Ok(per_second) => Ok(Self::PerSecond(per_second)),
            Err(reason) => Err(format!("{reason}, or `max`")),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::PerSecond(per_second) => write!(f, "{per_second}"),
        }
    }
}

/// Reads a count as people write it: `1000000`, `1_000_000`, `250k`, `1M`.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let expected = || "expected a whole number such as 1000000, 1_000_000, 250k or 1M".to_owned();
    let (digits, factor) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let plain: String = digits.chars().filter(|&digit| digit != '_').collect();
    // `parse` alone would take "+5", and the filter alone would take "_".
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    let number = plain.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("the number is too large, at most {} fits", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_people_write_them() {
        for (text, expected) in [
            ("0", 0),
            ("1000000", 1_000_000),
            ("1_000_000", 1_000_000),
            ("1M", 1_000_000),
            ("250k", 250_000),
            ("250K", 250_000),
        ] {
            assert_eq!(parse_count(text), Ok(expected), "{text}");
        }
        for text in ["", "_", "k", "-1", "+1", "1.5M", "1G", "ten", "1 000"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
        let large = parse_count("99999999999999M").unwrap_err();
        assert!(large.contains("too large"), "{large}");
    }

    #[test]
    fn rates_come_back_from_their_text() {
        for rate in [Rate::Max, Rate::PerSecond(1), Rate::PerSecond(1_000_000)] {
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        assert!("0".parse::<Rate>().unwrap_err().contains("never end"));
        assert!("2000M".parse::<Rate>().is_err());
        assert!("fast".parse::<Rate>().unwrap_err().contains("`max`"));
    }
}
