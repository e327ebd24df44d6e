#![doc = include_str!("README.md")]

mod group;
mod held;
mod members;
mod registry;
mod stash;
mod topic;

pub use group::{Group, GroupSender};
pub use held::HeldRef;
pub(crate) use registry::Directory;
pub use registry::{LookupError, Name, RegisterError, Registered, Registry};
pub use stash::{Stash, StashFull};
pub use topic::{Publisher, Topic};
