//! Monitors and links: who hears of whose end, and how often.

use potoroo_runtime::{
    Actor, ActorRef, Context, ExitReason, Fault, MonitorId, Recipient, Reply, Restart, Signal, Strategy, System, Turn,
};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// A system that keeps failures to itself.
fn quiet(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts")
}

/// What an actor of these tests is told to do, or to another.
enum Wish {
    Monitor(ActorRef<Tied>),
    MonitorRecipient(Recipient<Fail>),
    Demonitor(usize),
    Link(ActorRef<Tied>),
    Unlink(ActorRef<Tied>),
    Trap(bool),
    Fail,
    Stop,
    /// Answers; what was told before has been handled then.
    Ping(Reply<()>),
}

struct Fail;

impl From<Fail> for Wish {
    fn from(_: Fail) -> Self {
        Self::Fail
    }
}

/// Reports what it hears of others, and its own end.
struct Tied {
    tell: Sender<String>,
    monitors: Vec<MonitorId>,
}

impl Tied {
    fn report(&self, event: String) {
        // The listener may have gone; what matters has been heard.
        let _ = self.tell.send(event);
    }
}

impl Actor for Tied {
    type Msg = Wish;

    fn handle(&mut self, msg: Wish, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Wish::Monitor(other) => self.monitors.push(ctx.monitor(&other)),
            Wish::MonitorRecipient(other) => self.monitors.push(ctx.monitor(&other)),
            Wish::Demonitor(index) => {
                let was_there = ctx.demonitor(self.monitors[index]);
                self.report(format!("demonitor: {was_there}"));
            }
            Wish::Link(other) => ctx.link(&other),
            Wish::Unlink(other) => ctx.unlink(&other),
            Wish::Trap(trap) => ctx.trap_exits(trap),
            Wish::Fail => return Err(Fault::new("told to")),
            Wish::Stop => ctx.stop(),
            Wish::Ping(reply) => reply.send(()),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        match signal {
            Signal::Down { monitor, reason, .. } => {
                let index = self.monitors.iter().position(|known| *known == monitor);
                self.report(format!("down {}: {reason}", index.expect("a monitor of this life")));
            }
            Signal::LinkedExit { reason, .. } => self.report(format!("linked: {reason}")),
            _ => {}
        }
        Ok(())
    }

    fn stopping(&mut self, why: &ExitReason, _: &mut Context<'_, Self>) {
        let why = match why {
            // Ids differ from run to run.
            ExitReason::Linked { reason, .. } => format!("through a link: {reason}"),
            why => why.to_string(),
        };
        self.report(format!("ends: {why}"));
    }
}

fn tied(system: &System) -> (ActorRef<Tied>, Receiver<String>) {
    let (tell, heard) = mpsc::channel();
    let monitors = Vec::new();
    (system.spawn(move |_| Ok(Tied { tell, monitors })), heard)
}

/// Waits until an actor has handled what it was told, and control messages that came before.
fn settle(actors: &[&ActorRef<Tied>]) {
    for actor in actors {
        actor.ask(Wish::Ping).wait().expect("it lives");
    }
}

/// Waits for the end of an actor.
fn gone(actor: &ActorRef<Tied>) {
    while actor.is_alive() {
        std::thread::yield_now();
    }
}

#[test]
fn a_monitor_tells_the_end_once_and_why() {
    for workers in [1, 2] {
        let system = quiet(workers);
        let (watcher, heard) = tied(&system);
        let (other, _) = tied(&system);
        watcher.tell(Wish::Monitor(other.clone()));
        watcher.tell(Wish::MonitorRecipient(other.recipient()));
        settle(&[&watcher, &other]);
        other.tell(Wish::Fail);
        let mut both: Vec<_> = heard.iter().take(2).collect();
        both.sort();
        assert_eq!(both, ["down 0: fault: told to", "down 1: fault: told to"]);
        settle(&[&watcher]);
        system.shutdown();
        // Nothing more came but the watcher's own end.
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["ends: stopped with its parent"]);
    }
}

#[test]
fn a_monitor_of_an_actor_that_has_ended_tells_so_at_once() {
    let system = quiet(2);
    let (watcher, heard) = tied(&system);
    let (other, _) = tied(&system);
    other.tell(Wish::Stop);
    gone(&other);
    watcher.tell(Wish::Monitor(other.clone()));
    assert_eq!(heard.recv().as_deref(), Ok("down 0: had ended before"));
    watcher.tell(Wish::Link(other));
    assert_eq!(heard.recv().as_deref(), Ok("ends: through a link: had ended before"));
}

