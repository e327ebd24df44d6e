//! One actor, turn by turn, and what each turn of it does to others.

use super::choice::{Chooser, Who};
use super::faults::Faults;
use super::world::{Grain, Making, SimWorld};
use super::{Probe, Sim};
use crate::actor::{Actor, ActorRef, Context, Fault};
use crate::sys::simulated;
use crate::system::System;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// A message that an actor has told another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Told {
    /// Whom: the type of the actor, with a number from the second of a type on.
    pub to: String,
    /// What, as [`Actor::describe`] names it.
    pub what: String,
}

/// What a turn has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effects {
    /// What was told to others, and to itself, by receiver.
    pub told: Vec<Told>,
    /// The types of the children it has started.
    pub born: Vec<String>,
    /// Whether it has ended.
    pub ended: bool,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// One actor under test, in a simulated system of its own.
///
/// Each call gives the actor one turn, nobody else gets one, and what the turn did is told: to whom it told what, which
/// children it started, whether it has ended. What it is to talk to are [probes](Self::probe). Time stands still but for
/// [`advance`](Self::advance).
///
/// ```
/// use potoroo_runtime::sim::Harness;
/// use potoroo_runtime::{Actor, Context, Recipient, Turn};
///
/// struct Doubler(Recipient<u64>);
///
/// impl Actor for Doubler {
///     type Msg = u64;
///     fn handle(&mut self, n: u64, ctx: &mut Context<'_, Self>) -> Turn {
///         match n {
///             0 => ctx.stop(),
///             n => self.0.tell(2 * n),
///         }
///         Ok(())
///     }
/// }
///
/// let mut harness = Harness::in_system(|system| {
///     let probe = potoroo_runtime::sim::Probe::on(system);
///     let to = probe.recipient();
///     (system.spawn(move |_| Ok(Doubler(to))), probe)
/// });
/// let effects = harness.tell(4_u64);
/// assert_eq!(effects.told.len(), 1);
/// harness.settle();
/// assert_eq!(harness.extra().try_next(), Some(8));
/// assert!(harness.tell(0_u64).ended);
/// ```
pub struct Harness<A: Actor, X = ()> {
    /// Gone only while this is dropped, which needs the world.
    inside: Option<Inside<A, X>>,
    world: Rc<SimWorld>,
}

struct Inside<A: Actor, X> {
    extra: X,
    actor: ActorRef<A>,
    sim: Sim,
}

impl<A: Actor> Harness<A> {
    /// An actor by itself. It is born at once.
    pub fn new(factory: impl FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static) -> Self {
        Self::in_system(|system| (system.spawn(factory), ()))
    }
}

impl<A: Actor, X> Harness<A, X> {
    /// An actor, and whatever else the test needs around it: `make` starts it in the system that it is given.
    pub fn in_system(make: impl FnOnce(&System) -> (ActorRef<A>, X)) -> Self {
        let world = Rc::new(SimWorld::new(Making {
            grain: Grain::ByTurns,
            chooser: Chooser::First,
            turn_messages_max: Some(1),
            steps_max: u64::MAX,
            traced: true,
            failures_allowed: true,
            faults: Faults::none(),
        }));
        let inside = world.clone();
        let (sim, actor, extra) = simulated::enter(&*inside, || {
            let system = match System::builder().workers(1).pin(false).build() {
                Ok(system) => system,
                Err(error) => panic!("the system of a harness cannot be made: {error}"),
            };
            let sim = Sim {
                system,
                world: world.clone(),
            };
            let (actor, extra) = make(&sim.system);
            sim.run_until_quiet();
            (sim, actor, extra)
        });
        drop(inside);
        world.take_events();
        Self {
            inside: Some(Inside { extra, actor, sim }),
            world,
        }
    }

    fn inside(&self) -> &Inside<A, X> {
        self.inside.as_ref().expect("nobody calls what is being dropped")
    }

    /// The actor.
    pub fn actor(&self) -> &ActorRef<A> {
        &self.inside().actor
    }

    /// What `make` gave besides the actor.
    pub fn extra(&self) -> &X {
        &self.inside().extra
    }

    /// Calls `f` within the system: where probes are waited for, or something is asked.
    pub fn within<R>(&self, f: impl FnOnce(&Sim, &ActorRef<A>, &X) -> R) -> R {
        let Inside { extra, actor, sim } = self.inside();
        simulated::enter(&*self.world, || f(sim, actor, extra))
    }

    /// A probe to be told something by the actor.
    pub fn probe<M: Send + 'static>(&self) -> Probe<M> {
        self.within(|sim, _, _| {
            let probe = sim.probe();
            sim.run_until_quiet();
            probe
        })
    }

    /// Tells the actor something and gives it turns until it has handled that.
    pub fn tell(&mut self, msg: impl Into<A::Msg>) -> Effects {
        let msg = msg.into();
        self.do_and_look(|actor| actor.tell(msg))
    }

    /// Gives the actor a turn for what waits: an answer, a timer, an end it watches.
    pub fn turn(&mut self) -> Effects {
        self.do_and_look(|_| ())
    }

    /// Lets virtual time pass, and gives the actor turns for what falls due.
    pub fn advance(&mut self, time: Duration) -> Effects {
        let before = self.world.failures().len();
        self.within(|sim, _, _| sim.advance(time));
        self.effects(before)
    }

    /// Gives everybody else the turns that they have waiting, and the actor too.
    pub fn settle(&mut self) -> Effects {
        let before = self.world.failures().len();
        self.within(|sim, _, _| sim.run_until_quiet());
        self.effects(before)
    }

    fn do_and_look(&mut self, what: impl FnOnce(&ActorRef<A>)) -> Effects {
        let id = self.actor().id().0;
        let before = self.world.failures().len();
        self.within(|_, actor, _| {
            self.world.hand_back();
            what(actor);
            self.world.give_turns_to(id);
        });
        self.effects(before)
    }

    fn effects(&self, failures_before: usize) -> Effects {
        let id = self.actor().id().0;
        let mut effects = Effects::default();
        for event in self.world.take_events() {
            effects.ended |= event.ended.contains(&id);
            if event.who != Who::Actor(id) {
                continue;
            }
            effects.told.extend(event.told.into_iter().map(|(to, what)| Told {
                to: self.world.name_of(to),
                what,
            }));
            effects
                .born
                .extend(event.born.iter().map(|born| self.world.name_of(*born)));
        }
        effects.failure = self.world.failures().get(failures_before).cloned();
        effects
    }
}

impl<A: Actor, X> Drop for Harness<A, X> {
    fn drop(&mut self) {
        let world = self.world.clone();
        world.end_of_scenario();
        simulated::enter(&*world, || {
            drop(self.inside.take());
            world.send_home();
        });
    }
}

impl<A: Actor, X> fmt::Debug for Harness<A, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness")
            .field("actor", &self.actor().id())
            .finish_non_exhaustive()
    }
}
