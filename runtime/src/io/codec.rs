//! What cuts a stream of bytes into frames, and what can be wrong with the bytes.
//!
//! A codec sees all unread bytes each time and says how many of them its first frame takes; the reader around it
//! (`reader.rs`) owns the buffer. [`Frames`](super::Frames) is the codec for length prefixes and lines; a protocol with
//! frames of another shape brings its own. Codecs lack output: what is sent is written into
//! [`Link::out`](super::Link::out).

use std::borrow::Cow;
use std::fmt;

/// How many bytes may wait for their frame to become whole, unless a codec says otherwise.
pub const BUFFERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Cuts a stream of bytes into frames.
///
/// A frame is borrowed: from the read buffer, or from the codec itself, which may keep a table of the parts of its
/// present frame and use it again for the next.
///
/// ```
/// use potoroo_runtime::io::{Codec, FrameError, FrameReader};
///
/// /// Numbers of one digit, each with a `;` behind it.
/// struct Digits;
///
/// impl Codec for Digits {
///     type Frame<'a> = u8;
///     fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(u8, usize)>, FrameError> {
///         match bytes {
///             [digit @ b'0'..=b'9', b';', ..] => Ok(Some((digit - b'0', 2))),
///             [] | [b'0'..=b'9'] => Ok(None),
///             _ => Err(FrameError::invalid(offset, "expected a digit and a semicolon")),
///         }
///     }
/// }
///
/// let mut reader = FrameReader::<Digits>::new(Digits);
/// reader.fill(|room| {
///     room[..5].copy_from_slice(b"7;4;2");
///     Ok(5)
/// })?;
/// assert_eq!(reader.next_frame(), Ok(Some(7)));
/// assert_eq!(reader.next_frame(), Ok(Some(4)));
/// assert_eq!(reader.next_frame(), Ok(None));
/// assert!(matches!(reader.finish(), Err(FrameError::Truncated { offset: 4, .. })));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Codec: Send + 'static {
    /// What comes out.
    type Frame<'a>;

    /// Cuts the first frame off `bytes`, which are all that is unread; `offset` is where they begin in the stream. Says
    /// how many bytes the frame takes, at least one. `Ok(None)`: more bytes are needed; the next call sees these again
    /// and more behind them, so a codec may remember how far it has looked.
    fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(Self::Frame<'a>, usize)>, FrameError>;

    /// The stream has ended, and these bytes, one at least, are no whole frame. By default that is an error.
    fn finish<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<Self::Frame<'a>>, FrameError> {
        Err(FrameError::Truncated {
            offset,
            have: bytes.len(),
            want: self.bytes_wanted().max(bytes.len() + 1),
        })
    }

    /// How many bytes may wait for their frame to become whole: beyond it the stream is given up with
    /// [`FrameError::TooLong`]. It bounds the memory of a connection, whatever the peer sends.
    fn buffered_bytes_max(&self) -> usize {
        BUFFERED_BYTES_MAX
    }

    /// How many bytes the frame that has begun takes in all, if that is known already; 0 if not. The buffer then grows in
    /// fewer steps. It is not believed beyond four times what has come: a peer can announce anything.
    fn bytes_wanted(&self) -> usize {
        0
    }
}

/// Why a stream cannot be cut any further.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame announces, or a line has, more bytes than the limit allows.
    TooLong {
        /// Where the frame begins in the stream.
        offset: u64,
        /// Its length; for a line, the bytes seen so far.
        length: u64,
        /// The limit.
        limit: usize,
    },
    /// The stream ended within a frame.
    Truncated {
        /// Where the frame begins in the stream.
        offset: u64,
        /// The bytes that came, length included.
        have: usize,
        /// The bytes that were to come, length included, as far as known.
        want: usize,
    },
    /// The bytes are none of the protocol's.
    Invalid {
        /// Where in the stream.
        offset: u64,
        /// What is wrong, in the words of the codec.
        reason: Cow<'static, str>,
    },
}

impl FrameError {
    /// The error of a codec that does not understand the bytes at `offset`.
    #[cold]
    pub fn invalid(offset: u64, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            offset,
            reason: reason.into(),
        }
    }

    /// Where in the stream the trouble begins.
    pub fn offset(&self) -> u64 {
        match self {
            Self::TooLong { offset, .. } | Self::Truncated { offset, .. } | Self::Invalid { offset, .. } => *offset,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { offset, length, limit } => write!(
                f,
                "the frame at byte {offset} has a length of {length} bytes, the limit is {limit}"
            ),
            Self::Truncated { offset, have, want } => write!(
                f,
                "the stream ended within the frame at byte {offset}: {have} of {want} bytes came"
            ),
            Self::Invalid { offset, reason } => write!(f, "the bytes at {offset} are no frame: {reason}"),
        }
    }
}

impl std::error::Error for FrameError {}
