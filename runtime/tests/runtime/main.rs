//! The runtime from outside: every promise of the public face, on real threads.

mod asks;
mod blocking;
mod codecs;
mod connection_limits;
mod connections;
mod credits;
mod crossings;
mod fairness;
mod files;
mod futures;
mod holding;
mod kit_letters;
mod kit_lives;
mod kit_members;
mod kit_names;
mod life;
mod limits;
mod memory;
mod messages;
mod pressure;
mod recording;
mod rescue;
mod slow_sides;
mod supervision;
mod ties;
mod timers;
#[cfg(feature = "tls")]
mod tls;
mod together;
#[cfg(unix)]
mod unix_and_udp;
