#![doc = include_str!("README.md")]

mod credits;
mod group;
mod held;
mod members;
mod name;
mod registry;
mod stash;
mod topic;

pub use credits::{Credit, Credits, Reserve};
pub use group::{Group, GroupSender};
pub use held::HeldRef;
pub use name::{LookupError, Name, RegisterError, Registered};
pub(crate) use registry::Directory;
pub use registry::Registry;
pub use stash::{Stash, StashFull};
pub use topic::{Publisher, Topic};
