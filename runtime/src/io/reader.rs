//! The read buffer, and the frames that are borrowed from it.
//!
//! What is left of an incomplete frame moves to the front when room is needed. The buffer comes from the thread's pool
//! with the first bytes and goes back when they are used up; it grows only for a frame that does not fit, and what has
//! grown is freed. The same reader serves sockets and files.

use super::buffers::{self, BUFFER_BYTES};
use super::codec::{Codec, FrameError};
use super::framing::Frames;
use std::io;

/// What is left between turns moves to a buffer of its own size if it is at most this long.
const LEFT_OVER_BYTES: usize = BUFFER_BYTES / 8;

/// The largest step in which a buffer grows on the word of a codec, as a multiple of what has come.
const GROWTH_MAX: usize = 4;

/// Reads bytes and gives frames.
#[derive(Debug)]
pub struct FrameReader<C = Frames> {
    codec: C,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// Where `start` lies in the stream.
    offset: u64,
}

impl<C: Codec> FrameReader<C> {
    /// A reader at the beginning of a stream. The buffer is made with the first bytes.
    pub fn new(codec: impl Into<C>) -> Self {
        Self {
            codec: codec.into(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
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

    /// What cuts the frames.
    pub fn codec(&mut self) -> &mut C {
        &mut self.codec
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
        if self.buffer.len() < BUFFER_BYTES {
            // None yet, or a left-over in a buffer of its own size.
            self.move_to(buffers::take_input());
        }
        if self.buffer.len() - self.end < self.buffer.len() / 4 {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.buffer.len() - self.end < self.buffer.len() / 4 {
                // One frame fills the buffer; the codec's limit keeps this from going on.
                let allowed = self.codec.buffered_bytes_max().min(GROWTH_MAX * self.end);
                let believed = self.codec.bytes_wanted().min(allowed);
                self.move_to(vec![0; believed.max(2 * self.buffer.len())]);
            }
        }
    }

    /// Moves what is unread to the front of another buffer.
    fn move_to(&mut self, mut buffer: Vec<u8>) {
        let unread = self.buffered();
        buffer[..unread].copy_from_slice(&self.buffer[self.start..self.end]);
        (self.start, self.end) = (0, unread);
        buffers::give_input(std::mem::replace(&mut self.buffer, buffer));
    }

    /// Forgets what is unread.
    pub(super) fn clear(&mut self) {
        self.offset += self.buffered() as u64;
        self.start = self.end;
    }

    /// Gives memory back: all of it if nothing is unread, most of it if little is. The next [`fill`](Self::fill) takes
    /// some again. For the end of a turn.
    pub fn rest(&mut self) {
        let unread = self.buffered();
        if unread <= LEFT_OVER_BYTES && self.buffer.len() >= BUFFER_BYTES {
            self.move_to(vec![0; unread]);
        }
    }

    /// The bytes of memory held at present.
    pub fn held_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next whole frame; `None` if more bytes are needed.
    ///
    /// # Panics
    ///
    /// If the codec says that a frame takes no bytes, or more than there are.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<C::Frame<'_>>, FrameError> {
        let unread = &self.buffer[self.start..self.end];
        if unread.is_empty() {
            return Ok(None);
        }
        let limit = self.codec.buffered_bytes_max();
        match self.codec.decode(unread, self.offset)? {
            Some((frame, used)) => {
                assert!(
                    used.wrapping_sub(1) < unread.len(),
                    "the codec used {used} bytes of {}",
                    unread.len()
                );
                self.start += used;
                self.offset += used as u64;
                Ok(Some(frame))
            }
            None if unread.len() > limit => Err(FrameError::TooLong {
                offset: self.offset,
                length: unread.len() as u64,
                limit,
            }),
            None => Ok(None),
        }
    }

    /// The stream has ended: the codec's word on what is left, or the proof that nothing is missing. Call it after
    /// [`next_frame`](Self::next_frame) gave `None`.
    pub fn finish(&mut self) -> Result<Option<C::Frame<'_>>, FrameError> {
        let unread = &self.buffer[self.start..self.end];
        if unread.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        self.start = self.end;
        self.offset += unread.len() as u64;
        self.codec.finish(unread, offset)
    }
}

impl<C> Drop for FrameReader<C> {
    fn drop(&mut self) {
        buffers::give_input(std::mem::take(&mut self.buffer));
    }
}
