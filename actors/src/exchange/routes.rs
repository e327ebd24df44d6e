//! Which partition owns which key group, and how that changes while records flow.
//!
//! Each producer of a keyed stage routes by a table of its own, so a record costs a look-up and nothing else. The tables
//! change in **steps**, each of which moves a few groups. Nobody but the stage and its producers takes part in a step, and
//! nobody stops for it:
//!
//! 1. The job puts the new table here, under the lock, notes which producers are connected at that moment, and tells each of
//!    them, and the partitions that lose or get groups.
//! 2. A producer changes its table between two records, and says so in its edges to these partitions: a **divide**. Before the
//!    divide its records went by the old table, after it they go by the new one.
//! 3. A partition that has seen the divide on an edge goes on with this edge up to its next mark, and holds back what comes
//!    after. So when it has seen all divides, its watermark is the least of what the producers had said at theirs: the same
//!    in all partitions of the step, whoever was faster.
//! 4. The partition that loses a group then hands its state and its timers to the one that gets it. The other has kept the
//!    records of that group, which are behind the divides; it takes the state in, then these records, and goes on.
//!
//! So the records of a key stay in the order of each edge, no record is lost or handled twice, and no timer is early or late
//! for the move. Only the keys under way wait; all others wait for event time at most, not for their records.
//!
//! A producer that joins during a step, such as a connection that has just been accepted, begins with the new table, but gets its
//! credits when the step is over: nothing of it can overtake the state. It does not count for the watermark at the divides. The next
//! step may have begun before it hears that; then it says that step's divide, behind what was held. One that ends during a step says
//! its divide before its end.
//! Between its announcement and its connection a producer is unknown here, so a step begins only when none is in between.
//!
//! All partitions that there may ever be exist from the start. One without groups is away: nobody tells it about event time, and
//! the stages after do not wait for it. Before it gets its first group it says that it is active, and waits until that has been
//! heard: otherwise the stages after could go on without it. Its watermark stays where it was until it has seen all divides.

use crate::element::{EdgeId, Grant, Granted, KEY_GROUPS, KeyGroup, key_group};
use potoroo_runtime::Recipient;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The owner of each key group.
pub(crate) type Table = Arc<[u16]>;

/// Contiguous ranges of groups that differ in length by at most one.
pub(crate) fn even_table(partitions: usize) -> Table {
    (0..KEY_GROUPS)
        .map(|group| u16::try_from(group * partitions / KEY_GROUPS).expect("at most KEY_GROUPS partitions"))
        .collect()
}

/// Which partitions have groups, in order.
pub(crate) fn owners(table: &Table) -> Vec<u16> {
    table.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// A group that changes its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupMove {
    pub(crate) group: KeyGroup,
    pub(crate) from: u16,
    pub(crate) to: u16,
}

/// The fewest moves after which the groups of `table` are spread over `partitions` partitions, whose shares differ by at most
/// one group.
pub(crate) fn moves_to(table: &Table, partitions: usize) -> Vec<GroupMove> {
    let mut groups: Vec<Vec<u16>> = vec![Vec::new(); KEY_GROUPS.max(partitions)];
    for (group, owner) in (0_u16..).zip(table.iter()) {
        groups[usize::from(*owner)].push(group);
    }
    let (share, larger) = (KEY_GROUPS / partitions, KEY_GROUPS % partitions);
    // The larger shares go to those that have most.
    let mut by_size: Vec<usize> = (0..partitions).collect();
    by_size.sort_by_key(|owner| std::cmp::Reverse(groups[*owner].len()));
    let mut shares = vec![0; groups.len()];
    for (at, owner) in by_size.into_iter().enumerate() {
        shares[owner] = share + usize::from(at < larger);
    }
    let mut free = Vec::new();
    for (owner, groups) in groups.iter_mut().enumerate() {
        free.extend(
            groups
                .drain(shares[owner].min(groups.len())..)
                .map(|group| (group, owner)),
        );
    }
    let mut free = free.into_iter();
    let mut moves = Vec::new();
    for to in 0..partitions {
        for (group, from) in free.by_ref().take(shares[to] - groups[to].len()) {
            let narrow = |n: usize| u16::try_from(n).expect("at most KEY_GROUPS partitions");
            moves.push(GroupMove {
                group: KeyGroup(group),
                from: narrow(from),
                to: narrow(to),
            });
        }
    }
    moves
}

/// A step that a producer has not made yet.
pub(crate) struct Change {
    pub(crate) step: u64,
    pub(crate) table: Table,
    /// The partitions that lose or get groups.
    pub(crate) concerned: Arc<[u16]>,
}

