//! The memory of actors: evacuation, sub-arenas, regions that travel. Limits are in `limits.rs`.

use potoroo_runtime::arena::{
    ArenaBytes, ArenaMap, ArenaVec, EVACUATION_FLOOR_BYTES, Evacuate, Frozen, Parcel, SubArena,
};
use potoroo_runtime::{Actor, ActorRef, Context, Reply, System, Turn, evacuate};
use std::collections::VecDeque;
use std::sync::mpsc::{self, Sender};

fn quiet(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .on_failure(|_, _, _| ())
        .build()
        .expect("starts")
}

/// A map that changes, and whether it is named as state.
struct Keeper {
    map: ArenaMap<u64, ArenaVec<u64>>,
    /// How often `arena_state` was called.
    asked: u64,
    named: bool,
}

enum Msg {
    /// Puts so many numbers under the key.
    Put(u64, u64),
    Remove(u64),
    Compact,
    /// Bytes, and how often the state was asked for.
    Bytes(Reply<(ArenaBytes, u64)>),
    Sum(Reply<u64>),
}

impl Actor for Keeper {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Put(key, numbers) => {
                let values = ArenaVec::from_iter_in(0..numbers, &ctx.arena());
                self.map.insert(key, values);
            }
            Msg::Remove(key) => drop(self.map.remove(&key)),
            Msg::Compact => ctx.compact(),
            Msg::Bytes(reply) => reply.send((ctx.arena_bytes(), self.asked)),
            Msg::Sum(reply) => reply.send(self.map.values().flatten().sum()),
        }
        Ok(())
    }

    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        self.asked += 1;
        if self.named { Some(&mut self.map) } else { None }
    }
}

fn keeper(system: &System, named: bool) -> ActorRef<Keeper> {
    system.spawn(move |ctx| {
        Ok(Keeper {
            map: ArenaMap::new_in(&ctx.arena()),
            asked: 0,
            named,
        })
    })
}

fn bytes(keeper: &ActorRef<Keeper>) -> (ArenaBytes, u64) {
    keeper.ask(Msg::Bytes).wait().expect("an answer")
}

#[test]
fn state_is_evacuated_when_more_is_dead_than_live() {
    let system = quiet(1);
    let keeper = keeper(&system, true);
    for round in 0..200 {
        for key in 0..10 {
            keeper.tell(Msg::Put(key, 1000));
        }
        let (bytes, _) = bytes(&keeper);
        assert!(bytes.live <= 110_000, "{round}: {bytes:?}");
        // One turn may add more before it ends.
        assert!(
            bytes.dead <= bytes.live.max(EVACUATION_FLOOR_BYTES) + 10 * 8000,
            "{round}: {bytes:?}"
        );
        assert_eq!(bytes.foreign, 0);
    }
    assert_eq!(keeper.ask(Msg::Sum).wait(), Ok(10 * 499_500));
    let total = system.shutdown().stats.total();
    assert!(total.evacuations > 10, "{total:?}");
    assert!(total.evacuated_bytes > 10 * 80_000, "{total:?}");
    assert!(
        total.bumps_reused > 0,
        "fresh arenas take the chunks of old ones: {total:?}"
    );
}

#[test]
fn an_actor_that_names_no_state_is_asked_ever_more_rarely() {
    let system = quiet(1);
    let keeper = keeper(&system, false);
    for _ in 0..1000 {
        keeper.tell(Msg::Put(0, 1000));
        bytes(&keeper);
    }
    let (bytes, asked) = bytes(&keeper);
    assert!(bytes.dead > 7_000_000, "{bytes:?}");
    assert!((2..20).contains(&asked), "{asked} times");
    assert_eq!(system.shutdown().stats.total().evacuations, 0);
}

#[test]
fn compact_evacuates_whatever_the_ratio() {
    let system = quiet(1);
    let keeper = keeper(&system, true);
    (0..100).for_each(|key| keeper.tell(Msg::Put(key, 10)));
    (0..50).for_each(|key| keeper.tell(Msg::Remove(key)));
    let before = bytes(&keeper).0;
    assert!(before.dead > 0 && before.dead < EVACUATION_FLOOR_BYTES, "{before:?}");
    keeper.tell(Msg::Compact);
    // This may come in the turn that ends with the evacuation, the next one cannot.
    bytes(&keeper);
    let after = bytes(&keeper).0;
    assert_eq!(after.dead, 0);
    assert!(after.reserved < before.reserved, "{before:?} {after:?}");
    assert_eq!(keeper.ask(Msg::Sum).wait(), Ok(50 * 45));
}

