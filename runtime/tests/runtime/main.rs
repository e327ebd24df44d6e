//! The runtime from outside: every promise of the public face, on real threads.

mod asks;
mod codecs;
mod connections;
mod life;
mod limits;
mod memory;
mod messages;
mod pressure;
mod recording;
mod rescue;
mod timers;
