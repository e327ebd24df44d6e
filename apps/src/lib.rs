//! The library behind the `potoroo` program: its jobs, their data, and the processes at both ends of them.
//!
//! It exists so that `main` stays a dispatcher and the tests can call what the program calls. Each application is a
//! folder: [`market_spread`], [`word_count`], [`nexmark`], [`kv`], and [`bench`](mod@bench) for the benchmarks; three are
//! one page each, to be read: [`pool`], [`chat`], [`proxy`], and so are Wallaroo's, in [`classics`]. [`soak`] runs everything
//! at once. What they share stands beside them.
#![forbid(unsafe_code)]

pub mod allocator;
pub mod bench;
pub mod chat;
pub mod classics;
pub mod cli;
pub mod endpoint;
pub mod ends;
pub mod error;
pub mod human;
pub mod kv;
pub mod latency;
pub mod market_spread;
pub mod nexmark;
pub mod partial_file;
pub mod pool;
pub mod proxy;
pub mod query;
pub mod rate;
pub mod serve;
pub mod soak;
pub mod summary;
pub mod terminal;
pub mod word_count;

mod temporary;
