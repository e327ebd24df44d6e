//! The kit, from outside the system.

use super::{System, SystemBuilder};
use crate::actor::{Actor, Context, Fault};
use crate::kit::{Directory, HeldRef, Registry};
use crate::scheduler::letters::{DeadLetter, DeadLetterCount};
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

    /// The messages that have reached no handler so far, by the type of the actors they were for, the most first.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, System, Turn};
    /// struct Mayfly;
    /// impl Actor for Mayfly {
    ///     type Msg = ();
    ///     fn handle(&mut self, _: (), ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.stop();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let mayfly = system.spawn(|_| Ok(Mayfly));
    /// mayfly.tell(());
    /// while mayfly.is_alive() {
    ///     std::thread::yield_now();
    /// }
    /// mayfly.tell(());
    /// let letters = system.dead_letters();
    /// assert!(letters[0].type_name.ends_with("Mayfly"));
    /// assert_eq!((letters.len(), letters[0].refused), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dead_letters(&self) -> Vec<DeadLetterCount> {
        self.shared.letters.by_type()
    }

    /// The names of this system: see [`Registry`].
    pub fn registry(&self) -> Registry {
        Registry::of(&self.shared)
    }
}

impl SystemBuilder {
    /// Who hears of messages that reach no handler. Called where it happens, on the worker or in the thread outside that told
    /// them, for each such message or each bundle of them, so it must be short and make its own choice of what to report; a
    /// panic in it is caught and ignored, and what it tells in vain itself is counted only. Default: nobody;
    /// [`System::dead_letters`] counts.
    ///
    /// ```
    /// use potoroo_runtime::System;
    /// let system = System::builder().on_dead_letter(|letter| eprintln!("dead letters: {letter}")).build()?;
    /// # Ok::<(), potoroo_runtime::Error>(())
    /// ```
    #[must_use]
    pub fn on_dead_letter(mut self, hear: impl Fn(&DeadLetter) + Send + Sync + 'static) -> Self {
        self.on_dead_letter = Some(Box::new(hear));
        self
    }
}
