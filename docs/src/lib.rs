//! Potoroo's book, as a crate: every chapter is the documentation of an empty module, so every program in it compiles and
//! runs with the tests. The text lies in `docs/book`; read it there. There is no code here to use.

#[doc = include_str!("../../README.md")]
pub mod readme {}

#[doc = include_str!("../README.md")]
pub mod contents {}

#[doc = include_str!("../book/01-first-actor.md")]
pub mod first_actor {}

#[doc = include_str!("../book/02-messages-and-order.md")]
pub mod messages_and_order {}

#[doc = include_str!("../book/03-asking-timers.md")]
pub mod asking_timers {}

#[doc = include_str!("../book/04-lives.md")]
pub mod lives {}

#[doc = include_str!("../book/05-memory.md")]
pub mod memory {}

#[doc = include_str!("../book/06-connections.md")]
pub mod connections {}

#[doc = include_str!("../book/07-scheduler.md")]
pub mod scheduler {}

#[doc = include_str!("../book/08-streams.md")]
pub mod streams {}

#[doc = include_str!("../book/09-market-spread.md")]
pub mod market_spread {}

#[doc = include_str!("../book/10-limits.md")]
pub mod limits {}

#[doc = include_str!("../book/11-profiling.md")]
pub mod profiling {}

#[doc = include_str!("../book/12-kit.md")]
pub mod kit {}

#[doc = include_str!("../book/13-supervision.md")]
pub mod supervision {}

#[doc = include_str!("../book/14-back-pressure.md")]
pub mod back_pressure {}

#[doc = include_str!("../book/15-kv.md")]
pub mod kv {}

#[doc = include_str!("../book/16-small-programs.md")]
pub mod small_programs {}

#[doc = include_str!("../book/17-loom.md")]
pub mod every_interleaving {}

#[doc = include_str!("../book/18-checking.md")]
pub mod checking {}

#[doc = include_str!("../book/19-simulation.md")]
pub mod simulation {}

#[doc = include_str!("../book/20-connectors.md")]
pub mod connectors {}

#[doc = include_str!("../internals.md")]
pub mod internals {}
