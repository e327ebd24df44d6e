//! Supervision: what survives a restart, what goes, who is restarted with whom, and when a supervisor gives up.

use potoroo_runtime::arena::ArenaVec;
use potoroo_runtime::{
    Actor, ActorRef, ChildState, Context, ExitReason, Fault, Reply, Restart, Settings, Signal, Strategy, Supervisor,
    SupervisorMsg, System, Turn,
};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// What the actors of these tests report; numbers are lives, from 1.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Born(&'static str, u32),
    Got(u32, u64),
    Undelivered(u64),
    Stopping(&'static str, u32, String),
    Dropped(&'static str, u32),
    Heard(String),
}

enum Wish {
    Note(u64),
    Fault,
    Panic,
    Stop,
    Child(&'static str),
    Life(Reply<u32>),
}

/// An actor that reports its lives.
struct Mortal {
    name: &'static str,
    life: u32,
    tell: Sender<Event>,
}

impl Mortal {
    fn report(&self, event: Event) {
        // The listener may have gone; what matters has been heard.
        let _ = self.tell.send(event);
    }
}

impl Actor for Mortal {
    type Msg = Wish;

    fn handle(&mut self, msg: Wish, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Wish::Note(n) => self.report(Event::Got(self.life, n)),
            Wish::Fault => return Err(Fault::new("told to fault")),
            Wish::Panic => panic!("told to panic"),
            Wish::Stop => ctx.stop(),
            Wish::Child(name) => {
                let mut make = lives(name, &self.tell);
                ctx.spawn(move |ctx| make(ctx));
            }
            Wish::Life(reply) => reply.send(self.life),
        }
        Ok(())
    }

    fn stopping(&mut self, why: &ExitReason, _: &mut Context<'_, Self>) {
        self.report(Event::Stopping(self.name, self.life, why.to_string()));
    }

    fn undelivered(&mut self, msg: Wish) {
        if let Wish::Note(n) = msg {
            self.report(Event::Undelivered(n));
        }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.report(Event::Dropped(self.name, self.life));
    }
}

/// A factory that numbers the lives it begins.
fn lives(
    name: &'static str,
    tell: &Sender<Event>,
) -> impl FnMut(&mut Context<'_, Mortal>) -> Result<Mortal, Fault> + Send + use<> {
    let (mut life, tell) = (0, tell.clone());
    move |_| {
        life += 1;
        let mortal = Mortal {
            name,
            life,
            tell: tell.clone(),
        };
        mortal.report(Event::Born(name, life));
        Ok(mortal)
    }
}

/// A system that keeps failures to itself.
fn quiet(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts")
}

/// As many restarts as anybody wants.
fn ever(strategy: Strategy) -> Settings {
    strategy.intensity(usize::MAX, Duration::from_secs(3600))
}

/// One permanent child under a supervisor of its own.
fn one(system: &System) -> (ActorRef<Mortal>, Receiver<Event>) {
    let (tell, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let child = tree.child("child", Restart::Permanent, lives("child", &tell));
    tree.start();
    (child, heard)
}

/// The life in which the child answers; `None` if it has ended for good.
fn life(child: &ActorRef<Mortal>) -> Option<u32> {
    child.ask(Wish::Life).wait().ok()
}

fn states(supervisor: &ActorRef<Supervisor>) -> Vec<ChildState> {
    let children = supervisor.ask(SupervisorMsg::children).wait().expect("it lives");
    children.into_iter().map(|child| child.state).collect()
}

/// Tells an actor several things from within one turn, so that all of them are in its mailbox before it handles any.
fn tell_at_once(system: &System, to: &ActorRef<Mortal>, wishes: Vec<Wish>) {
    struct Teller;
    impl Actor for Teller {
        type Msg = (ActorRef<Mortal>, Vec<Wish>);
        fn handle(&mut self, (to, wishes): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
            wishes.into_iter().for_each(|wish| to.tell(wish));
            Ok(())
        }
    }
    system.spawn(|_| Ok(Teller)).tell((to.clone(), wishes));
}

#[test]
fn a_reference_stays_valid_over_restarts() {
    let system = quiet(2);
    let (child, _heard) = one(&system);
    let (id, same) = (child.id(), child.clone());
    for restarts in 0..100 {
        assert_eq!(life(&same), Some(restarts + 1));
        child.tell(if restarts % 2 == 0 { Wish::Fault } else { Wish::Panic });
    }
    assert_eq!(life(&child), Some(101));
    assert_eq!(same.id(), id);
    let total = system.shutdown().stats.total();
    assert_eq!((total.restarts, total.failed, total.dead_letters), (100, 100, 0));
    assert_eq!(total.spawned, total.ended);
}

#[test]
fn no_life_begins_before_the_one_before_it_is_over() {
    const LIVES: u32 = 2000;
    let system = quiet(2);
    let (child, heard) = one(&system);
    for n in 0..LIVES {
        child.tell(if n % 2 == 0 { Wish::Fault } else { Wish::Panic });
    }
    let mut events = heard.iter();
    for life in 1..=LIVES {
        assert_eq!(events.next(), Some(Event::Born("child", life)));
        let why = if life % 2 == 1 {
            "fault: told to fault"
        } else {
            "panic: told to panic"
        };
        assert_eq!(events.next(), Some(Event::Stopping("child", life, why.to_owned())));
        assert_eq!(events.next(), Some(Event::Dropped("child", life)));
    }
    assert_eq!(events.next(), Some(Event::Born("child", LIVES + 1)));
}

#[test]
fn the_mailbox_survives_and_the_poison_message_is_not_retried() {
    for workers in [1, 2] {
        let system = quiet(workers);
        let (child, heard) = one(&system);
        let note = Wish::Note;
        let wishes = vec![
            note(0),
            note(1),
            Wish::Fault,
            note(2),
            Wish::Panic,
            Wish::Panic,
            note(3),
            note(4),
        ];
        tell_at_once(&system, &child, wishes);
        let events: Vec<_> = heard
            .iter()
            .filter(|event| matches!(event, Event::Got(..) | Event::Undelivered(_)))
            .take(5)
            .collect();
        let got = [(1, 0), (1, 1), (2, 2), (4, 3), (4, 4)];
        assert_eq!(events, got.map(|(life, n)| Event::Got(life, n)));
        let stats = system.shutdown().stats.total();
        assert_eq!((stats.dead_letters, stats.restarts), (0, 3));
        // Nothing was handed over either, in any of the lives.
        assert!(!heard.try_iter().any(|event| matches!(event, Event::Undelivered(_))));
    }
}

#[test]
fn a_life_ends_after_its_children_the_youngest_first_and_the_next_has_none_of_them() {
    let system = quiet(3);
    let (parent, heard) = one(&system);
    for name in ["first", "second", "third"] {
        parent.tell(Wish::Child(name));
    }
    // The children are born before the parent is told to fail.
    let born = heard.iter().filter(|event| matches!(event, Event::Born(..)));
    assert_eq!(born.take(4).count(), 4);
    parent.tell(Wish::Fault);
    let ends: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Stopping(name, ..) => Some(name),
            Event::Born(name, life) => {
                assert_eq!((name, life), ("child", 2));
                Some("born again")
            }
            _ => None,
        })
        .take(5)
        .collect();
    assert_eq!(ends, ["third", "second", "first", "child", "born again"]);
    assert_eq!(life(&parent), Some(2));
    // The parent, its supervisor and the root are all that is left.
    let total = system.stats().total();
    assert_eq!(total.spawned - total.ended, 3);
}

