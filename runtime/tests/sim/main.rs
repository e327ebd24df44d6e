//! The simulator, tested on scenarios whose orders and bugs are known.

mod disk;
mod kit;
mod net;
mod nodes;
mod orders;
mod seeds;
mod whole;
