//! Lives: factories, faults, panics, the tree, the end.

use potoroo_runtime::arena::ArenaVec;
use potoroo_runtime::{Actor, ActorId, ActorRef, Context, ExitReason, Fault, Signal, System, Turn};
use std::sync::mpsc::{self, Receiver, Sender};

/// What actors of these tests report.
#[derive(Debug, PartialEq)]
enum Event {
    Born(&'static str),
    Stopping(&'static str),
    Dropped(&'static str),
    Undelivered(u32),
    ChildExited(String),
}

/// An actor with children, each of which does the same, that reports its life.
struct Family {
    name: &'static str,
    tell: Sender<Event>,
    children: Vec<ActorRef<Family>>,
}

enum Wish {
    Child(&'static str),
    TellChild(usize, Box<Wish>),
    Fault,
    Panic,
    Stop,
    Number(u32),
}

impl Family {
    fn new(name: &'static str, tell: Sender<Event>) -> Self {
        tell.send(Event::Born(name)).expect("somebody listens");
        Self {
            name,
            tell,
            children: Vec::new(),
        }
    }

    fn report(&self, event: Event) {
        // The listener may have gone; what matters has been heard.
        let _ = self.tell.send(event);
    }
}

impl Actor for Family {
    type Msg = Wish;

    fn handle(&mut self, msg: Wish, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Wish::Child(name) => {
                let tell = self.tell.clone();
                self.children.push(ctx.spawn(move |_| Ok(Self::new(name, tell))));
            }
            Wish::TellChild(index, wish) => self.children[index].tell(*wish),
            Wish::Fault => return Err(Fault::new("told to fault")),
            Wish::Panic => panic!("told to panic"),
            Wish::Stop => ctx.stop(),
            Wish::Number(_) => {}
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { reason, .. } = signal {
            self.report(Event::ChildExited(reason.to_string()));
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.report(Event::Stopping(self.name));
    }

    fn undelivered(&mut self, msg: Wish) {
        if let Wish::Number(n) = msg {
            self.report(Event::Undelivered(n));
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.report(Event::Dropped(self.name));
    }
}

/// A system that keeps failures to itself.
fn quiet(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .on_failure(|_: ActorId, _, _| {})
        .build()
        .expect("starts")
}

fn family(system: &System, name: &'static str) -> (ActorRef<Family>, Receiver<Event>) {
    let (tell, heard) = mpsc::channel();
    (system.spawn(move |_| Ok(Family::new(name, tell))), heard)
}

#[test]
fn children_end_before_their_parent_the_youngest_first() {
    for workers in [1, 3] {
        let system = quiet(workers);
        let (parent, heard) = family(&system, "parent");
        parent.tell(Wish::Child("first"));
        parent.tell(Wish::Child("second"));
        parent.tell(Wish::TellChild(0, Box::new(Wish::Child("grandchild"))));
        let born: Vec<_> = heard.iter().take(4).collect();
        assert!(born.contains(&Event::Born("grandchild")), "{born:?}");
        assert!(system.shutdown().drained);
        let ends: Vec<_> = heard
            .iter()
            .filter_map(|event| match event {
                Event::Stopping(name) => Some(name),
                _ => None,
            })
            .collect();
        assert_eq!(ends, ["second", "grandchild", "first", "parent"]);
    }
}

#[test]
fn a_panic_or_a_fault_ends_one_actor_and_tells_its_parent() {
    let system = quiet(2);
    let (parent, heard) = family(&system, "parent");
    parent.tell(Wish::Child("panics"));
    parent.tell(Wish::Child("faults"));
    parent.tell(Wish::TellChild(0, Box::new(Wish::Panic)));
    parent.tell(Wish::TellChild(1, Box::new(Wish::Fault)));
    let mut reasons: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::ChildExited(reason) => Some(reason),
            _ => None,
        })
        .take(2)
        .collect();
    reasons.sort();
    assert_eq!(reasons, ["fault: told to fault", "panic: told to panic"]);
    // The parent is alive and well.
    parent.tell(Wish::Child("later"));
    assert!(heard.iter().any(|event| event == Event::Born("later")));
    assert_eq!(system.shutdown().stats.total().failed, 2);
}

#[test]
fn what_is_left_in_the_mailbox_is_handed_over() {
    let system = quiet(1);
    let (actor, heard) = family(&system, "actor");
    // Told from inside one turn, so that all of it is in the mailbox when the actor stops.
    struct Teller(ActorRef<Family>);
    impl Actor for Teller {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            self.0.tell(Wish::Stop);
            for n in 0..3 {
                self.0.tell(Wish::Number(n));
            }
            Ok(())
        }
    }
    system.spawn(move |_| Ok(Teller(actor))).tell(());
    let events: Vec<_> = heard.iter().collect();
    assert_eq!(
        events,
        [
            Event::Born("actor"),
            Event::Undelivered(0),
            Event::Undelivered(1),
            Event::Undelivered(2),
            Event::Stopping("actor"),
            Event::Dropped("actor"),
        ]
    );
    assert_eq!(system.shutdown().stats.total().dead_letters, 3);
}

#[test]
fn a_factory_that_fails_or_panics_is_an_exit() {
    struct Never;
    impl Actor for Never {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            Ok(())
        }
    }
    let (tell, heard) = mpsc::channel();
    let system = System::builder()
        .workers(1)
        .on_failure(move |_, _, reason| {
            let _ = tell.send(reason.to_string());
        })
        .build()
        .expect("starts");
    system.spawn::<Never>(|_| Err(Fault::new("no disk")));
    system.spawn::<Never>(|_| panic!("no luck"));
    let mut reasons: Vec<_> = heard.iter().take(2).collect();
    reasons.sort();
    assert_eq!(reasons, ["could not start: no disk", "panic: no luck"]);
}

#[test]
fn a_million_short_lives_leave_nothing_behind() {
    struct Mother {
        left: u32,
        ended: u32,
        done: Sender<u32>,
    }
    struct Mayfly;
    impl Actor for Mayfly {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            ctx.stop();
            Ok(())
        }
    }
    impl Actor for Mother {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            for _ in 0..100.min(self.left) {
                self.left -= 1;
                ctx.spawn(|_| Ok(Mayfly)).tell(());
            }
            if self.left > 0 {
                ctx.me().tell(());
            }
            Ok(())
        }
        fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
            if matches!(signal, Signal::ChildExited { .. }) {
                self.ended += 1;
                if self.ended == 1_000_000 {
                    self.done.send(self.ended)?;
                }
            }
            Ok(())
        }
    }
    let system = System::builder().workers(2).build().expect("starts");
    let (done, finished) = mpsc::channel();
    system
        .spawn(move |_| {
            Ok(Mother {
                left: 1_000_000,
                ended: 0,
                done,
            })
        })
        .tell(());
    finished.recv().expect("all of them end");
    let total = system.shutdown().stats.total();
    // Mother and the root are actors too.
    assert_eq!((total.spawned, total.ended), (1_000_002, 1_000_002));
}

