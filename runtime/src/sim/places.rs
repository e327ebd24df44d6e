//! What the network, the disks and the world know of the nodes: who is running, who can reach whom, and what may go wrong.
//!
//! A node is a simulated process on a machine of its own: an address, a disk, some systems. It has crashed, been paused or
//! booted so many times; what belongs to an earlier boot belongs to nobody any more. The first node is the scenario's own.

use super::faults::{FaultKind, Faults, Injected};
use crate::sys::clock::Time;
use crate::sys::simulated::{self, Errand};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Chances are drawn in parts of so many.
const CHANCES: usize = 1_000_000;

/// Which node, and since which boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Whose {
    pub(super) node: usize,
    pub(super) boot: u64,
}

struct Place {
    name: String,
    boot: u64,
    is_down: bool,
    paused_until: Time,
}

/// The nodes of a world.
pub(super) struct Places {
    places: RefCell<Vec<Place>>,
    /// Whose code runs.
    present: Cell<usize>,
    /// From whom nothing reaches whom.
    cut: RefCell<BTreeSet<(usize, usize)>>,
    /// Nodes that have crashed in the middle of a step; the network has not been told.
    fallen: RefCell<Vec<usize>>,
    pub(super) faults: RefCell<Faults>,
    injected: Cell<Injected>,
    /// Whether anything is left to chance: not by turns.
    pub(super) is_random: bool,
}

impl Places {
    pub(super) fn new(faults: Faults, is_random: bool) -> Self {
        let places = Self {
            places: RefCell::default(),
            present: Cell::new(0),
            cut: RefCell::default(),
            fallen: RefCell::default(),
            faults: RefCell::new(faults),
            injected: Cell::default(),
            is_random,
        };
        places.add("main");
        places
    }

    /// A new node.
    pub(super) fn add(&self, name: &str) -> usize {
        let mut places = self.places.borrow_mut();
        places.push(Place {
            name: name.to_owned(),
            boot: 0,
            is_down: false,
            paused_until: Time::ZERO,
        });
        places.len() - 1
    }

    pub(super) fn name(&self, node: usize) -> String {
        self.places.borrow()[node].name.clone()
    }

    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.places.borrow().iter().position(|place| place.name == name)
    }

    /// Whose code runs.
    pub(super) fn present(&self) -> Whose {
        let node = self.present.get();
        let boot = self.places.borrow()[node].boot;
        Whose { node, boot }
    }

    /// Runs `f` as code of that node.
    pub(super) fn run_at<R>(&self, node: usize, f: impl FnOnce() -> R) -> R {
        struct Restore<'a>(&'a Cell<usize>, usize);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _restore = Restore(&self.present, self.present.replace(node));
        f()
    }

    /// Whether this is of the present boot of a node that is up.
    pub(super) fn is_alive(&self, whose: Whose) -> bool {
        let place = &self.places.borrow()[whose.node];
        place.boot == whose.boot && !place.is_down
    }

    pub(super) fn is_down(&self, node: usize) -> bool {
        self.places.borrow()[node].is_down
    }

    pub(super) fn paused_until(&self, node: usize) -> Time {
        self.places.borrow()[node].paused_until
    }

    pub(super) fn pause(&self, node: usize, until: Time) {
        self.places.borrow_mut()[node].paused_until = until;
    }

    /// Nobody is paused any more.
    pub(super) fn resume(&self) {
        for place in self.places.borrow_mut().iter_mut() {
            place.paused_until = Time::ZERO;
        }
    }

    /// The power goes; `false` if it is gone already.
    pub(super) fn fall(&self, node: usize) -> bool {
        let was_down = std::mem::replace(&mut self.places.borrow_mut()[node].is_down, true);
        if !was_down {
            self.count(FaultKind::Crash);
            self.fallen.borrow_mut().push(node);
        }
        !was_down
    }

    /// Who has fallen since this was asked.
    pub(super) fn take_fallen(&self) -> Vec<usize> {
        self.fallen.take()
    }

    /// The power comes back.
    pub(super) fn rise(&self, node: usize) {
        let place = &mut self.places.borrow_mut()[node];
        place.is_down = false;
        place.boot += 1;
        place.paused_until = Time::ZERO;
    }

    /// The address of a node's machine.
    pub(super) fn address(node: usize) -> IpAddr {
        let last = u8::try_from(node + 1).unwrap_or(u8::MAX);
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
    }

    /// Which node `address` means to one of `from`.
    pub(super) fn node_at(&self, from: usize, address: IpAddr) -> Option<usize> {
        if address.is_loopback() || address.is_unspecified() {
            return Some(from);
        }
        (0..self.places.borrow().len()).find(|node| Self::address(*node) == address)
    }

    /// Has nothing of one node reach the other, or all again.
    pub(super) fn set_cut(&self, from: usize, to: usize, is_cut: bool) {
        let mut cut = self.cut.borrow_mut();
        if is_cut {
            cut.insert((from, to));
        } else {
            cut.remove(&(from, to));
        }
    }

    /// Heals all partitions.
    pub(super) fn heal(&self) {
        self.cut.borrow_mut().clear();
    }

    /// Whether what one node sends reaches the other now.
    pub(super) fn reaches(&self, from: usize, to: usize) -> bool {
        !self.is_down(to) && (from == to || !self.cut.borrow().contains(&(from, to)))
    }

    pub(super) fn injected(&self) -> Injected {
        self.injected.get()
    }

    pub(super) fn count(&self, kind: FaultKind) {
        let mut injected = self.injected.get();
        injected.add(kind);
        self.injected.set(injected);
    }

    /// Whether a fault of this rate happens now; it is counted.
    pub(super) fn strikes(&self, kind: FaultKind, rate: impl FnOnce(&Faults) -> f64) -> bool {
        let rate = rate(&self.faults.borrow());
        let strikes = self.is_random && rate > 0.0 && (choose(CHANCES) as f64) < rate * CHANCES as f64;
        if strikes {
            self.count(kind);
        }
        strikes
    }

    /// Some time up to that.
    pub(super) fn some(&self, up_to: Duration) -> Duration {
        if !self.is_random || up_to.is_zero() {
            return Duration::ZERO;
        }
        let ns = usize::try_from(up_to.as_nanos()).unwrap_or(usize::MAX);
        Duration::from_nanos(choose(ns) as u64)
    }
}

/// One of `n`.
pub(super) fn choose(n: usize) -> usize {
    simulated::with(|world| world.choose(n)).unwrap_or(0)
}

/// The time in this world.
pub(super) fn now() -> Time {
    simulated::with(|world| world.now()).unwrap_or(Time::ZERO)
}

/// Has something happen at some time, which no node does.
pub(super) fn at(due: Time, event: Errand) {
    simulated::with(|world| world.event(due, event));
}
