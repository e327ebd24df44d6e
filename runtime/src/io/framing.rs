//! Cutting a stream of bytes into frames.
//!
//! Bytes are read into one buffer and frames are borrowed from it; what is left of an incomplete frame moves to the
//! front when room is needed. A frame beyond the limit is refused as soon as its length is known, before anything of
//! it is kept. The same reader serves sockets and files. It lacks escaping, checksums and resynchronization: after a
//! broken length nothing can be trusted.

use std::fmt;
use std::io;

/// The bytes of a length prefix.
pub const LENGTH_BYTES: usize = 4;

/// How large a read buffer is to begin with: large enough that a read takes over a thousand small frames, small enough
/// to stay in the second-level cache.
const BUFFER_BYTES: usize = 64 * 1024;

/// How frames are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A length of 4 bytes, big-endian, then that many bytes.
    LengthPrefixed {
        /// The longest payload that is accepted, in bytes.
        frame_bytes_max: usize,
    },
    /// Text lines that end with `\n` or `\r\n`; the end is not part of the frame. A last line without one counts.
    Lines {
        /// The longest line that is accepted, in bytes.
        line_bytes_max: usize,
    },
}

/// One frame, borrowed from the read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The payload.
    pub bytes: &'a [u8],
    /// Where the frame (with its length) begins in the stream, in bytes.
    pub offset: u64,
}

/// Why a stream cannot be cut any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl FrameError {
    /// Where in the stream the trouble begins.
    pub fn offset(&self) -> u64 {
        match self {
            Self::TooLong { offset, .. } | Self::Truncated { offset, .. } => *offset,
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
        }
    }
}

impl std::error::Error for FrameError {}

/// Reads bytes and gives frames.
#[derive(Debug)]
pub struct FrameReader {
    framing: Framing,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// The part after `start` that is known to hold no end of a line.
    searched: usize,
    /// Where `start` lies in the stream.
    offset: u64,
}

