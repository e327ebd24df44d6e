//! Market Spread: orders are checked against the spread of the latest quote of their symbol.
//!
//! This is the program's main job, the one published for Wallaroo. The modules here are its data,
//! its rule, the job, and the processes at both ends of it.

pub mod clock;
pub mod demo;
pub mod generator;
pub mod job;
pub mod receive;
mod receive_connection;
pub mod reference;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod send;
pub mod send_tcp;

pub use potoroo_wire::market_spread::{frame_error, frames, instruments, instruments_csv, order_ids, random};
