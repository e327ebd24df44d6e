//! Potoroo's stream engine: a layer of actors.
//!
//! A pipeline is sources, stateless steps, state entities, operators and sinks. Every key has one state entity, owned by one
//! actor: handling a record is a transaction on that entity, without a lock and without a store on the way. Stateless steps are
//! fused into the actor before them; records travel in batches that form by themselves; credits bound every edge. Event time
//! comes with the records, and watermarks say how far it has come. `README.md` of the crate tells how to write an operator, a
//! source and a sink.
//!
//! # The floors, from the ground up
//!
//! | floor | folder | what it is |
//! |---|---|---|
//! | 0 | [`element`] | what travels on an edge: records, marks, times; keys and key groups |
//! | 1 | `state` | one entity per key, one table per key group; timers of keys |
//! | 1 | [`exchange`] | collecting, partitioning, forks, side outputs, credit, watermarks, the end |
//! | 2 | `job` | deployment, status, failures, dead letters, questions, the end of a job |
//! | 3 | `operator` | fused steps, [`time`], the actor of a stage, [`KeyedProcess`], [`Operator`] |
//! | 4 | [`source`], [`sink`] | TCP, HTTP, files, generators, channels; TCP, HTTP, files, PostgreSQL, closures |
//! | 4 | [`window`] | windows of event time and their aggregates |
//! | 4 | [`join`] | two streams that meet by key; a stream that all partitions hear |
//! | 5 | `plan` | [`Pipeline`], [`Stream`], [`KeyedStream`], [`Graph`]: what users write |
//!
//! ```text
//!  source (frames → records → event time) → fused steps → exchange (key → key group → partition; spend credit)
//!    → stage → state entity (one owner per key) → fused steps → exchange or sink
//! ```
#![forbid(unsafe_code)]

pub mod element;
pub mod join;
pub mod sink;
pub mod source;
pub mod window;

pub mod exchange;
mod job;
mod operator;
mod plan;
mod state;

pub use exchange::SideTag;
pub use job::{
    DeadLetter, DeadLetters, Deploy, Drain, FailedRecord, Failures, HotGroup, Job, JobError, JobStatus, OnError,
    PartitionStatus, Queries, Query, QueryError, QueryTag, RescaleError, Rescaled, StageStatus,
};
pub use operator::timestamps as time;
pub use operator::{
    CallOptions, FIRINGS_MAX, KeyContext, KeyedProcess, Operator, Output, Progress, Setup, TimeDomain, Timer, View,
    Views,
};
pub use plan::{
    AsOfJoin, Branch, BroadcastStream, Edge, Enrichment, Graph, IntervalJoin, Joining, KeyedStream, Node, NodeKind,
    Pipeline, Port, PreAggregateBranch, PreAggregated, PreAggregatedWindows, Shared, Stream, TryBranch, WindowJoin,
    WindowedStream, WithBroadcast,
};
pub use potoroo_runtime as runtime;
pub use sink::Encode;
pub use state::{Entity, KeyGroupTable, TimeToLive};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
