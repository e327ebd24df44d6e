//! Waking up: how long after a thread outside, or an actor on another worker, has told an idle actor something the actor
//! handles it.
//!
//! The thread sleeps 1 ms, so that the workers sleep too, takes the time and tells; the handler takes the time again
//! and notes the difference. The actor on another worker waits as long by a timer; both have their workers for themselves. What is measured includes the kernel's waking of a thread. Samples come one at a time: the
//! next is not sent before the last was handled.

use potoroo_runtime::{Actor, ActorRef, Context, Fault, Reply, System, Turn};
use std::thread;
use std::time::{Duration, Instant};

/// How long the system is idle before each message.
pub const IDLE: Duration = Duration::from_millis(1);

/// Something has been lost if all samples together need longer than this.
const STALLED_AFTER: Duration = Duration::from_secs(300);

enum Msg {
    Stamp {
        number: u32,
        told: Instant,
        /// Who wants to hear that it was handled.
        teller: Option<ActorRef<Teller>>,
    },
    Report(Reply<Vec<Duration>>),
}

struct Sleeper {
    took: Vec<Duration>,
}

impl Actor for Sleeper {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Stamp { number, told, teller } => {
                let took = told.elapsed();
                if self.took.len() != number as usize {
                    return Err(Fault::new("a message was lost or came twice"));
                }
                self.took.push(took);
                if let Some(teller) = teller {
                    teller.tell(TellerMsg::Handled);
                }
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
            teller: None,
        });
    }
    let took = sleeper
        .ask(Msg::Report)
        .wait()
        .unwrap_or_else(|error| panic!("latency: the actor does not report: {error}"));
    sleeper.stop();
    sorted(took, samples)
}

fn sorted(mut took: Vec<Duration>, samples: u32) -> Vec<Duration> {
    assert_eq!(took.len(), samples as usize, "latency: a message was lost");
    took.sort_unstable();
    took
}

enum TellerMsg {
    /// Send so many samples and have the sleeper report.
    Begin { samples: u32, report: Reply<Vec<Duration>> },
    /// The pause is over.
    Due,
    /// The sleeper has got it.
    Handled,
}

/// Tells a sleeper on another worker.
struct Teller {
    sleeper: ActorRef<Sleeper>,
    sent: u32,
    samples: u32,
    report: Option<Reply<Vec<Duration>>>,
}

impl Actor for Teller {
    type Msg = TellerMsg;

    fn handle(&mut self, msg: TellerMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            TellerMsg::Begin { samples, report } => {
                self.samples = samples;
                self.report = Some(report);
                ctx.after(IDLE, TellerMsg::Due);
            }
            TellerMsg::Due => {
                self.sleeper.tell(Msg::Stamp {
                    number: self.sent,
                    told: Instant::now(),
                    teller: Some(ctx.me()),
                });
                self.sent += 1;
            }
            TellerMsg::Handled if self.sent < self.samples => {
                ctx.after(IDLE, TellerMsg::Due);
            }
            TellerMsg::Handled => {
                if let Some(report) = self.report.take() {
                    self.sleeper.tell(Msg::Report(report));
                }
            }
        }
        Ok(())
    }
}

/// Keeps the two where they are.
struct Pair {
    teller: ActorRef<Teller>,
}

impl Actor for Pair {
    type Msg = (u32, Reply<Vec<Duration>>);

    fn handle(&mut self, (samples, report): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        self.teller.tell(TellerMsg::Begin { samples, report });
        Ok(())
    }
}

/// The latencies of `samples` messages from an actor on the first worker of `system` to an idle one on the second, from
/// the shortest.
///
/// # Panics
///
/// If a message is lost, if there are no samples, or if there is only one worker.
pub fn run_between_workers(system: &System, samples: u32) -> Vec<Duration> {
    assert!(samples > 0, "latency: no samples");
    let pair = system.spawn(move |ctx| {
        let room = samples as usize;
        let sleeper = ctx.spawn_on(1, move |_| {
            Ok(Sleeper {
                took: Vec::with_capacity(room),
            })
        });
        let teller = ctx.spawn_on(0, move |_| {
            Ok(Teller {
                sleeper,
                sent: 0,
                samples: 0,
                report: None,
            })
        });
        Ok(Pair { teller })
    });
    let took = pair
        .ask(|report| (samples, report))
        .wait_for(STALLED_AFTER)
        .unwrap_or_else(|error| panic!("latency: the actor does not report: {error}"));
    pair.stop();
    sorted(took, samples)
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
