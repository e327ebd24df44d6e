//! Back-pressure: who tells a flooded actor too much is muted until it has caught up, and nobody waits for ever.

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

/// A ring in which everybody floods the next.
fn flooded_ring(workers: usize, links: usize, burst: u64) -> WorkerStats {
    let system = system(workers);
    let handled = Arc::new(AtomicU64::new(0));
    let ring: Vec<_> = (0..links)
        .map(|_| {
            let handled = handled.clone();
            system.spawn(move |_| Ok(Link { next: None, handled }))
        })
        .collect();
    for (index, link) in ring.iter().enumerate() {
        link.tell(LinkMsg::Next(ring[(index + 1) % links].clone()));
    }
    for link in &ring {
        link.tell(LinkMsg::Burst(burst, 40));
    }
    let report = system.shutdown_within(Duration::from_secs(60));
    assert!(
        report.drained,
        "everybody waits for everybody: {:?}",
        report.stats.total()
    );
    assert_eq!(handled.load(Ordering::Relaxed), links as u64 * burst);
    report.stats.total()
}

#[test]
fn a_ring_that_floods_itself_goes_on() {
    for workers in [1, 2, 3] {
        for links in [2, 3, 7] {
            let total = flooded_ring(workers, links, 2_000);
            assert!(total.mutes > 0, "{total:?}");
        }
    }
}

/// Floods another while that one floods this one.
struct Duelist {
    other: Option<ActorRef<Duelist>>,
    at_once: Arc<Barrier>,
    left: u64,
    done: mpsc::Sender<()>,
}

enum Shot {
    At(ActorRef<Duelist>),
    Fire,
    Hit,
}

impl Actor for Duelist {
    type Msg = Shot;

    fn handle(&mut self, msg: Shot, _: &mut Context<'_, Self>) -> Turn {
        match (msg, &self.other) {
            (Shot::At(other), _) => self.other = Some(other),
            (Shot::Fire, Some(other)) => {
                self.at_once.wait();
                (0..self.left).for_each(|_| other.tell(Shot::Hit));
                // So that neither has taken in what the other told it.
                self.at_once.wait();
            }
            (Shot::Hit, _) => {
                self.left -= 1;
                if self.left == 0 {
                    self.done.send(())?;
                }
            }
            (Shot::Fire, None) => unreachable!("told first"),
        }
        Ok(())
    }
}

/// Both are muted, since neither knew of its own flood, and each waits for the other: the least cycle there is.
#[test]
fn two_that_flood_each_other_at_once_find_the_cycle() {
    let mut cycles = 0;
    for _ in 0..100 {
        let system = system(2);
        let (done, results) = mpsc::channel();
        let at_once = Arc::new(Barrier::new(2));
        let duelists = [0, 1].map(|worker| {
            let (at_once, done) = (at_once.clone(), done.clone());
            system.spawn_on(worker, move |_| {
                Ok(Duelist {
                    other: None,
                    at_once,
                    left: 3 * SOFT as u64,
                    done,
                })
            })
        });
        for (duelist, other) in duelists.iter().zip(duelists.iter().rev()) {
            duelist.tell(Shot::At(other.clone()));
        }
        for duelist in &duelists {
            duelist.tell(Shot::Fire);
        }
        for _ in 0..2 {
            results.recv().expect("everybody goes on");
        }
        let report = system.shutdown();
        assert!(report.drained);
        cycles += report.stats.total().mute_cycles;
    }
    assert!(cycles > 0, "such cycles are found, and not avoided");
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
    let open = Arc::new(AtomicBool::new(false));
    let shut = open.clone();
    let slow = system.spawn_on(0, move |_| Ok(Gate { open: shut }));
    slow.tell(GateMsg::Shut);
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
        let open = Arc::new(AtomicBool::new(false));
        let shut = open.clone();
        let slow = system.spawn_on(0, move |_| Ok(Gate { open: shut }));
        slow.tell(GateMsg::Shut);
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
    let open = Arc::new(AtomicBool::new(false));
    let shut = open.clone();
    let slow = system.spawn(move |_| Ok(Gate { open: shut }));
    slow.tell(GateMsg::Shut);
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

/// Collects what it is told, and can be kept from it.
struct Collector {
    open: Arc<AtomicBool>,
    got: Vec<u64>,
}

enum CollectorMsg {
    Shut,
    Item(u64),
    Fill,
    Give(Reply<Vec<u64>>),
}

impl Actor for Collector {
    type Msg = CollectorMsg;

    fn handle(&mut self, msg: CollectorMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            CollectorMsg::Shut => {
                while !self.open.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
            }
            CollectorMsg::Item(n) => self.got.push(n),
            CollectorMsg::Fill => (0..100).for_each(|n| ctx.me().tell(CollectorMsg::Item(n))),
            CollectorMsg::Give(reply) => reply.send(std::mem::take(&mut self.got)),
        }
        Ok(())
    }
}

