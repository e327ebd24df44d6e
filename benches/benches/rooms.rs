//! The rooms of the runtime, one at a time: the timing wheel, collections in an arena, lives and asks.
//!
//! Each measurement checks that what went in came out. What needs a turn is measured inside a handler. The benches
//! `mailbox` and `scheduler` measure those rooms. It lacks sockets.

use criterion::{BatchSize, Criterion, Throughput};
use potoroo_benches::{lives, system};
use potoroo_runtime::arena::ArenaVec;
use potoroo_runtime::sys::clock::Time;
use potoroo_runtime::timer::Wheel;
use potoroo_runtime::{Actor, Ask, Context, Fault, Reply, System, Turn};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Timers in a wheel.
const TIMERS: u64 = 1_000_000;

/// Within which the timers are due.
const TIMERS_WITHIN: Duration = Duration::from_secs(3600);

/// How far a wheel is advanced at a time: what a busy worker does between two looks.
const TIMER_STEP: Duration = Duration::from_millis(100);

/// Elements of a vector.
const ELEMENTS: u64 = 10_000;

/// Vectors filled by one actor: its arena keeps what they have left behind.
const FILLS_PER_ACTOR: u64 = 64;

/// Lives or asks of one iteration.
const LIVES: u64 = 100;

fn sum_below(n: u64) -> u64 {
    n * (n - 1) / 2
}

/// When the timer of this number is due: spread by a multiplication that is one-to-one.
fn due(number: u64) -> Time {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let within = (u128::from(spread) * TIMERS_WITHIN.as_nanos()) >> 64;
    Time::ZERO + Duration::from_nanos(within as u64)
}

fn full_wheel() -> Wheel<u64> {
    let mut wheel = Wheel::new(Time::ZERO);
    for number in 0..TIMERS {
        wheel.insert(due(number), number);
    }
    wheel
}

fn wheel(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wheel");
    group.throughput(Throughput::Elements(TIMERS)).sample_size(10);
    group.bench_function("insert_1M", |bencher| {
        bencher.iter_with_large_drop(|| {
            let wheel = full_wheel();
            assert_eq!(wheel.len() as u64, TIMERS);
            wheel
        });
    });
    group.bench_function("advance_1M", |bencher| {
        bencher.iter_batched(
            full_wheel,
            |mut wheel| {
                let (mut now, mut fired, mut sum) = (Time::ZERO, 0, 0);
                while !wheel.is_empty() {
                    now = now + TIMER_STEP;
                    wheel.advance(now, |number| {
                        fired += 1;
                        sum += number;
                    });
                }
                assert_eq!((fired, sum), (TIMERS, sum_below(TIMERS)));
                wheel
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// What a [`Filler`] fills.
#[derive(Clone, Copy)]
enum Fill {
    Std,
    StdReused,
    Arena,
    ArenaReused,
}

/// Fills vectors in its turns.
struct Filler;

impl Actor for Filler {
    type Msg = (Fill, u64, Reply<Duration>);

    fn handle(&mut self, (fill, times, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let arena = ctx.arena();
        let begun = Instant::now();
        let sum = match fill {
            Fill::Std => (0..times)
                .map(|_| {
                    let mut numbers = Vec::new();
                    (0..ELEMENTS).for_each(|n| numbers.push(black_box(n)));
                    numbers.iter().sum::<u64>()
                })
                .sum::<u64>(),
            Fill::Arena => (0..times)
                .map(|_| {
                    let mut numbers = ArenaVec::new_in(&arena);
                    (0..ELEMENTS).for_each(|n| numbers.push(black_box(n)));
                    numbers.iter().sum::<u64>()
                })
                .sum(),
            Fill::StdReused => {
                let mut numbers = Vec::with_capacity(ELEMENTS as usize);
                (0..times)
                    .map(|_| {
                        numbers.clear();
                        (0..ELEMENTS).for_each(|n| numbers.push(black_box(n)));
                        numbers.iter().sum::<u64>()
                    })
                    .sum()
            }
            Fill::ArenaReused => {
                let mut numbers = ArenaVec::with_capacity_in(ELEMENTS as usize, &arena);
                (0..times)
                    .map(|_| {
                        numbers.clear();
                        (0..ELEMENTS).for_each(|n| numbers.push(black_box(n)));
                        numbers.iter().sum::<u64>()
                    })
                    .sum()
            }
        };
        let took = begun.elapsed();
        if sum != times * sum_below(ELEMENTS) || arena.bytes().foreign != 0 {
            return Err(Fault::new("a vector lost something, or did not live in the arena"));
        }
        reply.send(took);
        ctx.stop();
        Ok(())
    }
}

/// The answer.
fn answer<R: Send + 'static>(ask: Ask<R>) -> R {
    ask.wait_for(Duration::from_secs(60))
        .unwrap_or_else(|error| panic!("a bench inside an actor failed: {error}"))
}

fn fill(system: &System, fill: Fill, times: u64) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = times;
    while left > 0 {
        let now = left.min(FILLS_PER_ACTOR);
        let filler = system.spawn(|_| Ok(Filler));
        took += answer(filler.ask(|reply| (fill, now, reply)));
        left -= now;
    }
    took
}

fn vectors(criterion: &mut Criterion) {
    let system = system(1);
    let mut group = criterion.benchmark_group("push_10k");
    group.throughput(Throughput::Elements(ELEMENTS));
    for (name, what) in [
        ("std_vec", Fill::Std),
        ("arena_vec", Fill::Arena),
        ("std_vec_reused", Fill::StdReused),
        ("arena_vec_reused", Fill::ArenaReused),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| fill(&system, what, iterations));
        });
    }
    group.finish();
}

fn lives_and_asks(criterion: &mut Criterion) {
    let system = system(1);
    let mut group = criterion.benchmark_group("lives");
    group.throughput(Throughput::Elements(LIVES));
    group.bench_function("spawn_and_stop", |bencher| {
        bencher.iter_custom(|iterations| lives::spawn_and_stop(&system, iterations * LIVES));
    });
    group.bench_function("ask_inside", |bencher| {
        bencher.iter_custom(|iterations| lives::ask_inside(&system, iterations * LIVES));
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    wheel(&mut criterion);
    vectors(&mut criterion);
    lives_and_asks(&mut criterion);
    criterion.final_summary();
}
