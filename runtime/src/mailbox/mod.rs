#![doc = include_str!("README.md")]

mod crates;
mod inbox;
pub(crate) mod nodes;
mod notified;
pub(crate) mod ring;

pub use crates::{CRATE_SIZE, Crate, CrateList};
pub(crate) use inbox::ErasedChain;
pub use inbox::{Chain, Inbox, Pushed, Refused, Taken};
pub use nodes::{NodePool, Returns};
pub use notified::{Notifiable, NotifyList};
