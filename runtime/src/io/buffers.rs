//! The read and write buffers of a worker's connections.
//!
//! A connection takes a buffer when it has something to put into it and gives it back when that is gone, so ten thousand
//! connections that wait cost next to nothing, and busy ones use the same warm memory in turn. The pool belongs to the
//! thread: no lock, and a buffer that comes home to another thread than it left is as good. A buffer that has grown is
//! not kept.

use std::cell::RefCell;

/// How large a read buffer is to begin with: large enough that a read takes over a thousand small frames, small enough
/// to stay in the second-level cache.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// How many buffers of each kind a thread keeps.
const POOLED_MAX: usize = 8;

/// A write buffer that has grown beyond this is not kept.
const OUTPUT_KEEP_BYTES: usize = 4 * BUFFER_BYTES;

/// How large a write buffer is to begin with.
const OUTPUT_BYTES: usize = 4 * 1024;

#[derive(Default)]
struct Pool {
    input: Vec<Vec<u8>>,
    output: Vec<Vec<u8>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// Room to read into, [`BUFFER_BYTES`] long. What was in it before is still there, and of no meaning.
pub(super) fn take_input() -> Vec<u8> {
    POOL.with_borrow_mut(|pool| pool.input.pop())
        .unwrap_or_else(|| vec![0; BUFFER_BYTES])
}

/// Gives back what [`take_input`] gave; anything else is freed.
pub(super) fn give_input(buffer: Vec<u8>) {
    if buffer.len() == BUFFER_BYTES {
        keep(|pool| &mut pool.input, buffer);
    }
}

/// An empty buffer to write into.
pub(super) fn take_output() -> Vec<u8> {
    POOL.with_borrow_mut(|pool| pool.output.pop())
        .unwrap_or_else(|| Vec::with_capacity(OUTPUT_BYTES))
}

/// Gives back a buffer whose content is of no use any more.
pub(super) fn give_output(mut buffer: Vec<u8>) {
    if (OUTPUT_BYTES..=OUTPUT_KEEP_BYTES).contains(&buffer.capacity()) {
        buffer.clear();
        keep(|pool| &mut pool.output, buffer);
    }
}

fn keep(kind: impl FnOnce(&mut Pool) -> &mut Vec<Vec<u8>>, buffer: Vec<u8>) {
    // A thread that ends has no pool any more: then the buffer is freed.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let kept = kind(&mut pool);
        if kept.len() < POOLED_MAX {
            kept.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_those_that_have_grown_do_not() {
        let mut first = take_input();
        first[0] = 77;
        give_input(first);
        assert_eq!(take_input()[0], 77);
        give_input(vec![1; 2 * BUFFER_BYTES]);
        assert_eq!(take_input().len(), BUFFER_BYTES);

        let mut output = take_output();
        output.extend_from_slice(&[1; 10_000]);
        give_output(output);
        let output = take_output();
        assert!(output.is_empty() && output.capacity() >= 10_000);
        give_output(Vec::with_capacity(2 * OUTPUT_KEEP_BYTES));
        assert!(take_output().capacity() <= OUTPUT_KEEP_BYTES);
    }

    #[test]
    fn a_pool_is_bounded() {
        for buffer in (0..3 * POOLED_MAX).map(|_| vec![0; BUFFER_BYTES]).collect::<Vec<_>>() {
            give_input(buffer);
        }
        POOL.with_borrow(|pool| assert_eq!(pool.input.len(), POOLED_MAX));
    }
}
