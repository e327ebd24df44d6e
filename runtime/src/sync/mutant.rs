//! Switches for deliberate faults, so that the models and the simulator can show that they see them.
//!
//! A place that a protocol needs (an ordering, a fence, a check) can be written with [`mutant!`](crate::mutant) or
//! [`weakened!`](crate::weakened), which name the fault that would be made there. In a normal build the first is the
//! constant `false` and the second its strong ordering: no instruction, and no symbol. Under `--cfg potoroo_mutants` the
//! environment variable `POTOROO_MUTANT` names the one fault that is made. One build thus serves all mutants: with a cfg
//! for each, building would take longer than exploring. It lacks the list of the names: those of the models are in
//! `loom-tests/src/mutants.rs`, and a test there compares them with the source.
//!
//! What is read here is `std`'s and never loom's: a switch is no part of the protocol.

/// Whether the environment names this mutant.
#[doc(hidden)]
#[cfg(potoroo_mutants)]
pub fn is_named(name: &str) -> bool {
    std::env::var_os("POTOROO_MUTANT").is_some_and(|named| named == name)
}

/// Whether the fault `name` is to be made here: `false`, but under `--cfg potoroo_mutants` what `POTOROO_MUTANT` says.
///
/// ```
/// use potoroo_runtime::mutant;
///
/// let accepts = |closed: bool| !closed || mutant!("doc_accepts_although_closed");
/// assert!(accepts(false));
/// assert!(!accepts(true));
/// ```
#[doc(hidden)]
#[cfg(not(potoroo_mutants))]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}

/// As in a normal build, but asks; once per place, since a turn passes many times.
#[doc(hidden)]
#[cfg(potoroo_mutants)]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {{
        static NAMED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| $crate::sync::mutant::is_named($name));
        *NAMED
    }};
}

/// The ordering `strong`, or `weak` where the fault `name` is made.
///
/// ```
/// use potoroo_runtime::weakened;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// let ready = AtomicBool::new(true);
/// assert!(ready.load(weakened!("doc_ready", Ordering::Acquire, Ordering::Relaxed)));
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! weakened {
    ($name:literal, $strong:expr, $weak:expr) => {
        if $crate::mutant!($name) { $weak } else { $strong }
    };
}
