//! The runtime from outside: every promise of the public face, on real threads.

mod asks;
mod connections;
mod life;
mod limits;
mod memory;
mod messages;
mod recording;
mod rescue;
mod supervision;
mod ties;
mod timers;
