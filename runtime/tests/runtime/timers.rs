//! Timers: never early, cancelled for good wherever the actor is by then, no bursts.

use potoroo_runtime::sys::clock::{Time, now};
use potoroo_runtime::{Actor, ActorRef, Context, Reply, System, TimerId, Turn};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

enum Msg {
    /// Fire in so many milliseconds and report.
    After(u64),
    Fired(Time, u64),
    /// Arm, cancel, then report from a later timer that nothing came.
    Cancelled,
    Never,
    Tick,
    Busy,
}

struct Clockwork {
    tell: Sender<(&'static str, Duration)>,
    ticks: u32,
    periodic: Option<TimerId>,
}

impl Actor for Clockwork {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::After(ms) => {
                let armed = now();
                ctx.after(Duration::from_millis(ms), Msg::Fired(armed, ms));
            }
            Msg::Fired(armed, ms) => {
                let waited = now().since(armed);
                assert!(waited >= Duration::from_millis(ms), "early: {waited:?} of {ms} ms");
                self.tell.send(("fired", waited))?;
            }
            Msg::Cancelled => {
                let never = ctx.after(Duration::from_millis(2), Msg::Never);
                assert!(ctx.cancel(never));
                assert!(!ctx.cancel(never), "there is nothing left to cancel");
                ctx.after(Duration::from_millis(20), Msg::Fired(now(), 20));
            }
            Msg::Never => panic!("a cancelled timer fired"),
            Msg::Busy => {
                self.periodic = Some(ctx.every(Duration::from_millis(1), || Msg::Tick));
                // Twenty periods pass in this one turn.
                std::thread::sleep(Duration::from_millis(20));
                ctx.after(Duration::from_millis(10), Msg::Fired(now(), 10));
            }
            Msg::Tick => {
                self.ticks += 1;
                if self.ticks == 5 {
                    let periodic = self.periodic.take().expect("armed");
                    assert!(ctx.cancel(periodic));
                    self.tell.send(("ticked", Duration::ZERO))?;
                }
                assert!(self.ticks <= 5, "a burst, or a cancelled timer");
            }
        }
        Ok(())
    }
}

fn clockwork() -> (System, ActorRef<Clockwork>, mpsc::Receiver<(&'static str, Duration)>) {
    let system = System::builder().workers(1).build().expect("starts");
    let (tell, heard) = mpsc::channel();
    let actor = system.spawn(move |_| {
        Ok(Clockwork {
            tell,
            ticks: 0,
            periodic: None,
        })
    });
    (system, actor, heard)
}

#[test]
fn timers_fire_in_time_on_an_idle_system() {
    let (_system, actor, heard) = clockwork();
    for ms in [30, 1, 10, 0] {
        actor.tell(Msg::After(ms));
    }
    assert_eq!(heard.iter().take(4).count(), 4);
}

#[test]
fn a_cancelled_timer_never_fires() {
    let (_system, actor, heard) = clockwork();
    actor.tell(Msg::Cancelled);
    assert_eq!(heard.recv().map(|(what, _)| what), Ok("fired"));
}

#[test]
fn a_periodic_timer_skips_what_it_missed() {
    let (_system, actor, heard) = clockwork();
    actor.tell(Msg::Busy);
    let heard: Vec<_> = heard.iter().take(2).map(|(what, _)| what).collect();
    assert!(heard.contains(&"ticked") && heard.contains(&"fired"), "{heard:?}");
}

enum MoverMsg {
    Where(Reply<usize>),
    Set(Reply<usize>),
    /// Give the worker, and whether there was something to cancel.
    Cancel(Reply<(usize, bool)>),
    /// Of the timer with this number.
    Due(u64),
    HasEnd(Reply<u64>),
}

/// Goes where it is asked from.
#[derive(Default)]
struct Mover {
    timers: u64,
    set: Option<TimerId>,
    last_cancelled: u64,
    due: Vec<u64>,
    asked: Option<Reply<u64>>,
}

const SOON: Duration = Duration::from_millis(50);

impl Actor for Mover {
    type Msg = MoverMsg;

    fn handle(&mut self, msg: MoverMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            MoverMsg::Where(reply) => reply.send(ctx.worker()),
            MoverMsg::Set(reply) => {
                self.timers += 1;
                self.set = Some(ctx.after(SOON, MoverMsg::Due(self.timers)));
                reply.send(ctx.worker());
            }
            MoverMsg::Cancel(reply) => {
                let timer = self.set.take().expect("set before");
                let was_there = ctx.cancel(timer);
                assert!(!ctx.cancel(timer));
                if was_there {
                    self.last_cancelled = self.timers;
                    // In the slot of the one that was cancelled, and due after it would have been.
                    self.timers += 1;
                    ctx.after(2 * SOON, MoverMsg::Due(self.timers));
                }
                reply.send((ctx.worker(), was_there));
            }
            MoverMsg::Due(number) => {
                assert_ne!(number, self.last_cancelled, "it was cancelled");
                assert!(!self.due.contains(&number), "twice");
                self.due.push(number);
                if number == self.timers
                    && let Some(asked) = self.asked.take()
                {
                    asked.send(number);
                }
            }
            MoverMsg::HasEnd(reply) if self.due.last() == Some(&self.timers) => reply.send(self.timers),
            MoverMsg::HasEnd(reply) => self.asked = Some(reply),
        }
        Ok(())
    }
}

