//! What a system takes it gives back: live bytes and blocks of the heap, counted, return to where they were.
//!
//! A million actors in ten rounds, with messages, asks, timers, failures, restarts and connections. After each round all
//! short lives are over; the first rounds fill pools and tables, the others must leave nothing. A program of its own, because
//! the counting allocator is the whole process's.

use potoroo_runtime::arena::ArenaVec;
use potoroo_runtime::io::{Connection, Frame, Frames, Framing, Link, Listener, Protocol, Serve};
use potoroo_runtime::sys::net::TcpListener;
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Reply, Restart, Signal, Strategy, System, Turn};
use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

/// Counts what is held.
struct Counting;

static LIVE_BLOCKS: AtomicI64 = AtomicI64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: passes everything on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BLOCKS.fetch_add(1, Relaxed);
        LIVE_BYTES.fetch_add(layout.size() as i64, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { Heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE_BLOCKS.fetch_sub(1, Relaxed);
        LIVE_BYTES.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { Heap.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: u64 = 10;
const ACTORS: u64 = 1_000_000;
const PARENTS: u64 = 10;
const CONNECTIONS: u64 = 20;

/// How many of a parent's children live at the same time.
const AT_ONCE: u64 = 500;

/// By how much pools, tables and the tails of queues may differ after a later round, whatever went through them. Nearly all
/// blocks are nodes of messages: a worker keeps up to a megabyte of each size and as many as 7,680 more that have come back, and
/// how many there are is a matter of how many were under way at once, ever. A block for each life of one kind in eight would
/// be 12,500 more in each of seven rounds.
const SLACK_BLOCKS: i64 = 40_000;
const SLACK_BYTES: i64 = 6 << 20;

/// What is left when the system has ended: its workers' pools are gone, and their doorbells wait for the next system.
const LEFT_BLOCKS: i64 = 500;
const LEFT_BYTES: i64 = 200 << 10;

/// When nobody lives any more.
const FAR: Duration = Duration::from_secs(3600);

/// What a child is to do before it ends.
enum ChildMsg {
    Nothing,
    Answer(u64, Reply<u64>),
    Fill,
    Wait,
    /// End long before what is set is due.
    Forget,
    Fail,
    Stop,
}

#[derive(Default)]
struct Child(Option<ArenaVec<u64>>);

impl Actor for Child {
    type Msg = ChildMsg;

    fn handle(&mut self, msg: ChildMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ChildMsg::Nothing => {}
            ChildMsg::Answer(n, reply) => reply.send(n + 1),
            ChildMsg::Fill => self.0 = Some(ArenaVec::from_iter_in(0..100, &ctx.arena())),
            ChildMsg::Wait => drop(ctx.signal_after(Duration::from_micros(100))),
            ChildMsg::Forget => {
                let cancelled = ctx.after(FAR, ChildMsg::Nothing);
                ctx.signal_after(FAR);
                ctx.every(FAR, || ChildMsg::Nothing);
                assert!(ctx.cancel(cancelled));
                ctx.stop();
            }
            ChildMsg::Fail => return Err(Fault::new("by design")),
            ChildMsg::Stop => ctx.stop(),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::Timer(_) = signal {
            ctx.stop();
        }
        Ok(())
    }
}

/// Has children until there have been enough.
struct Parent {
    left: u64,
    alive: u64,
    done: Option<Reply<()>>,
}

impl Parent {
    fn bear(&mut self, ctx: &mut Context<'_, Self>) {
        if self.left == 0 {
            return;
        }
        (self.left, self.alive) = (self.left - 1, self.alive + 1);
        let child = ctx.spawn(|_| Ok(Child::default()));
        child.tell(ChildMsg::Nothing);
        match self.left % 8 {
            0 => child.tell(ChildMsg::Wait),
            1 => child.tell(ChildMsg::Fail),
            2 => child.stop(),
            3 => {
                child.tell(ChildMsg::Fill);
                child.tell(ChildMsg::Stop);
            }
            4 => {
                let n = self.left;
                ctx.ask(&child, |reply| ChildMsg::Answer(n, reply))
                    .then(move |_, answer, _| {
                        assert_eq!(answer?, n + 1);
                        Ok(())
                    });
                child.tell(ChildMsg::Stop);
                child.tell(ChildMsg::Nothing); // Left over.
            }
            5 => child.tell(ChildMsg::Forget),
            _ => child.tell(ChildMsg::Stop),
        }
    }
}

impl Actor for Parent {
    type Msg = (u64, Reply<()>);

    fn handle(&mut self, (children, done): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        (self.left, self.done) = (children, Some(done));
        (0..AT_ONCE).for_each(|_| self.bear(ctx));
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { .. } = signal {
            self.alive -= 1;
            self.bear(ctx);
            if self.alive == 0
                && let Some(done) = self.done.take()
            {
                done.send(());
            }
        }
        Ok(())
    }
}

/// Fails each time, and is made again.
struct Failing;

impl Actor for Failing {
    type Msg = Reply<()>;

    fn handle(&mut self, reply: Reply<()>, ctx: &mut Context<'_, Self>) -> Turn {
        drop(ArenaVec::from_iter_in(0..1000, &ctx.arena()));
        ctx.signal_after(Duration::from_micros(10));
        ctx.signal_after(FAR);
        reply.send(());
        Err(Fault::new("by design"))
    }
}

struct Echo;

impl Protocol for Echo {
    type Msg = ();
    type Codec = Frames;

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send_frame(frame.bytes);
        Ok(())
    }
}

/// Says something, closes its side, and reads the answer to its end.
fn converse(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.write_all(&[0, 0, 0, 2, 7, 8]).expect("taken");
    stream.shutdown(Shutdown::Write).expect("open");
    let mut answer = [0; 7];
    let mut have = 0;
    while let count @ 1.. = stream.read(&mut answer[have..]).expect("an orderly end") {
        have += count;
    }
    assert_eq!(answer[..have], [0, 0, 0, 2, 7, 8]);
}

fn held() -> (i64, i64) {
    (LIVE_BLOCKS.load(Relaxed), LIVE_BYTES.load(Relaxed))
}

struct World {
    system: System,
    parents: Vec<ActorRef<Parent>>,
    failing: ActorRef<Failing>,
    address: SocketAddr,
}

impl World {
    fn new() -> Self {
        let system = System::builder().workers(2).on_failure(|_, _, _| {});
        let system = system.build().expect("starts");
        let parents = (0..PARENTS).map(|_| {
            system.spawn(|_| {
                Ok(Parent {
                    left: 0,
                    alive: 0,
                    done: None,
                })
            })
        });
        let parents = parents.collect();
        let mut tree = system.supervise(Strategy::OneForOne.intensity(usize::MAX, Duration::from_millis(1)));
        let failing = tree.child("failing", Restart::Permanent, |_| Ok(Failing));
        tree.start();
        let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        let address = socket.local_address().expect("bound");
        let framing = Framing::LengthPrefixed { frame_bytes_max: 100 };
        system.spawn(move |ctx| Listener::new(socket, Serve::new(framing, |_| Echo), ctx));
        Self {
            system,
            parents,
            failing,
            address,
        }
    }

    fn round(&self) {
        let within = Duration::from_secs(60);
        let children = ACTORS / ROUNDS / PARENTS;
        let asks: Vec<_> = self
            .parents
            .iter()
            .map(|parent| parent.ask(|done| (children, done)).within(within))
            .collect();
        for _ in 0..CONNECTIONS {
            converse(self.address);
            self.failing.ask(|reply| reply).within(within).wait().expect("answered");
        }
        for ask in asks {
            ask.wait().expect("all children have ended");
        }
    }

    /// Waits until nobody lives but those of the beginning, and says what is held then.
    fn at_rest(&self, actors: u64) -> (i64, i64) {
        for _ in 0..10_000 {
            let total = self.system.stats().total();
            if total.spawned - total.ended == actors && self.system.run_until_quiet(Duration::from_millis(100)) {
                return held();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("somebody does not end: {:?}", self.system.stats());
    }
}

#[test]
fn a_million_lives_leave_no_block_behind() {
    let before = held();
    let world = World::new();
    assert!(world.system.run_until_quiet(Duration::from_secs(10)));
    let total = world.system.stats().total();
    let actors = total.spawned - total.ended;
    let rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            world.round();
            world.at_rest(actors)
        })
        .collect();
    let total = world.system.stats().total();
    assert!(
        total.spawned >= ACTORS && total.restarts >= ROUNDS * CONNECTIONS,
        "{total:?}"
    );
    let (blocks, bytes) = rounds[2];
    for (round, (then_blocks, then_bytes)) in (1..).zip(&rounds).skip(3) {
        assert!(
            then_blocks - blocks <= SLACK_BLOCKS && then_bytes - bytes <= SLACK_BYTES,
            "round 3 left {blocks} blocks and {bytes} bytes, round {round} {then_blocks} and {then_bytes}: {rounds:?}"
        );
    }
    let report = world.system.shutdown();
    assert!(report.drained);
    assert_eq!(report.stats.total().spawned, report.stats.total().ended);
    drop((report, world.parents, world.failing));
    // The references of this thread's own, and what the process keeps: thread names, pollers that are used again.
    let after = held();
    assert!(
        after.0 - before.0 <= LEFT_BLOCKS && after.1 - before.1 <= LEFT_BYTES,
        "{before:?} have become {after:?}"
    );
    println!("by round: {rounds:?}; before {before:?}, after {after:?}");
}
