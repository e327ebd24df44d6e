//! The root of the tree: the parent of everything that is spawned from outside.
//!
//! It has no messages of its own; it adopts, and when it ends the system ends.

use crate::actor::{Actor, Context, Turn};

pub(super) struct Root;

impl Actor for Root {
    type Msg = std::convert::Infallible;

    fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {}
    }
}
