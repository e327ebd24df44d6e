#![doc = include_str!("README.md")]

mod collections;
mod handle;
mod scratch;

pub use collections::{ArenaTable, ArenaVec};
pub(crate) use handle::Entered;
pub use handle::{Arena, ArenaBytes};
pub use scratch::Scratch;
