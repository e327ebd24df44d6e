//! Monitors and links of one actor: whom it has to tell of its end, and whom it wants to hear of.
//!
//! Both are kept with the actor, made on first use; what travels between two actors is `scheduler/tie.rs`. All of it goes
//! over the control lane and waits for nobody. It lacks names: an actor that wants to hear of the next life of a restarted
//! one sets a new monitor. Invariant cited: M1 (mailbox/README.md).

use super::cell::ActorCell;
use super::{Actor, ActorRef, Context, Recipient, Signal};
use crate::scheduler::control::Control;
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::CellRef;
use crate::scheduler::tie::{Link, Tie, TieId, Watch};
use std::collections::BTreeMap;

/// Names a monitor, to take it back and to know it again in [`Signal::Down`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MonitorId(TieId);

/// The monitors and links of one actor.
#[derive(Default)]
pub(super) struct Ties {
    /// Who watches this actor.
    watches: BTreeMap<TieId, Watch>,
    /// Whom this actor watches.
    monitors: BTreeMap<TieId, CellRef>,
    /// Whom it is linked to.
    links: BTreeMap<TieId, CellRef>,
    traps_exits: bool,
}

/// What comes of a message about ties.
pub(super) enum Tied {
    /// Nothing that concerns the actor.
    Quietly,
    /// The actor is to hear of it.
    Says(Signal),
    /// The actor ends because another did.
    Ends(ExitReason),
}

/// What can be monitored and linked to: an [`ActorRef`] of any type, or a [`Recipient`].
pub trait Monitored: sealed::Sealed {
    #[doc(hidden)]
    fn target(&self) -> sealed::Target;
}

mod sealed {
    pub trait Sealed {}
    impl<A: super::Actor> Sealed for super::ActorRef<A> {}
    impl<M> Sealed for super::Recipient<M> {}
    #[expect(missing_debug_implementations, reason = "cannot be named outside")]
    pub struct Target(pub(super) super::CellRef);
}

impl<A: Actor> Monitored for ActorRef<A> {
    fn target(&self) -> sealed::Target {
        sealed::Target(self.cell_ref())
    }
}

impl<M> Monitored for Recipient<M> {
    fn target(&self) -> sealed::Target {
        sealed::Target(self.cell_ref().clone())
    }
}

impl<A: Actor> ActorCell<A> {
    /// The ties of this actor, made now if there are none. `f` is of this file, and drops nothing that tells.
    fn with_ties<R>(&self, f: impl FnOnce(&mut Ties) -> R) -> R {
        // SAFETY: M1: called in turns.
        unsafe { self.with_extras(|extras| f(extras.ties.get_or_insert_default())) }
    }

    /// Takes note of a message about ties, in a turn.
    #[cold]
    pub(super) fn tied(&self, tie: Tie) -> Tied {
        match tie {
            Tie::Watch(watch) => {
                self.with_ties(|ties| ties.watches.insert(watch.id(), watch));
                Tied::Quietly
            }
            Tie::Unwatch(id) => {
                if let Some(watch) = self.with_ties(|ties| ties.watches.remove(&id)) {
                    drop(watch.accept());
                }
                Tied::Quietly
            }
            Tie::Link(link) => {
                let id = link.id();
                if let Some(other) = link.accept() {
                    self.with_ties(|ties| ties.links.insert(id, other));
                }
                Tied::Quietly
            }
            Tie::Unlink(id) => {
                self.with_ties(|ties| ties.links.remove(&id));
                Tied::Quietly
            }
            // What is not found any more was taken back, or belonged to a life before.
            Tie::Down { monitor, reason } => match self.with_ties(|ties| ties.monitors.remove(&monitor)) {
                Some(target) => Tied::Says(Signal::Down {
                    monitor: MonitorId(monitor),
                    id: target.header().id,
                    reason: *reason,
                }),
                None => Tied::Quietly,
            },
            Tie::LinkExit { link, reason } => {
                let (other, traps) = self.with_ties(|ties| (ties.links.remove(&link), ties.traps_exits));
                let Some(other) = other else { return Tied::Quietly };
                let reason = *reason;
                let id = other.header().id;
                // Two that linked each other at the same time have two links, and hear once.
                let ended = other.as_ptr();
                self.with_ties(|ties| ties.links.retain(|_, other| other.as_ptr() != ended));
                if traps {
                    Tied::Says(Signal::LinkedExit { id, reason })
                } else if reason.is_normal() {
                    Tied::Quietly
                } else {
                    Tied::Ends(reason.through_link(id))
                }
            }
        }
    }

    /// The end of a life: tells whoever wanted to hear of it, and takes back what this actor wanted to hear.
    pub(super) fn untie(&self, reason: &ExitReason) {
        // SAFETY: M1: called in turns.
        let ties = unsafe { self.with_extras_if_any(|extras| extras.ties.take()) }.flatten();
        let Some(ties) = ties else { return };
        for (_, watch) in ties.watches {
            if crate::mutant!("sim_down_is_not_told") {
                std::mem::forget(watch);
                continue;
            }
            watch.tell(reason.clone());
        }
        for (link, other) in ties.links {
            let reason = Box::new(reason.clone());
            other.control(Control::Tie(Tie::LinkExit { link, reason }));
        }
        for (monitor, target) in ties.monitors {
            target.control(Control::Tie(Tie::Unwatch(monitor)));
        }
    }
}

