#![doc = include_str!("README.md")]

mod asymmetric;
pub(crate) mod blocking;
pub(crate) mod carried;
pub(crate) mod control;
pub(crate) mod deque;
pub(crate) mod desk;
pub(crate) mod doorbell;
mod drift;
pub(crate) mod exit;
pub(crate) mod header;
pub(crate) mod keepsake;
pub(crate) mod letters;
pub(crate) mod outgoing;
mod pace;
mod record;
mod rescue;
mod rest;
mod sending;
mod share;
pub(crate) mod shared;
#[cfg(not(potoroo_loom))]
pub(crate) mod simulated;
mod sleep;
pub(crate) mod sockets;
pub mod surplus;
mod tenure;
pub(crate) mod tie;
pub(crate) mod timing;
mod trial;
pub(crate) mod waiting;
pub(crate) mod worker;

pub use sleep::Sleep;
pub use tenure::{AtWork, Held, Tenure};
