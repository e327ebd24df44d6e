#![doc = include_str!("README.md")]

mod crates;
mod inbox;
mod limits;
pub(crate) mod nodes;
mod notified;
pub(crate) mod ring;

pub use crates::{CRATE_SIZE, Crate, CrateList};
pub(crate) use inbox::ErasedChain;
pub use inbox::{Chain, Gauge, Inbox, Pushed, Refused, Taken};
pub(crate) use limits::{AGED_MIN, Marks};
pub use limits::{MailboxLimits, Overflow};
pub use nodes::{NodePool, Returns};
pub use notified::{Notifiable, NotifyList};
