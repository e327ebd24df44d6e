//! Where two mechanisms of the runtime meet: a full mailbox and what a turn has gathered, a rescue and a flood, the pause
//! between two lives and what comes meanwhile. Each test puts actors into one such place; `together.rs` meets them at random.

use potoroo_runtime::kit::Name;
use potoroo_runtime::{
    Actor, ActorRef, Context, ExitReason, Fault, MailboxLimits, Overflow, Reply, Restart, Strategy, System, Turn,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// Does what it is told, with its context.
struct Doer;

type Deed = Box<dyn FnOnce(&mut Context<'_, Doer>) -> Turn + Send>;

impl Actor for Doer {
    type Msg = Deed;

    fn handle(&mut self, deed: Deed, ctx: &mut Context<'_, Self>) -> Turn {
        deed(ctx)
    }
}

fn doer(system: &System, worker: usize) -> ActorRef<Doer> {
    system.spawn_on(worker, |_| Ok(Doer))
}

/// Has an actor block until what is given back is used or dropped.
fn block(doer: &ActorRef<Doer>) -> Sender<()> {
    let ((release, released), (begun, begins)) = (mpsc::channel::<()>(), mpsc::channel());
    doer.tell(Box::new(move |_| {
        let _ = begun.send(());
        let _ = released.recv();
        Ok(())
    }));
    begins.recv().expect("it begins");
    release
}

/// Counts what it is told, and fails if that is not in order.
struct Counter(Arc<AtomicU64>);

impl Actor for Counter {
    type Msg = u64;

    fn handle(&mut self, n: u64, _: &mut Context<'_, Self>) -> Turn {
        let next = self.0.fetch_add(1, Ordering::SeqCst);
        match n == next {
            true => Ok(()),
            false => Err(Fault::new(format!("{n} came in the place of {next}"))),
        }
    }
}

/// Waits until something is so that will be so.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_millis(1));
    }
}

fn quiet(workers: usize) -> System {
    let builder = System::builder().workers(workers).on_failure(|_, _, _| {});
    builder.build().expect("starts")
}

/// The mailbox that is too full is found while the sender's worker delivers what the turn has gathered, for others as well.
#[test]
fn a_mailbox_that_fails_leaves_the_rest_of_a_turn_alone() {
    const EACH: u64 = 300;
    let (ended, ends) = mpsc::channel();
    let system = System::builder()
        .workers(2)
        .rescue_after(None)
        .on_failure(move |id, _, reason| ended.send((id, reason.clone())).expect("heard"))
        .build()
        .expect("starts");
    let nexts: Vec<Arc<AtomicU64>> = (0..5).map(|_| Arc::default()).collect();
    let counters: Vec<ActorRef<Counter>> = (0..5)
        .map(|index| {
            let next = nexts[index].clone();
            system.spawn_on(1, move |ctx| {
                if index == 0 {
                    ctx.limit_mailbox(MailboxLimits::default().hard(4, Overflow::Fail));
                }
                Ok(Counter(next))
            })
        })
        .collect();
    until(|| system.stats().total().spawned >= 5);
    // Nothing is taken in over there until all has been told.
    let release = block(&doer(&system, 1));
    let (told, all_told) = mpsc::channel();
    let to = counters.clone();
    doer(&system, 0).tell(Box::new(move |_| {
        for n in 0..EACH {
            to.iter().for_each(|counter| counter.tell(n));
        }
        told.send(())?;
        Ok(())
    }));
    all_told.recv().expect("it does");
    drop(release);
    let (id, reason) = ends.recv().expect("one fails");
    assert_eq!(id, counters[0].id());
    assert!(matches!(reason, ExitReason::MailboxFull { limit: 4 }), "{reason}");
    let report = system.shutdown();
    assert!(report.drained);
    let handled: Vec<u64> = nexts.iter().map(|next| next.load(Ordering::SeqCst)).collect();
    assert_eq!(handled[1..], [EACH; 4]);
    assert_eq!(handled[0] + report.stats.total().dead_letters, EACH);
    assert_eq!(report.stats.total().failed, 1);
}