#[test]
fn an_actor_that_is_ending_has_no_more_children() {
    struct Late(Sender<bool>);
    impl Actor for Late {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            ctx.stop();
            Ok(())
        }
        fn stopping(&mut self, _: &ExitReason, ctx: &mut Context<'_, Self>) {
            let tell = self.0.clone();
            let child = ctx.spawn(move |_| Ok(Self(tell)));
            let _ = self.0.send(child.try_tell(()).is_err());
        }
    }
    let system = quiet(1);
    let (tell, heard) = mpsc::channel();
    system.spawn(move |_| Ok(Late(tell))).tell(());
    assert_eq!(heard.recv(), Ok(true));
}

#[test]
fn state_in_the_arena_survives_a_move_and_scratch_does_not_survive_a_turn() {
    struct Keeper {
        kept: ArenaVec<u64>,
        done: Sender<(u64, u64)>,
    }
    impl Actor for Keeper {
        type Msg = Option<u64>;
        fn handle(&mut self, msg: Option<u64>, ctx: &mut Context<'_, Self>) -> Turn {
            match msg {
                Some(n) => {
                    let twice = ctx.scratch().copy_slice(&[n, n]);
                    self.kept.push(twice[0]);
                    // Give the scheduler reason to share.
                    std::hint::black_box((0..200_u64).fold(n, |x, y| x ^ y.rotate_left(3)));
                }
                None => {
                    let foreign = ctx.arena().bytes().foreign;
                    self.done.send((self.kept.iter().sum(), foreign))?;
                }
            }
            Ok(())
        }
    }
    let system = System::builder()
        .workers(2)
        .share_worth(std::time::Duration::ZERO)
        .build()
        .expect("starts");
    let (done, sums) = mpsc::channel();
    let keepers: Vec<_> = (0..20)
        .map(|_| {
            let done = done.clone();
            system.spawn(move |ctx| {
                Ok(Keeper {
                    kept: ArenaVec::new_in(&ctx.arena()),
                    done,
                })
            })
        })
        .collect();
    for n in 0..5000 {
        keepers.iter().for_each(|keeper| keeper.tell(Some(n)));
    }
    keepers.iter().for_each(|keeper| keeper.tell(None));
    for (sum, foreign) in sums.iter().take(20) {
        assert_eq!((sum, foreign), (4999 * 5000 / 2, 0));
    }
}

