//! The kit, from outside the system.

use super::System;
use crate::actor::{Actor, Context, Fault};
use crate::kit::{Directory, HeldRef, Registry};
use crate::scheduler::shared::Upstairs;
use crate::sync::Arc;

/// What the kit shares in one system.
pub(super) fn upstairs() -> Upstairs {
    Box::new(Arc::new(Directory::new()))
}

impl System {
    /// Starts an actor, like [`spawn`](Self::spawn), that ends once nobody holds it any more: see [`HeldRef`].
    pub fn spawn_held<A: Actor>(
        &self,
        factory: impl FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    ) -> HeldRef<A> {
        HeldRef::new(self.spawn(factory))
    }

    /// The names of this system: see [`Registry`].
    pub fn registry(&self) -> Registry {
        Registry::of(&self.shared)
    }
}
