//! What the runtime must stand, at the size of a check before a release: `.ci/check acceptance` runs these one by one.
//!
//! In a plain `cargo test` they are small; `POTOROO_CHECK=full` makes them whole. They lack what other tests show at full size
//! anyway: leaks (`leaks.rs`), limits of connections (`runtime/connection_limits.rs`), TLS (`runtime/tls.rs`).

use potoroo_runtime::io::{Connection, Frame, Frames, Framing, Link, Listener, Protocol, Serve};
use potoroo_runtime::sys::net::TcpListener;
use potoroo_runtime::sys::process::rss_bytes_max;
use potoroo_runtime::{Actor, ActorRef, Context, Fault, MailboxLimits, Reply, Restart, Strategy, System, Turn};
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

fn is_full() -> bool {
    std::env::var("POTOROO_CHECK").is_ok_and(|size| size == "full")
}

fn size(full: u64, small: u64) -> u64 {
    if is_full() { full } else { small }
}

/// The next random number (SplitMix64).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// One key: counts what comes out of order.
struct Key {
    next: u64,
    inversions: Arc<AtomicU64>,
    handled: Arc<AtomicU64>,
}

impl Actor for Key {
    type Msg = u64;

    fn handle(&mut self, number: u64, _: &mut Context<'_, Self>) -> Turn {
        if number != self.next {
            self.inversions.fetch_add(1, Relaxed);
        }
        self.next = number + 1;
        self.handled.fetch_add(1, Relaxed);
        // Uneven work, so that one worker has more of it than the other and gives some away.
        black_box((0..number % 64).map(black_box).sum::<u64>());
        Ok(())
    }
}

/// Tells the keys something in a random order, in bursts, and goes on later.
struct Teller {
    keys: Vec<(ActorRef<Key>, u64)>,
    seed: u64,
    left: u64,
}

impl Actor for Teller {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..self.left.min(500) {
            let keys = self.keys.len() as u64;
            let (key, next) = &mut self.keys[(random(&mut self.seed) % keys) as usize];
            key.tell(*next);
            *next += 1;
            self.left -= 1;
        }
        if self.left > 0 {
            ctx.me().tell(());
        }
        Ok(())
    }
}

#[test]
fn order_by_key_while_work_is_stolen() {
    let messages = size(10_000_000, 300_000);
    let system = System::builder()
        .workers(4)
        .share_worth(Duration::ZERO)
        .build()
        .expect("starts");
    let (inversions, handled) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let tellers = 10;
    for teller in 0..tellers {
        // All of them begin on one worker: the others have to steal.
        let keys = (0..1000 / tellers).map(|_| {
            let key = Key {
                next: 0,
                inversions: inversions.clone(),
                handled: handled.clone(),
            };
            (system.spawn(move |_| Ok(key)), 0)
        });
        let teller = Teller {
            keys: keys.collect(),
            seed: teller,
            left: messages / tellers,
        };
        system.spawn(move |_| Ok(teller)).tell(());
    }
    assert!(system.run_until_quiet(Duration::from_secs(300)));
    let total = system.stats().total();
    assert_eq!((handled.load(Relaxed), inversions.load(Relaxed)), (messages, 0));
    assert!(total.steals > 0, "nothing was stolen: {total:?}");
    println!(
        "{messages} messages, {} steals, {} drifts, 0 inversions",
        total.steals, total.drifts
    );
}

/// Passes a ball on, now and then after a while without any work for anybody.
struct Player {
    other: Option<ActorRef<Player>>,
    beats: Arc<AtomicU64>,
    seed: u64,
}

enum Ball {
    Meet(ActorRef<Player>),
    Play,
}

impl Actor for Player {
    type Msg = Ball;

    fn handle(&mut self, ball: Ball, ctx: &mut Context<'_, Self>) -> Turn {
        match (ball, &self.other) {
            (Ball::Meet(other), _) => self.other = Some(other),
            (Ball::Play, Some(other)) => {
                self.beats.fetch_add(1, Relaxed);
                match random(&mut self.seed) % 64 {
                    // Everybody may fall asleep meanwhile.
                    0 => drop(ctx.after(Duration::from_micros(random(&mut self.seed) % 300), Ball::Play)),
                    _ => other.tell(Ball::Play),
                }
            }
            (Ball::Play, None) => {}
        }
        Ok(())
    }
}

#[test]
fn a_storm_of_wake_ups_never_stalls() {
    let seconds = size(20, 2);
    let system = System::builder()
        .workers(2)
        .spin(Duration::ZERO)
        .build()
        .expect("starts");
    let beats: Vec<_> = (0..4).map(|_| Arc::new(AtomicU64::new(0))).collect();
    for (n, beats) in (0..).zip(&beats) {
        let [a, b] = [0, 1].map(|worker| {
            let player = Player {
                other: None,
                beats: beats.clone(),
                seed: 2 * n + worker,
            };
            system.spawn_on(worker as usize, move |_| Ok(player))
        });
        a.tell(Ball::Meet(b.clone()));
        b.tell(Ball::Meet(a.clone()));
        a.tell(Ball::Play);
    }
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut last: Vec<_> = beats
        .iter()
        .map(|beats| (beats.load(Relaxed), Instant::now()))
        .collect();
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
        for (pair, ((last, since), beats)) in last.iter_mut().zip(&beats).enumerate() {
            let now = beats.load(Relaxed);
            if now != *last {
                (*last, *since) = (now, Instant::now());
            }
            // A lost wake-up lasts for ever; a busy machine does not take this long.
            assert!(since.elapsed() < Duration::from_secs(10), "pair {pair} stands still");
        }
    }
    let total = system.stats().total();
    assert!(total.parks > 0, "nobody slept: {total:?}");
    let played: u64 = beats.iter().map(|beats| beats.load(Relaxed)).sum();
    println!(
        "{played} turns of play, {} sleeps, {} wakes, 0 stalls",
        total.parks, total.wakes
    );
    system.shutdown_within(Duration::ZERO);
}

