//! The kit, from outside the system.

use super::System;
use crate::actor::{Actor, Context, Fault};
use crate::kit::HeldRef;

impl System {
    /// Starts an actor, like [`spawn`](Self::spawn), that ends once nobody holds it any more: see [`HeldRef`].
    pub fn spawn_held<A: Actor>(
        &self,
        factory: impl FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    ) -> HeldRef<A> {
        HeldRef::new(self.spawn(factory))
    }
}
