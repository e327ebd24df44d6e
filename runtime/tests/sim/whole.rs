//! The runtime itself under the simulator: scenarios that use much of it, each with a ledger that must come out even.

mod asks;
mod credits;
mod crowd;
mod ends;
mod pressure;
mod restarts;

use potoroo_runtime::sim::Sim;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that actors and the scenario both write in.
type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scenario, with its name and whether actors may fail in it, or leave messages to nobody.
pub(crate) struct Whole {
    pub(crate) name: &'static str,
    pub(crate) scenario: fn(&Sim),
    pub(crate) may_fail: bool,
    pub(crate) may_leave: bool,
}

const fn plain(name: &'static str, scenario: fn(&Sim)) -> Whole {
    Whole {
        name,
        scenario,
        may_fail: false,
        may_leave: false,
    }
}

pub(crate) const ALL: [Whole; 8] = [
    plain("crowd", crowd::crowd),
    plain("quiet", crowd::quiet),
    Whole {
        may_leave: true,
        ..plain("ends", ends::ends)
    },
    plain("asks", asks::asks),
    plain("pressure", pressure::pressure),
    Whole {
        may_fail: true,
        ..plain("restarts", restarts::restarts)
    },
    plain("credits", credits::credits),
    Whole {
        // A turn that has lost its disk ends with that error.
        may_fail: true,
        may_leave: true,
        ..plain("crashes", crate::nodes::count_through_crashes)
    },
];
