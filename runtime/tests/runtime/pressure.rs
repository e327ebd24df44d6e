//! Back-pressure: who tells a flooded actor too much is muted until it has caught up, and nobody waits for ever.

mod cycles;
mod refusals;
mod standstill;

use potoroo_runtime::{
    Actor, ActorRef, AskError, Context, ExitReason, MailboxLimits, Overflow, Reply, Signal, System, TellError, Turn,
    WorkerStats,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

/// A soft mark for tests: reached soon.
const SOFT: usize = 64;

fn system(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .mailbox(MailboxLimits::default().soft_messages(SOFT))
        .build()
        .expect("starts")
}

/// Works slowly, and notes the most that ever waited for it, in both halves of its mailbox as far as it sees them.
struct Slow {
    left: u64,
    next: Vec<u64>,
    most: usize,
    passes_on: Option<ActorRef<Slow>>,
    done: mpsc::Sender<usize>,
}

impl Slow {
    fn new(senders: usize, left: u64, done: mpsc::Sender<usize>) -> Self {
        Self {
            left,
            next: vec![0; senders],
            most: 0,
            passes_on: None,
            done,
        }
    }
}

impl Actor for Slow {
    type Msg = (usize, u64);

    fn handle(&mut self, (sender, n): (usize, u64), ctx: &mut Context<'_, Self>) -> Turn {
        self.most = self.most.max(ctx.queue_len());
        assert_eq!(n, self.next[sender], "the messages of one sender come in order");
        self.next[sender] += 1;
        match &self.passes_on {
            Some(next) => next.tell((sender, n)),
            None => {
                std::hint::black_box((0..200).fold(n, |sum, x| sum.wrapping_mul(31) ^ x));
            }
        }
        self.left -= 1;
        if self.left == 0 {
            self.done.send(self.most)?;
        }
        Ok(())
    }
}

/// Tells another all it can, some messages a turn, by telling itself to go on.
struct Producer {
    index: usize,
    batch: u64,
    sent: u64,
    total: u64,
    to: ActorRef<Slow>,
}

impl Actor for Producer {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..self.batch {
            if self.sent < self.total {
                self.to.tell((self.index, self.sent));
                self.sent += 1;
            }
        }
        if self.sent < self.total {
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// The same, by asking for another turn.
struct Driven(Producer);

impl Actor for Driven {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        self.signal(Signal::RunAgain, ctx)
    }

    fn signal(&mut self, _: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        let producer = &mut self.0;
        for _ in 0..producer.batch {
            if producer.sent < producer.total {
                producer.to.tell((producer.index, producer.sent));
                producer.sent += 1;
            }
        }
        if producer.sent < producer.total {
            ctx.run_again();
        }
        Ok(())
    }
}

/// What `senders` producers, all on one worker, may put into a mailbox before each of them is muted: what each sends in a
/// turn, and what goes across before the receiver has looked.
fn bound(senders: u64, total_of_each: u64) -> usize {
    (4 * SOFT as u64 + senders * 10 * 2).min(senders * total_of_each) as usize
}

const EACH: u64 = 20_000;
const SENDERS: usize = 8;

#[test]
fn eight_producers_do_not_flood_one_slow_consumer() {
    for (workers, there) in [(1, 0), (2, 1)] {
        for driven in [false, true] {
            let system = system(workers);
            let (done, results) = mpsc::channel();
            let slow = system.spawn_on(0, move |_| Ok(Slow::new(SENDERS, SENDERS as u64 * EACH, done)));
            for index in 0..SENDERS {
                let to = slow.clone();
                let producer = Producer {
                    index,
                    batch: 10,
                    sent: 0,
                    total: EACH,
                    to,
                };
                if driven {
                    system.spawn_on(there, move |_| Ok(Driven(producer))).tell(());
                } else {
                    system.spawn_on(there, move |_| Ok(producer)).tell(());
                }
            }
            let most = results.recv().expect("all messages come");
            let report = system.shutdown();
            assert!(report.drained);
            let total = report.stats.total();
            assert!(total.mutes > 0, "{total:?}");
            assert_eq!((total.mute_cycles, total.dead_letters), (0, 0));
            let bound = bound(SENDERS as u64, EACH);
            assert!(
                most <= bound,
                "{most} messages waited, {bound} may (workers: {workers}, driven: {driven})"
            );
        }
    }
}

#[test]
fn a_chain_mutes_back_to_its_source() {
    for workers in [1, 2] {
        let system = system(workers);
        let (done, results) = mpsc::channel();
        let last_done = done.clone();
        let last = system.spawn(move |_| Ok(Slow::new(1, EACH, last_done)));
        let middle = system.spawn(move |_| {
            let mut middle = Slow::new(1, EACH, done);
            middle.passes_on = Some(last);
            Ok(middle)
        });
        let to = middle.clone();
        let source = system.spawn(move |_| {
            Ok(Producer {
                index: 0,
                batch: 2 * SOFT as u64,
                sent: 0,
                total: EACH,
                to,
            })
        });
        source.tell(());
        for _ in 0..2 {
            let most = results.recv().expect("all messages come");
            // Each is muted when its turn ends; the middle passes on in one turn all that waited for it.
            assert!(most <= 6 * SOFT, "{most}");
        }
        assert!(system.shutdown().stats.total().mutes > 0);
    }
}

/// Passes each message on to the next of a ring until it has gone far enough.
struct Link {
    next: Option<ActorRef<Link>>,
    handled: Arc<AtomicU64>,
}

enum LinkMsg {
    Next(ActorRef<Link>),
    Burst(u64, u32),
    Pass(u32),
}

impl Actor for Link {
    type Msg = LinkMsg;

    fn handle(&mut self, msg: LinkMsg, _: &mut Context<'_, Self>) -> Turn {
        match (msg, &self.next) {
            (LinkMsg::Next(next), _) => self.next = Some(next),
            (LinkMsg::Burst(count, hops), Some(next)) => (0..count).for_each(|_| next.tell(LinkMsg::Pass(hops))),
            (LinkMsg::Pass(0), _) => {
                self.handled.fetch_add(1, Ordering::Relaxed);
            }
            (LinkMsg::Pass(hops), Some(next)) => next.tell(LinkMsg::Pass(hops - 1)),
            (_, None) => unreachable!("told first"),
        }
        Ok(())
    }
}

/// Floods another, and has timers, children and questions meanwhile.
struct Busy {
    slow: ActorRef<Gate>,
    tell: mpsc::Sender<&'static str>,
    passed: u32,
}

enum BusyMsg {
    Flood,
    Tick,
    Data,
}

/// Takes nothing in until it is let: one turn that waits for a flag.
struct Gate {
    open: Arc<AtomicBool>,
    is_shut: mpsc::Sender<()>,
}

/// A gate that is shut: what is told to it from now on waits in its mailbox. Told before, it could come into the same batch.
fn shut_gate(system: &System) -> (ActorRef<Gate>, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let (is_shut, wait) = mpsc::channel();
    let opened = open.clone();
    let gate = system.spawn_on(0, move |_| Ok(Gate { open: opened, is_shut }));
    gate.tell(GateMsg::Shut);
    wait.recv().expect("it handles its first message");
    (gate, open)
}

enum GateMsg {
    Shut,
    Item,
    Question(Reply<u32>),
}

impl Actor for Gate {
    type Msg = GateMsg;

    fn handle(&mut self, msg: GateMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            GateMsg::Shut => {
                self.is_shut.send(())?;
                while !self.open.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
            }
            GateMsg::Item => {}
            GateMsg::Question(reply) => reply.send(7),
        }
        Ok(())
    }
}

impl Actor for Busy {
    type Msg = BusyMsg;

    fn handle(&mut self, msg: BusyMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            BusyMsg::Flood => {
                for _ in 0..2 * SOFT {
                    self.slow.tell(GateMsg::Item);
                }
                let slow = self.slow.clone();
                ctx.ask(&slow, GateMsg::Question).then(|this, answer, _| {
                    assert_eq!(answer?, 7);
                    this.tell.send("answer")?;
                    Ok(())
                });
                ctx.after(Duration::from_millis(2), BusyMsg::Tick);
                ctx.spawn(|ctx: &mut Context<'_, Link>| {
                    ctx.stop();
                    Ok(Link {
                        next: None,
                        handled: Arc::default(),
                    })
                });
                ctx.me().tell(BusyMsg::Data);
            }
            BusyMsg::Tick => {
                assert!(ctx.is_muted());
                self.passed += 1;
                self.tell.send("tick")?;
            }
            BusyMsg::Data => {
                assert!(!ctx.is_muted());
                self.tell.send("data")?;
            }
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { .. } = signal {
            self.tell.send("child")?;
        }
        Ok(())
    }
}

