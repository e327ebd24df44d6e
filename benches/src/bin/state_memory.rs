//! Prints what the state of a key takes in memory: at rest, at most, and when all keys have expired.
//!
//! `cargo run --release -p potoroo-benches --bin state_memory [-- [--quick] [--keys N] [--workers N] [--json]]`; with
//! `--features mimalloc` as in the program, whose allocator gives the kernel back what it does not need. A stage of
//! entities gets a record for each of ten million keys, whose state is 64 bytes and has a time to live in event time. What is
//! resident is read before the job starts, when all keys have their state, and after event time has passed the end of all of
//! them; the kernel keeps the most there was. It is divided by the number of keys, so everything counts: keys, hash tables, what
//! is due when, batches, what an allocator keeps back. Once per process: memory that was freed before would be used again.

use potoroo_actors::element::{Mark, Timestamp};
use potoroo_actors::source::Step;
use potoroo_actors::{Job, Pipeline, StageStatus, TimeToLive, sink, source};
use potoroo_benches::idle_memory::{resident_bytes, resident_bytes_max};
use potoroo_benches::system;
use serde_json::json;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ALLOCATOR: &str = if cfg!(feature = "mimalloc") {
    "mimalloc"
} else {
    "system"
};

const KEYS: u64 = 10_000_000;
const QUICK_KEYS: u64 = 50_000;
/// The state of a key: 64 bytes.
type State = [u64; 8];
/// All keys come within this much event time.
const LOADED_IN: Duration = Duration::from_secs(1);
const TIME_TO_LIVE: Duration = Duration::from_secs(60);
/// How long allocators and the kernel have to give back what has been freed.
const REST: Duration = Duration::from_millis(500);
/// How often it is looked whether the job has come so far.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Something has been lost if the job needs longer.
const STALLED_AFTER: Duration = Duration::from_secs(300);
/// Keys are multiples of it, so that neighbours in time are none in number.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// What the job is to do, besides loading.
#[derive(Debug, Default)]
struct Wish {
    expire: AtomicBool,
    end: AtomicBool,
}

/// Gives a record for each key, then event time that is past all of them when it is wished for.
struct Load {
    at: u64,
    keys: u64,
    has_expired: bool,
    wish: Arc<Wish>,
}

impl Iterator for Load {
    type Item = Step<u64>;

    fn next(&mut self) -> Option<Step<u64>> {
        if self.at < self.keys {
            self.at += 1;
            let nanos = LOADED_IN.as_nanos() * u128::from(self.at) / u128::from(self.keys);
            let time = Timestamp::from_nanos(i64::try_from(nanos).expect("within a second"));
            return Some(Step::At(time, self.at.wrapping_mul(ODD)));
        }
        if self.wish.end.load(Relaxed) {
            return None;
        }
        if self.wish.expire.load(Relaxed) && !self.has_expired {
            self.has_expired = true;
            let after_all = Timestamp::from_nanos(0) + LOADED_IN + 2 * TIME_TO_LIVE;
            return Some(Step::Mark(Mark::Watermark(after_all)));
        }
        Some(Step::Turn)
    }
}

/// What is resident, beyond what was before the job, and what the stage's arenas hold.
struct Look {
    resident: u64,
    stage: StageStatus,
}

/// Waits until the stage has so many keys, and a moment longer.
fn look(job: &Job, keys: u64, before: u64) -> (Look, Duration) {
    let since = Instant::now();
    // The job deploys its stages when it has begun.
    let stage = || job.status().stage("states").cloned().unwrap_or_default();
    while stage().keys != keys {
        assert!(
            since.elapsed() < STALLED_AFTER,
            "{} keys instead of {keys}",
            stage().keys
        );
        thread::sleep(POLL_INTERVAL);
    }
    let took = since.elapsed();
    thread::sleep(REST);
    let look = Look {
        resident: resident_bytes().saturating_sub(before),
        stage: stage(),
    };
    (look, took)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut keys, mut workers, mut as_json) = (KEYS, 1, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().ok_or("a number is missing");
        match word.as_str() {
            "--quick" => keys = QUICK_KEYS,
            "--keys" => keys = number()?.parse()?,
            "--workers" => workers = number()?.parse()?,
            "--json" => as_json = true,
            _ => return Err("usage: state_memory [--quick] [--keys N] [--workers N] [--json]".into()),
        }
    }
    let system = system(workers);
    let wish = Arc::new(Wish::default());
    let pipeline = Pipeline::new();
    let wished = wish.clone();
    pipeline
        .source(
            "keys",
            source::steps(1, move |_| Load {
                at: 0,
                keys,
                has_expired: false,
                wish: wished.clone(),
            }),
        )
        .key_by(|key| *key)
        .time_to_live(TimeToLive::Event(TIME_TO_LIVE))
        .entity(
            "states",
            |key| [*key; 8],
            |state: &mut State, _, out| {
                state[0] += 1;
                if state[0] == 0 {
                    out.emit(());
                }
                Ok(())
            },
        )
        .sink("none", sink::each(|()| {}));
    let before = resident_bytes();
    let mut job = pipeline.start(&system);
    let (loaded, loading) = look(&job, keys, before);
    let peak = resident_bytes_max().saturating_sub(before);
    wish.expire.store(true, Relaxed);
    let (expired, expiring) = look(&job, 0, before);
    wish.end.store(true, Relaxed);
    while job.wait_for(Duration::from_secs(1)).is_none() {}

    let per_key = |bytes: u64| bytes as f64 / keys as f64;
    let rate = |took: Duration| keys as f64 / took.as_secs_f64() / 1e6;
    if as_json {
        let of = |look: &Look| {
            let arenas = look.stage.memory;
            json!({
                "resident": per_key(look.resident),
                "live": per_key(arenas.live),
                "dead": per_key(arenas.dead),
                "reserved": per_key(arenas.reserved),
            })
        };
        let all = json!({
            "keys": keys,
            "state_bytes": size_of::<State>(),
            "workers": workers,
            "allocator": ALLOCATOR,
            "bytes_per_key": of(&loaded),
            "peak_bytes_per_key": per_key(peak),
            "expired_bytes_per_key": of(&expired),
            "loads_per_s": rate(loading) * 1e6,
            "expirations_per_s": rate(expiring) * 1e6,
        });
        println!("{all}");
        return Ok(());
    }
    let line = |what: &str, look: &Look| {
        let arenas = look.stage.memory;
        println!(
            "{what}: {:.1} bytes a key; in arenas {:.1} live, {:.1} dead, {:.1} reserved",
            per_key(look.resident),
            per_key(arenas.live),
            per_key(arenas.dead),
            per_key(arenas.reserved)
        );
    };
    println!(
        "{keys} keys with {} bytes of state, {workers} worker(s)",
        size_of::<State>()
    );
    line("at rest", &loaded);
    println!("at most until then: {:.1} bytes a key", per_key(peak));
    line("when all have expired", &expired);
    println!(
        "{:.2} M keys/s loaded, {:.2} M keys/s expired",
        rate(loading),
        rate(expiring)
    );
    Ok(())
}
