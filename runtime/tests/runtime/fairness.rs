//! Who goes on for ever does not keep the others waiting for ever. One worker, so that nobody else can help; no times are
//! asserted: a test whose promise is broken does not end.

use potoroo_runtime::{Actor, ActorRef, Context, Reply, System, Turn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Answers, and sends what it is told on to its partner, or to itself.
struct Player(Option<ActorRef<Player>>);

enum Ball {
    Partner(ActorRef<Player>),
    Hit,
    Ping(Reply<()>),
}

impl Actor for Player {
    type Msg = Ball;

    fn handle(&mut self, ball: Ball, ctx: &mut Context<'_, Self>) -> Turn {
        match ball {
            Ball::Partner(partner) => self.0 = Some(partner),
            Ball::Hit => match &self.0 {
                Some(partner) => partner.tell(Ball::Hit),
                None => ctx.me().tell(Ball::Hit),
            },
            Ball::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

fn player(system: &System) -> ActorRef<Player> {
    system.spawn(|_| Ok(Player(None)))
}

#[test]
fn two_who_play_for_ever_let_others_in() {
    let system = System::builder().workers(1).build().expect("starts");
    let (one, two, other) = (player(&system), player(&system), player(&system));
    one.tell(Ball::Partner(two.clone()));
    two.tell(Ball::Partner(one.clone()));
    one.tell(Ball::Hit);
    for _ in 0..100 {
        other.ask(Ball::Ping).wait().expect("answers");
    }
    // They play on, so there is no end to wait for.
    assert!(!system.shutdown_within(Duration::ZERO).drained);
}

#[test]
fn one_who_tells_itself_for_ever_lets_others_in() {
    let system = System::builder().workers(1).build().expect("starts");
    let (one, other) = (player(&system), player(&system));
    (0..1000).for_each(|_| one.tell(Ball::Hit));
    for _ in 0..100 {
        other.ask(Ball::Ping).wait().expect("answers");
    }
    assert!(!system.shutdown_within(Duration::ZERO).drained);
}

#[test]
fn a_stop_is_seen_under_a_flood() {
    let system = System::builder().workers(1).build().expect("starts");
    let one = player(&system);
    (0..1000).for_each(|_| one.tell(Ball::Hit));
    let is_over = Arc::new(AtomicBool::new(false));
    let flood = {
        let (one, is_over) = (one.clone(), is_over.clone());
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let _ = one.try_tell(Ball::Hit);
            }
        })
    };
    one.stop();
    while one.is_alive() {
        thread::yield_now();
    }
    is_over.store(true, Ordering::Relaxed);
    flood.join().expect("no panic");
    assert!(system.shutdown().drained);
}
