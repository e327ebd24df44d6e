//! Savina's concurrent dictionary: workers read and write the entries of one dictionary actor.
//!
//! A worker asks, waits for the answer and asks the next: two messages per operation, all through one actor. One of ten
//! operations writes. A write is answered with the value that was there before, a read with the value that is there.
//! Unlike Savina's, a worker keeps to its own [`KEYS`] keys, so that the answers do not depend on chance.

use crate::random::Random;
use crate::stage::{self, Cast, Ledger, Play};
use crate::{Outcome, fan_in};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::collections::HashMap;
use std::sync::Arc;

/// Keys of one worker.
pub const KEYS: u64 = 1_024;

/// Of a hundred operations so many write.
const WRITES_PERCENT: u64 = 10;

enum DictionaryMsg {
    /// Setting up: who asks.
    Open(Arc<Vec<ActorRef<Worker>>>),
    Read {
        worker: u32,
        key: u32,
    },
    Write {
        worker: u32,
        key: u32,
        value: u32,
    },
}

const _: () = assert!(size_of::<DictionaryMsg>() == 16, "a small enum with a u64");

struct Dictionary {
    entries: HashMap<u32, u32>,
    workers: Arc<Vec<ActorRef<Worker>>>,
    ledger: Arc<Ledger>,
}

impl Actor for Dictionary {
    type Msg = DictionaryMsg;

    fn handle(&mut self, msg: DictionaryMsg, _: &mut Context<'_, Self>) -> Turn {
        let (worker, found) = match msg {
            DictionaryMsg::Read { worker, key } => (worker, self.entries.get(&key).copied()),
            DictionaryMsg::Write { worker, key, value } => (worker, self.entries.insert(key, value)),
            DictionaryMsg::Open(workers) => {
                self.workers = workers;
                self.ledger.ready();
                return Ok(());
            }
        };
        self.workers[worker as usize].tell(WorkerMsg::Answer(found));
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        // Workers know the dictionary: they would keep each other's memory alive.
        self.workers = Arc::default();
    }
}

enum WorkerMsg {
    Begin,
    Answer(Option<u32>),
}

/// One thing to be asked for.
struct Operation {
    key: u32,
    /// What to write, if it is a write.
    value: Option<u32>,
}

impl Operation {
    /// The next of this worker.
    fn next(random: &mut Random, worker: u32) -> Self {
        let key = worker * KEYS as u32 + random.below(KEYS) as u32;
        let writes = random.below(100) < WRITES_PERCENT;
        let value = writes.then(|| random.next() as u32);
        Self { key, value }
    }
}

/// Folds an answer into what a worker has heard, so that the order counts.
fn hear(heard: u64, answer: Option<u32>) -> u64 {
    heard.wrapping_mul(31).wrapping_add(answer.map_or(1, u64::from))
}

struct Worker {
    index: u32,
    random: Random,
    left: u64,
    heard: u64,
    dictionary: ActorRef<Dictionary>,
    ledger: Arc<Ledger>,
}

impl Actor for Worker {
    type Msg = WorkerMsg;

    fn handle(&mut self, msg: WorkerMsg, _: &mut Context<'_, Self>) -> Turn {
        if let WorkerMsg::Answer(answer) = msg {
            self.heard = hear(self.heard, answer);
            self.left = self
                .left
                .checked_sub(1)
                .ok_or_else(|| Fault::new("an answer that nobody asked for"))?;
            if self.left == 0 {
                self.ledger.part_finished();
                return Ok(());
            }
        }
        let worker = self.index;
        let Operation { key, value } = Operation::next(&mut self.random, worker);
        self.dictionary.tell(match value {
            None => DictionaryMsg::Read { worker, key },
            Some(value) => DictionaryMsg::Write { worker, key, value },
        });
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.heard.wrapping_mul(u64::from(self.index) + 1));
    }
}

/// What each worker hears from a dictionary of its own, times its number from 1.
fn checksum(workers: u64, operations: u64) -> u64 {
    (0..workers).fold(0, |all, worker| {
        let mut random = Random::new(worker);
        let mut entries = HashMap::new();
        let heard = fan_in::share(worker, workers, operations).fold(0, |heard, _| {
            let Operation { key, value } = Operation::next(&mut random, worker as u32);
            let found = match value {
                None => entries.get(&key).copied(),
                Some(value) => entries.insert(key, value),
            };
            hear(heard, found)
        });
        all.wrapping_add(heard.wrapping_mul(worker + 1))
    })
}

/// Runs `workers` that ask for `operations` together.
///
/// # Panics
///
/// If a message is lost, if there are no workers, or fewer operations than workers.
pub fn run(system: &System, workers: u64, operations: u64) -> Outcome {
    assert!(
        workers > 0 && operations >= workers,
        "dictionary: a worker without anything to ask"
    );
    let play = Play {
        workload: "dictionary",
        cast: Cast {
            children: workers + 1,
            parts: workers,
        },
        messages: 2 * operations,
        expected: checksum(workers, operations),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let of_dictionary = ledger.clone();
        let dictionary = ctx.spawn(move |_| {
            Ok(Dictionary {
                entries: HashMap::new(),
                workers: Arc::default(),
                ledger: of_dictionary,
            })
        });
        let workers: Vec<ActorRef<Worker>> = (0..workers)
            .map(|worker| {
                let (dictionary, ledger) = (dictionary.clone(), ledger.clone());
                let own = fan_in::share(worker, workers, operations);
                ctx.spawn(move |_| {
                    ledger.ready();
                    Ok(Worker {
                        index: worker as u32,
                        random: Random::new(worker),
                        left: own.end - own.start,
                        heard: 0,
                        dictionary,
                        ledger,
                    })
                })
            })
            .collect();
        let workers = Arc::new(workers);
        dictionary.tell(DictionaryMsg::Open(workers.clone()));
        Box::new(move || workers.iter().for_each(|worker| worker.tell(WorkerMsg::Begin)))
    })
}
