//! The runtime from outside: every promise of the public face, on real threads.

mod asks;
mod connections;
mod kit_letters;
mod kit_lives;
mod kit_members;
mod kit_names;
mod life;
mod limits;
mod memory;
mod messages;
mod recording;
mod rescue;
mod timers;