#[test]
fn the_floor_and_the_factor_can_be_set() {
    let system = System::builder()
        .workers(1)
        .evacuation(1000, 4.0)
        .build()
        .expect("starts");
    let keeper = keeper(&system, true);
    let mut most = 0.0_f64;
    for _ in 0..100 {
        keeper.tell(Msg::Put(0, 100));
        let bytes = bytes(&keeper).0;
        most = most.max(bytes.dead as f64 / bytes.live as f64);
    }
    assert!((3.0..6.0).contains(&most), "{most}");
    assert!(System::builder().evacuation(0, 0.0).build().is_err());
}

#[test]
fn a_hook_that_fails_ends_its_actor_alone() {
    struct Failing(ArenaVec<u64>);
    impl Evacuate for Failing {
        fn evacuate(&mut self, to: &potoroo_runtime::arena::Arena) {
            self.0.evacuate(to);
            panic!("half of it has moved");
        }
    }
    impl Actor for Failing {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            ctx.compact();
            self.0 = ArenaVec::from_iter_in(0..100, &ctx.arena());
            self.0.reserve(1000);
            Ok(())
        }
        fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
            Some(self)
        }
    }
    let system = quiet(1);
    let keeper = keeper(&system, true);
    let failing =
        system.spawn(|ctx: &mut Context<'_, Failing>| Ok(Failing(ArenaVec::from_iter_in([1, 2, 3], &ctx.arena()))));
    failing.tell(());
    while failing.is_alive() {
        std::thread::yield_now();
    }
    keeper.tell(Msg::Put(1, 10));
    assert_eq!(keeper.ask(Msg::Sum).wait(), Ok(45));
    assert_eq!(system.shutdown().stats.total().failed, 1);
}

#[test]
fn actors_that_end_leave_their_chunks_to_those_that_come() {
    let system = quiet(1);
    for life in 0..100 {
        let keeper = keeper(&system, true);
        keeper.tell(Msg::Put(0, 10));
        assert_eq!(keeper.ask(Msg::Sum).wait(), Ok(45), "life {life}");
        keeper.stop();
        while keeper.is_alive() {
            std::thread::yield_now();
        }
    }
    let total = system.shutdown().stats.total();
    assert!(total.bumps_reused >= 90, "{total:?}");
    assert!(total.bumps_pooled_bytes > 0, "{total:?}");
}

/// Counts by window; old windows go as a whole.
struct Windows {
    windows: VecDeque<SubArena<ArenaMap<u64, u64>>>,
    by_window: u64,
}
evacuate!(Windows { windows });

impl Actor for Windows {
    type Msg = (u64, Reply<(ArenaBytes, u64)>);

    fn handle(&mut self, (window, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let arena = ctx.arena();
        let mut counts = SubArena::new_in(&arena, ArenaMap::new_in);
        for n in 0..self.by_window {
            *counts.get_or_insert_with(n + window, || 0) += 1;
        }
        self.windows.push_back(counts);
        if self.windows.len() > 3 {
            self.windows.pop_front();
        }
        let sum = self.windows.iter().map(|window| window.bytes().used()).sum();
        reply.send((ctx.arena_bytes(), sum));
        Ok(())
    }

    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        Some(self)
    }
}

#[test]
fn sub_arenas_count_for_their_actor_and_go_as_a_whole() {
    let system = quiet(1);
    let windows = system.spawn(|_| {
        Ok(Windows {
            windows: VecDeque::new(),
            by_window: 10_000,
        })
    });
    let mut most = 0;
    for window in 0..50 {
        let (bytes, sum) = windows.ask(move |reply| (window, reply)).wait().expect("an answer");
        assert_eq!(bytes.used(), sum, "nothing else is used, and what went is not counted");
        assert_eq!(bytes.foreign, 0, "sub-arenas are open in the actor's turn");
        most = most.max(bytes.used());
    }
    // A growing map leaves about as much behind as it holds; that of ten thousand entries takes 16 Ki × 17 bytes.
    assert!(most <= 3 * 600_000, "{most} bytes");
    let total = system.shutdown().stats.total();
    assert_eq!(total.failed, 0);
}

