//! Turn scratch: memory that is gone when the turn ends.
//!
//! One per worker, always warm in its cache. What is taken from it is borrowed from the turn, so the compiler keeps it
//! from being stored; it lacks destructors, hence only `Copy` data and strings.

use bumpalo::Bump;
use std::cell::Cell;

/// How much a scratch may keep between turns; a turn that needed more gives the rest back.
const SCRATCH_KEEP_BYTES: usize = 256 * 1024;

/// Memory for the rest of this turn, from [`Context::scratch`](crate::Context::scratch).
///
/// ```compile_fail
/// use potoroo_runtime::{Actor, Context, Turn};
///
/// struct Thief { kept: Option<&'static [u8]> }
///
/// impl Actor for Thief {
///     type Msg = ();
///     fn handle(&mut self, _: (), ctx: &mut Context<'_, Self>) -> Turn {
///         self.kept = Some(ctx.scratch().copy_slice(b"not yours")); // the turn's memory cannot leave the turn
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Scratch {
    bump: Bump,
    dirty: Cell<bool>,
}

impl Scratch {
    /// A copy of `slice` that lives until the end of the turn.
    pub fn copy_slice<T: Copy>(&self, slice: &[T]) -> &mut [T] {
        self.dirty.set(true);
        self.bump.alloc_slice_copy(slice)
    }

    /// A copy of `text` that lives until the end of the turn.
    pub fn copy_str(&self, text: &str) -> &mut str {
        self.dirty.set(true);
        self.bump.alloc_str(text)
    }

    /// A slice of `count` copies of `value` that lives until the end of the turn.
    pub fn fill<T: Copy>(&self, count: usize, value: T) -> &mut [T] {
        self.dirty.set(true);
        self.bump.alloc_slice_fill_copy(count, value)
    }

    /// Forgets everything; called by the worker between turns (A5).
    #[inline]
    pub(crate) fn end_turn(&mut self) {
        if self.dirty.get() {
            self.dirty.set(false);
            if self.bump.allocated_bytes() > SCRATCH_KEEP_BYTES {
                self.bump = Bump::new();
            } else {
                self.bump.reset();
            }
        }
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_reused_after_a_turn_and_large_turns_give_back() {
        let mut scratch = Scratch::default();
        let first = scratch.copy_slice(&[1_u8; 100]).as_ptr();
        scratch.end_turn();
        assert_eq!(scratch.copy_str("again").len(), 5);
        let _ = first;
        scratch.fill(4 * SCRATCH_KEEP_BYTES, 7_u8);
        scratch.end_turn();
        assert!(scratch.bump.allocated_bytes() <= SCRATCH_KEEP_BYTES);
    }
}