#[test]
fn nothing_comes_of_a_monitor_that_was_taken_back() {
    let system = quiet(2);
    let (watcher, heard) = tied(&system);
    for round in 0..200 {
        let (other, _) = tied(&system);
        watcher.tell(Wish::Monitor(other.clone()));
        if round % 2 == 0 {
            settle(&[&watcher]);
        }
        // The end and the taking back meet half-way: one of the two comes first, and only one tells.
        other.tell(Wish::Fail);
        watcher.tell(Wish::Demonitor(round));
    }
    settle(&[&watcher]);
    system.shutdown();
    let events: Vec<_> = heard.iter().collect();
    for round in 0..200 {
        let downs = events
            .iter()
            .filter(|event| event.starts_with(&format!("down {round}:")))
            .count();
        assert!(downs <= 1);
    }
    let downs = events.iter().filter(|event| event.starts_with("down")).count();
    let taken_back = events.iter().filter(|event| *event == "demonitor: true").count();
    assert_eq!(
        downs + taken_back,
        200,
        "each tells once, or was there to be taken back"
    );
}

#[test]
fn a_monitor_is_for_one_life_and_the_next_may_be_set_between_two() {
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    /// Monitors a child again each time it hears of its end.
    struct Faithful(ActorRef<Brief>, Sender<String>);
    impl Actor for Faithful {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            ctx.monitor(&self.0);
            self.0.tell(());
            Ok(())
        }
        fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
            if let Signal::Down { reason, .. } = signal {
                self.1.send(reason.to_string())?;
                ctx.monitor(&self.0);
                self.0.tell(());
            }
            Ok(())
        }
    }
    /// Fails with the number of its life.
    struct Brief(u32);
    impl Actor for Brief {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            Err(Fault::new(self.0.to_string()))
        }
    }
    let mut tree = system.supervise(Strategy::OneForOne.intensity(99, Duration::from_secs(3600)));
    let mut life = 0;
    let brief = tree.child("brief", Restart::Permanent, move |_| {
        life += 1;
        Ok(Brief(life))
    });
    tree.start();
    system.spawn(move |_| Ok(Faithful(brief, tell))).tell(());
    let downs: Vec<_> = heard.iter().take(101).collect();
    let mut expected: Vec<_> = (1..=100).map(|life| format!("fault: {life}")).collect();
    // With the hundredth failure the supervisor gives up, and the monitor that came in between hears of that.
    expected.push("fault: 100".to_owned());
    assert_eq!(downs[..100], expected[..100]);
    assert!(
        downs[100] == expected[100] || downs[100] == "had ended before",
        "{}",
        downs[100]
    );
}

#[test]
fn each_of_many_monitors_that_race_with_the_end_tells_once() {
    const ROUNDS: u32 = 5000;
    /// Monitors actors that end at the same time on another worker.
    struct Watcher {
        downs: u32,
        done: Sender<u32>,
    }
    struct Ending;
    impl Actor for Ending {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            ctx.stop();
            Ok(())
        }
    }
    impl Actor for Watcher {
        type Msg = Option<ActorRef<Ending>>;
        fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
            match msg {
                Some(other) => {
                    ctx.monitor(&other);
                }
                None => self.done.send(self.downs)?,
            }
            Ok(())
        }
        fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
            if let Signal::Down { reason, .. } = signal {
                assert!(
                    matches!(reason, ExitReason::Stopped | ExitReason::AlreadyEnded),
                    "{reason}"
                );
                self.downs += 1;
                if self.downs == ROUNDS {
                    self.done.send(self.downs)?;
                }
            }
            Ok(())
        }
    }
    let system = quiet(2);
    let (done, heard) = mpsc::channel();
    let watcher = system.spawn_on(0, move |_| Ok(Watcher { downs: 0, done }));
    for _ in 0..ROUNDS {
        let other = system.spawn_on(1, |_| Ok(Ending));
        watcher.tell(Some(other.clone()));
        other.tell(());
    }
    assert_eq!(
        heard.recv_timeout(Duration::from_secs(60)),
        Ok(ROUNDS),
        "a monitor told nothing"
    );
    watcher.tell(None);
    assert_eq!(heard.recv(), Ok(ROUNDS));
}

#[test]
fn an_abnormal_end_takes_along_who_is_linked_and_a_normal_one_does_not() {
    for workers in [1, 2] {
        let system = quiet(workers);
        let (first, heard_first) = tied(&system);
        let (second, heard_second) = tied(&system);
        let (third, heard_third) = tied(&system);
        let (bystander, _) = tied(&system);
        // A chain, and one of its links set from both sides.
        first.tell(Wish::Link(second.clone()));
        second.tell(Wish::Link(first.clone()));
        second.tell(Wish::Link(third.clone()));
        bystander.tell(Wish::Link(third.clone()));
        settle(&[&first, &second, &third, &bystander]);
        settle(&[&first, &second, &third]);
        // A normal end goes unnoticed.
        bystander.tell(Wish::Stop);
        gone(&bystander);
        settle(&[&third]);
        first.tell(Wish::Fail);
        assert_eq!(heard_first.recv().as_deref(), Ok("ends: fault: told to"));
        for heard in [heard_second, heard_third] {
            assert_eq!(heard.recv().as_deref(), Ok("ends: through a link: fault: told to"));
        }
    }
}