fn collector(overflow: Overflow) -> (System, ActorRef<Collector>, Arc<AtomicBool>) {
    let system = System::builder()
        .workers(1)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts");
    let open = Arc::new(AtomicBool::new(false));
    let shut = open.clone();
    let collector = system.spawn(move |ctx: &mut Context<'_, Collector>| {
        ctx.limit_mailbox(MailboxLimits::default().soft_messages(10).hard(20, overflow));
        Ok(Collector {
            open: shut,
            got: Vec::new(),
        })
    });
    // An answer says that the limits are in force.
    let nothing = collector.ask(CollectorMsg::Give).wait().expect("answers");
    assert!(nothing.is_empty());
    (system, collector, open)
}

/// What was collected; the question may itself be too much for the mailbox, and is asked again.
fn first_given(collector: &ActorRef<Collector>) -> Vec<u64> {
    loop {
        let got = collector.ask(CollectorMsg::Give).wait().unwrap_or_default();
        if !got.is_empty() {
            return got;
        }
    }
}

#[test]
fn a_hard_limit_holds_within_a_core() {
    for (overflow, expected) in [
        (Overflow::Reject, (0..20).collect::<Vec<_>>()),
        (Overflow::DropNewest, (0..20).collect()),
        (Overflow::DropOldest, (80..100).collect()),
    ] {
        let (system, collector, _) = collector(overflow);
        collector.tell(CollectorMsg::Fill);
        let got = first_given(&collector);
        // The question itself may have come before the flood, or have taken a place in it.
        let kept = got.iter().filter(|n| expected.contains(n)).count();
        assert!(kept >= 19, "{overflow:?}: {got:?}");
        let total = system.shutdown().stats.total();
        assert!(total.rejected >= 80, "{total:?}");
        assert!(total.dead_letters >= 80, "{total:?}");
    }
}

#[test]
fn a_hard_limit_holds_for_what_comes_from_outside() {
    for overflow in [Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        let (system, collector, open) = collector(overflow);
        collector.tell(CollectorMsg::Shut);
        for n in 0..1000 {
            collector.tell(CollectorMsg::Item(n));
        }
        let refused = collector.ask(CollectorMsg::Give);
        open.store(true, Ordering::Release);
        assert_eq!(refused.wait(), Err(AskError::Rejected));
        let got = first_given(&collector);
        // So many in the queue, and as many in the inbox.
        assert!(got.len() <= 40, "{overflow:?}: {}", got.len());
        assert_eq!(got[0], 0, "the first was there first");
        assert!(got.is_sorted());
        system.shutdown();
    }
}

#[test]
fn an_actor_may_fail_when_its_mailbox_is_full() {
    let (failed, failures) = mpsc::channel();
    let system = System::builder()
        .workers(1)
        .on_failure(move |_, _, why| {
            let _ = failed.send(matches!(why, ExitReason::MailboxFull { limit: 20 }));
        })
        .build()
        .expect("starts");
    let collector = system.spawn(|ctx: &mut Context<'_, Collector>| {
        ctx.limit_mailbox(MailboxLimits::default().hard(20, Overflow::Fail));
        Ok(Collector {
            open: Arc::default(),
            got: Vec::new(),
        })
    });
    collector.tell(CollectorMsg::Fill);
    assert_eq!(failures.recv(), Ok(true));
    system.shutdown();
}

/// Says that it is under pressure, without any message waiting.
struct Pressed;

impl Actor for Pressed {
    type Msg = bool;

    fn handle(&mut self, on: bool, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.set_pressure(on);
        assert!(ctx.is_flooded(), "until the turn has ended");
        Ok(())
    }
}

#[test]
fn an_actor_under_pressure_counts_as_flooded() {
    let system = system(1);
    let pressed = system.spawn(|_| Ok(Pressed));
    pressed.tell(true);
    while !pressed.is_flooded() {
        std::thread::yield_now();
    }
    assert!(pressed.try_tell(false).is_err());
    pressed.tell(false);
    while pressed.is_flooded() {
        std::thread::yield_now();
    }
    system.shutdown();
}

/// Under pressure until it is told that the pressure is over, by the very actor that its pressure mutes: what Pony's
/// back-pressure does not survive (ponyc #3382).
struct Sink {
    done: mpsc::Sender<()>,
}

enum SinkMsg {
    Item,
    Release,
}

impl Actor for Sink {
    type Msg = SinkMsg;

    fn handle(&mut self, msg: SinkMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            SinkMsg::Item => ctx.set_pressure(true),
            SinkMsg::Release => {
                ctx.set_pressure(false);
                self.done.send(())?;
            }
        }
        Ok(())
    }
}

