//! Names of actors, groups and topics, per system.
//!
//! Off the message path: an actor looks a name up once and keeps the reference, which stays good. So the names lie in plain
//! maps behind locks, in sixteen shards so that a crowd that starts at once does not queue up; a lookup takes a lock for the
//! length of one hash lookup, and nothing of a user's runs under it. An entry goes with its actor, as a keepsake; whoever
//! finds one whose actor has ended in the meantime takes it for none. It lacks names that span processes.

use super::members::AnySet;
use super::name::{LookupError, Name, RegisterError, Registered};
use super::{Group, Topic};
use crate::actor::{Actor, ActorId, ActorRef, Context};
use crate::scheduler::control::Control;
use crate::scheduler::header::CellRef;
use crate::scheduler::keepsake::{Keepsake, next_key};
use crate::sync::{Arc, Mutex, MutexGuard, lock};
use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

/// Among how many locks the names are spread.
const SHARDS: usize = 16;

/// How many groups and topics a shard holds before it looks for those that nobody uses.
const UNUSED_SWEEP_FROM: usize = 64;

/// What the registry of one system holds.
pub(crate) struct Directory {
    hasher: RandomState,
    actors: Box<[Mutex<HashMap<Box<str>, Named>>]>,
    sets: Box<[Mutex<Sets>]>,
}

struct Named {
    actor: Box<dyn AnyActor>,
    key: u64,
}

/// Groups and topics by name.
struct Sets {
    by_name: HashMap<Box<str>, Box<dyn AnySet>>,
    sweep_at: usize,
}

/// A reference to an actor of some type.
trait AnyActor: Send {
    fn describe(&self) -> (ActorId, &'static str);
    fn is_alive(&self) -> bool;
    fn cell(&self) -> CellRef;
    fn as_any(&self) -> &dyn Any;
}

impl<A: Actor> AnyActor for ActorRef<A> {
    fn describe(&self) -> (ActorId, &'static str) {
        (self.id(), std::any::type_name::<A>())
    }

    fn is_alive(&self) -> bool {
        self.is_alive()
    }

    fn cell(&self) -> CellRef {
        self.cell_ref()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Directory {
    pub(crate) fn new() -> Self {
        let sets = || Sets {
            by_name: HashMap::new(),
            sweep_at: UNUSED_SWEEP_FROM,
        };
        Self {
            hasher: RandomState::new(),
            actors: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect(),
            sets: (0..SHARDS).map(|_| Mutex::new(sets())).collect(),
        }
    }

    fn shard(&self, name: &str) -> usize {
        self.hasher.hash_one(name) as usize % SHARDS
    }

    fn actors(&self, name: &str) -> MutexGuard<'_, HashMap<Box<str>, Named>> {
        lock(&self.actors[self.shard(name)])
    }

    /// Removes an entry if it still is the one of this key; the caller drops it outside the lock.
    fn remove(&self, name: &str, key: u64) -> Option<Named> {
        let mut actors = self.actors(name);
        actors
            .get(name)
            .is_some_and(|named| named.key == key)
            .then(|| actors.remove(name))
            .flatten()
    }
}

/// The names of one system. Cheap to clone; for actors and for threads.
///
/// A name belongs to one living actor at a time and goes with it, whatever ends it. A restart is no end. Names of
/// actors are one space, names of groups and topics another.
///
/// ```
/// use potoroo_runtime::kit::{LookupError, Name};
/// use potoroo_runtime::{Actor, Context, Reply, System, Turn};
///
/// struct Counter(u64);
/// impl Actor for Counter {
///     type Msg = Reply<u64>;
///     fn handle(&mut self, reply: Reply<u64>, _: &mut Context<'_, Self>) -> Turn {
///         self.0 += 1;
///         reply.send(self.0);
///         Ok(())
///     }
/// }
///
/// const VISITS: Name<'static, Counter> = Name::new("visits");
///
/// let system = System::new()?;
/// system.registry().register(VISITS, &system.spawn(|_| Ok(Counter(0))))?;
///
/// // Anywhere else; inside actors with `ctx.registry()`.
/// let visits = system.registry().lookup(VISITS)?;
/// assert_eq!(visits.ask(|reply| reply).wait()?, 1);
/// assert_eq!(system.registry().lookup::<Counter>("visit"), Err(LookupError::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry(pub(crate) Arc<Directory>);

impl Registry {
    /// Gives `actor` a name. It may have several.
    pub fn register<'n, A: Actor>(
        &self,
        name: impl Into<Name<'n, A>>,
        actor: &ActorRef<A>,
    ) -> Result<(), RegisterError> {
        let name = name.into().as_str();
        let key = next_key();
        let before = {
            let mut actors = self.0.actors(name);
            if let Some(named) = actors.get(name).filter(|named| named.actor.is_alive()) {
                let (by, type_name) = named.actor.describe();
                return Err(RegisterError::Taken { by, type_name });
            }
            let actor = Box::new(actor.clone());
            actors.insert(name.into(), Named { actor, key })
        };
        // The last reference to an actor that has ended may go here.
        drop(before);
        // Given to an actor that has ended, this undoes itself at once.
        actor.cell_ref().control(Control::Keep(Box::new(Kept {
            directory: self.0.clone(),
            name: name.into(),
            key,
        })));
        if actor.is_alive() {
            Ok(())
        } else {
            drop(self.0.remove(name, key));
            Err(RegisterError::Ended)
        }
    }

