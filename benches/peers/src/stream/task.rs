//! A workload at a size: its records, what must come out, and how each column is run on it.

use super::market::{Feed, is_plausible};
use super::words::{Lexicon, Word};
use super::{Column, Timed, Workload, bare, potoroo, timely};
use ::potoroo::nexmark::generate::Made;
use ::potoroo::nexmark::run::{CHECKED_EVENTS, check_value};
use ::potoroo::nexmark::total::Total;
use ::potoroo::nexmark::{self, Query};
use potoroo_runtime::sys::process::cpu_time;
use std::sync::Arc;
use std::time::Instant;

/// See the module.
#[derive(Debug)]
pub struct Task<'made> {
    workload: Workload,
    records: u64,
    made: &'made [Made],
    kind: Kind,
    /// By number of sources less one.
    expected: Vec<Total>,
}

#[derive(Debug)]
enum Kind {
    U32(Arc<Lexicon<u32>>),
    Inline(Arc<Lexicon<[u8; 16]>>),
    Str(Arc<Lexicon<String>>),
    Market,
    Nexmark(Query),
}

impl<'made> Task<'made> {
    /// `made` has the events of Nexmark for one source, for two, and so on; the other workloads need none.
    #[must_use]
    pub fn new(workload: Workload, records: u64, workers_max: usize, made: &'made [Made]) -> Self {
        let kind = match workload {
            Workload::WordsU32 => Kind::U32(Lexicon::new()),
            Workload::WordsInline => Kind::Inline(Lexicon::new()),
            Workload::WordsStr => Kind::Str(Lexicon::new()),
            Workload::Market => Kind::Market,
            Workload::Nexmark(query) => Kind::Nexmark(query),
        };
        let expected = match &kind {
            Kind::Nexmark(query) => {
                // The events are the same for any number of sources.
                let events = made.first().expect("the events are made").copy();
                vec![nexmark::bare::run(*query, events.into_iter().flatten()); workers_max]
            }
            of_workers => (1..=workers_max)
                .map(|sources| of_workers.expected(records, sources))
                .collect(),
        };
        Self {
            workload,
            records,
            made,
            kind,
            expected,
        }
    }

    /// How many records go in.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// What.
    #[must_use]
    pub fn workload(&self) -> Workload {
        self.workload
    }

    /// One run.
    ///
    /// # Panics
    ///
    /// If something else comes out than must, or if the column does not do this.
    #[must_use]
    pub fn run(&self, column: Column, workers: usize) -> Timed {
        assert!(
            column.does(self.workload, workers),
            "{column} does no {} on {workers} threads",
            self.workload
        );
        let timed = match &self.kind {
            Kind::U32(lexicon) => words(lexicon, self.records, column, workers, potoroo::words),
            Kind::Inline(lexicon) => words(lexicon, self.records, column, workers, potoroo::words),
            Kind::Str(lexicon) => words(lexicon, self.records, column, workers, potoroo::words_str),
            Kind::Market => match column {
                Column::Timely => timely::market(self.records, workers),
                Column::Potoroo => potoroo::market(self.records, workers),
                _ => timed(|| bare::market(Feed::new(self.records, 0, 1))),
            },
            Kind::Nexmark(query) => self.nexmark(*query, column, workers),
        };
        self.compare(column, workers, timed.total);
        timed
    }

    fn nexmark(&self, query: Query, column: Column, workers: usize) -> Timed {
        let sources = self.made[workers - 1].copy();
        match column {
            Column::Timely => timely::nexmark(query, false, sources),
            Column::TimelyTwo => timely::nexmark(query, true, sources),
            Column::Potoroo => potoroo::nexmark(query, sources),
            _ => timed(|| nexmark::bare::run(query, sources.into_iter().flatten())),
        }
    }

    /// Compares what came out with what must.
    ///
    /// # Panics
    ///
    /// If that is something else.
    pub fn compare(&self, column: Column, workers: usize, total: Total) {
        let expected = self.expected[workers - 1];
        let is_right = match self.kind {
            Kind::Market => is_plausible(total, expected, workers),
            Kind::Nexmark(query) if !query.is_determined(workers, workers) => true,
            Kind::Nexmark(query) if self.records == CHECKED_EVENTS => total == expected && total == check_value(query),
            _ => total == expected,
        };
        assert!(
            is_right,
            "{} on {column} with {workers} threads: out {} and chk {:x}, not {} and {:x}",
            self.workload, total.out, total.chk, expected.out, expected.chk
        );
    }
}

impl Kind {
    fn expected(&self, records: u64, sources: usize) -> Total {
        match self {
            Self::U32(lexicon) => lexicon.expected(records, sources),
            Self::Inline(lexicon) => lexicon.expected(records, sources),
            Self::Str(lexicon) => lexicon.expected(records, sources),
            Self::Market => bare::market_one_after_the_other(records, sources),
            Self::Nexmark(_) => unreachable!("its events are made elsewhere"),
        }
    }
}

/// Word count in one representation; `on_potoroo` differs between them.
fn words<W>(
    lexicon: &Arc<Lexicon<W>>,
    records: u64,
    column: Column,
    workers: usize,
    on_potoroo: impl FnOnce(Arc<Lexicon<W>>, u64, usize) -> Timed,
) -> Timed
where
    W: Word + serde::Serialize + serde::de::DeserializeOwned,
{
    match column {
        Column::Timely => timely::words(lexicon, records, workers),
        Column::Potoroo => on_potoroo(lexicon.clone(), records, workers),
        Column::Batches => timed(|| bare::words_batched(lexicon.text(records, 0, 1))),
        _ => timed(|| bare::words(lexicon.text(records, 0, 1))),
    }
}

/// Times a loop on this thread.
fn timed(run: impl FnOnce() -> Total) -> Timed {
    let (since, cpu) = (Instant::now(), cpu_time());
    let total = run();
    Timed {
        total,
        took: since.elapsed(),
        cpu: cpu_time().saturating_sub(cpu),
    }
}