#[test]
fn a_child_that_waits_for_its_parents_answer_cannot_hang_the_end() {
    /// Asks its parent, which never answers.
    struct Asker;
    impl Actor for Asker {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            Ok(())
        }
    }
    struct Parent(Vec<Reply<()>>, Sender<()>);
    impl Actor for Parent {
        type Msg = Option<Reply<()>>;
        fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
            self.0.push(msg.ok_or_else(|| Fault::new("told to"))?);
            self.1.send(())?;
            Ok(())
        }
    }
    let system = quiet(2);
    let (tell, asked) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let parent = tree.child("parent", Restart::Permanent, move |ctx| {
        let me = ctx.me();
        ctx.spawn(move |ctx: &mut Context<'_, Asker>| {
            ctx.ask(&me, Some)
                .within(Duration::from_secs(3600))
                .then(|_, answer, _| Ok(answer?));
            Ok(Asker)
        });
        Ok(Parent(Vec::new(), tell.clone()))
    });
    tree.start();
    for _ in 0..20 {
        asked.recv().expect("the child asks in each life");
        parent.tell(None);
    }
    asked.recv().expect("and in the last");
    assert!(system.shutdown().drained);
}

#[test]
fn an_actor_starts_with_a_full_mailbox_even_if_its_factory_fails_first() {
    const MESSAGES: u64 = 100_000;
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let mut make = lives("late", &tell);
    let mut tries = 0;
    let late = tree.child("late", Restart::Permanent, move |ctx| {
        tries += 1;
        match tries {
            1..10 => Err(Fault::new("not yet")),
            10..20 => panic!("not yet"),
            _ => make(ctx),
        }
    });
    (0..MESSAGES).for_each(|n| late.tell(Wish::Note(n)));
    tree.start();
    let mut events = heard.iter();
    assert_eq!(events.next(), Some(Event::Born("late", 1)));
    for n in 0..MESSAGES {
        assert_eq!(events.next(), Some(Event::Got(1, n)));
    }
    assert_eq!(system.shutdown().stats.total().restarts, 19);
}