/// Ten times slower than its source; one record in a thousand is poison, one in a hundred makes it panic.
struct Sink {
    counts: Arc<[AtomicU64; 3]>,
    _payload: [u8; 64],
}

const HANDLED: usize = 0;
const POISON: usize = 1;
const PANICS: usize = 2;

impl Actor for Sink {
    type Msg = (u64, [u8; 200]);

    fn handle(&mut self, (number, record): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        black_box((0..2_000).map(black_box).sum::<u64>() + u64::from(record[7]));
        if number.is_multiple_of(1000) {
            self.counts[POISON].fetch_add(1, Relaxed);
            return Err(Fault::new("poison"));
        }
        if number % 100 == 7 {
            self.counts[PANICS].fetch_add(1, Relaxed);
            std::panic::resume_unwind(Box::new("by design"));
        }
        self.counts[HANDLED].fetch_add(1, Relaxed);
        Ok(())
    }
}

struct Source {
    to: ActorRef<Sink>,
    next: u64,
    records: u64,
    done: Option<Reply<()>>,
}

impl Actor for Source {
    type Msg = Option<Reply<()>>;

    fn handle(&mut self, begin: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        self.done = begin.or(self.done.take());
        for _ in 0..200 {
            if self.next == self.records {
                if let Some(done) = self.done.take() {
                    done.send(());
                }
                return Ok(());
            }
            self.to.tell((self.next, [1; 200]));
            self.next += 1;
        }
        ctx.me().tell(None);
        Ok(())
    }
}

#[test]
fn overload_poison_and_panics_cost_what_they_must_and_no_more() {
    const BUDGET_BYTES: u64 = 256 << 20;
    let records = size(2_000_000, 50_000);
    let limits = MailboxLimits::default().soft_messages(1000);
    let system = System::builder().workers(2).mailbox(limits).on_failure(|_, _, _| {});
    let system = system.build().expect("starts");
    let counts: Arc<[AtomicU64; 3]> = Arc::default();
    let mut tree = system.supervise(Strategy::OneForOne.intensity(usize::MAX, Duration::from_millis(1)));
    let of_sink = counts.clone();
    let to = tree.child("sink", Restart::Permanent, move |_| {
        Ok(Sink {
            counts: of_sink.clone(),
            _payload: [0; 64],
        })
    });
    tree.start();
    let source = system.spawn(move |_| {
        Ok(Source {
            to,
            next: 0,
            records,
            done: None,
        })
    });
    let all_told = source.ask(Some).within(Duration::from_secs(300));
    all_told.wait().expect("all records are told in the end");
    assert!(system.run_until_quiet(Duration::from_secs(60)));
    let [handled, poison, panics] = [HANDLED, POISON, PANICS].map(|of| counts[of].load(Relaxed));
    // Each record that failed is gone, and nothing else is.
    assert_eq!((poison, panics), (records / 1000, records / 100));
    assert_eq!(handled + poison + panics, records);
    let total = system.stats().total();
    assert_eq!((total.restarts, total.dead_letters), (poison + panics, 0));
    assert!(total.mutes > 0, "the source was never held up: {total:?}");
    assert!(
        rss_bytes_max() < BUDGET_BYTES + BUDGET_BYTES / 10,
        "{} bytes",
        rss_bytes_max()
    );
    println!(
        "{records} records, {poison} poison, {panics} panics, {} mutes, {} MiB at most",
        total.mutes,
        rss_bytes_max() >> 20
    );
}

struct Nothing;

impl Protocol for Nothing {
    type Msg = ();
    type Codec = Frames;

    fn frame(&mut self, _: Frame<'_>, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        Ok(())
    }
}

#[test]
fn a_length_of_a_gibibyte_closes_the_connection_and_takes_no_memory() {
    let system = System::builder().workers(1).build().expect("starts");
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let framing = Framing::LengthPrefixed {
        frame_bytes_max: 8 << 20,
    };
    system.spawn(move |ctx| Listener::new(socket, Serve::new(framing, |_| Nothing), ctx));
    for _ in 0..100 {
        let mut client = std::net::TcpStream::connect(address).expect("somebody listens");
        client.write_all(&(1_u32 << 30).to_be_bytes()).expect("taken");
        let closed = client.read(&mut [0]);
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    }
    assert!(rss_bytes_max() < 1 << 30, "{} bytes", rss_bytes_max());
}
