//! The form without spans: nothing.

use crate::actor::{Actor, Context, Turn};

/// A message in a mailbox.
#[repr(transparent)]
pub(crate) struct Carried<M>(M);

impl<M> Carried<M> {
    /// A message told here.
    #[inline(always)]
    pub(crate) fn new(msg: M) -> Self {
        Self(msg)
    }

    /// A message that nobody told.
    #[inline(always)]
    pub(crate) fn from_nowhere(msg: M) -> Self {
        Self(msg)
    }

    /// The message.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn msg(&self) -> &M {
        &self.0
    }

    #[inline(always)]
    pub(crate) fn into_msg(self) -> M {
        self.0
    }

    /// Has `actor` handle it.
    #[inline(always)]
    pub(crate) fn handle<A: Actor<Msg = M>>(self, actor: &mut A, ctx: &mut Context<'_, A>) -> Turn {
        actor.handle(self.0, ctx)
    }
}

/// What is told in `f` is an ask.
#[inline(always)]
pub(crate) fn asking<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Where something was asked for.
pub(crate) struct Place;

impl Place {
    #[inline(always)]
    pub(crate) fn here() -> Self {
        Self
    }

    /// Does `f` as if it were done there.
    #[inline(always)]
    pub(crate) fn within<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
}
