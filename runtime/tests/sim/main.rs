//! The simulator, tested on scenarios whose orders and bugs are known.

mod disk;
mod every_step;
mod kit;
mod net;
mod nodes;
mod orders;
mod seeds;
mod whole;
