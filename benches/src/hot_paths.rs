//! The hot paths of the runtime, each in a form whose count of instructions is the same in every run.
//!
//! A count depends on what is done, not on when: one worker, so that nothing is shared; no spinning, and turns that no
//! clock ends, so that it makes no difference how slow the machine is. A path is run at two sizes and the difference of
//! the counts divided by that of the sizes, so that starting and ending cancel out. It lacks what only two workers
//! at work do: stealing, drifting, waking. The example `hot_paths` counts, the program `instructions` compares.

use crate::{fan_in, lives, ping_pong};
use potoroo_runtime::{Actor, Context, Reply, System, Turn};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The smaller size of a run. A multiple of a fan-in's burst, as is the larger: bursts that are not full would cost more
/// per message.
pub const SMALL: u64 = 100 * fan_in::BURST;

/// The larger size of a run.
pub const LARGE: u64 = 3 * SMALL;

/// Longer than any run.
const NEVER: Duration = Duration::from_secs(3600);

/// A system whose one worker does nothing because of the time.
fn system() -> System {
    System::builder()
        .workers(1)
        .spin(Duration::ZERO)
        .turn_time_max(NEVER)
        .io_interval(NEVER)
        .build()
        .unwrap_or_else(|error| panic!("cannot start a system: {error}"))
}

/// A local tell, a turn of its own for each message, and the handler: two actors and one token.
pub fn local_turn(messages: u64) {
    ping_pong::run(&system(), messages);
}

/// A local tell and the handler, the turn spread over a burst of [`fan_in::BURST`].
pub fn local_burst(messages: u64) {
    fan_in::run(&system(), 1, messages);
}

enum Msg {
    /// Waits in the handler, and says that it does, until all numbers are there.
    Hold {
        holding: Sender<()>,
        until: Receiver<()>,
    },
    Number(u64),
    Sum(Reply<u64>),
}

struct Counter {
    sum: u64,
}

impl Actor for Counter {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Hold { holding, until } => {
                drop(holding);
                // Nothing is ever sent: the other end is dropped.
                let _ = until.recv();
            }
            Msg::Number(n) => self.sum = self.sum.wrapping_add(n),
            Msg::Sum(reply) => reply.send(self.sum),
        }
        Ok(())
    }
}

/// A remote tell, taking it out of the inbox, and the handler. The worker stands still in a handler while a thread outside
/// tells, so it takes all in at once and neither thread meets the other on the way.
///
/// # Panics
///
/// If a message is lost.
pub fn remote(messages: u64) {
    let system = system();
    let counter = system.spawn(|_| Ok(Counter { sum: 0 }));
    let ((holding, held), (release, until)) = (channel(), channel());
    counter.tell(Msg::Hold { holding, until });
    let _ = held.recv();
    for n in 0..messages {
        counter.tell(Msg::Number(n));
    }
    drop(release);
    let sum = counter
        .ask(Msg::Sum)
        .wait_for(NEVER)
        .unwrap_or_else(|error| panic!("remote: the counter does not answer: {error}"));
    assert_eq!(sum, fan_in::checksum(messages), "remote: a message was lost");
}

/// A birth, a first turn, an end, and the parent's hearing of it.
pub fn spawn_and_stop(lives: u64) {
    lives::spawn_and_stop(&system(), lives);
}

/// An ask inside the system, its answer, and the continuation.
pub fn ask(asks: u64) {
    lives::ask_inside(&system(), asks);
}