#[test]
fn dropping_a_system_stops_its_actors() {
    let (actor, heard) = {
        let system = quiet(2);
        let (actor, heard) = family(&system, "actor");
        actor.tell(Wish::Child("child"));
        assert_eq!(heard.iter().take(2).count(), 2);
        (actor, heard)
    };
    assert!(actor.try_tell(Wish::Stop).is_err());
    let ends = heard.iter().filter(|event| matches!(event, Event::Stopping(_))).count();
    assert_eq!(ends, 2);
}

#[test]
fn whatever_panics_at_the_end_the_rest_of_the_end_happens() {
    /// Panics wherever it can.
    struct Fragile;
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a message's destructor");
            }
        }
    }
    impl Actor for Fragile {
        type Msg = Option<Bomb>;
        fn handle(&mut self, msg: Option<Bomb>, ctx: &mut Context<'_, Self>) -> Turn {
            if msg.is_none() {
                ctx.stop();
                for _ in 0..2 {
                    ctx.me().tell(Some(Bomb));
                }
            }
            Ok(())
        }
        fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
            panic!("stopping");
        }
    }
    impl Drop for Fragile {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("the actor's destructor");
            }
        }
    }
    let system = System::builder()
        .workers(2)
        .on_failure(|_, _, _| panic!("even the hook"))
        .build()
        .expect("starts");
    let (parent, heard) = family(&system, "parent");
    for _ in 0..10 {
        system.spawn(|_| Ok(Fragile)).tell(None);
    }
    parent.tell(Wish::Child("alive"));
    assert!(heard.iter().any(|event| event == Event::Born("alive")));
    let total = system.shutdown().stats.total();
    assert_eq!((total.failed, total.spawned), (10, total.ended));
}

/// Takes a message only to be stopped by it, and cannot even bear to see the others go.
struct Squeamish(Sender<String>);

impl Actor for Squeamish {
    type Msg = u32;

    fn handle(&mut self, _: u32, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.stop();
        Ok(())
    }

    fn undelivered(&mut self, n: u32) {
        self.0.send(format!("undelivered {n}")).expect("somebody hears");
        assert_ne!(n, 2, "cannot bear it");
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.0.send("stopping".to_owned()).expect("somebody hears");
    }
}

#[test]
fn a_panic_over_one_undelivered_message_keeps_none_of_the_others_back() {
    let (tell, told) = mpsc::channel();
    let (failed, failures) = mpsc::channel();
    let system = System::builder()
        .workers(1)
        .on_failure(move |_, _, why| failed.send(why.to_string()).expect("somebody hears"))
        .build()
        .expect("starts");
    let squeamish = system.spawn(move |ctx: &mut Context<'_, Squeamish>| {
        (1..=4).for_each(|n| ctx.me().tell(n));
        Ok(Squeamish(tell))
    });
    let told: Vec<String> = told.iter().collect();
    assert_eq!(told, ["undelivered 2", "undelivered 3", "undelivered 4", "stopping"]);
    assert!(
        failures
            .recv()
            .expect("the panic is the reason")
            .contains("cannot bear it")
    );
    drop(squeamish);
    assert_eq!(system.shutdown().stats.total().dead_letters, 3);
}
