//! Pools: several actors that do the same, behind one router.
//!
//! The router is plain data: it picks a member and sends straight to it, and is no actor itself. Members are supervised, so
//! the references it holds stay valid. It lacks any look at who is busy: round-robin is fair where messages cost the same,
//! and keys go where they always go.

use crate::actor::{Actor, ActorRef, Ask, Reply};
use crate::arena::{Arena, Evacuate};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicUsize, Ordering};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A router to several actors that do the same; see [`SupervisorBuilder::pool`](crate::SupervisorBuilder::pool). Clones
/// share the members and each take turns on their own.
///
/// ```
/// use potoroo_runtime::{Actor, Context, Fault, Reply, Restart, Strategy, System, Turn};
///
/// struct Square;
/// impl Actor for Square {
///     type Msg = (u64, Reply<u64>);
///     fn handle(&mut self, (n, reply): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
///         reply.send(n.checked_mul(n).ok_or_else(|| Fault::new("too large"))?);
///         Ok(())
///     }
/// }
/// let system = System::builder().on_failure(|_, _, _| {}).build()?;
/// let mut tree = system.supervise(Strategy::OneForOne);
/// let pool = tree.pool("square", 4, Restart::Permanent, |_, _| Ok(Square));
/// tree.start();
/// assert!(pool.ask(|reply| (u64::MAX, reply)).wait().is_err());
/// assert_eq!(pool.ask(|reply| (12, reply)).wait()?, 144);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool<A: Actor> {
    members: Arc<Vec<ActorRef<A>>>,
    /// Whose turn it is, modulo the number of members.
    next: AtomicUsize,
}

impl<A: Actor> Pool<A> {
    pub(super) fn new(members: impl IntoIterator<Item = ActorRef<A>>) -> Self {
        let members: Vec<_> = members.into_iter().collect();
        assert!(!members.is_empty(), "a pool has at least one member");
        Self {
            members: Arc::new(members),
            next: AtomicUsize::new(0),
        }
    }

    /// The members, in the order of their numbers.
    pub fn members(&self) -> &[ActorRef<A>] {
        &self.members
    }

    /// The member whose turn it is, and then it is the next one's. Inside actors: `ctx.ask(pool.next(), ..)`.
    #[inline]
    pub fn next(&self) -> &ActorRef<A> {
        // Relaxed, and no read-modify-write: should two threads share this router and pick the same, nothing is wrong.
        let next = self.next.load(Ordering::Relaxed);
        self.next.store(next.wrapping_add(1), Ordering::Relaxed);
        &self.members[next % self.members.len()]
    }

    /// Tells the member whose turn it is.
    #[inline]
    pub fn tell(&self, msg: A::Msg) {
        self.next().tell(msg);
    }

    /// Asks the member whose turn it is, from outside the system.
    pub fn ask<R: Send + 'static>(&self, make: impl FnOnce(Reply<R>) -> A::Msg) -> Ask<R> {
        self.next().ask(make)
    }

    /// The member that this key belongs to: always the same for the same key and number of members, in every process and on
    /// every machine, as long as the key's `Hash` stays the same.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Restart, Strategy, System, Turn};
    /// # struct Shard; impl Actor for Shard { type Msg = (&'static str, u32); fn handle(&mut self, _: Self::Msg, _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// # let system = System::new()?;
    /// let mut tree = system.supervise(Strategy::OneForOne);
    /// let shards = tree.pool("shard", 16, Restart::Permanent, |_, _| Ok(Shard));
    /// tree.start();
    /// shards.tell_by_key("apples", ("apples", 3));
    /// assert_eq!(shards.by_key("apples"), shards.by_key("apples"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn by_key<K: Hash + ?Sized>(&self, key: &K) -> &ActorRef<A> {
        &self.members[shard(key, self.members.len())]
    }

    /// Tells the member that this key belongs to.
    pub fn tell_by_key<K: Hash + ?Sized>(&self, key: &K, msg: A::Msg) {
        self.by_key(key).tell(msg);
    }

    /// Tells every member.
    pub fn tell_all(&self, msg: A::Msg)
    where
        A::Msg: Clone,
    {
        for member in self.members.iter() {
            member.tell(msg.clone());
        }
    }
}

impl<A: Actor> Clone for Pool<A> {
    fn clone(&self) -> Self {
        Self {
            members: self.members.clone(),
            // Not in step with this one.
            next: AtomicUsize::new(self.next.load(Ordering::Relaxed).wrapping_add(1)),
        }
    }
}

impl<A: Actor> fmt::Debug for Pool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter()).finish()
    }
}

/// A leaf, like references.
impl<A: Actor> Evacuate for Pool<A> {
    fn evacuate(&mut self, _: &Arena) {}

    fn is_leaf() -> bool {
        true
    }
}

/// Which of `shards` a key belongs to.
fn shard<K: Hash + ?Sized>(key: &K, shards: usize) -> usize {
    let mut hasher = StableHasher(0xcbf2_9ce4_8422_2325);
    key.hash(&mut hasher);
    // The high bits of the product, so that all bits of the hash count.
    let scaled = u128::from(hasher.finish()) * shards as u128;
    (scaled >> 64) as usize
}

/// FNV-1a, with a final mix: the same on every machine, unlike the standard hashers, which promise nothing.
struct StableHasher(u64);

/// Numbers in one byte order, whatever the machine's, and sizes in eight bytes.
macro_rules! numbers {
    ($($write:ident $number:ty as $wide:ty;)+) => {
        $(fn $write(&mut self, number: $number) {
            self.write(&(number as $wide).to_le_bytes());
        })+
    };
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    numbers! {
        write_u16 u16 as u16;
        write_u32 u32 as u32;
        write_u64 u64 as u64;
        write_u128 u128 as u128;
        write_usize usize as u64;
        write_i16 i16 as i16;
        write_i32 i32 as i32;
        write_i64 i64 as i64;
        write_i128 i128 as i128;
        write_isize isize as i64;
    }

    fn finish(&self) -> u64 {
        // The last mix of MurmurHash3: FNV leaves the high bits of short keys alike.
        let x = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        x ^ (x >> 33)
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_shard_over_releases() {
        // If this fails, state that was kept by shard is looked for in the wrong place.
        let shards: Vec<_> = ["", "a", "b", "apples", "pears"].map(|key| shard(key, 1000)).into();
        assert_eq!(shards, [108, 230, 946, 721, 395]);
        let shards: Vec<_> = [0_u64, 1, 2, u64::MAX].map(|key| shard(&key, 1000)).into();
        assert_eq!(shards, [483, 289, 404, 416]);
        assert_eq!(shard(&7_usize, 1000), shard(&7_u64, 1000));
    }

    #[test]
    fn keys_are_spread_evenly() {
        for count in [2, 3, 16, 100] {
            let mut shards = vec![0_u32; count];
            for key in 0..100_000_u32 {
                shards[shard(&key, count)] += 1;
            }
            let fair = 100_000 / count as u32;
            for hits in &shards {
                assert!(hits.abs_diff(fair) < fair / 5 + 10, "{shards:?}");
            }
        }
    }
}