/// Replaces what is in one part after the other.
struct Parts(Vec<SubArena<ArenaMap<u64, ArenaVec<u64>>>>);
evacuate!(Parts { 0 });

impl Actor for Parts {
    type Msg = (usize, Reply<(ArenaBytes, u64)>);

    fn handle(&mut self, (at, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let (map, arena) = self.0[at].parts_mut();
        for key in 0..10 {
            map.insert(key, ArenaVec::from_iter_in(0..1000, arena));
        }
        let sum = self.0.iter().map(|part| part.values().flatten().sum::<u64>()).sum();
        reply.send((ctx.arena_bytes(), sum));
        Ok(())
    }

    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        Some(self)
    }
}

#[test]
fn sub_arenas_are_evacuated_one_by_one_as_they_need_it() {
    let system = quiet(1);
    let parts = system.spawn(|ctx| {
        let arena = ctx.arena();
        Ok(Parts(
            (0..4).map(|_| SubArena::new_in(&arena, ArenaMap::new_in)).collect(),
        ))
    });
    for round in 0..400 {
        let (bytes, sum) = parts.ask(move |reply| (round % 4, reply)).wait().expect("an answer");
        assert_eq!(sum, (round as u64 + 1).min(4) * 10 * 499_500);
        assert!(
            bytes.dead <= bytes.live + 2 * 100_000,
            "one part is replaced between two evacuations: {bytes:?}"
        );
        assert_eq!(bytes.foreign, 0);
    }
    let total = system.shutdown().stats.total();
    assert!((50..=400).contains(&total.evacuations), "{total:?}");
}

/// Passes parcels on and adds to them.
struct Relay {
    next: Option<ActorRef<Relay>>,
}

type Numbers = ArenaMap<u64, ArenaVec<u64>>;

impl Actor for Relay {
    type Msg = (
        u64,
        Parcel<Numbers>,
        Frozen<Numbers>,
        Sender<(Parcel<Numbers>, Frozen<Numbers>)>,
    );

    fn handle(&mut self, (hops, mut parcel, frozen, done): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let own = ArenaVec::from_iter_in(0..10_u64, &ctx.arena());
        parcel.open(|numbers, arena| {
            assert_eq!(numbers.len() as u64, 1000 - hops);
            numbers.insert(1000 - hops, ArenaVec::from_iter_in(own.iter().copied(), arena));
        });
        assert_eq!(frozen.len(), 10);
        match (&self.next, hops) {
            (_, 0) => done.send((parcel, frozen))?,
            (Some(next), _) => next.tell((hops - 1, parcel, frozen, done)),
            (None, _) => ctx.me().tell((hops - 1, parcel, frozen, done)),
        }
        Ok(())
    }
}

#[test]
fn parcels_travel_between_actors_on_different_workers_and_grow_in_place() {
    for workers in [1, 2] {
        let system = quiet(workers);
        // A ring of two is not possible without a message that closes it: the last relay tells itself.
        let last = system.spawn_on(workers - 1, |_| Ok(Relay { next: None }));
        let first = system.spawn_on(0, move |_| Ok(Relay { next: Some(last) }));
        let (done, results) = mpsc::channel();
        let frozen = Frozen::build(|arena| {
            let mut numbers = ArenaMap::new_in(arena);
            numbers.extend((0..10).map(|n| (n, ArenaVec::from_iter_in(0..n, arena))));
            numbers
        });
        let parcel = Parcel::build(ArenaMap::new_in);
        first.tell((1000, parcel, frozen.clone(), done));
        let (parcel, same) = results.recv().expect("it comes back");
        assert_eq!(parcel.len(), 1001);
        assert!(parcel.values().all(|numbers| numbers.iter().copied().eq(0..10)));
        assert_eq!(parcel.bytes().foreign, 0, "all grew in the parcel's own memory");
        assert_eq!(same, frozen);
        assert_eq!(frozen.bytes().foreign, 0);
        drop(system);
    }
}