/// Whoever is told something while it is stuck in a turn has a notification put aside for it. If the turn has flooded
/// somebody as well, it is both queued and muted when it ends.
#[test]
fn a_stuck_turn_that_floods_somebody_is_queued_once() {
    for ends in [false, true] {
        for _ in 0..20 {
            let system = System::builder()
                .workers(2)
                .rescue_after(Duration::from_millis(1))
                .mailbox(MailboxLimits::default().soft_messages(4))
                .build()
                .expect("starts");
            let handled = Arc::default();
            let receiver = {
                let handled = Arc::clone(&handled);
                system.spawn_on(0, move |_| Ok(Counter(handled)))
            };
            let stuck = doer(&system, 0);
            let ((release, released), (begun, begins)) = (mpsc::channel::<()>(), mpsc::channel());
            let to = receiver.clone();
            stuck.tell(Box::new(move |ctx| {
                (0..64).for_each(|n| to.tell(n));
                begun.send(())?;
                let _ = released.recv();
                if ends {
                    ctx.stop();
                }
                Ok(())
            }));
            begins.recv().expect("it begins");
            until(|| system.stats().total().rescues > 0);
            let (done, is_done) = mpsc::channel();
            stuck.tell(Box::new(move |ctx| {
                ctx.stop();
                done.send(())?;
                Ok(())
            }));
            // Until a rescuer has put it aside.
            thread::sleep(Duration::from_millis(5));
            drop((stuck, release));
            assert_eq!(is_done.recv().is_ok(), !ends);
            until(|| handled.load(Ordering::SeqCst) == 64);
            let report = system.shutdown();
            assert!(report.drained);
            let total = report.stats.total();
            assert_eq!((total.spawned, total.failed), (total.ended, 0));
            assert_eq!(total.dead_letters, u64::from(ends));
        }
    }
}

/// A value whose destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

/// Answers when it is let.
struct Answerer(Option<Reply<Bomb>>);

enum AnswererMsg {
    Ask(Reply<Bomb>),
    Answer,
    Done(Sender<()>),
}

impl Actor for Answerer {
    type Msg = AnswererMsg;

    fn handle(&mut self, msg: AnswererMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            AnswererMsg::Ask(reply) => self.0 = Some(reply),
            AnswererMsg::Answer => {
                if let Some(reply) = self.0.take() {
                    reply.send(Bomb);
                }
            }
            AnswererMsg::Done(done) => done.send(())?,
        }
        Ok(())
    }
}

/// Ends slowly.
struct SlowToEnd(Receiver<()>);

impl Actor for SlowToEnd {
    type Msg = ();

    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.0.recv();
    }
}

#[test]
fn an_answer_that_comes_to_an_ending_actor_may_panic_in_its_destructor() {
    let system = quiet(2);
    let answerer = system.spawn_on(1, |_| Ok(Answerer(None)));
    let asker = doer(&system, 0);
    let (release, released) = mpsc::channel::<()>();
    let asked = answerer.clone();
    asker.tell(Box::new(move |ctx| {
        ctx.spawn_on(0, |_| Ok(SlowToEnd(released)));
        ctx.ask(&asked, AnswererMsg::Ask)
            .then(|_, answer, _| answer.map(std::mem::forget).map_err(Fault::from));
        Ok(())
    }));
    let (done, is_done) = mpsc::channel();
    asker.tell(Box::new(|ctx| {
        ctx.stop();
        Ok(())
    }));
    // The child has begun to end when nothing of the asker's is handled any more.
    until(|| system.stats().total().handled >= 3);
    answerer.tell(AnswererMsg::Answer);
    until(|| system.stats().total().handled >= 4);
    answerer.tell(AnswererMsg::Done(done));
    // The answer went at the end of a turn before this one's, and the child's end goes after it.
    is_done.recv().expect("it answers");
    drop(release);
    until(|| !asker.is_alive());
    let report = system.shutdown();
    assert!(report.drained);
    assert_eq!(report.stats.total().failed, 0);
}

/// Notes its lives, fails when told to, and says how much waits.
struct Mortal {
    life: usize,
    most: Arc<AtomicUsize>,
}

enum MortalMsg {
    Item,
    Fail,
    Life(Reply<usize>),
}

impl Actor for Mortal {
    type Msg = MortalMsg;

    fn handle(&mut self, msg: MortalMsg, ctx: &mut Context<'_, Self>) -> Turn {
        self.most.fetch_max(ctx.queue_len(), Ordering::SeqCst);
        match msg {
            MortalMsg::Item => {}
            MortalMsg::Fail => return Err(Fault::new("told to")),
            MortalMsg::Life(reply) => reply.send(self.life),
        }
        Ok(())
    }
}

/// A supervised child that is restarted after a while, and the most that waited for it.
fn mortal(system: &System, pause: Duration) -> (ActorRef<Mortal>, Arc<AtomicUsize>) {
    let most: Arc<AtomicUsize> = Arc::default();
    let mut tree = system.supervise(Strategy::OneForOne.backoff(pause..pause));
    let (noted, mut life) = (most.clone(), 0);
    let child = tree.child("child", Restart::Permanent, move |_| {
        life += 1;
        Ok(Mortal {
            life,
            most: noted.clone(),
        })
    });
    tree.start();
    assert_eq!(child.ask(MortalMsg::Life).wait(), Ok(1));
    (child, most)
}

