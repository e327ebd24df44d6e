//! A stream job in each round: a counter for each key over generated records.
//!
//! The result is known exactly: each key must give 1, 2, 3 and so on up to its number of records, once each and in order.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Open};
use crate::soak::part::Part;
use potoroo_actors::{DeadLetters, Job, Pipeline, sink, source};
use potoroo_runtime::System;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const KEYS: u64 = 97;
const SOURCES: u64 = 2;

/// Records of one source in a round, at most.
const RECORDS_MAX: u64 = 20_000;

pub(super) struct Streams {
    ledger: Arc<Ledger>,
    job: Option<(Job, Open)>,
    /// By key: how many should come, and how many have.
    expected: Vec<u64>,
    come: Arc<Vec<AtomicU64>>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self {
            ledger: Ledger::new(),
            job: None,
            expected: Vec::new(),
            come: Arc::default(),
        }
    }
}

impl Part for Streams {
    fn name(&self) -> &'static str {
        "streams"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, system: &System, mut random: SplitMix64) {
        let records = random.below(RECORDS_MAX);
        let of_key = |key| SOURCES * (records / KEYS + u64::from(key < records % KEYS));
        self.expected = (0..KEYS).map(of_key).collect();
        self.come = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
        let (come, ledger) = (self.come.clone(), self.ledger.clone());
        let pipeline = Pipeline::new().dead_letters(DeadLetters::counted());
        pipeline
            .source("numbers", source::generate(SOURCES as usize, move |_| 0..records))
            .key_by(|number| number % KEYS)
            .entity(
                "counts",
                |_| 0,
                |count: &mut u64, number, out| {
                    *count += 1;
                    out.emit((number % KEYS, *count));
                    Ok(())
                },
            )
            .sink(
                "results",
                sink::each(move |(key, count): (u64, u64)| {
                    let before = come[key as usize].fetch_add(1, Relaxed);
                    if count != before + 1 {
                        ledger.complain(format!("key {key} gave {count} after {before} results"));
                    }
                }),
            );
        self.job = Some((pipeline.start(system), self.ledger.open()));
    }

    fn look(&mut self) {
        if let Some((job, _)) = &mut self.job
            && let Some(outcome) = job.wait_for(Duration::ZERO)
        {
            if let Err(error) = outcome {
                self.ledger.complain(format!("the job failed: {error}"));
            }
            self.job = None;
        }
    }

    fn check(&mut self) {
        let come: Vec<u64> = self.come.iter().map(|come| come.load(Relaxed)).collect();
        self.ledger.did(come.iter().sum());
        if come != self.expected {
            let (come, expected): (u64, u64) = (come.iter().sum(), self.expected.iter().sum());
            self.ledger.complain(format!(
                "{expected} results were expected, {come} came, or of other keys"
            ));
        }
    }
}