#[test]
fn more_restarts_than_the_intensity_allows_end_the_supervisor_and_tell_its_parent() {
    struct Parent {
        child: ActorRef<Mortal>,
        tell: Sender<Event>,
    }
    impl Actor for Parent {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            self.child.tell(Wish::Fault);
            Ok(())
        }
        fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
            if let Signal::ChildExited { reason, .. } = signal {
                assert!(!reason.is_normal());
                let ExitReason::RestartLimit { child, reason } = reason else {
                    return Err(Fault::new(format!("what is {reason}?")));
                };
                assert_eq!(child, self.child.id());
                self.tell.send(Event::Heard(reason.to_string()))?;
            }
            Ok(())
        }
    }
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let parent = system.spawn(move |ctx| {
        let mut tree = ctx.supervise(Strategy::OneForOne.intensity(3, Duration::from_secs(3600)));
        let child = tree.child("child", Restart::Permanent, lives("child", &tell));
        tree.child("other", Restart::Permanent, lives("other", &tell));
        tree.start();
        Ok(Parent { child, tell })
    });
    (0..4).for_each(|_| parent.tell(()));
    let mut events = heard.iter().filter(|event| !matches!(event, Event::Dropped(..)));
    let mut events: Vec<_> = events.by_ref().take(2 + 3 + 4 + 1 + 1).collect();
    assert_eq!(events.pop(), Some(Event::Heard("fault: told to fault".to_owned())));
    // The other child went with its supervisor.
    let other = Event::Stopping("other", 1, "stopped with its parent".to_owned());
    assert_eq!(events.pop(), Some(other));
    assert!(events.contains(&Event::Born("child", 4)));
    assert!(!events.contains(&Event::Born("child", 5)));
}

#[test]
fn each_strategy_with_each_kind_of_child_restarts_whom_it_should() {
    for workers in [1, 2] {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            for kind in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                for fails in [false, true] {
                    let system = quiet(workers);
                    let (tell, _heard) = mpsc::channel();
                    let mut tree = system.supervise(ever(strategy));
                    let children = ["a", "b", "c"].map(|name| tree.child(name, kind, lives(name, &tell)));
                    tree.start();
                    assert!(children.iter().all(|child| life(child) == Some(1)));
                    children[1].tell(if fails { Wish::Fault } else { Wish::Stop });
                    // Asked one by one: those that are stopped with it are stopped before it lives again.
                    let b = life(&children[1]);
                    let after = [life(&children[0]), b, life(&children[2])];
                    let again = match kind {
                        Restart::Permanent => true,
                        Restart::Transient => fails,
                        Restart::Temporary => false,
                    };
                    let expected = match (again, strategy) {
                        (false, _) => [Some(1), None, Some(1)],
                        (true, Strategy::OneForOne) => [Some(1), Some(2), Some(1)],
                        (true, Strategy::OneForAll) => [Some(2), Some(2), Some(2)],
                        (true, Strategy::RestForOne) => [Some(1), Some(2), Some(2)],
                    };
                    assert_eq!(after, expected, "{strategy:?} {kind:?} fails: {fails}");
                }
            }
        }
    }
}