/// Has an actor fail, and waits until it is between two lives.
fn pause(system: &System, child: &ActorRef<Mortal>) {
    child.tell(MortalMsg::Fail);
    until(|| system.stats().total().ended > 0);
}

#[test]
fn a_name_given_between_two_lives_stays() {
    const NAME: Name<'static, Mortal> = Name::new("mortal");
    for workers in [1, 2] {
        let system = quiet(workers);
        let (child, _) = mortal(&system, Duration::from_millis(50));
        pause(&system, &child);
        system.registry().register(NAME, &child).expect("free");
        assert_eq!(child.ask(MortalMsg::Life).wait(), Ok(2));
        assert_eq!(system.registry().lookup(NAME), Ok(child));
    }
}

/// Tells another so much, a little in each turn.
struct Source {
    to: ActorRef<Mortal>,
    left: u64,
}

impl Actor for Source {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        (0..10).for_each(|_| self.to.tell(MortalMsg::Item));
        self.left -= 1;
        if self.left > 0 {
            ctx.me().tell(());
        }
        Ok(())
    }
}

#[test]
fn who_floods_an_actor_between_two_lives_waits_for_the_next() {
    const TURNS: u64 = 2000;
    for workers in [1, 2] {
        let system = System::builder()
            .workers(workers)
            .on_failure(|_, _, _| {})
            .mailbox(MailboxLimits::default().soft_messages(64).age_max(None))
            .build()
            .expect("starts");
        let (child, most) = mortal(&system, Duration::from_millis(50));
        pause(&system, &child);
        let to = child.clone();
        system.spawn(move |_| Ok(Source { to, left: TURNS })).tell(());
        // What is told before the next life begins is in front of this.
        assert_eq!(child.ask(MortalMsg::Life).wait(), Ok(2));
        let report = system.shutdown();
        assert!(report.drained);
        let (total, most) = (report.stats.total(), most.load(Ordering::SeqCst));
        assert!(total.mutes > 0);
        assert!(most < 1000, "{most} waited");
        assert_eq!(total.dead_letters, 0);
    }
}

/// Tells an actor of its end, if it still has one.
struct Mourner(Option<ActorRef<Counter>>);

impl Drop for Mourner {
    fn drop(&mut self) {
        if let Some(told) = &self.0 {
            told.tell(0);
        }
    }
}

/// Between turns nothing is at hand that would deliver what a destructor sends, or bury what nobody takes.
#[test]
fn what_a_destructor_sends_in_vain_between_turns_is_buried_before_the_worker_sleeps() {
    const TOLD: u64 = 20;
    let system = System::builder().workers(2).rescue_after(None).build().expect("starts");
    let ended: ActorRef<Counter> = system.spawn_on(1, |ctx| {
        ctx.stop();
        Ok(Counter(Arc::default()))
    });
    until(|| !ended.is_alive());
    // Muted for ever: it has told something to one that is under pressure.
    let pressed = doer(&system, 0);
    pressed.tell(Box::new(|ctx| {
        ctx.set_pressure(true);
        Ok(())
    }));
    let counted = Arc::default();
    struct Muted {
        pressed: ActorRef<Doer>,
        counted: Arc<AtomicU64>,
    }
    impl Actor for Muted {
        type Msg = Option<Mourner>;
        fn handle(&mut self, mourner: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
            match mourner {
                None => self.pressed.tell(Box::new(|_| Ok(()))),
                Some(mut mourner) => {
                    self.counted.fetch_add(1, Ordering::SeqCst);
                    mourner.0 = None;
                }
            }
            Ok(())
        }
    }
    let muted = {
        let (pressed, counted) = (pressed.clone(), Arc::clone(&counted));
        system.spawn_on(0, move |ctx| {
            ctx.limit_mailbox(MailboxLimits::default().hard(4, Overflow::DropOldest));
            Ok(Muted { pressed, counted })
        })
    };
    muted.tell(None);
    until(|| system.stats().total().mutes == 1);
    for n in 1..=TOLD {
        muted.tell(Some(Mourner(Some(ended.clone()))));
        // One by one: so each is taken in between turns, in the place of another.
        until(|| system.stats().total().received_remote > n);
    }
    // Each that made place for another has told the one that has ended.
    until(|| system.stats().total().dead_letters == 2 * (TOLD - 4));
    assert_eq!(counted.load(Ordering::SeqCst), 0, "it is muted");
    pressed.tell(Box::new(|ctx| {
        ctx.set_pressure(false);
        Ok(())
    }));
    let report = system.shutdown();
    assert!(report.drained);
    assert_eq!(counted.load(Ordering::SeqCst), 4);
}
