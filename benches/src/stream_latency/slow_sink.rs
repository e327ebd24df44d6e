//! A sink beside one that is slow, because its peer does not read or because it computes.
//!
//! Two ways lead through one job, each from a source to a sink with an entity between. Either each has a source of its own,
//! or one source feeds both through `split`. Credits bound each edge, so whoever produces for a slow sink has to wait: its
//! own source in the first case, the common one in the second. Measured is the way whose sink is fast.

use super::{Notes, OthersCpu, Row, Schedule};
use potoroo_actors::element::Either;
use potoroo_actors::sink::TcpSink;
use potoroo_actors::{Branch, Pipeline, Stream, sink, source};
use std::io::Read;
use std::net::TcpListener;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Records a second of each way.
pub const RATE: u64 = 100_000;

/// What the other sink computes for a record: with [`RATE`] that is 90 % of a worker.
const COMPUTING: Duration = Duration::from_micros(9);

/// How many bytes a record is for the peer.
const BYTES: usize = 1_000;

/// A peer that does not read for this long, and then a little.
const NOT_READING: Duration = Duration::from_millis(20);

/// How many keys there are.
const KEYS: u64 = 1_000;

/// What the other sink is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// As fast as the measured one.
    Fast,
    /// Its peer hardly reads.
    Waiting,
    /// It computes.
    Computing,
}

#[derive(Clone, Copy)]
struct Item {
    number: u64,
    due: Instant,
}

/// A source of so many items a second until it is told to drain.
fn items(rate: u64) -> impl source::Source<Record = Item> {
    source::generate(1, move |_| {
        let mut schedule = Schedule::new(rate, 1);
        (0..).map(move |number| Item {
            number,
            due: schedule.next(),
        })
    })
    .rate(NonZeroU64::new(rate).expect("a rate"))
}

/// Through an entity.
fn through<B: Branch<Item>>(stream: Stream<Item, B>, name: &str) -> Stream<Item> {
    stream.key_by(|item| item.number % KEYS).entity(
        name,
        |_| 0_u64,
        |seen, item, out| {
            *seen += 1;
            out.emit(item);
            Ok(())
        },
    )
}

/// Latencies of the fast sink for so long, and how many records it got.
///
/// # Panics
///
/// If the job fails.
pub fn run(workers: usize, common_source: bool, other: Other, so_long: Duration) -> Row {
    let system = crate::system(workers);
    let pipeline = Pipeline::new();
    let (mut notes, told) = Notes::new(1);
    let (fast, slow) = if common_source {
        let (left, right) = pipeline.source("items", items(2 * RATE)).split("two ways", |item| {
            if item.number % 2 == 0 {
                Either::Left(item)
            } else {
                Either::Right(item)
            }
        });
        (through(left, "fast entity"), through(right, "slow entity"))
    } else {
        let left = pipeline.source("fast items", items(RATE));
        let right = pipeline.source("slow items", items(RATE));
        (through(left, "fast entity"), through(right, "slow entity"))
    };
    fast.sink(
        "fast sink",
        sink::each(move |item: Item| notes.note(0, Instant::now().saturating_duration_since(item.due))),
    );
    let reads = Arc::new(AtomicBool::new(false));
    let mut peer = None;
    match other {
        Other::Fast => slow.sink(
            "other sink",
            sink::each(|item: Item| {
                std::hint::black_box(item);
            }),
        ),
        Other::Computing => slow.sink(
            "other sink",
            sink::each(|_| {
                let begun = Instant::now();
                while begun.elapsed() < COMPUTING {}
            }),
        ),
        Other::Waiting => {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("bound");
            let reads = reads.clone();
            peer = Some(thread::spawn(move || read_slowly(&listener, &reads)));
            let encode = |_: &Item, out: &mut Vec<u8>| out.extend_from_slice(&[0; BYTES]);
            slow.sink("other sink", TcpSink::connect(address, encode).expect("a peer"));
        }
    }
    let cpu = OthersCpu::begin();
    let job = pipeline.start(&system);
    thread::sleep(so_long);
    let cpu = cpu.share();
    reads.store(true, Ordering::Relaxed);
    job.drain();
    job.wait().expect("nothing in it fails");
    if let Some(peer) = peer {
        peer.join().expect("the peer reads to the end");
    }
    let (classes, _) = told.recv().expect("the sink tells when it ends");
    let sources = if common_source { "one source" } else { "two sources" };
    let other = match other {
        Other::Fast => "fast",
        Other::Waiting => "waiting",
        Other::Computing => "computing",
    };
    Row {
        name: format!("slow sink, {workers} worker(s), {sources}: beside a {other} one"),
        latencies: classes.into_iter().next().expect("one class"),
        cpu: Some(cpu),
    }
}

/// Reads a little now and then, and all of it once it is told to.
fn read_slowly(listener: &TcpListener, reads: &AtomicBool) {
    let (mut stream, _) = listener.accept().expect("the sink has connected");
    let mut bytes = vec![0; 16 * 1024];
    while stream.read(&mut bytes).expect("the sink sends to the end") > 0 {
        if !reads.load(Ordering::Relaxed) {
            thread::sleep(NOT_READING);
        }
    }
}
