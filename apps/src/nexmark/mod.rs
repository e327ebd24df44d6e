#![doc = include_str!("README.md")]

mod auctions;
pub mod bare;
pub mod event;
pub mod generate;
mod highest;
mod hot;
mod joins;
mod newcomers;
pub mod run;
mod sessions;
pub mod state;
mod stateless;
pub mod total;
mod windows;

pub use hot::{PANES, SLIDE_MILLIS};
pub use joins::{CATEGORY, is_near};
pub use sessions::GAP_MILLIS;
pub use stateless::{is_looked_at, to_euros};

use event::Event;
use generate::{Events, source};
use potoroo_actors::time::{Timestamps, monotonic};
use potoroo_actors::{Job, Pipeline};
use potoroo_runtime::System;
use std::num::NonZeroUsize;
use total::SharedTotal;

/// The windows of queries 7 and 8.
pub const WINDOW_MILLIS: i64 = 10_000;

/// The stage that results come to.
const RESULTS: &str = "results";

/// A query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the numbers are the names; the README says what they ask")]
pub enum Query {
    Q0,
    Q1,
    Q2,
    Q3,
    Q4,
    Q5,
    Q6,
    Q7,
    Q8,
    Q11,
    Q18,
    Q20,
}

impl Query {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Q0,
        Self::Q1,
        Self::Q2,
        Self::Q3,
        Self::Q4,
        Self::Q5,
        Self::Q6,
        Self::Q7,
        Self::Q8,
        Self::Q11,
        Self::Q18,
        Self::Q20,
    ];

    /// As it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Q0 => "q0",
            Self::Q1 => "q1",
            Self::Q2 => "q2",
            Self::Q3 => "q3",
            Self::Q4 => "q4",
            Self::Q5 => "q5",
            Self::Q6 => "q6",
            Self::Q7 => "q7",
            Self::Q8 => "q8",
            Self::Q11 => "q11",
            Self::Q18 => "q18",
            Self::Q20 => "q20",
        }
    }

    /// Whether every run has the same results. Query 4 says how averages change on the way, and the way depends on who is
    /// faster: only with one source and one partition it is the same each time.
    #[must_use]
    pub fn is_determined(self, sources: usize, partitions: usize) -> bool {
        self != Self::Q4 || (sources == 1 && partitions == 1)
    }
}

/// What the pipelines are made with.
struct Plan {
    partitions: NonZeroUsize,
    total: SharedTotal,
}

/// Event time: each source is in the order of its times.
fn in_order() -> impl Timestamps<Event> {
    monotonic(Event::time)
}

/// Starts a query, with a source for each of `events`. The total is to be had when the job has ended.
pub fn start(query: Query, system: &System, events: Vec<Events>, partitions: NonZeroUsize) -> (Job, SharedTotal) {
    let plan = Plan {
        partitions,
        total: SharedTotal::default(),
    };
    let pipeline = Pipeline::new();
    let read = |source| pipeline.source("events", source);
    let events = source(events);
    match query {
        Query::Q0 => stateless::q0(read(events), &plan),
        Query::Q1 => stateless::q1(read(events), &plan),
        Query::Q2 => stateless::q2(read(events), &plan),
        Query::Q3 => joins::q3(read(events), &plan),
        Query::Q4 => auctions::q4(read(events), &plan),
        Query::Q5 => windows::q5(read(events), &plan),
        Query::Q6 => auctions::q6(read(events), &plan),
        Query::Q7 => windows::q7(&pipeline, events, &plan),
        Query::Q8 => joins::q8(read(events), &plan),
        Query::Q11 => windows::q11(read(events), &plan),
        Query::Q18 => joins::q18(read(events), &plan),
        Query::Q20 => joins::q20(read(events), &plan),
    }
    (pipeline.start(system), plan.total)
}