#[test]
fn who_traps_exits_hears_of_them_instead() {
    let system = quiet(2);
    let (trapping, heard) = tied(&system);
    let (fails, _) = tied(&system);
    let (stops, _) = tied(&system);
    trapping.tell(Wish::Trap(true));
    // Linked from both sides, heard of once.
    trapping.tell(Wish::Link(fails.clone()));
    fails.tell(Wish::Link(trapping.clone()));
    stops.tell(Wish::Link(trapping.clone()));
    settle(&[&trapping, &fails, &stops]);
    settle(&[&trapping, &fails]);
    fails.tell(Wish::Fail);
    assert_eq!(heard.recv().as_deref(), Ok("linked: fault: told to"));
    stops.tell(Wish::Stop);
    assert_eq!(heard.recv().as_deref(), Ok("linked: stopped"));
    // What has ended already is heard of at once.
    trapping.tell(Wish::Link(fails));
    assert_eq!(heard.recv().as_deref(), Ok("linked: had ended before"));
    settle(&[&trapping]);
    assert!(heard.try_recv().is_err());
}

#[test]
fn a_link_that_was_taken_back_by_either_side_ends_nobody() {
    for by_the_other in [false, true] {
        let system = quiet(2);
        let (survivor, heard) = tied(&system);
        let (other, _) = tied(&system);
        survivor.tell(Wish::Link(other.clone()));
        settle(&[&survivor, &other]);
        match by_the_other {
            false => survivor.tell(Wish::Unlink(other.clone())),
            true => other.tell(Wish::Unlink(survivor.clone())),
        }
        settle(&[&survivor, &other]);
        settle(&[&survivor]);
        other.tell(Wish::Fail);
        gone(&other);
        settle(&[&survivor]);
        assert!(heard.try_recv().is_err());
        // Linked again it counts again.
        survivor.tell(Wish::Link(other));
        assert_eq!(heard.recv().as_deref(), Ok("ends: through a link: had ended before"));
    }
}

#[test]
fn a_ring_of_links_ends_as_a_whole() {
    const ACTORS: usize = 1000;
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let ring: Vec<_> = (0..ACTORS)
        .map(|_| {
            let tell = tell.clone();
            system.spawn(move |_| {
                Ok(Tied {
                    tell,
                    monitors: Vec::new(),
                })
            })
        })
        .collect();
    for (index, actor) in ring.iter().enumerate() {
        actor.tell(Wish::Link(ring[(index + 1) % ACTORS].clone()));
    }
    settle(&ring.iter().collect::<Vec<_>>());
    ring[0].tell(Wish::Fail);
    let ends: Vec<_> = heard.iter().take(ACTORS).collect();
    assert_eq!(ends.iter().filter(|end| *end == "ends: fault: told to").count(), 1);
    let linked = ends.iter().filter(|end| *end == "ends: through a link: fault: told to");
    assert_eq!(linked.count(), ACTORS - 1);
    let total = system.shutdown().stats.total();
    assert_eq!((total.failed, total.spawned), (ACTORS as u64, total.ended));
}

#[test]
fn a_life_after_a_restart_has_none_of_the_ties_of_the_one_before() {
    let system = quiet(2);
    let (tell, heard) = mpsc::channel();
    let mut tree = system.supervise(Strategy::OneForOne.intensity(9, Duration::from_secs(3600)));
    let child = tree.child("child", Restart::Permanent, move |_| {
        let tell = tell.clone();
        Ok(Tied {
            tell,
            monitors: Vec::new(),
        })
    });
    tree.start();
    let (other, heard_other) = tied(&system);
    other.tell(Wish::Trap(true));
    child.tell(Wish::Link(other.clone()));
    child.tell(Wish::Monitor(other.clone()));
    settle(&[&child, &other]);
    child.tell(Wish::Fail);
    assert_eq!(heard.recv().as_deref(), Ok("ends: fault: told to"));
    assert_eq!(heard_other.recv().as_deref(), Ok("linked: fault: told to"));
    settle(&[&child]);
    other.tell(Wish::Fail);
    gone(&other);
    // Neither the monitor nor the link of the first life reaches the second.
    settle(&[&child]);
    assert!(heard.try_recv().is_err());
}
