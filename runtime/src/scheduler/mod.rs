#![doc = include_str!("README.md")]

pub(crate) mod control;
pub(crate) mod deque;
pub(crate) mod doorbell;
mod drift;
pub(crate) mod exit;
pub(crate) mod header;
mod share;
pub(crate) mod shared;
mod sleep;
pub(crate) mod sockets;
pub(crate) mod worker;

pub use sleep::Sleep;
