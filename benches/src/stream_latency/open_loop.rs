//! Market Spread at a rate: latencies of rejected orders, each from when its message was due.
//!
//! The messages come from a thread outside, which sends what is due once a microsecond and looks at the clock in between,
//! or from the engine's own generator, which is an actor like the others and waits by a timer of the runtime. The thread has
//! the last core, if there are as many, and keeps it busy. A rejected
//! order's number says when it was due, so nothing is carried along, and the clock is read only for those 2 % of the
//! messages. The first tenth of a run does not count.

use super::{Notes, OthersCpu, Row, own_cpu_time};
use crate::market_spread::{Message, Messages, Rejected, limit, rejections};
use potoroo_actors::source::Feed;
use potoroo_actors::{Pipeline, sink, source};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The thread sends so often.
const BURST: Duration = Duration::from_micros(1);

/// How many messages may wait for the source.
const ROOM: NonZeroUsize = NonZeroUsize::new(1 << 20).expect("not zero");

/// Where messages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A thread outside.
    Thread,
    /// `source::generate(..).rate(..)`.
    Generator,
}

/// So many messages a second for so long, on so many workers.
///
/// # Panics
///
/// If the results are wrong.
pub fn run(workers: usize, rate: u64, seconds: f64, driver: Driver) -> Row {
    let system = crate::system(workers);
    let count = (rate as f64 * seconds) as u64;
    let period_ns = 1e9 / rate as f64;
    let start = Arc::new(OnceLock::new());
    let pipeline = Pipeline::new();
    let (mut notes, told) = Notes::new(1);
    // By how much the generator's schedule began before its first message was made.
    let (begun, earlier_ns) = (start.clone(), Arc::new(AtomicU64::new(0)));
    let seen_earlier_ns = earlier_ns.clone();
    let sink = sink::each(move |rejected: Rejected| {
        notes.sums.0 += 1;
        notes.sums.1 = notes.sums.1.wrapping_add(rejected.id());
        if rejected.id() >= count / 10 {
            let begun: &Instant = begun.get().expect("set before the first message");
            let due = *begun + Duration::from_nanos((rejected.id() as f64 * period_ns) as u64);
            let now = Instant::now() + Duration::from_nanos(earlier_ns.load(Ordering::Relaxed));
            notes.note(0, now.saturating_duration_since(due));
        }
    });
    let mut cpu = OthersCpu::begin();
    match driver {
        Driver::Thread => {
            let (feed, messages) = source::channel(ROOM);
            rejections(pipeline.source("messages", messages)).sink("rejected", sink);
            let job = pipeline.start(&system);
            let sending = thread::spawn(move || {
                // Workers begin at the first core.
                if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
                    core_affinity::set_for_current(core);
                }
                send(&feed, count, period_ns, &start);
                own_cpu_time()
            });
            let sent = sending.join().expect("no panic");
            job.wait().expect("nothing in it fails");
            // Not the workers'.
            cpu.all += sent;
        }
        Driver::Generator => {
            let messages = source::generate(1, move |_| {
                let (start, earlier_ns) = (start.clone(), seen_earlier_ns.clone());
                let (mut messages, mut made) = (Messages::new(count), 0_u64);
                std::iter::from_fn(move || {
                    let begun = *start.get_or_init(Instant::now);
                    if made % 64 == 0 {
                        let due = Duration::from_nanos((made as f64 * period_ns) as u64);
                        let early = due.saturating_sub(begun.elapsed()).as_nanos() as u64;
                        earlier_ns.fetch_max(early, Ordering::Relaxed);
                    }
                    made += 1;
                    messages.next()
                })
            });
            let rate = NonZeroU64::new(rate).expect("a rate");
            rejections(pipeline.source("messages", messages.rate(rate))).sink("rejected", sink);
            pipeline.start(&system).wait().expect("nothing in it fails");
        }
    }
    let cpu = cpu.share();
    let (classes, sums) = told.recv().expect("the sink tells when it ends");
    assert_eq!(sums, limit(count).results, "the results are wrong");
    let from = match driver {
        Driver::Thread => "a thread",
        Driver::Generator => "the generator",
    };
    Row {
        name: format!(
            "open loop, {workers} worker(s), {:.1} M/s from {from}",
            rate as f64 / 1e6
        ),
        latencies: classes.into_iter().next().expect("one class"),
        cpu: Some(cpu),
    }
}

/// Sends each message when it is due, or as soon as that can be.
fn send(feed: &Feed<Message>, count: u64, period_ns: f64, start: &OnceLock<Instant>) {
    let mut messages = Messages::new(count);
    let mut made = 0;
    let mut burst = Vec::new();
    let begun = *start.get_or_init(Instant::now);
    let mut now = Duration::ZERO;
    while made < count || !burst.is_empty() {
        let due = ((now.as_nanos() as f64 / period_ns) as u64 + 1).min(count);
        burst.extend(messages.by_ref().take(due.saturating_sub(made) as usize));
        made = made.max(due);
        feed.try_send_all(&mut burst).expect("the stream goes on");
        let next = now + BURST;
        while now < next {
            std::hint::spin_loop();
            now = begun.elapsed();
        }
    }
}

/// The CPU time per second of a pipeline to which nothing comes.
///
/// # Panics
///
/// If the job fails.
pub fn nothing(workers: usize, so_long: Duration) -> f64 {
    let system = crate::system(workers);
    let pipeline = Pipeline::new();
    let (feed, messages) = source::channel::<Message>(ROOM);
    rejections(pipeline.source("messages", messages)).sink("rejected", sink::each(drop));
    let job = pipeline.start(&system);
    // Everybody is there by then, and sleeps.
    thread::sleep(Duration::from_millis(50));
    let cpu = OthersCpu::begin();
    thread::sleep(so_long);
    let share = cpu.share();
    drop(feed);
    job.wait().expect("nothing in it fails");
    share
}