impl<A: Actor> Context<'_, A> {
    /// Watches another actor, of whatever type: when it ends, this actor gets [`Signal::Down`], once. If it has ended
    /// already the signal comes all the same, with [`ExitReason::AlreadyEnded`].
    ///
    /// A monitor is for one life: of an actor that its supervisor restarts, `Down` tells each end, and a new monitor is
    /// for the next life, also while that has not begun yet. Several monitors of one actor are told one by one.
    ///
    /// ```
    /// use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Signal, System, Turn};
    /// use std::sync::mpsc;
    ///
    /// struct Watcher(mpsc::Sender<ExitReason>);
    ///
    /// impl Actor for Watcher {
    ///     type Msg = ActorRef<Worker>;
    ///     fn handle(&mut self, worker: ActorRef<Worker>, ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.monitor(&worker);
    ///         worker.tell(());
    ///         Ok(())
    ///     }
    ///     fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
    ///         if let Signal::Down { reason, .. } = signal {
    ///             self.0.send(reason)?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// struct Worker;
    /// impl Actor for Worker {
    ///     type Msg = ();
    ///     fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.stop();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let (tell, heard) = mpsc::channel();
    /// let watcher = system.spawn(|_| Ok(Watcher(tell)));
    /// watcher.tell(system.spawn(|_| Ok(Worker)));
    /// assert!(heard.recv()?.is_normal());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn monitor(&mut self, other: &impl Monitored) -> MonitorId {
        let (id, target) = (TieId::next(), other.target().0);
        self.cell.with_ties(|ties| ties.monitors.insert(id, target.clone()));
        let me = CellRef::new(&self.cell.header);
        target.control(Control::Tie(Tie::Watch(Watch::new(me, id))));
        MonitorId(id)
    }

    /// Takes a monitor back: nothing will come of it any more. Says whether it was still there, that is, nothing has come
    /// of it yet.
    pub fn demonitor(&mut self, monitor: MonitorId) -> bool {
        let target = self.cell.with_ties(|ties| ties.monitors.remove(&monitor.0));
        if let Some(target) = &target {
            target.control(Control::Tie(Tie::Unwatch(monitor.0)));
        }
        target.is_some()
    }

    /// Ties the lives of two actors together: if one ends abnormally the other ends with it, with
    /// [`ExitReason::Linked`], unless it [traps exits](Self::trap_exits). To link to an actor that has ended already is
    /// to end. Normal ends pass unnoticed. Linking twice is linking once, and a link to oneself is none.
    ///
    /// A link is for one life, like a [monitor](Self::monitor).
    ///
    /// ```
    /// use potoroo_runtime::{Actor, Context, Fault, System, Turn};
    ///
    /// struct Half;
    /// impl Actor for Half {
    ///     type Msg = ();
    ///     fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
    ///         Err(Fault::new("one half alone is of no use"))
    ///     }
    /// }
    ///
    /// let system = System::builder().on_failure(|_, _, _| {}).build()?;
    /// let one = system.spawn(|_| Ok(Half));
    /// let link_to = one.clone();
    /// system.spawn(move |ctx| {
    ///     ctx.link(&link_to);
    ///     link_to.tell(());
    ///     Ok(Half)
    /// });
    /// while system.stats().total().failed < 2 {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn link(&mut self, other: &impl Monitored) {
        let target = other.target().0;
        let me = CellRef::new(&self.cell.header);
        let linked = self
            .cell
            .with_ties(|ties| ties.links.values().any(|linked| linked.as_ptr() == target.as_ptr()));
        if linked || target.as_ptr() == me.as_ptr() {
            return;
        }
        let id = TieId::next();
        self.cell.with_ties(|ties| ties.links.insert(id, target.clone()));
        target.control(Control::Tie(Tie::Link(Link::new(me, id))));
    }

    /// Takes a link back, whichever of the two has made it: from now on the end of the other does not touch this actor.
    pub fn unlink(&mut self, other: &impl Monitored) {
        let target = other.target().0;
        let ended: Vec<_> = self.cell.with_ties(|ties| {
            let of_target = |linked: &CellRef| linked.as_ptr() == target.as_ptr();
            let ids = ties.links.iter().filter(|(_, linked)| of_target(linked));
            let ids: Vec<_> = ids.map(|(id, _)| *id).collect();
            ties.links.retain(|_, linked| !of_target(linked));
            ids
        });
        for link in ended {
            target.control(Control::Tie(Tie::Unlink(link)));
        }
    }

    /// Whether the ends of linked actors come as [`Signal::LinkedExit`] from now on, instead of ending this actor.
    pub fn trap_exits(&mut self, trap: bool) {
        self.cell.with_ties(|ties| ties.traps_exits = trap);
    }
}
