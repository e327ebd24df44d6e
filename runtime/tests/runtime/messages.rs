//! Sending: nothing is lost, order holds, within a core and across.

use potoroo_runtime::{Actor, ActorRef, Context, Recipient, Reply, System, TellError, Turn};
use std::sync::mpsc;

/// Bounces a counter to its partner until it is used up.
struct Player {
    partner: Option<ActorRef<Player>>,
    done: mpsc::Sender<u64>,
    hits: u64,
}

enum Ball {
    Partner(ActorRef<Player>),
    Hit(u64),
}

impl Actor for Player {
    type Msg = Ball;

    fn handle(&mut self, msg: Ball, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Ball::Partner(partner) => self.partner = Some(partner),
            Ball::Hit(0) => self.done.send(self.hits)?,
            Ball::Hit(left) => {
                self.hits += 1;
                if let Some(partner) = &self.partner {
                    partner.tell(Ball::Hit(left - 1));
                }
            }
        }
        Ok(())
    }
}

fn rally(system: &System, hits: u64) -> u64 {
    let (done, results) = mpsc::channel();
    let make = |done: mpsc::Sender<u64>| {
        system.spawn(move |_| {
            Ok(Player {
                partner: None,
                done,
                hits: 0,
            })
        })
    };
    let (a, b) = (make(done.clone()), make(done));
    a.tell(Ball::Partner(b.clone()));
    b.tell(Ball::Partner(a.clone()));
    a.tell(Ball::Hit(hits));
    results.recv().expect("the rally ends")
}

#[test]
fn ping_pong_ends_on_one_worker_and_on_several() {
    for workers in [1, 2, 4] {
        let system = System::builder().workers(workers).build().expect("starts");
        assert_eq!(rally(&system, 100_000), 50_000);
        let report = system.shutdown();
        assert!(report.drained);
        assert_eq!(report.stats.total().dead_letters, 0);
    }
}

#[test]
fn messages_on_one_worker_are_local() {
    let system = System::builder().workers(1).build().expect("starts");
    rally(&system, 10_000);
    let total = system.shutdown().stats.total();
    // The very first hit may find its receiver still on the way in from outside.
    assert!(total.sent_remote <= 1, "{total:?}");
    assert!(total.sent_local + total.sent_remote >= 10_000);
}

/// Checks that each sender's numbers come in order.
struct Checker {
    next: Vec<u64>,
    left: u64,
    done: mpsc::Sender<()>,
}

impl Actor for Checker {
    type Msg = (usize, u64);

    fn handle(&mut self, (sender, n): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        assert_eq!(n, self.next[sender], "sender {sender}");
        self.next[sender] += 1;
        self.left -= 1;
        if self.left == 0 {
            self.done.send(())?;
        }
        Ok(())
    }
}

/// Sends numbers in bursts, so that it migrates in between.
struct Counting {
    to: ActorRef<Checker>,
    sender: usize,
    next: u64,
    count: u64,
}

impl Actor for Counting {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..10 {
            if self.next == self.count {
                return Ok(());
            }
            self.to.tell((self.sender, self.next));
            self.next += 1;
        }
        ctx.me().tell(());
        Ok(())
    }
}

#[test]
fn each_senders_order_holds_while_everybody_migrates() {
    const SENDERS: usize = 24;
    const EACH: u64 = 5_000;
    // Sharing as eager as it can be: whatever waits is offered at once.
    let system = System::builder()
        .workers(4)
        .share_worth(std::time::Duration::ZERO)
        .build()
        .expect("starts");
    let (done, finished) = mpsc::channel();
    let outside = 2;
    let checker = system.spawn(move |_| {
        Ok(Checker {
            next: vec![0; SENDERS + outside],
            left: (SENDERS + outside) as u64 * EACH,
            done,
        })
    });
    for sender in 0..SENDERS {
        let to = checker.clone();
        system
            .spawn(move |_| {
                Ok(Counting {
                    to,
                    sender,
                    next: 0,
                    count: EACH,
                })
            })
            .tell(());
    }
    std::thread::scope(|scope| {
        for sender in SENDERS..SENDERS + outside {
            let checker = checker.clone();
            scope.spawn(move || (0..EACH).for_each(|n| checker.tell((sender, n))));
        }
    });
    finished.recv().expect("everything arrives");
    let total = system.shutdown().stats.total();
    assert!(total.steals + total.drifts > 0, "cells moved: {total:?}");
}

struct Adder(u64);

enum AdderMsg {
    Add(u64),
    Get(Reply<u64>),
}

impl From<u64> for AdderMsg {
    fn from(n: u64) -> Self {
        Self::Add(n)
    }
}

impl Actor for Adder {
    type Msg = AdderMsg;

    fn handle(&mut self, msg: AdderMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            AdderMsg::Add(n) => self.0 += n,
            AdderMsg::Get(reply) => reply.send(self.0),
        }
        Ok(())
    }
}

#[test]
fn a_recipient_forgets_the_type_and_keeps_the_order() {
    let system = System::builder().workers(2).build().expect("starts");
    let adder = system.spawn(|_| Ok(Adder(0)));
    let recipient: Recipient<u64> = adder.recipient();
    for n in 1..=100 {
        recipient.tell(n);
    }
    assert_eq!(adder.ask(AdderMsg::Get).wait(), Ok(5050));
}

