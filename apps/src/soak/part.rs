//! What the parts of the load have in common.

use super::ledger::Ledger;
use crate::market_spread::random::SplitMix64;
use potoroo_runtime::System;
use std::sync::Arc;

/// One kind of load. Its actors live as long as the system, or as a round.
pub(super) trait Part {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// Its books.
    fn ledger(&self) -> &Arc<Ledger>;

    /// In which of its modules its actors are defined: a part of their types' names, by which dead letters are found.
    fn module(&self) -> &'static str;

    /// Sets the work of one round going, decided by `random`, and comes back at once.
    fn begin(&mut self, system: &System, random: SplitMix64);

    /// Called again and again while the round goes on: the place to look after what nobody tells of.
    fn look(&mut self) {}

    /// Whether nothing is under way that the ledger does not know of.
    fn is_settled(&self) -> bool {
        true
    }

    /// Called at rest, at the end of a round: what can only be checked now. What is wrong is told to the ledger.
    fn check(&mut self) {}
}

/// A panic that no hook tells of: it is meant.
pub(super) fn panic_by_design() -> ! {
    std::panic::resume_unwind(Box::new("by design"))
}
