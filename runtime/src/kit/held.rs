//! References that own: an actor that ends when nobody holds it any more.
//!
//! Actors belong to the tree and references never keep one alive, which is right for most. Some are wanted only as long as
//! somebody uses them: a session, a cache, a transfer. Those are spawned held. The count is beside the cell, so that plain
//! references cost what they did. It lacks a way to hold an actor that was spawned plainly: whoever holds it first would
//! decide over the life of an actor that others count on.

use crate::actor::{Actor, ActorRef, Context, Fault};
use crate::scheduler::control::Control;
use crate::sync::Arc;
use std::fmt;
use std::ops::Deref;

/// A reference that keeps an actor from ending by itself; the last one to go ends it.
///
/// Made by [`Context::spawn_held`] and [`System::spawn_held`](crate::System::spawn_held). When the last clone is dropped the
/// actor handles what waits in its mailbox, also what it tells itself meanwhile, and then ends as if it had been stopped. Of
/// what others told it before, that is handled which had reached the mailbox by then. Timers and answers are not waited for.
///
/// It still has a parent, and ends with it, by a fault or by [`stop`](ActorRef::stop) like any other actor. It derefs to the
/// [`ActorRef`], whose clones keep nobody alive.
///
/// ```
/// use potoroo_runtime::{Actor, Context, ExitReason, HeldRef, System, Turn};
/// use std::sync::mpsc;
///
/// struct Transfer(mpsc::Sender<&'static str>);
///
/// impl Actor for Transfer {
///     type Msg = &'static str;
///     fn handle(&mut self, part: &'static str, _: &mut Context<'_, Self>) -> Turn {
///         Ok(self.0.send(part)?)
///     }
///     fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
///         let _ = self.0.send("end");
///     }
/// }
///
/// let system = System::new()?;
/// let (log, logged) = mpsc::channel();
/// let transfer: HeldRef<Transfer> = system.spawn_held(|_| Ok(Transfer(log)));
/// let other = transfer.clone();
/// drop(transfer);
/// other.tell("first");
/// other.tell("second");
/// drop(other);
/// assert_eq!(logged.iter().collect::<Vec<_>>(), ["first", "second", "end"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HeldRef<A: Actor>(Arc<Hold<A>>);

/// What all clones have in common.
struct Hold<A: Actor>(ActorRef<A>);

impl<A: Actor> Drop for Hold<A> {
    fn drop(&mut self) {
        self.0.cell_ref().control(Control::Drain);
    }
}

impl<A: Actor> HeldRef<A> {
    /// Holds an actor that nobody else has seen yet.
    pub(crate) fn new(actor: ActorRef<A>) -> Self {
        Self(Arc::new(Hold(actor)))
    }

    /// The plain reference, which keeps nobody alive when cloned.
    pub fn actor(&self) -> &ActorRef<A> {
        &self.0.0
    }
}

impl<A: Actor> Deref for HeldRef<A> {
    type Target = ActorRef<A>;

    fn deref(&self) -> &ActorRef<A> {
        self.actor()
    }
}

impl<A: Actor> Clone for HeldRef<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> fmt::Debug for HeldRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held{:?}", self.actor())
    }
}

impl<A: Actor> Context<'_, A> {
    /// Starts a child, like [`spawn`](Context::spawn), that ends once nobody holds it any more: see [`HeldRef`].
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, HeldRef, Turn};
    /// # struct Session;
    /// # impl Actor for Session { type Msg = u32; fn handle(&mut self, _: u32, _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// struct Front { session: Option<HeldRef<Session>> }
    ///
    /// impl Actor for Front {
    ///     type Msg = Option<u32>;
    ///     fn handle(&mut self, msg: Option<u32>, ctx: &mut Context<'_, Self>) -> Turn {
    ///         match msg {
    ///             Some(n) => self.session.get_or_insert_with(|| ctx.spawn_held(|_| Ok(Session))).tell(n),
    ///             // The session ends by itself when it is done.
    ///             None => self.session = None,
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn spawn_held<B: Actor>(
        &mut self,
        factory: impl FnOnce(&mut Context<'_, B>) -> Result<B, Fault> + Send + 'static,
    ) -> HeldRef<B> {
        HeldRef::new(self.spawn(factory))
    }
}
