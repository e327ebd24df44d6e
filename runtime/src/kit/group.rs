//! Groups: sets of actors that do the same, and one or all of which are told something.
//!
//! Whoever joins is in until it leaves or ends. It lacks routing by key and by load: those want to know more of the members
//! than that they understand a message.

use super::members::{AnySet, Members, View, tell_all};
use crate::actor::{ActorId, Recipient};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicUsize, Ordering};
use std::any::Any;
use std::fmt;

/// A set of actors that understand `M`. Cheap to clone.
///
/// ```
/// use potoroo_runtime::{Actor, Context, System, Turn};
/// use std::sync::mpsc;
///
/// struct Worker(usize, mpsc::Sender<(usize, u32)>);
/// impl Actor for Worker {
///     type Msg = u32;
///     fn handle(&mut self, job: u32, _: &mut Context<'_, Self>) -> Turn {
///         Ok(self.1.send((self.0, job))?)
///     }
/// }
///
/// let system = System::new()?;
/// let workers = system.registry().group::<u32>("workers")?;
/// let (done, results) = mpsc::channel();
/// for n in 0..2 {
///     let done = done.clone();
///     workers.join(&system.spawn(move |_| Ok(Worker(n, done))).recipient());
/// }
/// // Elsewhere, by its name; one after the other.
/// let workers = system.registry().group::<u32>("workers")?;
/// workers.tell_one(10).map_err(|_| "nobody is in")?;
/// workers.tell_one(11).map_err(|_| "nobody is in")?;
/// let mut results: Vec<_> = results.iter().take(2).collect();
/// results.sort();
/// assert_eq!(results, [(0, 10), (1, 11)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Group<M> {
    members: Members<M>,
    /// How many have been picked.
    picked: Arc<AtomicUsize>,
}

impl<M: Send + 'static> Group<M> {
    /// An empty group. [`Registry::group`](super::Registry::group) gives one by name.
    pub fn new() -> Self {
        Self {
            members: Members::new(),
            picked: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Adds a member until it leaves or ends; says whether it was not in yet.
    pub fn join(&self, member: &Recipient<M>) -> bool {
        self.members.join(member)
    }

    /// Removes a member; says whether it was in.
    pub fn leave(&self, member: ActorId) -> bool {
        self.members.leave(member)
    }

    /// Whether this actor is in.
    pub fn contains(&self, member: ActorId) -> bool {
        self.members.contains(member)
    }

    /// The members of this moment, in the order in which they joined.
    pub fn members(&self) -> Vec<Recipient<M>> {
        self.members.list().to_vec()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next member in turn, if anybody is in. All handles of a group take turns together.
    pub fn pick(&self) -> Option<Recipient<M>> {
        let list = self.members.list();
        // Relaxed: a number that publishes nothing.
        let at = self.picked.fetch_add(1, Ordering::Relaxed).checked_rem(list.len())?;
        list.get(at).cloned()
    }

    /// Tells `msg` to the next member in turn, or gives it back if nobody is in.
    pub fn tell_one(&self, msg: M) -> Result<(), M> {
        match self.pick() {
            Some(member) => {
                member.tell(msg);
                Ok(())
            }
            None => Err(msg),
        }
    }

    /// Tells `msg` to all members; gives how many they are.
    pub fn tell_all(&self, msg: M) -> usize
    where
        M: Clone,
    {
        tell_all(&self.members.list(), msg)
    }

    /// The way to tell its members something often: it takes no lock as long as nobody comes or goes.
    pub fn sender(&self) -> GroupSender<M> {
        GroupSender {
            view: View::new(self.members.clone()),
            next: 0,
        }
    }
}

/// Tells the members of one [`Group`] something; an actor keeps it in its state. It takes turns by itself, beginning with the
/// member that joined first.
///
/// ```
/// # use potoroo_runtime::{Actor, Context, Turn};
/// use potoroo_runtime::kit::GroupSender;
///
/// struct Dispatcher { workers: GroupSender<u32> }
///
/// impl Actor for Dispatcher {
///     type Msg = u32;
///     fn handle(&mut self, job: u32, _: &mut Context<'_, Self>) -> Turn {
///         self.workers.tell_one(job).map_err(|_| std::io::Error::other("all workers have gone"))?;
///         Ok(())
///     }
/// }
/// ```
pub struct GroupSender<M> {
    view: View<M>,
    next: usize,
}

impl<M: Send + 'static> GroupSender<M> {
    /// Tells `msg` to the next member in turn, or gives it back if nobody is in.
    pub fn tell_one(&mut self, msg: M) -> Result<(), M> {
        let list = self.view.list();
        if self.next >= list.len() {
            self.next = 0;
        }
        let Some(member) = list.get(self.next) else {
            return Err(msg);
        };
        member.tell(msg);
        self.next += 1;
        Ok(())
    }

    /// Tells `msg` to all members; gives how many they are.
    pub fn tell_all(&mut self, msg: M) -> usize
    where
        M: Clone,
    {
        tell_all(self.view.list(), msg)
    }
}

impl<M: Send + 'static> Default for Group<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for Group<M> {
    fn clone(&self) -> Self {
        Self {
            members: self.members.clone(),
            picked: self.picked.clone(),
        }
    }
}

impl<M> Clone for GroupSender<M> {
    fn clone(&self) -> Self {
        Self {
            view: self.view.clone(),
            next: self.next,
        }
    }
}

impl<M> fmt::Debug for Group<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group<{}>", std::any::type_name::<M>())
    }
}

impl<M> fmt::Debug for GroupSender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupSender<{}>", std::any::type_name::<M>())
    }
}

impl<M: Send + 'static> AnySet for Group<M> {
    fn is_unused(&self) -> bool {
        self.members.is_unused()
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
