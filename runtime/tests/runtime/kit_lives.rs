//! Lives that depend on who holds the actor, and messages that wait for their time.

use potoroo_runtime::kit::{Stash, StashFull};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, HeldRef, Signal, System, Turn};
use std::sync::mpsc::{self, Sender};

/// Reports what it handles, and its end.
struct Log(Sender<String>);

impl Actor for Log {
    type Msg = u32;

    fn handle(&mut self, n: u32, ctx: &mut Context<'_, Self>) -> Turn {
        self.0.send(n.to_string())?;
        // A hundred and more go on by themselves.
        if n > 100 {
            ctx.me().tell(n - 1);
        }
        Ok(())
    }

    fn stopping(&mut self, why: &ExitReason, _: &mut Context<'_, Self>) {
        let _ = self.0.send(why.to_string());
    }
}

fn system(workers: usize) -> System {
    System::builder().workers(workers).build().expect("starts")
}

#[test]
fn the_last_holder_ends_an_actor_after_all_it_was_told() {
    let system = system(2);
    for _ in 0..100 {
        let (tell, heard) = mpsc::channel();
        let held = system.spawn_held(|_| Ok(Log(tell)));
        let plain = held.actor().clone();
        let threads: Vec<_> = (0..3)
            .map(|n| {
                let held = held.clone();
                std::thread::spawn(move || (0..10).for_each(|k| held.tell(10 * n + k)))
            })
            .collect();
        drop(held);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        let mut heard: Vec<_> = heard.iter().collect();
        assert_eq!(heard.pop().as_deref(), Some("stopped"));
        assert_eq!(heard.len(), 30);
        // References do not keep it.
        assert!(plain.try_tell(1).is_err());
    }
    assert_eq!(system.shutdown().stats.total().dead_letters, 0);
}

#[test]
fn what_a_held_actor_tells_itself_is_handled_too() {
    let system = system(1);
    let (tell, heard) = mpsc::channel();
    system.spawn_held(|_| Ok(Log(tell))).tell(103);
    assert_eq!(
        heard.iter().collect::<Vec<_>>(),
        ["103", "102", "101", "100", "stopped"]
    );
}

#[test]
fn an_actor_that_nobody_ever_holds_is_born_and_ends() {
    let system = system(2);
    let (tell, heard) = mpsc::channel();
    drop(system.spawn_held(|_| Ok(Log(tell))));
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["stopped"]);
}

#[test]
fn a_held_child_reports_its_end_and_can_be_held_from_elsewhere() {
    /// Holds a child on its own worker, or another, and lets it go when told.
    struct Parent {
        child: Option<HeldRef<Log>>,
        exits: Sender<String>,
    }
    impl Actor for Parent {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            let exits = self.exits.clone();
            match self.child.take() {
                None => self.child = Some(ctx.spawn_held(move |_| Ok(Log(exits)))),
                Some(child) => (0..3).for_each(|n| child.tell(n)),
            }
            Ok(())
        }
        fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
            if let Signal::ChildExited { reason, .. } = signal {
                self.exits.send(format!("child: {reason}"))?;
            }
            Ok(())
        }
    }
    let system = system(2);
    let (exits, heard) = mpsc::channel();
    let parent = system.spawn_on(1, move |_| Ok(Parent { child: None, exits }));
    parent.tell(());
    parent.tell(());
    let heard: Vec<_> = heard.iter().take(5).collect();
    assert_eq!(heard, ["0", "1", "2", "stopped", "child: stopped"]);
}

#[test]
fn what_was_gathered_for_another_worker_comes_before_the_end() {
    /// Tells the actor it is given so many numbers in one turn, and lets it go.
    struct User;
    impl Actor for User {
        type Msg = (HeldRef<Log>, u32);
        fn handle(&mut self, (held, count): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
            (0..count).for_each(|_| held.tell(1));
            Ok(())
        }
    }
    /// Has a child on its own worker, for somebody on another.
    struct Owner(ActorRef<User>, Sender<String>);
    impl Actor for Owner {
        type Msg = u32;
        fn handle(&mut self, count: u32, ctx: &mut Context<'_, Self>) -> Turn {
            let log = self.1.clone();
            let held = ctx.spawn_held(move |_| Ok(Log(log)));
            self.0.tell((held, count));
            Ok(())
        }
    }
    let system = system(2);
    let (log, heard) = mpsc::channel();
    let user = system.spawn_on(0, |_| Ok(User));
    let owner = system.spawn_on(1, move |_| Ok(Owner(user, log)));
    // Few and many, below and above what is gathered at once.
    for count in [1, 2, 10, 300, 1000] {
        owner.tell(count);
        let numbers = heard.iter().take_while(|heard| heard != "stopped").count();
        assert_eq!(numbers as u32, count);
    }
    assert_eq!(system.shutdown().stats.total().dead_letters, 0);
}