/// What a producer is given that connects.
pub(crate) struct Joined {
    pub(crate) step: u64,
    pub(crate) table: Table,
    /// A step is being made: nothing may be sent before it is over.
    pub(crate) is_held: bool,
}

/// A step that has begun.
pub(crate) struct Begun {
    pub(crate) step: u64,
    /// Where divides are to be expected.
    pub(crate) edges: BTreeSet<EdgeId>,
}

/// Why a step cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// A producer is about to connect.
    Connecting,
    /// All producers have ended, and the stage ends.
    Ended,
}

#[derive(Debug)]
struct Producer {
    to: Recipient<Grant>,
    /// The first of its lanes into the stage.
    lane: u32,
}

impl Producer {
    fn tell(&self) {
        self.to.tell(Grant {
            lane: self.lane,
            what: Granted::News,
        });
    }
}

#[derive(Debug)]
struct State {
    /// How many steps have begun.
    step: u64,
    table: Table,
    /// Those of the last step.
    concerned: Arc<[u16]>,
    /// What the last step moves.
    under_way: Vec<KeyGroup>,
    /// The last step is not over.
    is_moving: bool,
    producers: BTreeMap<EdgeId, Producer>,
    /// Announced, and neither connected nor given up.
    announced: BTreeSet<EdgeId>,
    /// Somebody has connected once.
    has_begun: bool,
}

/// The routes into one keyed stage. The lock is taken when a producer comes or goes and when groups move, never by a record.
#[derive(Debug)]
pub(crate) struct Routes(Mutex<State>);