#[test]
fn control_messages_reach_a_muted_actor_and_data_waits() {
    let system = system(2);
    let (slow, open) = shut_gate(&system);
    let (tell, told) = mpsc::channel();
    let busy = {
        let slow = slow.clone();
        system.spawn_on(1, move |_| Ok(Busy { slow, tell, passed: 0 }))
    };
    busy.tell(BusyMsg::Flood);
    let mut meanwhile = [told.recv().expect("told"), told.recv().expect("told")];
    meanwhile.sort_unstable();
    assert_eq!(meanwhile, ["child", "tick"]);
    assert!(told.try_recv().is_err(), "data waits for the gate");
    open.store(true, Ordering::Release);
    let mut afterwards = [told.recv().expect("told"), told.recv().expect("told")];
    afterwards.sort_unstable();
    assert_eq!(afterwards, ["answer", "data"]);
    assert!(system.shutdown().drained);
}

#[test]
fn a_muted_actor_can_be_stopped_and_so_can_whom_it_waits_for() {
    for stop_the_receiver in [false, true] {
        let system = system(2);
        let (slow, open) = shut_gate(&system);
        let (tell, told) = mpsc::channel();
        let busy = {
            let slow = slow.clone();
            system.spawn_on(1, move |_| Ok(Busy { slow, tell, passed: 0 }))
        };
        busy.tell(BusyMsg::Flood);
        while told.recv().expect("told") != "tick" {}
        if stop_the_receiver {
            slow.stop();
            open.store(true, Ordering::Release);
            // The end of the one is the relief of the other; the question got no answer, which ends it.
            while let Ok(what) = told.recv() {
                assert_ne!(what, "answer");
            }
        } else {
            busy.stop();
            // Everything of the actor goes, though nobody has caught up.
            while told.recv().is_ok() {}
            open.store(true, Ordering::Release);
        }
        assert!(system.shutdown().drained);
    }
}

#[test]
fn a_flooded_actor_refuses_try_tell_and_gives_the_message_back() {
    let system = system(1);
    let (slow, open) = shut_gate(&system);
    let mut told = 0;
    while slow.try_tell(GateMsg::Item).is_ok() {
        told += 1;
    }
    assert!((SOFT..=2 * SOFT).contains(&told), "{told}");
    assert!(slow.is_flooded());
    assert!(matches!(
        slow.try_tell(GateMsg::Item),
        Err(TellError::Full(GateMsg::Item))
    ));
    let at_once = slow.tell_blocking(GateMsg::Item, Duration::from_millis(1));
    assert!(matches!(at_once, Err(TellError::Full(GateMsg::Item))));
    let waiting = {
        let slow = slow.clone();
        std::thread::spawn(move || slow.tell_blocking(GateMsg::Item, Duration::from_secs(60)))
    };
    open.store(true, Ordering::Release);
    waiting.join().expect("no panic").expect("there is room in the end");
    slow.stop();
    while slow.try_tell(GateMsg::Item).is_ok() {}
    system.shutdown();
    assert!(matches!(
        slow.tell_blocking(GateMsg::Item, Duration::ZERO),
        Err(TellError::Ended(_))
    ));
}