#[test]
fn those_that_are_restarted_together_stop_in_reverse_order_and_start_in_order() {
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForAll));
    let children = ["a", "b", "c", "d"].map(|name| tree.child(name, Restart::Permanent, lives(name, &tell)));
    let brief = tree.child("brief", Restart::Temporary, lives("brief", &tell));
    tree.start();
    assert_eq!(life(&brief), Some(1));
    children[1].tell(Wish::Fault);
    let steps: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Born(name, life) => Some(format!("{name} begins {life}")),
            Event::Stopping(name, life, _) => Some(format!("{name} ends {life}")),
            _ => None,
        })
        .take(5 + 5 + 4)
        .collect();
    assert_eq!(
        steps,
        [
            "a begins 1",
            "b begins 1",
            "c begins 1",
            "d begins 1",
            "brief begins 1", //
            "b ends 1",
            "brief ends 1",
            "d ends 1",
            "c ends 1",
            "a ends 1", //
            "a begins 2",
            "b begins 2",
            "c begins 2",
            "d begins 2",
        ]
    );
    // A temporary child that was stopped with the others does not come back.
    assert_eq!(life(&brief), None);
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_by_its_own_and_its_childrens_references_stay_valid() {
    for workers in [1, 2] {
        let system = quiet(workers);
        let (tell, heard) = mpsc::channel();
        let mut tree = system.supervise(ever(Strategy::OneForAll));
        let sibling = tree.child("sibling", Restart::Permanent, lives("sibling", &tell));
        let rules = Strategy::OneForOne.intensity(1, Duration::from_secs(3600));
        let (a, b) = tree.subtree("inner", Restart::Permanent, rules, |inner| {
            let a = inner.child("a", Restart::Permanent, lives("a", &tell));
            (a, inner.child("b", Restart::Permanent, lives("b", &tell)))
        });
        let top = tree.start();
        assert_eq!((life(&a), life(&b)), (Some(1), Some(1)));
        a.tell(Wish::Fault);
        assert_eq!((life(&a), life(&b), life(&sibling)), (Some(2), Some(1), Some(1)));
        // One more than the inner supervisor takes.
        tell_at_once(&system, &a, vec![Wish::Fault, Wish::Note(7)]);
        let what_waited = heard.iter().find(|event| matches!(event, Event::Got(..)));
        assert_eq!(what_waited, Some(Event::Got(3, 7)));
        assert_eq!(life(&a), Some(3));
        // The sibling was restarted with the inner supervisor, and before it.
        assert_eq!((life(&b), life(&sibling)), (Some(2), Some(2)));
        // The other way round: the sibling's failure restarts the inner supervisor with all of its children.
        sibling.tell(Wish::Fault);
        assert_eq!((life(&sibling), life(&a), life(&b)), (Some(3), Some(4), Some(3)));
        assert_eq!(states(&top), [ChildState::Running; 2]);
        let total = system.shutdown().stats.total();
        assert_eq!(total.spawned, total.ended);
    }
}

