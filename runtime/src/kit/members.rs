//! A set of recipients that changes seldom and is gone through often: the ground of groups and topics.
//!
//! The members lie behind a lock, in the order in which they joined, beside a number that rises with each change. Whoever
//! sends keeps a view: the list as of one number. A send compares the numbers, one load of a line that seldom changes, and
//! goes through its list; only after a change does it take the lock, and fetch the new list, which the first to ask makes
//! and all others share. So joining costs the same however many are in, and a change costs senders no more than the next
//! round does anyway. A member that ends leaves, since its place is a keepsake.

use crate::actor::{ActorId, Recipient};
use crate::scheduler::control::Control;
use crate::scheduler::keepsake::{Keepsake, next_key};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, lock};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};

/// A group or a topic of some kind, as the registry sees it.
pub(super) trait AnySet: Send + 'static {
    /// Whether nobody but the registry knows of it, and nobody is in.
    fn is_unused(&self) -> bool;
    fn type_name(&self) -> &'static str;
    fn as_any(&self) -> &dyn Any;
}

/// Recipients, each at most once, in the order in which they joined.
pub(super) struct Members<M>(Arc<Inner<M>>);

struct Inner<M> {
    /// Rises with each change, under the lock.
    version: AtomicU64,
    state: Mutex<State<M>>,
}

struct State<M> {
    /// Keys rise, so that this is the order of joining.
    by_key: BTreeMap<u64, Recipient<M>>,
    keys: HashMap<ActorId, u64>,
    /// The present list, if anybody has asked for it since the last change.
    list: Option<Arc<Vec<Recipient<M>>>>,
}

impl<M: Send + 'static> Members<M> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            version: AtomicU64::new(0),
            state: Mutex::new(State {
                by_key: BTreeMap::new(),
                keys: HashMap::new(),
                list: None,
            }),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State<M>> {
        lock(&self.0.state)
    }

    /// A change has been made under this lock. Gives the old list, which is to be dropped outside of it.
    #[must_use]
    fn changed(&self, state: &mut State<M>) -> Option<Arc<Vec<Recipient<M>>>> {
        // Relaxed: writers have the lock. Whoever learns of the change in any other way sees the new number by coherence,
        // and gets the list under the lock.
        let next = self.0.version.load(Ordering::Relaxed) + 1;
        self.0.version.store(next, Ordering::Relaxed);
        state.list.take()
    }

    /// Adds a member; says whether it was not in before.
    pub(super) fn join(&self, recipient: &Recipient<M>) -> bool {
        let id = recipient.id();
        let (key, old) = {
            let mut state = self.state();
            if state.keys.contains_key(&id) {
                return false;
            }
            // Taken under the lock, so that keys rise in the order of joining.
            let key = next_key();
            state.keys.insert(id, key);
            state.by_key.insert(key, recipient.clone());
            (key, self.changed(&mut state))
        };
        drop(old);
        // Given to an actor that has ended, this undoes itself at once.
        let place = Place {
            members: Self(self.0.clone()),
            id,
            key,
        };
        recipient.cell_ref().control(Control::Keep(Box::new(place)));
        true
    }

    /// Removes a member; says whether it was in.
    pub(super) fn leave(&self, id: ActorId) -> bool {
        let key = self.state().keys.get(&id).copied();
        let Some(member) = key.and_then(|key| self.remove(id, key)) else {
            return false;
        };
        member.cell_ref().control(Control::LetGo(key.unwrap_or_default()));
        true
    }

    /// Removes a member that joined under this key, if it is still in.
    fn remove(&self, id: ActorId, key: u64) -> Option<Recipient<M>> {
        let (member, old) = {
            let mut state = self.state();
            let member = state.by_key.remove(&key)?;
            state.keys.remove(&id);
            (member, self.changed(&mut state))
        };
        drop(old);
        Some(member)
    }

    pub(super) fn len(&self) -> usize {
        self.state().by_key.len()
    }

    pub(super) fn contains(&self, id: ActorId) -> bool {
        self.state().keys.contains_key(&id)
    }

    /// The number and the list that belongs to it.
    fn present(&self) -> (u64, Arc<Vec<Recipient<M>>>) {
        let mut state = self.state();
        let State { by_key, list, .. } = &mut *state;
        let list = list.get_or_insert_with(|| Arc::new(by_key.values().cloned().collect()));
        (self.0.version.load(Ordering::Relaxed), list.clone())
    }

    /// The members of this moment.
    pub(super) fn list(&self) -> Arc<Vec<Recipient<M>>> {
        self.present().1
    }

    pub(super) fn is_unused(&self) -> bool {
        // A member has a handle too, in its place.
        Arc::strong_count(&self.0) == 1
    }
}

impl<M> Clone for Members<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A member's place.
struct Place<M: Send + 'static> {
    members: Members<M>,
    id: ActorId,
    key: u64,
}

impl<M: Send + 'static> Keepsake for Place<M> {
    fn key(&self) -> u64 {
        self.key
    }

    fn is_void(&self) -> bool {
        !self.members.state().by_key.contains_key(&self.key)
    }
}

impl<M: Send + 'static> Drop for Place<M> {
    fn drop(&mut self) {
        drop(self.members.remove(self.id, self.key));
    }
}

/// The members as one sender last saw them.
pub(super) struct View<M> {
    members: Members<M>,
    version: u64,
    list: Arc<Vec<Recipient<M>>>,
}

impl<M: Send + 'static> View<M> {
    pub(super) fn new(members: Members<M>) -> Self {
        let (version, list) = members.present();
        Self { members, version, list }
    }

    /// The members of this moment.
    #[inline]
    pub(super) fn list(&mut self) -> &[Recipient<M>] {
        // Relaxed: see `changed`.
        if self.members.0.version.load(Ordering::Relaxed) != self.version {
            self.refresh();
        }
        &self.list
    }

    #[cold]
    fn refresh(&mut self) {
        (self.version, self.list) = self.members.present();
    }
}

impl<M> Clone for View<M> {
    fn clone(&self) -> Self {
        Self {
            members: self.members.clone(),
            version: self.version,
            list: self.list.clone(),
        }
    }
}

/// Tells `msg` to all of these, in order; gives how many they were.
pub(super) fn tell_all<M: Clone>(list: &[Recipient<M>], msg: M) -> usize {
    if let Some((last, others)) = list.split_last() {
        for recipient in others {
            recipient.tell(msg.clone());
        }
        last.tell(msg);
    }
    list.len()
}
