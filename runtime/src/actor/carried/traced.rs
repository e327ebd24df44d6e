//! The form with spans.

use crate::actor::{Actor, Context, Turn};
use std::cell::Cell;
use tracing::{Level, Span, span};

/// A message in a mailbox, and where it comes from.
pub(crate) struct Carried<M> {
    msg: M,
    /// The span in which it was told, if there was one; held, since an id may be given to another span.
    from: Span,
    is_ask: bool,
}

thread_local! {
    /// Whether what is told this moment is an ask.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

impl<M> Carried<M> {
    pub(crate) fn new(msg: M) -> Self {
        Self {
            msg,
            from: Span::current(),
            // One message is: what its destructor or a hook may tell meanwhile is not.
            is_ask: ASKING.replace(false),
        }
    }

    pub(crate) fn from_nowhere(msg: M) -> Self {
        Self {
            msg,
            from: Span::none(),
            is_ask: false,
        }
    }

    pub(crate) fn msg(&self) -> &M {
        &self.msg
    }

    pub(crate) fn into_msg(self) -> M {
        self.msg
    }

    pub(crate) fn handle<A: Actor<Msg = M>>(self, actor: &mut A, ctx: &mut Context<'_, A>) -> Turn {
        let Self { msg, from, is_ask } = self;
        let id = ctx.id();
        let actor_type = std::any::type_name::<A>();
        let span = if is_ask && !from.is_none() {
            span!(target: "potoroo", parent: &from, Level::INFO, "handle", actor = %id, actor_type)
        } else {
            let span = span!(target: "potoroo", parent: None, Level::INFO, "handle", actor = %id, actor_type);
            if let Some(from) = from.id() {
                span.follows_from(from);
            }
            span
        };
        drop(from);
        span.in_scope(|| actor.handle(msg, ctx))
    }
}

pub(crate) fn asking<R>(f: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            ASKING.set(self.0);
        }
    }
    let _before = Before(ASKING.replace(true));
    f()
}

/// Where something was asked for.
pub(crate) struct Place(Span);

impl Place {
    pub(crate) fn here() -> Self {
        Self(Span::current())
    }

    pub(crate) fn within<R>(self, f: impl FnOnce() -> R) -> R {
        self.0.in_scope(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_carries_as_much_as_the_documentation_says() {
        assert_eq!(size_of::<Carried<u64>>() - size_of::<u64>(), 48);
    }
}
