//! Supervision: what survives a restart. What goes, who is restarted with whom, and how it all ends is in the modules.

mod changes;
mod ends;
mod leftovers;
mod strategies;

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
