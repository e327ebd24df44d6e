//! The simulator, tested on scenarios whose orders and bugs are known.

mod kit;
mod orders;
mod seeds;
mod whole;
