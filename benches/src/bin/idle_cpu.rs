//! Prints how much CPU a system takes that has actors and nothing to do.
//!
//! `cargo run --release -p potoroo-benches --bin idle_cpu [-- --quick]`. About 7 s. The actors have handled a message each;
//! then nobody sends any more, and the CPU time of the whole process, user and system, is read before and after a while.
//! It should be next to nothing: a worker without work looks out for some microseconds, then sleeps until somebody wakes
//! it. One of the rows has a timer an hour ahead, for which a worker must not wake early.

use potoroo_benches::system;
use potoroo_runtime::sys::process::cpu_time;
use potoroo_runtime::{Actor, Context, Reply, Turn};
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

/// How many actors.
const ACTORS: usize = 1_000;

/// How long they idle.
const IDLE: Duration = Duration::from_secs(2);

/// As above, to see whether everything works.
const QUICK_IDLE: Duration = Duration::from_millis(100);

/// From the last message until the CPU time is read: the workers have gone to sleep by then.
const SETTLING: Duration = Duration::from_millis(50);

/// When the timer is due: not in this life.
const LATER: Duration = Duration::from_secs(3600);

enum Msg {
    Hello(Reply<()>),
    Never,
}

struct Idler {
    with_timer: bool,
}

impl Actor for Idler {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        if let Msg::Hello(reply) = msg {
            if self.with_timer {
                ctx.after(LATER, Msg::Never);
            }
            reply.send(());
        }
        Ok(())
    }
}

/// CPU time per second of idling.
fn measure(workers: usize, with_timer: bool, idle: Duration) -> Result<Duration, Box<dyn Error>> {
    let system = system(workers);
    let idlers: Vec<_> = (0..ACTORS)
        .map(|_| system.spawn(move |_| Ok(Idler { with_timer })))
        .collect();
    for idler in &idlers {
        idler.ask(Msg::Hello).wait()?;
    }
    thread::sleep(SETTLING);
    let (begun, before) = (Instant::now(), cpu_time());
    thread::sleep(idle);
    let used = cpu_time().saturating_sub(before);
    Ok(used.div_f64(begun.elapsed().as_secs_f64()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let quick = std::env::args().any(|word| word == "--quick");
    let idle = if quick { QUICK_IDLE } else { IDLE };
    println!("{ACTORS} idle actors, measured for {idle:?}.\n");
    println!("| workers | timers | ms of CPU per second |");
    println!("|---|---|---|");
    for (workers, with_timer) in [(1, false), (2, false), (2, true)] {
        let used = measure(workers, with_timer, idle)?;
        let timers = if with_timer { "far" } else { "none" };
        println!("| {workers:7} | {timers:6} | {:20.3} |", 1e3 * used.as_secs_f64());
    }
    Ok(())
}
