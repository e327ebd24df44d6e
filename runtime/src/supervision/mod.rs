#![doc = include_str!("README.md")]

mod backoff;
mod builder;
mod messages;
mod pool;
mod roster;
mod supervisor;
mod window;

pub use backoff::Backoff;
pub use builder::{Settings, SupervisorBuilder};
pub use messages::{ChildError, ChildInfo, SupervisorMsg};
pub use pool::Pool;
pub use roster::{ChildState, Restart, Strategy};
pub use supervisor::Supervisor;
