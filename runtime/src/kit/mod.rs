#![doc = include_str!("README.md")]

mod held;
mod stash;

pub use held::HeldRef;
pub use stash::{Stash, StashFull};
