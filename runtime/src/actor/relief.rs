//! What an actor can say and ask about its own back-pressure; how it works is pressure.rs.

use super::timers::Timer;
use super::{Actor, Context};
use crate::mailbox::MailboxLimits;
use crate::scheduler::header::Attention;
use crate::sys::clock;
use std::time::Duration;

/// How often an actor under pressure looks whether anything else moves.
const STANDSTILL_LOOK: Duration = Duration::from_millis(100);

impl<A: Actor> Context<'_, A> {
    /// Sets how much may wait in this actor's mailbox, instead of what
    /// [`SystemBuilder::mailbox`](crate::SystemBuilder::mailbox) says.
    ///
    /// ```
    /// use potoroo_runtime::{Actor, Context, MailboxLimits, Overflow, Turn};
    ///
    /// struct Latest(u64);
    ///
    /// impl Actor for Latest {
    ///     type Msg = u64;
    ///     fn handle(&mut self, value: u64, _: &mut Context<'_, Self>) -> Turn {
    ///         self.0 = value;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = potoroo_runtime::System::new()?;
    /// let latest = system.spawn(|ctx: &mut Context<'_, Latest>| {
    ///     ctx.limit_mailbox(MailboxLimits::default().soft_messages(16).hard(64, Overflow::DropOldest));
    ///     Ok(Latest(0))
    /// });
    /// latest.tell(7);
    /// # Ok::<(), potoroo_runtime::Error>(())
    /// ```
    pub fn limit_mailbox(&mut self, limits: MailboxLimits) {
        self.cell.header.marks.set(&limits, size_of::<A::Msg>());
        // SAFETY: M1: this is a turn of the home.
        unsafe { self.cell.with_pressure(|pressure| pressure.limits = Some(limits)) };
    }

    /// Says that this actor can do no more, whatever waits in its mailbox (what it writes to is full, say), or that it can
    /// again. Under pressure it counts as flooded: who tells it something is muted when its turn ends.
    ///
    /// If nothing in the whole system can run any more while somebody waits for this actor, it lets one of them go on every
    /// tenth of a second: what would relieve it may be a message of theirs.
    pub fn set_pressure(&mut self, on: bool) {
        self.press(on, false);
    }

    /// As [`set_pressure`](Self::set_pressure), by a socket that takes no more.
    pub(crate) fn set_pressure_by_socket(&mut self, on: bool) {
        self.press(on, true);
    }

    fn press(&mut self, on: bool, by_socket: bool) {
        let cell = self.cell;
        if on {
            cell.set(Attention::PRESSURE);
            // SAFETY: this is a turn of the home.
            unsafe {
                cell.flood();
                cell.with_pressure(|pressure| pressure.by_socket = by_socket);
            }
        } else {
            // Being flooded is looked at when the turn ends.
            cell.clear(Attention::PRESSURE);
        }
    }

    /// Somebody waits for this actor: if it has put itself under pressure, it is to look whether anything moves, and if it is
    /// held, to let them go on from time to time.
    pub(super) fn watch_pressure(&mut self) {
        if !self.cell.has(Attention::PRESSURE | Attention::HELD) {
            return;
        }
        let held = self.cell.has(Attention::HELD);
        // SAFETY: M1: this is a turn of the home.
        let begins = unsafe {
            self.cell.with_pressure(|pressure| {
                (held || !pressure.by_socket)
                    && !pressure.waiting.is_empty()
                    && !std::mem::replace(&mut pressure.watched, true)
            })
        };
        if begins {
            self.arm(clock::now() + STANDSTILL_LOOK, Timer::Pressure);
        }
    }

    /// The look.
    pub(super) fn look_at_pressure(&mut self) {
        if self.cell.has(Attention::HELD) {
            // SAFETY: M1: this is a turn of the home. The guards go outside.
            let all = unsafe {
                self.cell.with_pressure(|pressure| {
                    pressure.watched = false;
                    std::mem::take(&mut pressure.waiting)
                })
            };
            drop(all);
            return;
        }
        let stands_still = self.cell.has(Attention::PRESSURE) && self.worker.is_alone_awake();
        // SAFETY: M1: this is a turn of the home. The guard goes outside.
        let goes_on = unsafe {
            self.cell.with_pressure(|pressure| {
                pressure.watched = false;
                stands_still.then(|| pressure.waiting.pop_front()).flatten()
            })
        };
        if goes_on.is_some() {
            self.worker.counters().mute_cycles.add(1);
        }
        drop(goes_on);
        self.watch_pressure();
    }

    /// Whether this actor is muted: it has told something to an actor that has more than it can do, and gets control
    /// messages only until that one has caught up. [`run_again`](Self::run_again) waits as well.
    pub fn is_muted(&self) -> bool {
        self.cell.has(Attention::MUTED)
    }

    /// Whether this actor is held: it handles no messages but those of its timers until the answer to an ask, or the output of a
    /// future, has come; see [`AskInside::then_holding`](super::AskInside::then_holding).
    pub fn is_held(&self) -> bool {
        self.cell.has(Attention::HELD)
    }

    /// Whether this actor has more than it can do, so that those who tell it something are muted.
    pub fn is_flooded(&self) -> bool {
        self.cell.has(Attention::FLOODED)
    }
}
