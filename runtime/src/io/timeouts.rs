//! The time-outs of a connection: when its one timer is set, and what happens when it is due.

use super::close::CloseReason;
use super::connection::{Connection, Progress};
use super::protocol::Protocol;
use super::watch::{Waits, Watch};
use crate::actor::{Context, Turn};
use std::time::Duration;

impl<P: Protocol> Connection<P> {
    /// What the time-outs are about.
    fn waits(&self) -> Waits {
        let begun = self.reader.buffered();
        let reads = begun > 0 && self.progress == Progress::Open && !self.link.is_held();
        Waits {
            moved_bytes: self.link.received_bytes + self.link.sent_bytes,
            stalled_at: self.link.waits_for_the_kernel().then_some(self.link.sent_bytes),
            frame: reads.then(|| (self.reader.offset(), begun)),
        }
    }

    /// Sets the timer if there is something to wait for and it would come too late.
    pub(super) fn keep_watch(&mut self, ctx: &mut Context<'_, Self>) {
        if !matches!(self.progress, Progress::Open | Progress::Closed) {
            return;
        }
        let waits = self.waits();
        let Some(after) = Watch::look_after(&self.link.limits, &waits) else {
            return;
        };
        if self.watch.timer.is_some_and(|(_, set_for)| set_for <= after) {
            return;
        }
        // A first look, to know how things are now.
        let _ = self.watch.look(&self.link.limits, &waits, ctx.now());
        self.look_after(after, ctx);
    }

    pub(super) fn look_after(&mut self, delay: Duration, ctx: &mut Context<'_, Self>) {
        self.forget_timer(ctx);
        self.watch.timer = Some((ctx.signal_after(delay), delay));
    }

    pub(super) fn forget_timer(&mut self, ctx: &mut Context<'_, Self>) {
        if let Some((timer, _)) = self.watch.timer.take() {
            ctx.cancel(timer);
        }
    }

    /// The timer of the time-outs is due.
    pub(super) fn look(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        self.watch.timer = None;
        let reason = match self.progress {
            Progress::Connecting => Some(CloseReason::ConnectTimedOut),
            Progress::Handshaking => Some(CloseReason::HandshakeTimedOut),
            Progress::Lingering => {
                ctx.stop();
                None
            }
            Progress::Open | Progress::Closed => self.watch.look(&self.link.limits, &self.waits(), ctx.now()),
        };
        reason.map_or(Ok(()), |reason| self.close(&reason, ctx))
    }
}
