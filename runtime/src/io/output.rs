//! What a connection has to send: small things copied into one buffer, large ones queued as they are.
//!
//! Order is kept. A turn's output goes to the kernel in one call, vectored if large things are among it. The buffer comes
//! from the thread's pool with the first byte and goes back when everything has been written.

use super::buffers;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};

/// What is shorter is copied rather than queued: a copy of it costs less than an entry of a vectored write.
const COPY_BYTES_MAX: usize = 16 * 1024;

/// How many pieces go into one vectored write.
const PIECES_MAX: usize = 32;

type Piece = Box<dyn AsRef<[u8]> + Send>;

/// The unsent bytes of one connection.
#[derive(Default)]
pub(super) struct Output {
    /// What comes before `tail`.
    queue: VecDeque<Piece>,
    queued_bytes: usize,
    tail: Vec<u8>,
    /// The part of the first piece (or of the tail, if there is none) that has been written.
    written: usize,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("unsent_bytes", &self.unsent_bytes())
            .finish()
    }
}

impl Output {
    /// The buffer at the end; append only.
    #[inline]
    pub(super) fn tail(&mut self) -> &mut Vec<u8> {
        if self.tail.capacity() == 0 {
            self.tail = buffers::take_output();
        }
        &mut self.tail
    }

    /// Appends `bytes` without copying them, if they are many.
    pub(super) fn append(&mut self, bytes: impl AsRef<[u8]> + Send + 'static) {
        let length = bytes.as_ref().len();
        if length < COPY_BYTES_MAX {
            self.tail().extend_from_slice(bytes.as_ref());
            return;
        }
        if !self.tail.is_empty() {
            let before = std::mem::take(&mut self.tail);
            self.queued_bytes += before.len();
            self.queue.push_back(Box::new(before));
        }
        self.queued_bytes += length;
        self.queue.push_back(Box::new(bytes));
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.queued_bytes + self.tail.len() - self.written
    }

    /// Writes once, by `write` or, if there are several pieces, by `write_vectored`. Says how many bytes were taken and how
    /// many were offered.
    pub(super) fn write_to(&mut self, stream: &mut impl io::Write) -> io::Result<(usize, usize)> {
        if self.queue.is_empty() {
            let offered = &self.tail[self.written..];
            let length = offered.len();
            let taken = stream.write(offered)?;
            self.took(taken);
            return Ok((taken, length));
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let all = self
            .queue
            .iter()
            .map(|piece| (**piece).as_ref())
            .chain([&self.tail[..]]);
        let mut count = 0;
        for (at, (slot, bytes)) in pieces.iter_mut().zip(all).enumerate() {
            *slot = IoSlice::new(if at == 0 { &bytes[self.written..] } else { bytes });
            count += 1;
        }
        let pieces = &pieces[..count];
        let length = pieces.iter().map(|piece| piece.len()).sum();
        let taken = stream.write_vectored(pieces)?;
        self.took(taken);
        Ok((taken, length))
    }

    /// Gives a buffer back into which nothing was put after it had been asked for; at the end of a turn.
    pub(super) fn tidy(&mut self) {
        if self.unsent_bytes() == 0 && self.tail.capacity() > 0 {
            buffers::give_output(std::mem::take(&mut self.tail));
        }
    }

    /// Forgets what has been written.
    fn took(&mut self, count: usize) {
        self.written += count;
        while let Some(first) = self.queue.front() {
            let length = (**first).as_ref().len();
            if self.written < length {
                return;
            }
            self.written -= length;
            self.queued_bytes -= length;
            self.queue.pop_front();
        }
        if self.written == self.tail.len() {
            self.written = 0;
            buffers::give_output(std::mem::take(&mut self.tail));
        } else if self.written > self.tail.len() / 2 {
            // What has been written is more than what is left: worth moving, and each byte moves once on average.
            self.tail.drain(..self.written);
            self.written = 0;
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        buffers::give_output(std::mem::take(&mut self.tail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes a few bytes at a time.
    struct Stingy<'a> {
        taken: Vec<u8>,
        portions: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    }

    impl io::Write for Stingy<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = (*self.portions.next().expect("endless")).min(bytes.len());
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
            let mut left = *self.portions.next().expect("endless");
            let before = self.taken.len();
            for piece in pieces {
                let count = left.min(piece.len());
                self.taken.extend_from_slice(&piece[..count]);
                left -= count;
            }
            Ok(self.taken.len() - before)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(
            sizes in proptest::collection::vec((any::<bool>(), 0_usize..40_000), 1..20),
            portions in proptest::collection::vec(100_usize..100_000, 1..5),
        ) {
            let mut output = Output::default();
            let mut expected = Vec::new();
            let mut stream = Stingy { taken: Vec::new(), portions: portions.iter().cycle() };
            for (n, (owned, size)) in sizes.iter().enumerate() {
                let bytes = vec![n as u8; *size];
                expected.extend_from_slice(&bytes);
                if *owned {
                    output.append(bytes);
                } else {
                    output.tail().extend_from_slice(&bytes);
                }
                if n % 3 == 0 && output.unsent_bytes() > 0 {
                    output.write_to(&mut stream).expect("never fails");
                }
                prop_assert_eq!(output.unsent_bytes() + stream.taken.len(), expected.len());
            }
            while output.unsent_bytes() > 0 {
                output.write_to(&mut stream).expect("never fails");
            }
            prop_assert!(stream.taken == expected);
            output.tidy();
            prop_assert!(output.queue.is_empty() && output.tail.capacity() == 0);
        }
    }

    #[test]
    fn a_buffer_that_stays_empty_goes_back_and_one_with_bytes_does_not() {
        let mut output = Output::default();
        output.tail();
        output.tidy();
        assert_eq!(output.tail.capacity(), 0);
        output.tail().push(7);
        output.tidy();
        assert_eq!(output.tail, [7]);
    }

    #[test]
    fn large_pieces_are_not_copied() {
        struct Address(usize);
        impl io::Write for Address {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                unreachable!("two pieces go out in one call")
            }
            fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
                assert_eq!(pieces[1].as_ptr() as usize, self.0);
                Ok(pieces.iter().map(|piece| piece.len()).sum())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let large = vec![1; COPY_BYTES_MAX];
        let mut stream = Address(large.as_ptr() as usize);
        let mut output = Output::default();
        output.tail().extend_from_slice(b"head");
        output.append(large);
        output.tail().extend_from_slice(b"tail");
        let all = 8 + COPY_BYTES_MAX;
        assert_eq!(output.write_to(&mut stream).expect("taken"), (all, all));
        assert_eq!(output.unsent_bytes(), 0);
    }
}
