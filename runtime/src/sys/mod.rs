//! The only door to the operating system: clock, readiness, cores, files, network, process, processor counters.
//!
//! Code above never says `std::time`, `mio` or `libc`; it asks here. A simulated house puts its stand-ins behind the
//! same names. What this floor deliberately lacks: any policy. Which core a thread takes, how long it may sleep and
//! what happens to a lost connection is decided upstairs.

mod admission;
#[cfg_attr(potoroo_loom, allow(dead_code, reason = "models have full fences instead"))]
pub(crate) mod barrier;
pub mod cache;
pub mod clock;
pub(crate) mod cores;
mod disk;
pub mod entropy;
pub mod files;
pub mod net;
pub mod perf;
#[cfg(not(potoroo_loom))]
pub(crate) mod poller;
#[cfg(potoroo_loom)]
#[path = "poller_checked.rs"]
pub(crate) mod poller;
pub mod process;
#[cfg_attr(potoroo_loom, allow(dead_code, reason = "models run in no simulated world"))]
pub(crate) mod simulated;
mod socket;
mod stream;
mod udp;
#[cfg(unix)]
mod unix;