    /// Takes a name from whoever has it; says whether anybody had it.
    pub fn unregister(&self, name: &str) -> bool {
        let Some(named) = self.0.actors(name).remove(name) else {
            return false;
        };
        named.actor.cell().control(Control::LetGo(named.key));
        named.actor.is_alive()
    }

    /// The actor of this name. The reference stays good as long as the actor lives: keep it.
    pub fn lookup<'n, A: Actor>(&self, name: impl Into<Name<'n, A>>) -> Result<ActorRef<A>, LookupError> {
        let name = name.into().as_str();
        let actors = self.0.actors(name);
        let named = actors.get(name).filter(|named| named.actor.is_alive());
        let named = named.ok_or(LookupError::Unknown)?;
        match named.actor.as_any().downcast_ref::<ActorRef<A>>() {
            Some(actor) => Ok(actor.clone()),
            None => {
                let (_, type_name) = named.actor.describe();
                Err(LookupError::OtherType { type_name })
            }
        }
    }

    /// Who has this name, whatever its type.
    pub fn whereis(&self, name: &str) -> Option<Registered> {
        self.0.actors(name).get(name).and_then(|named| named.entry(name))
    }

    /// Every name and who has it, in the order of the names.
    pub fn list(&self) -> Vec<Registered> {
        let mut list = Vec::new();
        for shard in &self.0.actors {
            list.extend(lock(shard).iter().filter_map(|(name, named)| named.entry(name)));
        }
        list.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// The group of this name; made now if there is none. A named group with neither members nor handles goes some time.
    pub fn group<M: Send + 'static>(&self, name: &str) -> Result<Group<M>, LookupError> {
        self.set(name)
    }

    /// The topic of this name; made now if there is none. A named topic with neither subscribers nor handles goes some
    /// time.
    pub fn topic<M: Clone + Send + 'static>(&self, name: &str) -> Result<Topic<M>, LookupError> {
        self.set(name)
    }

    fn set<S: AnySet + Clone + Default>(&self, name: &str) -> Result<S, LookupError> {
        let mut sets = lock(&self.0.sets[self.0.shard(name)]);
        if let Some(set) = sets.by_name.get(name) {
            return set.as_any().downcast_ref::<S>().cloned().ok_or(LookupError::OtherType {
                type_name: set.type_name(),
            });
        }
        if sets.by_name.len() >= sets.sweep_at {
            // Nobody is in those that go, so no cell goes with them.
            sets.by_name.retain(|_, set| !set.is_unused());
            sets.sweep_at = UNUSED_SWEEP_FROM.max(2 * sets.by_name.len());
        }
        let set = S::default();
        sets.by_name.insert(name.into(), Box::new(set.clone()));
        Ok(set)
    }
}

impl Named {
    fn entry(&self, name: &str) -> Option<Registered> {
        let (id, type_name) = self.actor.describe();
        self.actor.is_alive().then(|| Registered {
            name: name.to_owned(),
            id,
            type_name,
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.list()).finish()
    }
}

/// A name, with the actor that has it.
struct Kept {
    directory: Arc<Directory>,
    name: Box<str>,
    key: u64,
}

impl Keepsake for Kept {
    fn key(&self) -> u64 {
        self.key
    }

    fn is_void(&self) -> bool {
        let actors = self.directory.actors(&self.name);
        actors.get(&self.name).is_none_or(|named| named.key != self.key)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.directory.remove(&self.name, self.key));
    }
}

impl<A: Actor> Context<'_, A> {
    /// The names of this system: see [`Registry`].
    pub fn registry(&self) -> Registry {
        Registry::of(self.shared())
    }
}

impl Registry {
    pub(crate) fn of(shared: &crate::scheduler::shared::Shared) -> Self {
        match shared.upstairs.downcast_ref::<Arc<Directory>>() {
            Some(directory) => Self(directory.clone()),
            None => unreachable!("the system puts it there"),
        }
    }
}
