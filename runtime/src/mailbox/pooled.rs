//! A box whose memory comes from the pool of whoever fills it and goes back there: for what crosses seldom, and would make
//! everything else that crosses larger if it lay in it.

use super::nodes::{self, Returns};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// A value in a block of its own.
pub(crate) struct Pooled<T>(NonNull<Kept<T>>);

/// What is in such a block.
struct Kept<T> {
    owner: Option<&'static Returns>,
    value: T,
}

// SAFETY: it owns its value, and the memory of a block may be given back by any thread.
unsafe impl<T: Send> Send for Pooled<T> {}

impl<T> Pooled<T> {
    /// Puts `value` there.
    pub(crate) fn new(value: T) -> Self {
        let (block, owner) = nodes::take();
        // SAFETY: the memory is new, and made for this.
        unsafe { block.write(Kept { owner, value }) };
        Self(block)
    }

    /// The value.
    pub(crate) fn open(self) -> T {
        // SAFETY: forgotten here, so this is the last of it.
        unsafe { ManuallyDrop::new(self).take() }
    }

    /// # Safety
    ///
    /// It is not used again.
    unsafe fn take(&mut self) -> T {
        // SAFETY: `new` filled it, and the value is taken once; the memory is given back as it was taken.
        unsafe {
            let Kept { owner, value } = self.0.read();
            nodes::give_back(self.0, owner);
            value
        }
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        // SAFETY: the last of it.
        drop(unsafe { self.take() });
    }
}