#[test]
fn timers_of_a_life_end_with_it() {
    /// Is told by its timers in which life they were set; the last life says so.
    struct Ticking {
        life: u32,
        done: Sender<u32>,
    }
    impl Actor for Ticking {
        type Msg = u32;
        fn handle(&mut self, set_in: u32, _: &mut Context<'_, Self>) -> Turn {
            if set_in != self.life {
                self.done.send(set_in)?;
            } else if self.life < 50 {
                return Err(Fault::new("next"));
            } else {
                self.done.send(0)?;
            }
            Ok(())
        }
    }
    let system = quiet(1);
    let (done, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let mut life = 0;
    tree.child("ticking", Restart::Permanent, move |ctx| {
        life += 1;
        let this = life;
        for n in 0..5 {
            ctx.after(Duration::from_micros(100 + n), this);
            ctx.every(Duration::from_micros(150), move || this);
        }
        let done = done.clone();
        Ok(Ticking { life, done })
    });
    tree.start();
    let heard: Vec<_> = heard.iter().take(20).collect();
    assert_eq!(heard, [0; 20], "a timer of an earlier life fired");
}

#[test]
fn an_answer_to_an_earlier_life_finds_nobody() {
    /// Keeps replies until it is told to give them all.
    struct Slow(Vec<Reply<u32>>);
    impl Actor for Slow {
        type Msg = Option<Reply<u32>>;
        fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
            match msg {
                Some(reply) => self.0.push(reply),
                None => (1..).zip(self.0.drain(..)).for_each(|(n, reply)| reply.send(n)),
            }
            Ok(())
        }
    }
    struct Asking {
        life: u32,
        done: Sender<(u32, u32, u32)>,
        slow: ActorRef<Slow>,
    }
    impl Actor for Asking {
        type Msg = bool;
        fn handle(&mut self, fail: bool, ctx: &mut Context<'_, Self>) -> Turn {
            if fail {
                return Err(Fault::new("next"));
            }
            let asked_in = self.life;
            ctx.ask(&self.slow, Some).then(move |this, answer, _| {
                this.done.send((asked_in, this.life, answer?))?;
                Ok(())
            });
            Ok(())
        }
    }
    let system = quiet(2);
    let slow = system.spawn(|_| Ok(Slow(Vec::new())));
    let (done, heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let (mut life, answers) = (0, slow.clone());
    let asking = tree.child("asking", Restart::Permanent, move |_| {
        life += 1;
        let (done, slow) = (done.clone(), answers.clone());
        Ok(Asking { life, done, slow })
    });
    tree.start();
    // Three asks in the first life, three in the second.
    for fail in [false, false, false, true, false, false, false] {
        asking.tell(fail);
    }
    while system.stats().total().restarts == 0 || heard.try_recv().is_ok() {
        std::thread::yield_now();
    }
    // The asker's asks reach the slow one before this does: it is told only when they were handled.
    struct Counted(ActorRef<Slow>);
    impl Actor for Counted {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            self.0.tell(None);
            Ok(())
        }
    }
    let counted = system.spawn(move |_| Ok(Counted(slow)));
    let mut answers = Vec::new();
    while answers.len() < 3 {
        counted.tell(());
        answers.extend(heard.recv_timeout(Duration::from_millis(5)));
    }
    assert!(system.shutdown().drained);
    answers.extend(heard.try_iter());
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|(asked_in, heard_in, _)| (*asked_in, *heard_in) == (2, 2)),
        "{answers:?}"
    );
}

/// The resident memory of this process.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("a field").parse().expect("a number");
    pages * 4096
}

#[test]
fn an_arena_of_100_mb_is_given_back_at_a_restart() {
    struct Hoarder(ArenaVec<u64>);
    impl Actor for Hoarder {
        type Msg = Option<Reply<(u64, usize)>>;
        fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
            let Some(reply) = msg else {
                return Err(Fault::new("let go"));
            };
            let before = ctx.arena_bytes().live;
            (0..100_000_000 / 8).for_each(|n| self.0.push(n));
            reply.send((before, self.0.len()));
            Ok(())
        }
    }
    const RESTARTS: u64 = 15;
    let system = quiet(1);
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let hoarder = tree.child("hoarder", Restart::Permanent, |ctx| {
        Ok(Hoarder(ArenaVec::new_in(&ctx.arena())))
    });
    tree.start();
    let start = resident_bytes();
    for _ in 0..RESTARTS {
        let filled = hoarder.ask(Some).wait_for(Duration::from_secs(60));
        assert_eq!(filled, Ok((0, 100_000_000 / 8)), "a new life begins with nothing");
        hoarder.tell(None);
    }
    let (before, _) = hoarder.ask(Some).wait_for(Duration::from_secs(60)).expect("it answers");
    assert_eq!(before, 0);
    let grown = resident_bytes().saturating_sub(start);
    // Other tests run meanwhile; what 15 lives would have left behind is 1.5 GB and more.
    assert!(grown < 900_000_000, "{grown} bytes more than at the start");
}

