#![doc = include_str!("README.md")]

mod chain;
mod crates;
mod inbox;
mod limits;
pub(crate) mod nodes;
mod notified;
pub(crate) mod pooled;
pub(crate) mod ring;

pub(crate) use chain::ErasedChain;
pub use chain::{Chain, Taken};
pub use crates::{CRATE_SIZE, Crate, CrateList};
pub use inbox::{Gauge, Inbox, Pushed, Refused};
pub(crate) use limits::{AGED_MIN, Marks};
pub use limits::{MailboxLimits, Overflow};
pub use nodes::{NodePool, Returns};
pub use notified::{Notifiable, NotifyList};
