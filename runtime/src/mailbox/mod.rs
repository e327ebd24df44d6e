#![doc = include_str!("README.md")]

mod inbox;
mod notified;
pub(crate) mod ring;

pub use inbox::{Inbox, Pushed, Refused, Taken};
pub use notified::{Notifiable, NotifyList};
