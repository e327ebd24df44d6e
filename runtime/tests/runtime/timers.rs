//! Timers: never early, cancelled for good, no bursts.

use potoroo_runtime::sys::clock::{Time, now};
use potoroo_runtime::{Actor, Context, System, TimerId, Turn};
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

fn clockwork() -> (
    System,
    potoroo_runtime::ActorRef<Clockwork>,
    mpsc::Receiver<(&'static str, Duration)>,
) {
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