struct Releaser(ActorRef<Sink>);

impl Actor for Releaser {
    type Msg = u32;

    fn handle(&mut self, step: u32, ctx: &mut Context<'_, Self>) -> Turn {
        match step {
            0..3 => {
                self.0.tell(SinkMsg::Item);
                ctx.me().tell(step + 1);
            }
            _ => self.0.tell(SinkMsg::Release),
        }
        Ok(())
    }
}

#[test]
fn pressure_that_only_the_muted_can_end_is_seen_by_standstill() {
    for workers in [1, 2] {
        let system = system(workers);
        let (done, released) = mpsc::channel();
        let sink = system.spawn_on(0, move |_| Ok(Sink { done }));
        sink.tell(SinkMsg::Item);
        while !sink.is_flooded() {
            std::thread::yield_now();
        }
        let releaser = system.spawn_on(workers - 1, move |_| Ok(Releaser(sink)));
        releaser.tell(0);
        released.recv().expect("somebody goes on");
        let report = system.shutdown();
        assert!(report.drained);
        assert!(report.stats.total().mute_cycles > 0);
    }
}

/// Messages that wait for a muted actor are no quiet: what ended Pony's programs too early (ponyc #3551).
#[test]
fn a_system_with_a_muted_actor_is_not_quiet() {
    let system = system(2);
    let open = Arc::new(AtomicBool::new(false));
    let shut = open.clone();
    let slow = system.spawn_on(0, move |_| Ok(Gate { open: shut }));
    assert!(system.run_until_quiet(Duration::from_secs(60)));
    slow.tell(GateMsg::Shut);
    let (tell, told) = mpsc::channel();
    let busy = system.spawn_on(1, move |_| Ok(Busy { slow, tell, passed: 0 }));
    busy.tell(BusyMsg::Flood);
    while told.recv().expect("told") != "tick" {}
    assert!(!system.run_until_quiet(Duration::from_millis(5)));
    open.store(true, Ordering::Release);
    assert!(system.run_until_quiet(Duration::from_secs(60)));
    assert!(told.try_iter().any(|what| what == "data"));
    assert!(system.shutdown().drained);
}

/// Tells an ended actor something from another worker, by the chain, with questions in it whose askers are elsewhere.
struct Speaker {
    to: ActorRef<Collector>,
    asker: ActorRef<Asker>,
}

/// Hands out the means to answer it.
struct Asker {
    speaker: Option<ActorRef<Speaker>>,
    dropped: u32,
    done: mpsc::Sender<()>,
}

const QUESTIONS: u32 = 100;

impl Actor for Asker {
    type Msg = ActorRef<Speaker>;

    fn handle(&mut self, speaker: ActorRef<Speaker>, ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..QUESTIONS {
            ctx.ask(&speaker, |reply| reply).then(|this, answer, _| {
                assert!(answer.is_err());
                this.dropped += 1;
                if this.dropped == QUESTIONS {
                    this.done.send(())?;
                }
                Ok(())
            });
        }
        self.speaker = Some(speaker);
        Ok(())
    }
}

impl Actor for Speaker {
    type Msg = Reply<Vec<u64>>;

    fn handle(&mut self, reply: Reply<Vec<u64>>, _: &mut Context<'_, Self>) -> Turn {
        // Twice, for the second goes by a chain.
        self.to.tell(CollectorMsg::Item(1));
        self.to.tell(CollectorMsg::Give(reply));
        assert_eq!(self.asker, self.asker.clone());
        Ok(())
    }
}

#[test]
fn what_an_ended_actor_refuses_is_dropped_where_its_destructors_may_send() {
    let system = System::builder().workers(3).build().expect("starts");
    let ended = system.spawn_on(0, |ctx: &mut Context<'_, Collector>| {
        ctx.stop();
        Ok(Collector {
            open: Arc::default(),
            got: Vec::new(),
        })
    });
    while ended.is_alive() {
        std::thread::yield_now();
    }
    while system.stats().total().ended == 0 {
        std::thread::yield_now();
    }
    let before = system.stats().total().dead_letters;
    let (done, finished) = mpsc::channel();
    let asker = system.spawn_on(2, move |_| {
        Ok(Asker {
            speaker: None,
            dropped: 0,
            done,
        })
    });
    let speaker = {
        let asker = asker.clone();
        system.spawn_on(1, move |_| Ok(Speaker { to: ended, asker }))
    };
    asker.tell(speaker);
    finished
        .recv()
        .expect("each question is told that there will be no answer");
    let total = system.shutdown().stats.total();
    assert_eq!(total.dead_letters - before, u64::from(2 * QUESTIONS));
}
