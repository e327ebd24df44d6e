#![doc = include_str!("README.md")]

mod inbox;
mod notified;

pub use inbox::{Inbox, Pushed, Refused, Taken};
pub use notified::{Notifiable, NotifyList};
