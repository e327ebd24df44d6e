//! The memory of actors: evacuation, sub-arenas, limits, what is given back, regions that travel.

use potoroo_runtime::arena::{
    ArenaBytes, ArenaMap, ArenaVec, EVACUATION_FLOOR_BYTES, Evacuate, Frozen, Parcel, SubArena,
};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Reply, Signal, System, Turn, evacuate};
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
    while failing.try_tell(()).is_ok() {
        std::thread::yield_now();
    }
    keeper.tell(Msg::Put(1, 10));
    assert_eq!(keeper.ask(Msg::Sum).wait(), Ok(45));
    assert_eq!(system.shutdown().stats.total().failed, 1);
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

/// Takes memory as told; tells of pressure.
struct Hungry {
    kept: Vec<ArenaVec<u8>>,
    heard: Sender<(u64, u64)>,
    limit: u64,
}

enum Eat {
    Keep(usize),
    /// Takes that much and gives it back before the handler ends.
    Waste(usize),
    Ping(Reply<ArenaBytes>),
}

impl Actor for Hungry {
    type Msg = Eat;

    fn handle(&mut self, msg: Eat, ctx: &mut Context<'_, Self>) -> Turn {
        let arena = ctx.arena();
        match msg {
            Eat::Keep(bytes) => self.kept.push(ArenaVec::with_capacity_in(bytes, &arena)),
            Eat::Waste(bytes) => {
                let wasted = ArenaVec::<u8>::with_capacity_in(bytes, &arena);
                self.kept.push(ArenaVec::with_capacity_in(1, &arena));
                drop(wasted);
            }
            Eat::Ping(reply) => reply.send(ctx.arena_bytes()),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::MemoryPressure {
            used_bytes,
            limit_bytes,
        } = signal
        {
            assert_eq!(limit_bytes, self.limit);
            self.heard.send((used_bytes, limit_bytes))?;
        }
        Ok(())
    }

    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        Some(&mut self.kept)
    }
}

/// Starts a hungry child and tells how it ended.
struct Parent {
    ended: Sender<ExitReason>,
    heard: Sender<(u64, u64)>,
    limit: Option<u64>,
}

impl Actor for Parent {
    type Msg = Reply<ActorRef<Hungry>>;

    fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let (heard, limit) = (self.heard.clone(), self.limit);
        reply.send(ctx.spawn(move |ctx| {
            if let Some(limit) = limit {
                ctx.limit_memory(limit);
            }
            Ok(Hungry {
                kept: Vec::new(),
                heard,
                limit: limit.unwrap_or(BY_DEFAULT),
            })
        }));
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { reason, .. } = signal {
            self.ended.send(reason)?;
        }
        Ok(())
    }
}

/// The limit of actors that set none, in these tests.
const BY_DEFAULT: u64 = 50_000;

struct Family {
    system: System,
    child: ActorRef<Hungry>,
    ended: mpsc::Receiver<ExitReason>,
    heard: mpsc::Receiver<(u64, u64)>,
}

fn family(limit: Option<u64>) -> Family {
    let system = System::builder()
        .workers(1)
        .actor_memory_max(BY_DEFAULT)
        .on_failure(|_, _, _| ())
        .build()
        .expect("starts");
    let ((tell_end, ended), (tell, heard)) = (mpsc::channel(), mpsc::channel());
    let parent = system.spawn(move |_| {
        Ok(Parent {
            ended: tell_end,
            heard: tell,
            limit,
        })
    });
    let child = parent.ask(|reply| reply).wait().expect("an answer");
    Family {
        system,
        child,
        ended,
        heard,
    }
}

#[test]
fn above_its_limit_an_actor_ends_alone() {
    let family = family(Some(100_000));
    let sibling = keeper(&family.system, true);
    sibling.tell(Msg::Put(1, 4000));
    for _ in 0..8 {
        family.child.tell(Eat::Keep(10_000));
    }
    let bytes = family.child.ask(Eat::Ping).wait().expect("still there");
    assert_eq!(bytes.live, 80_000);
    assert!(family.heard.try_recv().is_err(), "no pressure below 7/8");
    family.child.tell(Eat::Keep(10_000));
    assert_eq!(family.heard.recv(), Ok((90_000, 100_000)));
    family.child.tell(Eat::Keep(5_000));
    assert!(family.child.ask(Eat::Ping).wait().is_ok(), "the limit is not reached");
    assert!(family.heard.try_recv().is_err(), "pressure is told once");
    // The message that crosses the limit is handled, the next one is not.
    family.child.tell(Eat::Keep(20_000));
    family.child.tell(Eat::Keep(1));
    match family.ended.recv().expect("the parent hears of it") {
        ExitReason::OutOfMemory {
            used_bytes,
            limit_bytes,
        } => assert_eq!((used_bytes, limit_bytes), (115_000, 100_000)),
        other => panic!("{other}"),
    }
    assert_eq!(sibling.ask(Msg::Sum).wait(), Ok(3999 * 4000 / 2));
    let total = family.system.shutdown().stats.total();
    assert_eq!((total.failed, total.out_of_memory), (1, 1));
}

#[test]
fn the_systems_limit_holds_for_actors_that_set_none() {
    let family = family(None);
    family.child.tell(Eat::Keep(BY_DEFAULT as usize + 1));
    let reason = family.ended.recv().expect("the parent hears of it");
    assert_eq!(
        reason.to_string(),
        "out of memory: its arenas use 50001 bytes, 50000 are allowed"
    );
}

#[test]
fn dead_bytes_do_not_end_an_actor_that_can_be_evacuated() {
    let family = family(Some(100_000));
    family.child.tell(Eat::Keep(10_000));
    for round in 0..100 {
        family.child.tell(Eat::Waste(60_000));
        let bytes = family.child.ask(Eat::Ping).wait();
        let bytes = bytes.unwrap_or_else(|_| panic!("ended in round {round}: {:?}", family.ended.try_recv()));
        assert!(bytes.live < 11_000, "{bytes:?}");
    }
    // One handler may exceed the limit until it returns.
    family.child.tell(Eat::Waste(1_000_000));
    assert!(family.child.ask(Eat::Ping).wait().is_ok());
    assert!(family.ended.try_recv().is_err());
}

#[test]
fn pressure_that_went_is_told_again_when_it_comes_back() {
    let family = family(Some(100_000));
    for _ in 0..3 {
        family.child.tell(Eat::Waste(95_000));
        assert!(family.heard.recv().is_ok());
        // The turn in which it is told ends with an evacuation; the first answer may come in it, the second cannot.
        assert!(family.child.ask(Eat::Ping).wait().is_ok());
        assert_eq!(family.child.ask(Eat::Ping).wait().expect("alive").dead, 0);
    }
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
