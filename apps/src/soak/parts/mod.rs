//! The parts of the load, a file each.

mod asks;
mod churn;
mod flood;
mod keys;
mod memory;
mod ring;
mod sockets;
mod streams;
mod timers;
mod topics;
mod workers;

use super::part::Part;
use potoroo_runtime::System;
use std::io;

/// All parts, their lasting actors started.
pub(super) fn all(system: &System) -> io::Result<Vec<Box<dyn Part>>> {
    Ok(vec![
        Box::new(ring::Rings::start(system)),
        Box::new(flood::Floods::start(system)),
        Box::new(asks::Asks::start(system)),
        Box::new(timers::Timers::start(system)),
        Box::new(workers::Workers::start(system)),
        Box::new(churn::Churn::start(system)),
        Box::new(memory::Memory::start(system)),
        Box::new(topics::Topics::start(system)),
        Box::new(sockets::Sockets::start(system)?),
        Box::new(streams::Streams::new()),
        Box::new(keys::Keys::start(system)?),
    ])
}