impl FrameReader {
    /// A reader at the beginning of a stream. The buffer is made with the first bytes.
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            searched: 0,
            offset: 0,
        }
    }

    /// Where the next frame begins in the stream.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes that were read and not given out as frames.
    pub fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// Calls `read` once with free room and keeps what it puts there. Returns what `read` returns.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.make_room();
        let count = read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buffer.is_empty() {
            self.buffer.resize(BUFFER_BYTES, 0);
        } else if self.buffer.len() - self.end < self.buffer.len() / 4 {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.buffer.len() - self.end < self.buffer.len() / 4 {
                // One frame fills the buffer; the limit keeps this from going on.
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
    }

    /// The next whole frame; `None` if more bytes are needed.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        match self.framing {
            Framing::LengthPrefixed { frame_bytes_max } => self.next_prefixed(frame_bytes_max),
            Framing::Lines { line_bytes_max } => self.next_line(line_bytes_max),
        }
    }

    #[inline]
    fn next_prefixed(&mut self, frame_bytes_max: usize) -> Result<Option<Frame<'_>>, FrameError> {
        let unread = &self.buffer[self.start..self.end];
        let Some((length, rest)) = unread.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > frame_bytes_max {
            return Err(FrameError::TooLong {
                offset: self.offset,
                length: length as u64,
                limit: frame_bytes_max,
            });
        }
        if rest.len() < length {
            return Ok(None);
        }
        let offset = self.offset;
        let from = self.start + LENGTH_BYTES;
        self.start = from + length;
        self.offset += (LENGTH_BYTES + length) as u64;
        Ok(Some(Frame {
            bytes: &self.buffer[from..from + length],
            offset,
        }))
    }

    fn next_line(&mut self, line_bytes_max: usize) -> Result<Option<Frame<'_>>, FrameError> {
        let unread = &self.buffer[self.start..self.end];
        let found = unread[self.searched..].iter().position(|byte| *byte == b'\n');
        let length = found.map_or(unread.len(), |at| self.searched + at);
        if length > line_bytes_max {
            return Err(FrameError::TooLong {
                offset: self.offset,
                length: length as u64,
                limit: line_bytes_max,
            });
        }
        if found.is_none() {
            self.searched = unread.len();
            return Ok(None);
        }
        Ok(Some(self.take_line(length, 1)))
    }

    fn take_line(&mut self, length: usize, end_bytes: usize) -> Frame<'_> {
        let offset = self.offset;
        let from = self.start;
        self.start += length + end_bytes;
        self.offset += (length + end_bytes) as u64;
        self.searched = 0;
        let bytes = &self.buffer[from..from + length];
        Frame {
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
            offset,
        }
    }

    /// The stream has ended: a last line without its end, or the proof that nothing is missing. Call it after
    /// [`next_frame`](Self::next_frame) gave `None`.
    pub fn finish(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let have = self.buffered();
        if have == 0 {
            return Ok(None);
        }
        match self.framing {
            Framing::Lines { .. } => Ok(Some(self.take_line(have, 0))),
            Framing::LengthPrefixed { .. } => {
                let unread = &self.buffer[self.start..self.end];
                let length = unread
                    .first_chunk::<LENGTH_BYTES>()
                    .map_or(0, |length| u32::from_be_bytes(*length) as usize);
                Err(FrameError::Truncated {
                    offset: self.offset,
                    have,
                    want: LENGTH_BYTES + length,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `bytes` in pieces and collects all frames.
    fn cut(framing: Framing, bytes: &[u8], pieces: &[usize]) -> Result<Vec<(u64, Vec<u8>)>, FrameError> {
        let mut reader = FrameReader::new(framing);
        let mut left = bytes;
        let mut frames = Vec::new();
        let mut pieces = pieces.iter().cycle();
        loop {
            while let Some(frame) = reader.next_frame()? {
                frames.push((frame.offset, frame.bytes.to_vec()));
            }
            let piece = *pieces.next().unwrap_or(&7);
            let count = reader
                .fill(|room| {
                    let count = piece.max(1).min(left.len()).min(room.len());
                    room[..count].copy_from_slice(&left[..count]);
                    Ok(count)
                })
                .expect("memory does not fail");
            left = &left[count..];
            if count == 0 {
                break;
            }
        }
        if let Some(frame) = reader.finish()? {
            frames.push((frame.offset, frame.bytes.to_vec()));
        }
        Ok(frames)
    }

    const PREFIXED: Framing = Framing::LengthPrefixed {
        frame_bytes_max: 300_000,
    };
    const LINES: Framing = Framing::Lines { line_bytes_max: 100 };

    proptest! {
        #[test]
        fn prefixed_frames_come_out_as_they_went_in(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..40),
            pieces in proptest::collection::vec(1_usize..5000, 1..10),
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for frame in &frames {
                expected.push((bytes.len() as u64, frame.clone()));
                bytes.extend_from_slice(&(frame.len() as u32).to_be_bytes());
                bytes.extend_from_slice(frame);
            }
            prop_assert_eq!(cut(PREFIXED, &bytes, &pieces), Ok(expected));
        }

        #[test]
        fn lines_come_out_as_they_went_in(
            lines in proptest::collection::vec("[a-z ]{0,80}", 0..40),
            pieces in proptest::collection::vec(1_usize..500, 1..10),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let got = cut(LINES, text.as_bytes(), &pieces).expect("short lines");
            let got: Vec<_> = got.into_iter().map(|(_, line)| String::from_utf8(line).expect("text")).collect();
            prop_assert_eq!(got, lines);
        }

        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            pieces in proptest::collection::vec(1_usize..100, 1..5),
        ) {
            let _ = cut(PREFIXED, &bytes, &pieces);
            let _ = cut(LINES, &bytes, &pieces);
        }
    }

    #[test]
    fn a_frame_larger_than_the_buffer_is_read_whole() {
        let payload = vec![7_u8; 3 * BUFFER_BYTES];
        let mut bytes = (payload.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(&payload);
        assert_eq!(cut(PREFIXED, &bytes, &[60_000]), Ok(vec![(0, payload)]));
    }

    #[test]
    fn too_long_and_truncated_say_where() {
        let bytes = [0, 0, 0, 1, 9, 0, 0xff, 0xff, 0xff, 1];
        assert_eq!(
            cut(PREFIXED, &bytes, &[3]),
            Err(FrameError::TooLong {
                offset: 5,
                length: 0xff_ffff,
                limit: 300_000
            })
        );
        assert_eq!(
            cut(PREFIXED, &[0, 0, 0, 9, 1], &[3]),
            Err(FrameError::Truncated {
                offset: 0,
                have: 5,
                want: 13
            })
        );
        assert!(matches!(
            cut(LINES, &[b'x'; 500], &[64]),
            Err(FrameError::TooLong { offset: 0, .. })
        ));
    }

    #[test]
    fn a_last_line_without_an_end_and_carriage_returns_count() {
        let got = cut(LINES, b"one\r\n\ntwo", &[2]).expect("short lines");
        assert_eq!(got, [(0, b"one".to_vec()), (5, b"".to_vec()), (6, b"two".to_vec())]);
    }
}
