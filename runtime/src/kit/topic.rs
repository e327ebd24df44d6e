//! Publish and subscribe: who publishes does not know who listens.
//!
//! A topic is no actor: one would be a detour for every message, and a queue before the queues. What a publisher publishes
//! goes straight to the mailboxes of those who listen, from the publisher's own turn or thread, so that messages of one
//! publisher reach each subscriber in the order published, exactly as if it had told them one by one, and there is nothing
//! to lock. Publishers among each other are not ordered: two subscribers may see two of them in different orders. It
//! lacks retained messages and patterns.

use super::members::{AnySet, Members, View, tell_all};
use crate::actor::{ActorId, Recipient};
use std::any::Any;
use std::fmt;

/// A place where messages of type `M` are published, for all who have subscribed. Cheap to clone.
///
/// Subscribers are actors whose message type has a `From<M>`. One that ends is no subscriber any more; what is published
/// while it ends is a dead letter. A subscriber keeps the topic's list alive, not the other way round.
///
/// ```
/// use potoroo_runtime::kit::{Publisher, Topic};
/// use potoroo_runtime::{Actor, Context, System, Turn};
/// use std::sync::mpsc;
///
/// struct Ticker { prices: Publisher<f64> }
/// impl Actor for Ticker {
///     type Msg = f64;
///     fn handle(&mut self, price: f64, _: &mut Context<'_, Self>) -> Turn {
///         self.prices.publish(price);
///         Ok(())
///     }
/// }
///
/// struct Screen(mpsc::Sender<f64>);
/// impl Actor for Screen {
///     type Msg = f64;
///     fn handle(&mut self, price: f64, _: &mut Context<'_, Self>) -> Turn {
///         Ok(self.0.send(price)?)
///     }
/// }
///
/// let system = System::new()?;
/// let prices = Topic::new();
/// let (show, shown) = mpsc::channel();
/// for _ in 0..2 {
///     let show = show.clone();
///     prices.subscribe(&system.spawn(|_| Ok(Screen(show))).recipient());
/// }
/// let publisher = prices.publisher();
/// system.spawn(|_| Ok(Ticker { prices: publisher })).tell(1.5);
/// assert_eq!((shown.recv()?, shown.recv()?), (1.5, 1.5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Topic<M>(Members<M>);

impl<M: Clone + Send + 'static> Topic<M> {
    /// A topic without subscribers. [`Registry::topic`](super::Registry::topic) gives one by name.
    pub fn new() -> Self {
        Self(Members::new())
    }

    /// Sends what is published from now on to `subscriber`; says whether it was no subscriber yet.
    pub fn subscribe(&self, subscriber: &Recipient<M>) -> bool {
        self.0.join(subscriber)
    }

    /// Ends a subscription; says whether there was one. What has been published before may still come.
    pub fn unsubscribe(&self, subscriber: ActorId) -> bool {
        self.0.leave(subscriber)
    }

    /// Sends `msg` to all subscribers; gives how many they are. Takes a lock for the length of a pointer copy: who
    /// publishes often keeps a [`Publisher`], which does not.
    pub fn publish(&self, msg: M) -> usize {
        tell_all(&self.0.list(), msg)
    }

    /// The way to publish often.
    pub fn publisher(&self) -> Publisher<M> {
        Publisher(View::new(self.0.clone()))
    }

    /// How many subscribers there are.
    pub fn subscribers(&self) -> usize {
        self.0.len()
    }

    /// Whether this actor has subscribed.
    pub fn is_subscribed(&self, subscriber: ActorId) -> bool {
        self.0.contains(subscriber)
    }
}

/// Publishes to one [`Topic`]; an actor keeps it in its state.
///
/// It knows the subscribers, and asks with one load whether they have changed since: publishing takes no lock as long as
/// nobody comes or goes.
pub struct Publisher<M>(View<M>);

impl<M: Clone + Send + 'static> Publisher<M> {
    /// Sends `msg` to all subscribers; gives how many they are.
    pub fn publish(&mut self, msg: M) -> usize {
        tell_all(self.0.list(), msg)
    }
}

impl<M: Clone + Send + 'static> Default for Topic<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for Topic<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> Clone for Publisher<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> fmt::Debug for Topic<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic<{}>", std::any::type_name::<M>())
    }
}

impl<M> fmt::Debug for Publisher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publisher<{}>", std::any::type_name::<M>())
    }
}

impl<M: Clone + Send + 'static> AnySet for Topic<M> {
    fn is_unused(&self) -> bool {
        self.0.is_unused()
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
