//! What can be wrong with one frame of Market Spread.
//!
//! It exists apart from the codec because dead letters, the receiver and the tests speak of these
//! errors without decoding anything. An error is `Copy` and small: it deliberately does not carry
//! the frame, which whoever decodes it still holds.

use std::fmt;

use thiserror::Error;

/// The three kinds of frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// An order: somebody wants to buy or sell.
    Order,
    /// A quote (NBBO): the best bid and offer of a symbol.
    Quote,
    /// A result: an order that was rejected.
    Outcome,
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "order",
            Self::Quote => "quote",
            Self::Outcome => "result",
        })
    }
}

/// Why a payload is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The first byte names no message, or not the one asked for.
    #[error("message type {found} is not the expected one (1 is an order, 2 a quote)")]
    UnknownType {
        /// The byte that was there.
        found: u8,
    },
    /// A message of a known type is too short or too long.
    #[error("the {kind} is {found} bytes long, expected {expected}")]
    WrongLength {
        /// What the payload should be.
        kind: FrameKind,
        /// Its length in bytes.
        found: u32,
        /// The only length this kind has, in bytes.
        expected: u32,
    },
    /// There is no payload at all.
    #[error("the frame is empty, expected at least a message type")]
    Empty,
    /// The side is neither of the two.
    #[error("side {found} is unknown, expected 1 (buy) or 2 (sell)")]
    BadSide {
        /// The byte that was there.
        found: u8,
    },
    /// A number is NaN or infinite: one such quote would silence its symbol for good, since every
    /// comparison with NaN is false.
    #[error("the {field} is not a finite number")]
    NotANumber {
        /// The field's name.
        field: &'static str,
    },
    /// A symbol that no table could print.
    #[error("symbol \"{}\" has a byte that is not printable ASCII", found.escape_ascii())]
    BadSymbol {
        /// The four bytes that were there.
        found: [u8; 4],
    },
}

impl FrameError {
    /// The error for a payload of `found_bytes` where `kind` has `expected_bytes`.
    #[cold]
    pub(crate) fn wrong_length(kind: FrameKind, found_bytes: usize, expected_bytes: usize) -> Self {
        let narrow = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Self::WrongLength {
            kind,
            found: narrow(found_bytes),
            expected: narrow(expected_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_was_found_and_what_was_expected() {
        let length = FrameError::wrong_length(FrameKind::Order, 7, 53);
        assert_eq!(length.to_string(), "the order is 7 bytes long, expected 53");
        let symbol = FrameError::BadSymbol {
            found: [b'A', 0, 0xFF, b'"'],
        };
        assert_eq!(
            symbol.to_string(),
            r#"symbol "A\x00\xff\"" has a byte that is not printable ASCII"#
        );
    }

    #[test]
    fn an_error_stays_small() {
        assert!(size_of::<FrameError>() <= 24);
    }
}