#[test]
fn a_message_to_an_ended_actor_comes_back() {
    let system = System::builder().workers(1).build().expect("starts");
    let adder = system.spawn(|_| Ok(Adder(0)));
    adder.stop();
    while adder.is_alive() {
        std::thread::yield_now();
    }
    assert!(matches!(
        adder.try_tell(AdderMsg::Add(1)),
        Err(TellError::Ended(AdderMsg::Add(1)))
    ));
    assert!(adder.ask(AdderMsg::Get).wait().is_err());
}

#[test]
fn two_systems_talk_to_each_other() {
    let one = System::builder().workers(1).build().expect("starts");
    let two = System::builder().workers(1).build().expect("starts");
    let adder = one.spawn(|_| Ok(Adder(0)));
    struct Forward(ActorRef<Adder>);
    impl Actor for Forward {
        type Msg = u64;
        fn handle(&mut self, n: u64, _: &mut Context<'_, Self>) -> Turn {
            self.0.tell(AdderMsg::Add(n));
            Ok(())
        }
    }
    let to = adder.clone();
    let forward = two.spawn(move |_| Ok(Forward(to)));
    for n in 0..1000 {
        forward.tell(n);
    }
    assert!(two.shutdown().drained);
    assert_eq!(adder.ask(AdderMsg::Get).wait(), Ok(499_500));
}

/// Sends a ball to and fro with its partner, and reports where it was at the end.
struct Rover {
    partner: Option<ActorRef<Rover>>,
    done: mpsc::Sender<usize>,
}

enum RoverMsg {
    Partner(ActorRef<Rover>),
    Ball(u32),
}

impl Actor for Rover {
    type Msg = RoverMsg;

    fn handle(&mut self, msg: RoverMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            RoverMsg::Partner(partner) => self.partner = Some(partner),
            RoverMsg::Ball(left) => {
                let partner = self.partner.as_ref().expect("told first");
                if left > 0 {
                    partner.tell(RoverMsg::Ball(left - 1));
                } else {
                    self.done.send(ctx.worker())?;
                }
            }
        }
        Ok(())
    }
}

/// Spawns a child that may move, on the worker where this actor stays.
struct Parent {
    done: mpsc::Sender<usize>,
    settled: ActorRef<Rover>,
}

impl Actor for Parent {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        let done = self.done.clone();
        let rover = ctx.spawn(|_| Ok(Rover { partner: None, done }));
        self.settled.tell(RoverMsg::Partner(rover.clone()));
        rover.tell(RoverMsg::Partner(self.settled.clone()));
        // The rover gets an even number: it is the one that ends the game.
        rover.tell(RoverMsg::Ball(2_000));
        Ok(())
    }
}

/// Where an actor that may move ends up, and how often anybody moved: it begins on one worker and plays with an actor
/// that stays on the other.
fn drift(rover_begins: usize, partner_stays: usize) -> (usize, u64) {
    let system = System::builder().workers(2).build().expect("starts");
    let (done, finished) = mpsc::channel();
    let for_settled = done.clone();
    let settled = system.spawn_on(partner_stays, |_| {
        Ok(Rover {
            partner: None,
            done: for_settled,
        })
    });
    system.spawn_on(rover_begins, |_| Ok(Parent { done, settled })).tell(());
    let ended_at = finished.recv().expect("the game ends");
    (ended_at, system.shutdown().stats.total().drifts)
}

#[test]
fn an_actor_drifts_to_the_one_it_talks_to_and_only_one_of_two_goes() {
    assert_eq!(
        drift(1, 0),
        (0, 1),
        "towards the lower index, where there is no telling"
    );
    assert_eq!(
        drift(0, 1),
        (0, 0),
        "the other one would have to come, and it is to stay"
    );
}

/// Takes its time with each message, and notes when it was handled among all others.
struct Slow {
    order: mpsc::Sender<&'static str>,
}

enum SlowMsg {
    /// Tells itself and another so many messages, its own first.
    Pile(u32, ActorRef<Slow>),
    Note(&'static str),
}

impl Actor for Slow {
    type Msg = SlowMsg;

    fn handle(&mut self, msg: SlowMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            SlowMsg::Pile(count, other) => {
                for _ in 0..count {
                    ctx.me().tell(SlowMsg::Note("slow"));
                }
                other.tell(SlowMsg::Note("other"));
            }
            SlowMsg::Note(note) => {
                std::thread::sleep(std::time::Duration::from_micros(200));
                self.order.send(note)?;
            }
        }
        Ok(())
    }
}

#[test]
fn the_turn_budget_adapts_to_long_messages() {
    let system = System::builder().workers(1).build().expect("starts");
    let (order, notes) = mpsc::channel();
    let make = |order: mpsc::Sender<&'static str>| system.spawn(move |_| Ok(Slow { order }));
    let (slow, other) = (make(order.clone()), make(order));
    let before_other = || {
        slow.tell(SlowMsg::Pile(64, other.clone()));
        let notes: Vec<_> = notes.iter().take(65).collect();
        notes
            .iter()
            .position(|note| *note == "other")
            .expect("the other is served")
    };
    // Nothing is known of these messages yet, so the clock may be read late; then it is read for each.
    assert!(before_other() <= 33);
    assert!(before_other() <= 2);
    system.shutdown();
}