#[test]
fn nothing_is_lost_and_order_is_kept_when_restarts_meet_messages_from_everywhere() {
    const SENDERS: u64 = 6;
    const EACH: u64 = 20_000;
    /// What outlives the lives: what has come.
    struct Receiver {
        seen: std::sync::Arc<std::sync::Mutex<Vec<u64>>>,
        handled: u64,
        done: Sender<()>,
    }
    impl Actor for Receiver {
        type Msg = Option<(u64, u64)>;
        fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
            let (sender, n) = msg.ok_or_else(|| Fault::new("poison"))?;
            let mut seen = self.seen.lock().expect("nobody panics");
            assert_eq!(seen[sender as usize], n, "of sender {sender}");
            seen[sender as usize] += 1;
            if seen.iter().sum::<u64>() == SENDERS * EACH {
                self.done.send(())?;
            }
            self.handled += 1;
            Ok(())
        }
    }
    struct Sending(u64, ActorRef<Receiver>);
    impl Actor for Sending {
        type Msg = u64;
        fn handle(&mut self, from: u64, ctx: &mut Context<'_, Self>) -> Turn {
            let to = EACH.min(from + 64);
            for n in from..to {
                self.1.tell(Some((self.0, n)));
                if n % 41 == 0 {
                    self.1.tell(None);
                }
            }
            if to < EACH {
                ctx.me().tell(to);
            }
            Ok(())
        }
    }
    for workers in [2, 3] {
        let system = System::builder()
            .workers(workers)
            .share_worth(Duration::ZERO)
            .on_failure(|_, _, _| {})
            .build()
            .expect("starts");
        let (done, finished) = mpsc::channel();
        let seen = std::sync::Arc::new(std::sync::Mutex::new(vec![0; SENDERS as usize]));
        let mut tree = system.supervise(ever(Strategy::OneForOne));
        let receiver = tree.child("receiver", Restart::Permanent, move |_| {
            let (seen, done) = (seen.clone(), done.clone());
            let handled = 0;
            Ok(Receiver { seen, handled, done })
        });
        tree.start();
        for sender in 0..3 {
            let receiver = receiver.clone();
            system
                .spawn_on(sender as usize % workers, move |_| Ok(Sending(sender, receiver)))
                .tell(0);
        }
        std::thread::scope(|scope| {
            for sender in 3..SENDERS {
                let receiver = &receiver;
                scope.spawn(move || {
                    for n in 0..EACH {
                        receiver.tell(Some((sender, n)));
                        if n % 43 == 0 {
                            receiver.tell(None);
                        }
                    }
                });
            }
        });
        finished
            .recv_timeout(Duration::from_secs(120))
            .expect("all messages arrive");
        let total = system.shutdown().stats.total();
        let poison = 3 * EACH.div_ceil(41) + 3 * EACH.div_ceil(43);
        assert_eq!((total.restarts, total.dead_letters), (poison, 0));
    }
}

#[test]
fn a_paused_actor_keeps_what_it_is_told_and_a_shutdown_does_not_wait_for_it() {
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let hour = Duration::from_secs(3600);
    let mut tree = system.supervise(Strategy::OneForOne.intensity(9, hour).backoff(hour..hour));
    let patient = tree.child("patient", Restart::Permanent, lives("patient", &tell));
    let other = tree.child("other", Restart::Permanent, lives("other", &tell));
    let supervisor = tree.start();
    patient.tell(Wish::Fault);
    while states(&supervisor)[0] != ChildState::Down {
        std::thread::yield_now();
    }
    (0..3).for_each(|n| patient.tell(Wish::Note(n)));
    // It is told to stop, has stopped already, and is waited for all the same.
    patient.stop();
    assert_eq!(life(&other), Some(1));
    assert_eq!(states(&supervisor), [ChildState::Down, ChildState::Running]);
    assert!(patient.try_tell(Wish::Note(3)).is_ok());
    let stats = system.shutdown().stats.total();
    assert_eq!((stats.dead_letters, stats.restarts), (4, 0));
    assert!(patient.try_tell(Wish::Note(4)).is_err());
    let born: Vec<_> = heard
        .try_iter()
        .filter(|event| matches!(event, Event::Born("patient", _)))
        .collect();
    assert_eq!(born, [Event::Born("patient", 1)]);
}