#[test]
fn a_held_actor_still_ends_otherwise() {
    let (tell, heard) = mpsc::channel();
    let system = system(1);
    let held = system.spawn_held(|_| Ok(Log(tell)));
    held.stop();
    assert_eq!(heard.recv().as_deref(), Ok("stopped"));
    drop(system);
    drop(held);
}

/// Puts aside all but what it is open for.
struct Door {
    open: bool,
    one_by_one: bool,
    waiting: Stash<Knock>,
    log: Sender<String>,
}

enum Knock {
    Guest(u32),
    Open,
    Close,
    Stop,
}

impl Actor for Door {
    type Msg = Knock;

    fn handle(&mut self, msg: Knock, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Knock::Guest(n) if self.open => {
                self.log.send(n.to_string())?;
                if self.one_by_one {
                    ctx.unstash_one(&mut self.waiting);
                }
            }
            guest @ Knock::Guest(_) => {
                if let Err(StashFull(Knock::Guest(n))) = self.waiting.push(guest) {
                    self.log.send(format!("full: {n}"))?;
                }
            }
            Knock::Open => {
                self.open = true;
                let back = match self.one_by_one {
                    false => ctx.unstash(&mut self.waiting),
                    true => usize::from(ctx.unstash_one(&mut self.waiting)),
                };
                self.log.send(format!("back: {back}"))?;
            }
            Knock::Close => self.open = false,
            Knock::Stop => ctx.stop(),
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, ctx: &mut Context<'_, Self>) {
        let back = ctx.unstash(&mut self.waiting);
        let _ = self.log.send(format!("end: {back} back, {} left", self.waiting.len()));
    }
}

/// Tells a door all of this from one turn, so that all of it waits together.
fn knock(capacity: usize, one_by_one: bool, knocks: Vec<Knock>) -> Vec<String> {
    struct Visitor(ActorRef<Door>);
    impl Actor for Visitor {
        type Msg = Vec<Knock>;
        fn handle(&mut self, knocks: Vec<Knock>, _: &mut Context<'_, Self>) -> Turn {
            knocks.into_iter().for_each(|knock| self.0.tell(knock));
            Ok(())
        }
    }
    let (log, heard) = mpsc::channel();
    let system = system(1);
    let door = system.spawn(move |_| {
        Ok(Door {
            open: false,
            one_by_one,
            waiting: Stash::new(capacity),
            log,
        })
    });
    system.spawn(move |_| Ok(Visitor(door))).tell(knocks);
    heard.iter().collect()
}

#[test]
fn what_was_put_aside_comes_before_what_came_since() {
    use Knock::{Close, Guest, Open, Stop};
    for one_by_one in [false, true] {
        let knocks = vec![Guest(1), Guest(2), Guest(3), Open, Guest(4), Guest(5), Stop];
        let back = if one_by_one { "back: 1" } else { "back: 3" };
        let expected = [back, "1", "2", "3", "4", "5", "end: 0 back, 0 left"];
        assert_eq!(knock(8, one_by_one, knocks), expected);
    }
    // Put aside again, they keep their order.
    let knocks = vec![Guest(1), Guest(2), Open, Close, Guest(3), Open, Guest(4), Stop];
    let expected = ["back: 2", "1", "2", "back: 1", "3", "4", "end: 0 back, 0 left"];
    assert_eq!(knock(8, false, knocks), expected);
}

#[test]
fn a_full_stash_gives_the_message_back() {
    use Knock::{Guest, Open, Stop};
    let knocks = vec![Guest(1), Guest(2), Guest(3), Open, Stop];
    let expected = ["full: 3", "back: 2", "1", "2", "end: 0 back, 0 left"];
    assert_eq!(knock(2, false, knocks), expected);
    assert_eq!(Stash::<u32>::new(0).push(1), Err(StashFull(1)));
}

#[test]
fn a_large_stash_comes_back_in_order() {
    let mut knocks: Vec<_> = (0..10_000).map(Knock::Guest).collect();
    knocks.push(Knock::Open);
    knocks.extend((10_000..10_100).map(Knock::Guest));
    knocks.push(Knock::Stop);
    let heard = knock(10_000, false, knocks);
    assert_eq!(heard[0], "back: 10000");
    let guests: Vec<u32> = heard[1..10_101].iter().map(|n| n.parse().expect("a guest")).collect();
    assert!(guests.iter().copied().eq(0..10_100));
}

#[test]
fn an_actor_that_is_ending_keeps_its_stash() {
    let knocks = vec![Knock::Guest(1), Knock::Guest(2), Knock::Stop];
    assert_eq!(knock(8, false, knocks), ["end: 0 back, 2 left"]);
}
