//! The two ways of cutting frames that come with the runtime: length prefixes, and lines.
//!
//! A frame beyond the limit is refused as soon as its length is known, before anything of it is kept. It lacks escaping,
//! checksums and resynchronization: after a broken length nothing can be trusted.

use super::codec::{Codec, FrameError};

/// The bytes of a length prefix.
pub const LENGTH_BYTES: usize = 4;

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

/// The codec of a [`Framing`].
#[derive(Clone, Debug)]
pub struct Frames {
    framing: Framing,
    /// Of the frame that has begun: for a line, the bytes known to hold no end of it; for a length prefix, the bytes it
    /// takes in all.
    progress: usize,
}

impl From<Framing> for Frames {
    fn from(framing: Framing) -> Self {
        Self { framing, progress: 0 }
    }
}

impl Frames {
    #[inline]
    fn prefixed<'a>(
        &mut self,
        bytes: &'a [u8],
        offset: u64,
        frame_bytes_max: usize,
    ) -> Result<Option<(Frame<'a>, usize)>, FrameError> {
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > frame_bytes_max {
            return Err(FrameError::TooLong {
                offset,
                length: length as u64,
                limit: frame_bytes_max,
            });
        }
        let Some(payload) = rest.get(..length) else {
            self.progress = LENGTH_BYTES + length;
            return Ok(None);
        };
        Ok(Some((Frame { bytes: payload, offset }, LENGTH_BYTES + length)))
    }

    fn line<'a>(
        &mut self,
        bytes: &'a [u8],
        offset: u64,
        line_bytes_max: usize,
    ) -> Result<Option<(Frame<'a>, usize)>, FrameError> {
        let searched = std::mem::take(&mut self.progress);
        let found = bytes[searched..].iter().position(|byte| *byte == b'\n');
        let length = found.map_or(bytes.len(), |at| searched + at);
        if length > line_bytes_max {
            return Err(FrameError::TooLong {
                offset,
                length: length as u64,
                limit: line_bytes_max,
            });
        }
        if found.is_none() {
            self.progress = bytes.len();
            return Ok(None);
        }
        Ok(Some((line(&bytes[..length], offset), length + 1)))
    }
}

fn line(bytes: &[u8], offset: u64) -> Frame<'_> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    Frame { bytes, offset }
}

impl Codec for Frames {
    type Frame<'a> = Frame<'a>;

    #[inline]
    fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(Frame<'a>, usize)>, FrameError> {
        match self.framing {
            Framing::LengthPrefixed { frame_bytes_max } => self.prefixed(bytes, offset, frame_bytes_max),
            Framing::Lines { line_bytes_max } => self.line(bytes, offset, line_bytes_max),
        }
    }

    fn finish<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<Frame<'a>>, FrameError> {
        match self.framing {
            Framing::Lines { .. } => Ok(Some(line(bytes, offset))),
            Framing::LengthPrefixed { .. } => {
                let length = bytes
                    .first_chunk::<LENGTH_BYTES>()
                    .map_or(0, |length| u32::from_be_bytes(*length) as usize);
                Err(FrameError::Truncated {
                    offset,
                    have: bytes.len(),
                    want: LENGTH_BYTES + length,
                })
            }
        }
    }

    fn buffered_bytes_max(&self) -> usize {
        // `decode` itself refuses what is longer, with the length that was announced.
        usize::MAX
    }

    fn bytes_wanted(&self) -> usize {
        match self.framing {
            Framing::LengthPrefixed { .. } => self.progress,
            Framing::Lines { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::buffers::BUFFER_BYTES;
    use super::super::reader::FrameReader;
    use super::*;
    use proptest::prelude::*;

    /// Feeds `bytes` in pieces and collects all frames.
    fn cut(framing: Framing, bytes: &[u8], pieces: &[usize]) -> Result<Vec<(u64, Vec<u8>)>, FrameError> {
        let mut reader = FrameReader::<Frames>::new(framing);
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
            if count.is_multiple_of(2) {
                // As between two turns.
                reader.rest();
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