#[test]
fn a_stop_from_outside_ends_one_life_and_the_policy_decides() {
    let system = quiet(2);
    let (tell, _heard) = mpsc::channel();
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let permanent = tree.child("permanent", Restart::Permanent, lives("permanent", &tell));
    let transient = tree.child("transient", Restart::Transient, lives("transient", &tell));
    let supervisor = tree.start();
    for child in [&permanent, &transient] {
        assert_eq!(life(child), Some(1));
        child.stop();
    }
    assert_eq!(life(&permanent), Some(2));
    while transient.try_tell(Wish::Note(0)).is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(states(&supervisor), [ChildState::Running, ChildState::Retired]);
    // The supervisor itself can be stopped, and all go with it.
    supervisor.stop();
    while permanent.try_tell(Wish::Note(0)).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn a_tree_that_is_never_started_ends_all_that_was_made_for_it() {
    let system = quiet(1);
    let (tell, heard) = mpsc::channel();
    let mut tree = system.supervise(Strategy::OneForOne);
    let child = tree.child("child", Restart::Permanent, lives("child", &tell));
    let grandchild = tree.subtree("inner", Restart::Permanent, Strategy::OneForOne, |inner| {
        inner.child("grandchild", Restart::Permanent, lives("grandchild", &tell))
    });
    child.tell(Wish::Note(1));
    drop(tree);
    for child in [child, grandchild] {
        assert!(child.try_tell(Wish::Note(2)).is_err());
    }
    drop(tell);
    assert_eq!(heard.iter().count(), 0, "the factories are gone, and nobody was made");
}

#[test]
fn a_shutdown_in_the_middle_of_restarts_ends_everybody_once() {
    for round in 0..60 {
        let system = quiet(2);
        let (tell, heard) = mpsc::channel();
        let strategy = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne][round % 3];
        let mut tree = system.supervise(ever(strategy));
        let outer = tree.child("outer", Restart::Permanent, lives("outer", &tell));
        let rules = strategy.intensity(round % 5, Duration::from_secs(3600));
        let inner = tree.subtree("inner", Restart::Permanent, rules, |inner| {
            ["a", "b", "c"].map(|name| inner.child(name, Restart::Permanent, lives(name, &tell)))
        });
        tree.start();
        for n in 0..round {
            outer.tell(Wish::Child("leaf"));
            inner[n % 3].tell(Wish::Fault);
            if n % 4 == 0 {
                outer.tell(Wish::Fault);
            }
        }
        let total = system
            .shutdown_within(Duration::from_micros(round as u64 * 20))
            .stats
            .total();
        assert_eq!(total.spawned, total.ended, "in round {round}");
        drop(tell);
        let (mut born, mut dropped) = (0, 0);
        for event in heard.try_iter() {
            born += u32::from(matches!(event, Event::Born(..)));
            dropped += u32::from(matches!(event, Event::Dropped(..)));
        }
        assert_eq!(born, dropped, "in round {round}");
    }
}

#[test]
fn a_pool_takes_turns_and_keeps_keys_over_restarts() {
    struct Member(usize);
    enum Job {
        Who(Reply<usize>),
        Fail,
    }
    impl Clone for Job {
        fn clone(&self) -> Self {
            Self::Fail
        }
    }
    impl Actor for Member {
        type Msg = Job;
        fn handle(&mut self, msg: Job, _: &mut Context<'_, Self>) -> Turn {
            match msg {
                Job::Who(reply) => reply.send(self.0),
                Job::Fail => return Err(Fault::new("told to")),
            }
            Ok(())
        }
    }
    let system = quiet(2);
    let mut tree = system.supervise(ever(Strategy::OneForOne));
    let pool = tree.pool("member", 5, Restart::Transient, |index, _| Ok(Member(index)));
    let supervisor = tree.start();
    let who = || pool.ask(Job::Who).wait().expect("it answers");
    assert_eq!(
        (0..10).map(|_| who()).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    );
    let keys: Vec<String> = (0..100).map(|n| format!("key {n}")).collect();
    let owners = || -> Vec<_> {
        let owner = |key: &String| pool.by_key(key).ask(Job::Who).wait().expect("it answers");
        keys.iter().map(owner).collect()
    };
    let before = owners();
    assert!((0..5).all(|index| before.contains(&index)), "{before:?}");
    pool.tell_all(Job::Fail);
    assert_eq!(owners(), before);
    let children = supervisor.ask(SupervisorMsg::children).wait().expect("it answers");
    let names: Vec<_> = children
        .iter()
        .map(|child| (child.name.as_str(), child.restarts))
        .collect();
    assert_eq!(
        names,
        [
            ("member-0", 1),
            ("member-1", 1),
            ("member-2", 1),
            ("member-3", 1),
            ("member-4", 1)
        ]
    );
}
