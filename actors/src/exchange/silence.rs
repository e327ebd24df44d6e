//! Sources that declare themselves idle when they have been silent for long.
//!
//! Only the source knows whether it is silent or held up, so this stands directly behind it, in its actor: time in which the next
//! stage has no room, or others are waited for that have to keep together, is no silence. Silence is counted from the end of the
//! turn in which the last record came, or the source was let go on. A record costs a look at one byte, a turn with records a look at
//! the clock.
//!
//! The timer belongs to an actor beside the source, the [`Alarm`], since sources have messages and timers of their own kinds. Each
//! source has at most one: it is not moved when records come, but when it rings too early it is set again for what is left. So it
//! rings once when the silence is long enough, not before and at most a tick of the runtime's timers after, whatever came when. It
//! lacks a way to know what waits outside, in a socket that nobody has read.

use super::collector::{Collector, Downstream, Flow, Wiring};
use crate::element::{EdgeId, Grant, Granted, Mark, Timed, Timestamp};
use potoroo_runtime::sys::clock::{self, Time};
use potoroo_runtime::{Actor, Context, Recipient, Turn};
use std::time::Duration;

/// Says to sources when a silence could have been long enough.
pub(crate) struct Alarm;

/// What the alarm is told.
pub(crate) enum AlarmMsg {
    Set { at: Time, whom: Recipient<Grant> },
    Ring(Recipient<Grant>),
}

impl Actor for Alarm {
    type Msg = AlarmMsg;

    fn handle(&mut self, msg: AlarmMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            AlarmMsg::Set { at, whom } => drop(ctx.after(at.since(clock::now()), AlarmMsg::Ring(whom))),
            AlarmMsg::Ring(whom) => whom.tell(Grant {
                // No outlet has it.
                lane: u32::MAX,
                what: Granted::Silence,
            }),
        }
        Ok(())
    }
}

/// The plan of a source that is idle after a silence.
#[derive(Clone)]
pub(crate) struct SilenceTo<D> {
    pub(crate) silence: Duration,
    pub(crate) alarm: Recipient<AlarmMsg>,
    pub(crate) next: D,
}

impl<T: 'static, D: Downstream<T>> Downstream<T> for SilenceTo<D> {
    type Collector = Listening<D::Collector>;

    fn open(&self, edge: EdgeId) {
        self.next.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.next.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.next.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        let mut listening = Listening {
            silence: self.silence,
            alarm: self.alarm.clone(),
            me: wiring.me(),
            state: State::Silent,
            since: Time::ZERO,
            is_set: false,
            is_held: false,
            is_ending: false,
            next: self.next.connect(edge, wiring),
        };
        listening.begin();
        listening
    }
}

/// What is known of the source since the end of its last turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Something has come.
    Heard,
    Silent,
    /// It has declared itself idle, or been declared so here.
    Idle,
}

/// See [`SilenceTo`].
pub(crate) struct Listening<C> {
    silence: Duration,
    alarm: Recipient<AlarmMsg>,
    me: Recipient<Grant>,
    state: State,
    /// When the silence began.
    since: Time,
    /// The alarm is set.
    is_set: bool,
    /// The source may not go on: whether it would be silent is not known.
    is_held: bool,
    is_ending: bool,
    next: C,
}

impl<C: Flow> Listening<C> {
    /// Something comes, the first in this turn.
    #[cold]
    fn hear(&mut self) {
        if self.state == State::Idle {
            self.next.mark(Mark::Active);
        }
        self.state = State::Heard;
    }

    /// A silence begins now, if nothing more comes.
    fn begin(&mut self) {
        self.since = clock::now();
        if self.state == State::Heard {
            self.state = State::Silent;
        }
        if self.state == State::Silent && !self.is_set {
            self.set_alarm();
        }
    }

    fn set_alarm(&mut self) {
        self.is_set = true;
        self.alarm.tell(AlarmMsg::Set {
            at: self.since + self.silence,
            whom: self.me.clone(),
        });
    }

    /// Notes whether the source may go on; when it is let go on, a silence begins anew.
    fn look_for_room(&mut self) {
        let was_held = std::mem::replace(&mut self.is_held, !self.next.is_ready());
        if was_held && !self.is_held {
            self.begin();
        }
    }

    /// The alarm has rung.
    fn rung(&mut self) {
        self.is_set = false;
        if self.is_ending || self.is_held {
            // What lets the source go on sets the alarm again.
            return;
        }
        match self.state {
            State::Heard => self.begin(),
            State::Silent if clock::now().since(self.since) < self.silence => self.set_alarm(),
            State::Silent => {
                self.state = State::Idle;
                self.next.mark(Mark::Idle);
            }
            State::Idle => {}
        }
    }
}

impl<C: Flow> Flow for Listening<C> {
    fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Idle => self.state = State::Idle,
            Mark::Active => self.state = State::Heard,
            Mark::Watermark(_) => self.hear(),
        }
        self.next.mark(mark);
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn flush(&mut self) {
        if self.state == State::Heard {
            self.begin();
        }
        self.next.flush();
        self.look_for_room();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        if matches!(grant.what, Granted::Silence) {
            self.look_for_room();
            self.rung();
            return None;
        }
        let left = self.next.granted(grant);
        self.look_for_room();
        left
    }

    fn end(&mut self) {
        self.is_ending = true;
        self.next.end();
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<T, C: Collector<T>> Collector<T> for Listening<C> {
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        if self.state != State::Heard {
            self.hear();
        }
        self.next.collect(record, time);
    }

    fn collect_all(&mut self, records: &mut Vec<Timed<T>>) {
        if self.state != State::Heard && !records.is_empty() {
            self.hear();
        }
        self.next.collect_all(records);
    }
}