impl Routes {
    pub(crate) fn new(partitions: usize) -> Self {
        Self(Mutex::new(State {
            step: 0,
            table: even_table(partitions),
            concerned: Arc::default(),
            under_way: Vec::new(),
            is_moving: false,
            producers: BTreeMap::new(),
            announced: BTreeSet::new(),
            has_begun: false,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present table.
    pub(crate) fn table(&self) -> Table {
        self.lock().table.clone()
    }

    /// The partition that owns the group of a key, or will when the present step is over.
    pub(crate) fn owner(&self, hash: u64) -> u16 {
        self.lock().table[usize::from(key_group(hash).0)]
    }

    /// Whether a partition has the group of a key, and it is not under way.
    pub(crate) fn is_at(&self, hash: u64, partition: u16) -> bool {
        let state = self.lock();
        let group = key_group(hash);
        state.table[usize::from(group.0)] == partition && !(state.is_moving && state.under_way.contains(&group))
    }

    /// A producer will connect.
    pub(crate) fn announced(&self, edge: EdgeId) {
        self.lock().announced.insert(edge);
    }

    /// No producer will connect, for now or at all.
    pub(crate) fn nobody_on(&self, edge: EdgeId) {
        self.lock().announced.remove(&edge);
    }

    /// A producer connects.
    pub(crate) fn join(&self, edge: EdgeId, to: Recipient<Grant>, lane: u32) -> Joined {
        let mut state = self.lock();
        state.announced.remove(&edge);
        state.has_begun = true;
        state.producers.insert(edge, Producer { to, lane });
        Joined {
            step: state.step,
            table: state.table.clone(),
            is_held: state.is_moving,
        }
    }

    /// The step that a producer has not made which has made `step` of them.
    pub(crate) fn change_since(&self, step: u64) -> Option<Change> {
        change_since(&self.lock(), step)
    }

    /// Whether a step is being made.
    pub(crate) fn is_moving(&self) -> bool {
        self.lock().is_moving
    }

    /// A producer has sent everything but its end. Gives the step that it has to make before that, if there is one.
    pub(crate) fn leave(&self, edge: EdgeId, step: u64) -> Option<Change> {
        let mut state = self.lock();
        let change = change_since(&state, step);
        if change.is_none() {
            state.producers.remove(&edge);
        }
        change
    }

    /// Begins a step, and tells the producers.
    pub(crate) fn begin(&self, moves: &[GroupMove]) -> Result<Begun, NotNow> {
        let mut state = self.lock();
        if !state.announced.is_empty() || !state.has_begun {
            return Err(NotNow::Connecting);
        }
        if state.producers.is_empty() {
            return Err(NotNow::Ended);
        }
        let mut table = state.table.to_vec();
        let mut concerned = BTreeSet::new();
        for GroupMove { group, from, to } in moves {
            table[usize::from(group.0)] = *to;
            concerned.extend([*from, *to]);
        }
        state.step += 1;
        state.table = table.into();
        state.concerned = concerned.into_iter().collect();
        state.under_way = moves.iter().map(|one| one.group).collect();
        state.is_moving = true;
        state.producers.values().for_each(Producer::tell);
        Ok(Begun {
            step: state.step,
            edges: state.producers.keys().copied().collect(),
        })
    }

    /// The step is over: those that have joined meanwhile may begin.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        state.is_moving = false;
        state.producers.values().for_each(Producer::tell);
    }
}

fn change_since(state: &State, step: u64) -> Option<Change> {
    debug_assert!(state.step - step <= 1, "a step waits for all producers");
    (state.step > step).then(|| Change {
        step: state.step,
        table: state.table.clone(),
        concerned: state.concerned.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares(table: &Table, partitions: usize) -> Vec<usize> {
        let mut shares = vec![0; partitions];
        table.iter().for_each(|owner| shares[usize::from(*owner)] += 1);
        shares
    }

    #[test]
    fn key_groups_are_spread_evenly_and_in_order() {
        for partitions in [1, 2, 3, 7, KEY_GROUPS] {
            let table = even_table(partitions);
            assert!(table.is_sorted());
            assert_eq!(owners(&table).len(), partitions);
            let even = KEY_GROUPS / partitions;
            for owned in shares(&table, partitions) {
                assert!(owned == even || owned == even + 1, "{owned} of {partitions}");
            }
        }
    }

    /// B2: who joins during a step is no part of it, and has the new table from the beginning; it is part of the next.
    #[test]
    fn b2_a_producer_that_joins_during_a_step_is_not_waited_for() {
        let system = potoroo_runtime::System::builder().workers(1).build().expect("starts");
        struct Deaf;
        impl potoroo_runtime::Actor for Deaf {
            type Msg = Grant;
            fn handle(&mut self, _: Grant, _: &mut potoroo_runtime::Context<'_, Self>) -> potoroo_runtime::Turn {
                Ok(())
            }
        }
        let to = || system.spawn(|_| Ok(Deaf)).recipient();
        let (early, late) = (EdgeId::new(1), EdgeId::new(2));
        let routes = Routes::new(1);
        routes.announced(early);
        assert_eq!(routes.begin(&[]).err(), Some(NotNow::Connecting));
        routes.join(early, to(), 0);
        let begun = routes
            .begin(&moves_to(&routes.table(), 2))
            .map_err(|_| ())
            .expect("can begin");
        assert_eq!(begun.edges, [early].into());
        routes.announced(late);
        let joined = routes.join(late, to(), 0);
        assert!(joined.is_held);
        assert_eq!((joined.step, &joined.table), (begun.step, &routes.table()));
        assert!(routes.change_since(joined.step).is_none(), "it has no divide to say");
        assert!(routes.change_since(0).is_some(), "the other has");
        routes.finish();
        assert!(!routes.is_moving());
        let begun = routes
            .begin(&moves_to(&routes.table(), 1))
            .map_err(|_| ())
            .expect("can begin");
        assert_eq!(begun.edges, [early, late].into());
        assert!(routes.change_since(joined.step).is_some());
    }

    proptest! {
        /// K3: shares differ by one group at most, also where the number of partitions divides nothing; and no group moves
        /// that need not.
        #[test]
        fn k3_groups_are_balanced_within_one_and_move_no_more_than_they_must(
            numbers in proptest::collection::vec(1..=KEY_GROUPS, 1..6)
        ) {
            let mut table = even_table(3);
            for partitions in numbers {
                let moves = moves_to(&table, partitions);
                let before = shares(&table, KEY_GROUPS);
                let mut next = table.to_vec();
                for GroupMove { group, from, to } in &moves {
                    prop_assert_eq!(next[usize::from(group.0)], *from);
                    prop_assert_ne!(from, to);
                    next[usize::from(group.0)] = *to;
                }
                table = next.into();
                let after = shares(&table, KEY_GROUPS);
                let even = KEY_GROUPS / partitions;
                for owned in &after[..partitions] {
                    prop_assert!(*owned == even || *owned == even + 1);
                }
                prop_assert!(after[partitions..].iter().all(|owned| *owned == 0));
                // Each move fills a share; none goes away from an owner that lacks some.
                let filled: usize = (0..KEY_GROUPS).map(|owner| after[owner].saturating_sub(before[owner])).sum();
                prop_assert_eq!(filled, moves.len());
            }
        }
    }
}