/// On the worker that has the mover first: makes it.
struct Maker;

impl Actor for Maker {
    type Msg = Reply<ActorRef<Mover>>;

    fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        reply.send(ctx.spawn(|_| Ok(Mover::default())));
        Ok(())
    }
}

/// On the same: keeps the worker in one turn, so that another takes over whatever can go.
struct Stuck;

impl Actor for Stuck {
    type Msg = ();

    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        std::thread::sleep(SOON / 2);
        Ok(())
    }
}

/// On the other: asks.
struct Asker;

enum AskerMsg {
    Where(ActorRef<Mover>, Reply<usize>),
    Cancel(ActorRef<Mover>, Reply<(usize, bool)>),
}

impl Actor for Asker {
    type Msg = AskerMsg;

    fn handle(&mut self, msg: AskerMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            AskerMsg::Where(mover, reply) => mover.tell(MoverMsg::Where(reply)),
            AskerMsg::Cancel(mover, reply) => mover.tell(MoverMsg::Cancel(reply)),
        }
        Ok(())
    }
}

#[test]
fn a_timer_on_the_wheel_of_a_worker_that_the_actor_has_left_is_cancelled_for_good() {
    let system = System::builder().workers(2).build().expect("starts");
    let (maker, asker) = (system.spawn_on(1, |_| Ok(Maker)), system.spawn_on(0, |_| Ok(Asker)));
    let stuck = system.spawn_on(1, |_| Ok(Stuck));
    let mut cancelled_from_afar = 0;
    while cancelled_from_afar < 3 {
        let mover = maker.ask(|reply| reply).wait().expect("answered");
        let armed_on = mover.ask(MoverMsg::Set).wait().expect("answered");
        stuck.tell(());
        // As a rule it is rescued before the timer is due.
        for _ in 0..20 {
            let asked = asker.ask(|reply| AskerMsg::Where(mover.clone(), reply)).wait();
            if asked.expect("answered") != armed_on {
                break;
            }
        }
        let cancelled = asker.ask(|reply| AskerMsg::Cancel(mover.clone(), reply)).wait();
        let (here, was_there) = cancelled.expect("answered");
        cancelled_from_afar += u32::from(here != armed_on && was_there);
        if was_there {
            let last = mover.ask(MoverMsg::HasEnd).wait();
            assert_eq!(last, Ok(2), "the next timer fires, and the old one does not");
        }
        mover.stop();
    }
}
