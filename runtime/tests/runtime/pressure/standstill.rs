//! Actors that put themselves under pressure, and when nothing moves any more.

use super::*;

/// Says that it is under pressure, without any message waiting.
struct Pressed;

impl Actor for Pressed {
    type Msg = bool;

    fn handle(&mut self, on: bool, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.set_pressure(on);
        assert!(ctx.is_flooded(), "until the turn has ended");
        Ok(())
    }
}

#[test]
fn an_actor_under_pressure_counts_as_flooded() {
    let system = system(1);
    let pressed = system.spawn(|_| Ok(Pressed));
    pressed.tell(true);
    while !pressed.is_flooded() {
        std::thread::yield_now();
    }
    assert!(pressed.try_tell(false).is_err());
    pressed.tell(false);
    while pressed.is_flooded() {
        std::thread::yield_now();
    }
    system.shutdown();
}

/// Under pressure until it is told that the pressure is over, by the very actor that its pressure mutes: what Pony's
/// back-pressure does not survive (ponyc #3382).
struct Sink {
    done: mpsc::Sender<()>,
}

enum SinkMsg {
    Item,
    Release,
}

impl Actor for Sink {
    type Msg = SinkMsg;

    fn handle(&mut self, msg: SinkMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            SinkMsg::Item => ctx.set_pressure(true),
            SinkMsg::Release => {
                ctx.set_pressure(false);
                self.done.send(())?;
            }
        }
        Ok(())
    }
}

struct Releaser(ActorRef<Sink>);

impl Actor for Releaser {
    type Msg = u32;

    fn handle(&mut self, step: u32, ctx: &mut Context<'_, Self>) -> Turn {
        match step {
            0..3 => {
                self.0.tell(SinkMsg::Item);
                ctx.me().tell(step + 1);
            }
            _ => self.0.tell(SinkMsg::Release),
        }
        Ok(())
    }
}

#[test]
fn pressure_that_only_the_muted_can_end_is_seen_by_standstill() {
    for workers in [1, 2] {
        let system = system(workers);
        let (done, released) = mpsc::channel();
        let sink = system.spawn_on(0, move |_| Ok(Sink { done }));
        sink.tell(SinkMsg::Item);
        while !sink.is_flooded() {
            std::thread::yield_now();
        }
        let releaser = system.spawn_on(workers - 1, move |_| Ok(Releaser(sink)));
        releaser.tell(0);
        released.recv().expect("somebody goes on");
        let report = system.shutdown();
        assert!(report.drained);
        assert!(report.stats.total().mute_cycles > 0);
    }
}

/// Messages that wait for a muted actor are no quiet: what ended Pony's programs too early (ponyc #3551).
#[test]
fn a_system_with_a_muted_actor_is_not_quiet() {
    let system = system(2);
    assert!(system.run_until_quiet(Duration::from_secs(60)));
    let (slow, open) = shut_gate(&system);
    let (tell, told) = mpsc::channel();
    let busy = system.spawn_on(1, move |_| Ok(Busy { slow, tell, passed: 0 }));
    busy.tell(BusyMsg::Flood);
    while told.recv().expect("told") != "tick" {}
    assert!(!system.run_until_quiet(Duration::from_millis(5)));
    open.store(true, Ordering::Release);
    assert!(system.run_until_quiet(Duration::from_secs(60)));
    assert!(told.try_iter().any(|what| what == "data"));
    assert!(system.shutdown().drained);
}
