//! What the memory of actors costs: taking a block, moving state, dropping it, passing it on.
//!
//! Blocks are taken inside of an open parcel, which passes the same check as an actor's turn. Each measurement checks that
//! what went in came out. It lacks the pools, whose effect is in every number here that makes an arena on a worker.

use bumpalo::Bump;
use criterion::{BatchSize, Criterion, Throughput};
use potoroo_benches::system;
use potoroo_runtime::arena::{ArenaBox, ArenaMap, ArenaVec, Evacuate, Parcel};
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Reply, System, Turn};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Blocks of one iteration.
const BLOCKS: u64 = 1000;

/// What a block holds: 32 bytes.
type Block = [u64; 4];

/// Entries of a state that moves.
const ENTRIES: u64 = 100_000;

/// Bytes of a state that is dropped.
const STATE_BYTES: usize = 100 << 20;

/// In how many vectors it is.
const VECTORS: usize = 1024;

/// Hops of a parcel in one iteration.
const HOPS: u64 = 1000;

fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("take_32_bytes");
    group.throughput(Throughput::Elements(BLOCKS));
    group.bench_function("arena", |bencher| {
        bencher.iter_batched(
            || {
                (
                    Parcel::build_sized(1 << 16, |_| ()),
                    Vec::with_capacity(BLOCKS as usize),
                )
            },
            |(mut parcel, mut kept)| {
                parcel.open(|(), arena| (0..BLOCKS).for_each(|n| kept.push(ArenaBox::new_in([n; 4], arena))));
                (kept, parcel)
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("arena_and_back", |bencher| {
        let mut parcel = Parcel::build_sized(1 << 16, |_| ());
        bencher.iter(|| {
            parcel.open(|(), arena| {
                for n in 0..BLOCKS {
                    black_box(ArenaBox::new_in([n; 4], arena));
                }
            });
        });
        assert_eq!(parcel.bytes().used(), 0, "each was the last block, and went back");
    });
    group.bench_function("bump", |bencher| {
        bencher.iter_batched(
            || (Bump::with_capacity(1 << 16), Vec::with_capacity(BLOCKS as usize)),
            |(bump, mut kept)| {
                (0..BLOCKS).for_each(|n| kept.push(std::ptr::from_mut(bump.alloc([n; 4]))));
                (kept, bump)
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("malloc", |bencher| {
        bencher.iter_batched(
            || Vec::with_capacity(BLOCKS as usize),
            |mut kept| {
                (0..BLOCKS).for_each(|n| kept.push(Box::<Block>::new([n; 4])));
                kept
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("malloc_and_back", |bencher| {
        bencher.iter(|| {
            for n in 0..BLOCKS {
                black_box(Box::<Block>::new([n; 4]));
            }
        });
    });
    group.finish();
}

fn full_map() -> Parcel<ArenaMap<u64, u64>> {
    Parcel::build(|arena| {
        let mut map = ArenaMap::new_in(arena);
        (0..ENTRIES).for_each(|n| {
            map.insert(n, n);
        });
        map
    })
}

fn evacuation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evacuate_100k");
    group.throughput(Throughput::Elements(ENTRIES)).sample_size(10);
    group.bench_function("map", |bencher| {
        bencher.iter_batched(
            || (full_map(), Parcel::build_sized(4 << 20, |_| ())),
            |(map, mut to)| {
                let mut map = map.into_inner();
                to.open(|(), to| map.evacuate(to));
                assert_eq!((map.len() as u64, map[&(ENTRIES - 1)]), (ENTRIES, ENTRIES - 1));
                assert_eq!(map.arena().bytes().foreign, 0);
                map
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("vectors_of_4", |bencher| {
        bencher.iter_batched(
            || {
                let vectors = Parcel::build(|arena| {
                    let vectors = (0..ENTRIES).map(|n| ArenaVec::from_iter_in([n; 4], arena));
                    ArenaVec::from_iter_in(vectors, arena)
                });
                (vectors, Parcel::build_sized(8 << 20, |_| ()))
            },
            |(vectors, mut to)| {
                let mut vectors = vectors.into_inner();
                to.open(|(), to| vectors.evacuate(to));
                assert_eq!(vectors[ENTRIES as usize - 1], [ENTRIES - 1; 4]);
                vectors
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn dropping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("drop_100MB");
    group.sample_size(10);
    group.bench_function("arena_of_1024_vectors", |bencher| {
        bencher.iter_batched(
            || {
                let each = STATE_BYTES / VECTORS / size_of::<u64>();
                let state = Parcel::build(|arena| {
                    let vectors = (0..VECTORS).map(|n| ArenaVec::from_iter_in((0..each).map(|_| n as u64), arena));
                    ArenaVec::from_iter_in(vectors, arena)
                });
                assert!(state.bytes().live >= STATE_BYTES as u64);
                state
            },
            drop,
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Passes a parcel to its partner, which passes it back.
struct Player {
    partner: Option<ActorRef<Player>>,
    begun: Instant,
}

enum Msg {
    Partner(ActorRef<Player>),
    Start(u64, Reply<Duration>),
    Hop(u64, Parcel<ArenaVec<u64>>, Reply<Duration>),
}

impl Actor for Player {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        let (left, parcel, reply) = match msg {
            Msg::Partner(partner) => {
                self.partner = Some(partner);
                return Ok(());
            }
            Msg::Start(hops, reply) => {
                let parcel = Parcel::build(|arena| ArenaVec::from_iter_in(0..10_000, arena));
                self.begun = Instant::now();
                (hops, parcel, reply)
            }
            Msg::Hop(left, mut parcel, reply) => {
                parcel.open(|numbers, _| numbers[0] += 1);
                (left, parcel, reply)
            }
        };
        match &self.partner {
            Some(partner) if left > 0 => partner.tell(Msg::Hop(left - 1, parcel, reply)),
            _ if parcel.len() == 10_000 => reply.send(self.begun.elapsed()),
            _ => return Err(Fault::new("a parcel lost something")),
        }
        Ok(())
    }
}

fn pass(system: &System, workers: [usize; 2], hops: u64) -> Duration {
    let player = |worker| {
        system.spawn_on(worker, |_| {
            Ok(Player {
                partner: None,
                begun: Instant::now(),
            })
        })
    };
    let [first, second] = workers.map(player);
    first.tell(Msg::Partner(second.clone()));
    second.tell(Msg::Partner(first.clone()));
    // An even number of hops ends where it began, with the clock.
    let took = first
        .ask(|reply| Msg::Start(hops, reply))
        .wait_for(Duration::from_secs(60))
        .unwrap_or_else(|error| panic!("the parcel did not come back: {error}"));
    first.stop();
    second.stop();
    took
}

fn parcels(criterion: &mut Criterion) {
    let system = system(2);
    let mut group = criterion.benchmark_group("parcel_of_80kB");
    group.throughput(Throughput::Elements(HOPS)).sample_size(10);
    for (name, workers) in [("on_one_worker", [0, 0]), ("between_two_workers", [0, 1])] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| pass(&system, workers, iterations * HOPS));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    blocks(&mut criterion);
    evacuation(&mut criterion);
    dropping(&mut criterion);
    parcels(&mut criterion);
    criterion.final_summary();
}
