//! What lies in a mailbox: a message, and with the feature `tracing` also the span in which it was told.
//!
//! Without the feature it is the message and nothing else, and whatever stands here compiles to nothing. With it:
//!
//! - Each message is handled in a span `handle` of its own, of target `potoroo`, with the actor's id and type.
//! - What is asked for is part of what asks: the span's parent is the one in which `ask` was called, and the continuation runs
//!   in that one again. So a chain of asks is as deep as it is, and no deeper if a continuation asks anew.
//! - What is told stands for itself: the span is a root that follows from the one in which `tell` was called. An actor that
//!   tells itself to go on for ever does not grow a tree.
//!
//! A message keeps the span it came from open until it has been handled, since an id alone may be given to another span
//! meanwhile. What a stash puts back comes from the handler that put it back, what a timer makes from nowhere.

#[cfg(not(feature = "tracing"))]
mod plain;
#[cfg(not(feature = "tracing"))]
use plain as form;

#[cfg(feature = "tracing")]
mod traced;
#[cfg(feature = "tracing")]
use traced as form;

pub(crate) use form::{Carried, Place, asking};
