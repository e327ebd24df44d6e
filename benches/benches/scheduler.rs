//! The scheduler: the queues that workers share, and how long it takes to wake one.
//!
//! The deque and the injector are the runtime's own, with numbers in place of cells; each measurement checks that what
//! went in came out, once. Wake-ups are measured with actors, from a thread outside and from another worker. The run
//! queue is a `VecDeque` and not measured here.

use criterion::{Criterion, Throughput};
use potoroo_benches::{latency, system};
use potoroo_runtime::surplus::{Outside, Surplus};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::thread;
use std::time::{Duration, Instant};

/// Pushes before the queue is emptied.
const BATCH: usize = 128;

/// Numbers of one iteration between two threads.
const CROSSING: u64 = 10_000;

fn numbers(batch: usize) -> impl Iterator<Item = NonZeroUsize> {
    (1..=batch).filter_map(NonZeroUsize::new)
}

fn sum_to(n: u64) -> u64 {
    n * (n + 1) / 2
}

/// The sum of what `take` gives until nothing is left.
fn drain(take: impl FnMut() -> Option<NonZeroUsize>) -> u64 {
    std::iter::from_fn(take).map(|number| number.get() as u64).sum()
}

fn queues(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deque");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("push_and_pop", |bencher| {
        let own = Surplus::new();
        bencher.iter(|| {
            numbers(BATCH).for_each(|number| own.push(number));
            assert_eq!(drain(|| own.pop()), sum_to(BATCH as u64));
        });
    });
    group.bench_function("push_and_steal_on_one_thread", |bencher| {
        let (victim, own) = (Surplus::new(), Surplus::new());
        let offer = victim.offer();
        bencher.iter(|| {
            numbers(BATCH).for_each(|number| victim.push(number));
            assert_eq!(
                drain(|| own.pop().or_else(|| own.steal_from(offer))),
                sum_to(BATCH as u64)
            );
        });
    });
    group.bench_function("injector_on_one_thread", |bencher| {
        let (outside, own) = (Outside::new(), Surplus::new());
        bencher.iter(|| {
            numbers(BATCH).for_each(|number| outside.push(number));
            assert_eq!(
                drain(|| own.pop().or_else(|| own.steal_from_outside(&outside))),
                sum_to(BATCH as u64)
            );
        });
    });
    group.throughput(Throughput::Elements(CROSSING));
    group.bench_function("push_pop_and_steal_on_two_threads", |bencher| {
        bencher.iter_custom(|iterations| contended(iterations * CROSSING));
    });
    group.finish();
}

/// The owner pushes the numbers up to `count`, and pops while much is left; a thief takes what it can get.
fn contended(count: u64) -> Duration {
    let victim = Surplus::new();
    let offer = victim.offer();
    let pushed = AtomicBool::new(false);
    thread::scope(|scope| {
        let thief = scope.spawn(|| {
            let own = Surplus::new();
            let mut sum = 0;
            loop {
                // Before the look: what is pushed before the flag is seen by it.
                let last = pushed.load(Acquire);
                let stolen = drain(|| own.pop().or_else(|| own.steal_from(offer)));
                sum += stolen;
                if stolen == 0 && last {
                    return sum;
                }
            }
        });
        let begun = Instant::now();
        let mut sum = 0;
        for batch in 0..count.div_ceil(BATCH as u64) {
            let first = batch * BATCH as u64 + 1;
            let last = count.min(first + BATCH as u64 - 1);
            (first..=last)
                .filter_map(|n| NonZeroUsize::new(n as usize))
                .for_each(|number| victim.push(number));
            sum += drain(|| victim.pop());
        }
        pushed.store(true, Release);
        sum += thief.join().expect("a thief does not fail");
        let took = begun.elapsed();
        assert_eq!(sum, sum_to(count), "a number was lost, or came twice");
        took
    })
}

fn wake_ups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wake_up");
    let samples = |iterations: u64| u32::try_from(iterations).unwrap_or(u32::MAX);
    let (one, two) = (system(1), system(2));
    group.bench_function("by_a_thread", |bencher| {
        bencher.iter_custom(|iterations| latency::run(&one, samples(iterations)).iter().sum());
    });
    group.bench_function("by_a_worker", |bencher| {
        bencher.iter_custom(|iterations| latency::run_between_workers(&two, samples(iterations)).iter().sum());
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    queues(&mut criterion);
    wake_ups(&mut criterion);
    criterion.final_summary();
}
