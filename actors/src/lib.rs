//! Potoroo's stream engine: a layer of actors.
//!
//! A pipeline is sources, stateless steps, state entities and sinks. Every key has one state entity, owned by one actor:
//! handling a record is a transaction on that entity, without a lock and without a store on the way. Stateless steps are
//! fused into the actor before them; records travel in batches that form by themselves; credits bound every edge.
//!
//! # The floors, from the ground up
//!
//! | floor | folder | what it is |
//! |---|---|---|
//! | 0 | [`element`] | what travels on an edge; keys and key groups |
//! | 1 | `state` | one entity per key, one table per key group |
//! | 1 | `exchange` | collecting, partitioning, credit, the end |
//! | 2 | `job` | deployment, status, dead letters, the end of a job |
//! | 3 | `operator` | fused steps, and the actors that own key groups |
//! | 4 | [`source`], [`sink`] | TCP, files, generators; TCP, files, closures |
//! | 5 | `plan` | [`Pipeline`], [`Stream`]: what users write |
//!
//! ```text
//!  source (frames → records) → fused steps → exchange (key → key group → partition; spend credit)
//!    → partition → state entity (one owner per key) → fused steps → sink
//! ```
#![forbid(unsafe_code)]

pub mod element;
pub mod sink;
pub mod source;

pub mod exchange;
mod job;
mod operator;
mod plan;
mod state;

pub use exchange::SideTag;
pub use job::{DeadLetter, DeadLetters, Deploy, Drain, Job, JobError, JobStatus, StageStatus};
pub use operator::timestamps as time;
pub use operator::{
    FIRINGS_MAX, KeyContext, KeyedProcess, Operator, Output, Progress, Setup, TimeDomain, Timer,
};
pub use plan::{Branch, Edge, Graph, KeyedStream, Node, NodeKind, Pipeline, Port, Shared, Stream};
pub use potoroo_runtime as runtime;
pub use sink::Encode;
pub use state::{Entity, KeyGroupTable};
