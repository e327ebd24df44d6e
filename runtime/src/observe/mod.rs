//! What a running system tells about itself: counters that are always on, and a recorder that is not.
//!
//! Each worker owns a set of counters and writes it with plain stores; a snapshot reads all of them while they run.
//! Numbers of one snapshot may be a few messages apart. Whatever needs a clock (lengths, waits, types, events) is up to
//! the recorder, which a system has only if [`SystemBuilder::record`](crate::SystemBuilder::record) asks for it. It
//! lacks export formats.

mod distribution;
mod recorder;
mod recording;

pub use distribution::Distribution;
pub(crate) use recorder::{Recorder, Subject};
pub use recording::{Event, EventKind, Figures, Recording, TypeFigures, WorkerRecording};

use crate::sync::Counter;
use std::fmt;

/// Declares the counters once: the live form, the snapshot and its sum; after the semicolon those of which the largest
/// counts.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)? ; $($(#[$max_doc:meta])* $max:ident),+ $(,)?) => {
        /// The live counters of one worker. On cache lines of their own: the owner writes them with every turn.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(crate) struct WorkerCounters {
            $($(#[$doc])* pub(crate) $name: Counter,)+
            $($(#[$max_doc])* pub(crate) $max: Counter,)+
        }

        impl WorkerCounters {
            /// The values at some recent moment.
            pub(crate) fn snapshot(&self) -> WorkerStats {
                WorkerStats { $($name: self.$name.get(),)+ $($max: self.$max.get(),)+ }
            }
        }

        /// What one worker, or all of them together, have done since the system started.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct WorkerStats {
            $($(#[$doc])* pub $name: u64,)+
            $($(#[$max_doc])* pub $max: u64,)+
        }

        impl WorkerStats {
            /// Adds the numbers of `other`.
            fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
                $(self.$max = self.$max.max(other.$max);)+
            }
        }
    };
}

counters! {
    /// Messages told on this worker to an actor of this worker: plain memory.
    sent_local,
    /// Messages told on this worker to an actor elsewhere.
    sent_remote,
    /// Messages handled.
    handled,
    /// Turns given.
    turns,
    /// Messages that arrived through an inbox.
    received_remote,
    /// Messages that reached no handler: refused by or left over in an ended actor.
    dead_letters,
    /// Actors started.
    spawned,
    /// Actors ended.
    ended,
    /// Actors that ended by a fault or a panic.
    failed,
    /// Supervised actors that were made again in the same cell; each counts as started and ended once more.
    restarts,
    /// Cells offered to hungry workers.
    exports,
    /// Cells taken from other workers or from outside.
    steals,
    /// Cells that moved to the worker that kept waking them.
    drifts,
    /// Times an actor was muted because a receiver had more than it could do.
    mutes,
    /// Times an actor went on because it waited for itself, by way of others.
    mute_cycles,
    /// Messages refused because a mailbox was full.
    rejected,
    /// Times this worker took over the work of one that was stuck in a turn.
    rescues,
    /// Cells it took over so.
    rescued_cells,
    /// Times this worker went to sleep.
    parks,
    /// Times another thread woke this worker; the other sleeps were ended by a timer or a socket.
    wakes,
    /// Timers fired.
    timers,
    /// Sockets reported ready.
    socket_events,
    /// Arenas that began with a chunk from this worker's pool.
    bumps_reused,
    /// Bytes in this worker's pool of chunks, at this moment.
    bumps_pooled_bytes,
    /// Times that the state of an actor was moved into a fresh arena.
    evacuations,
    /// Live bytes that were moved by that.
    evacuated_bytes,
    /// Actors that ended because they held more memory than they were allowed.
    out_of_memory,
    ;
    /// The most messages that waited for one actor at the beginning of a turn, or up to 31 less: as of the turn's first
    /// reading of the clock.
    mailbox_max,
}

impl WorkerStats {
    /// The share of messages that stayed on their core, 0 to 1; 1 if none was sent.
    pub fn locality_ratio(&self) -> f64 {
        let all = self.sent_local + self.sent_remote;
        if all == 0 {
            1.0
        } else {
            self.sent_local as f64 / all as f64
        }
    }
}

/// What every worker has done since the system started. Displayed, it is a line for each worker.
///
/// ```
/// # use potoroo_runtime::{Actor, Context, System, Turn};
/// # struct Quiet; impl Actor for Quiet { type Msg = (); fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
/// let system = System::builder().workers(1).build()?;
/// system.spawn(|_| Ok(Quiet)).tell(());
/// let stats = system.shutdown().stats;
/// assert_eq!(stats.total().handled, 1);
/// assert!(stats.to_string().contains(" 1 messages handled, "));
/// # Ok::<(), potoroo_runtime::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemStats {
    /// One entry per worker.
    pub workers: Vec<WorkerStats>,
    /// Messages that threads outside told to ended actors of this system.
    pub external_dead_letters: u64,
}

impl SystemStats {
    /// All workers together.
    pub fn total(&self) -> WorkerStats {
        let mut total = WorkerStats::default();
        for worker in &self.workers {
            total.add(worker);
        }
        total
    }
}

impl fmt::Display for SystemStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, w) in self.workers.iter().enumerate() {
            writeln!(
                f,
                "worker {index}: {} turns, {} messages handled, {} sent locally, {} remotely ({:.1} % local), \
                 {} exports, {} steals, {} drifts, {} rescues, {} parks, {} wakes, \
                 {} started, {} ended, {} failed, {} restarts, \
                 {} mutes, {} cycles of mutes, {} rejected, {} dead letters",
                w.turns,
                w.handled,
                w.sent_local,
                w.sent_remote,
                100.0 * w.locality_ratio(),
                w.exports,
                w.steals,
                w.drifts,
                w.rescues,
                w.parks,
                w.wakes,
                w.spawned,
                w.ended,
                w.failed,
                w.restarts,
                w.mutes,
                w.mute_cycles,
                w.rejected,
                w.dead_letters,
            )?;
        }
        if self.external_dead_letters > 0 {
            writeln!(f, "outside: {} dead letters", self.external_dead_letters)?;
        }
        Ok(())
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_is_displayed_as_well() {
        let worker = WorkerStats {
            rescues: 11,
            failed: 12,
            restarts: 13,
            mutes: 14,
            mute_cycles: 15,
            rejected: 16,
            dead_letters: 17,
            ..WorkerStats::default()
        };
        let mut stats = SystemStats {
            workers: vec![WorkerStats::default(), worker],
            external_dead_letters: 0,
        };
        let text = stats.to_string();
        assert_eq!(text.lines().count(), 2);
        let line = text.lines().find(|line| line.starts_with("worker 1: ")).expect("there");
        for part in [
            "11 rescues",
            "12 failed",
            "13 restarts",
            "14 mutes",
            "15 cycles of mutes",
            "16 rejected",
            "17 dead letters",
        ] {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
        stats.external_dead_letters = 18;
        assert!(stats.to_string().ends_with("\noutside: 18 dead letters\n"));
    }
}
