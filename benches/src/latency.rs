//! Waking up: how long after a thread outside has told an idle actor something the actor handles it.
//!
//! The thread sleeps 1 ms, so that the workers sleep too, takes the time and tells; the handler takes the time again
//! and notes the difference. What is measured includes the kernel's waking of a thread. Samples come one at a time: the
//! next is not sent before the last was handled.

use potoroo_runtime::{Actor, Context, Fault, Reply, System, Turn};
use std::thread;
use std::time::{Duration, Instant};

/// How long the thread outside sleeps before each message.
pub const IDLE: Duration = Duration::from_millis(1);

enum Msg {
    Stamp { number: u32, told: Instant },
    Report(Reply<Vec<Duration>>),
}

struct Sleeper {
    took: Vec<Duration>,
}

impl Actor for Sleeper {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Stamp { number, told } => {
                let took = told.elapsed();
                if self.took.len() != number as usize {
                    return Err(Fault::new("a message was lost or came twice"));
                }
                self.took.push(took);
            }
            Msg::Report(reply) => reply.send(std::mem::take(&mut self.took)),
        }
        Ok(())
    }
}

/// The latencies of `samples` messages to an actor that sleeps on some worker of `system`, from the shortest.
///
/// # Panics
///
/// If a message is lost.
pub fn run(system: &System, samples: u32) -> Vec<Duration> {
    let room = samples as usize;
    let sleeper = system.spawn(move |_| {
        Ok(Sleeper {
            took: Vec::with_capacity(room),
        })
    });
    for number in 0..samples {
        thread::sleep(IDLE);
        sleeper.tell(Msg::Stamp {
            number,
            told: Instant::now(),
        });
    }
    let mut took = sleeper
        .ask(Msg::Report)
        .wait()
        .unwrap_or_else(|error| panic!("latency: the actor does not report: {error}"));
    sleeper.stop();
    assert_eq!(took.len(), room, "latency: a message was lost");
    took.sort_unstable();
    took
}

/// The value of sorted samples below which the share `percent` of them lies.
///
/// # Panics
///
/// If there are none.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    assert!(!sorted.is_empty(), "latency: no samples");
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
