//! The actor that takes records from an input that has to be waited for.
//!
//! The waiting is done by the pool for blocking work, a piece at a time and two ahead, so that no worker ever waits for a
//! disk or a person, and unpacking goes on while records are decoded.

use super::SourceMsg;
use super::format::Format;
use super::input::{Event, Input};
use super::intake::Intake;
use crate::exchange::Collector;
use potoroo_runtime::io::FrameReader;
use potoroo_runtime::sys::clock::wall_ns;
use potoroo_runtime::{Actor, BlockingError, Context, Signal, Turn};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many events wait at most.
const AHEAD: usize = 2;

/// When the pool has no room, it is asked again after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

/// See the file's head.
pub(super) struct Reading<M: Format, C> {
    pub(super) input: Arc<Mutex<Box<dyn Input>>>,
    pub(super) intake: Intake<M, C>,
    pub(super) reader: FrameReader<M::Codec>,
    /// How long until the next look, when nothing has come.
    pub(super) poll: Duration,
    /// What the file is called, for dead letters.
    pub(super) name: String,
    /// A question is under way, or a timer that leads to one.
    pub(super) asked: bool,
    pub(super) events: VecDeque<Event>,
    /// The piece at hand: its bytes, how many there are, how many have been used.
    pub(super) piece: (Vec<u8>, usize, usize),
    /// Used buffers.
    pub(super) spare: Vec<Vec<u8>>,
    /// When the piece at hand was taken up.
    pub(super) wall_ns: u64,
    /// The rest of the file is left out.
    pub(super) skipping: bool,
    /// Nothing more is taken in.
    pub(super) over: bool,
    /// There is more to do than one turn should.
    pub(super) more: bool,
}

impl<M: Format, C: Collector<M::Record>> Reading<M, C> {
    fn ask(&mut self, ctx: &mut Context<'_, Self>) {
        if self.asked || self.over || self.intake.failed || self.events.len() >= AHEAD {
            return;
        }
        self.asked = true;
        let input = self.input.clone();
        let buffer = self.spare.pop().unwrap_or_default();
        ctx.blocking(move || input.lock().unwrap_or_else(PoisonError::into_inner).next(buffer))
            .then(|this, event, ctx| {
                match event {
                    Ok(Event::Quiet) => _ = ctx.signal_after(this.poll),
                    Ok(event) => {
                        this.asked = false;
                        this.events.push_back(event);
                        this.more = true;
                    }
                    Err(BlockingError::Full) => _ = ctx.signal_after(AGAIN_AFTER),
                    Err(BlockingError::Stopped) => ctx.stop(),
                    Err(error) => this.intake.fail(format!("cannot read {}: {error}", this.name)),
                }
                Ok(())
            });
    }

    /// Takes in what is there, as far as there is room, for the time of one buffer.
    fn produce(&mut self) {
        self.more = false;
        let mut filled = false;
        while !self.over && self.intake.out.is_ready() && !self.intake.failed {
            let broken = match self.reader.next_frame() {
                Ok(Some(frame)) => {
                    self.intake.frame(&frame, self.wall_ns, &self.name);
                    continue;
                }
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if let Some(error) = broken {
                let reason = format!("{error}; nothing after it can be trusted, so the rest of the file is left out");
                self.intake.dead_letter(&self.name, error.offset(), &reason, &[]);
                self.skip();
                continue;
            }
            let (bytes, count, used) = &mut self.piece;
            if *used < *count {
                if std::mem::replace(&mut filled, true) {
                    // The rest after other actors' turns.
                    break;
                }
                let rest = &bytes[*used..*count];
                let taken = self.reader.fill(|room| {
                    let taken = rest.len().min(room.len());
                    room[..taken].copy_from_slice(&rest[..taken]);
                    Ok(taken)
                });
                *used += taken.unwrap_or(0);
                continue;
            }
            let Some(event) = self.events.pop_front() else {
                return;
            };
            self.take(event);
        }
        self.more = true;
    }

    fn skip(&mut self) {
        self.skipping = true;
        self.piece.2 = self.piece.1;
        self.reader = FrameReader::new(self.intake.format.codec());
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Began(name) => {
                self.name = name;
                self.skipping = false;
                self.reader = FrameReader::new(self.intake.format.codec());
                self.intake.begin();
            }
            Event::Bytes(bytes, count) => {
                self.intake.counters.bytes.add(count as u64);
                self.wall_ns = wall_ns();
                let used = if self.skipping { count } else { 0 };
                let (old, ..) = std::mem::replace(&mut self.piece, (bytes, count, used));
                if !old.is_empty() && self.spare.len() < AHEAD {
                    self.spare.push(old);
                }
            }
            // Its last line, or a complaint about half a frame.
            Event::Ended => {
                let broken = match self.reader.finish() {
                    Ok(Some(frame)) => {
                        self.intake.frame(&frame, self.wall_ns, &self.name);
                        None
                    }
                    Ok(None) => None,
                    Err(error) => Some(error),
                };
                if let Some(error) = broken {
                    self.intake.dead_letter(&self.name, error.offset(), &error, &[]);
                }
            }
            Event::Torn(reason) => {
                if self.reader.buffered() > 0 {
                    let offset = self.reader.offset();
                    self.intake.dead_letter(&self.name, offset, &reason, &[]);
                }
                self.reader = FrameReader::new(self.intake.format.codec());
            }
            Event::Quiet => {}
            Event::Over => self.over = true,
            Event::Failed(reason) => self.intake.fail(reason),
        }
    }
}

impl<M: Format, C: Collector<M::Record>> Actor for Reading<M, C> {
    type Msg = SourceMsg;

    fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            SourceMsg::Drain => self.over = true,
            SourceMsg::Granted(grant) => drop(self.intake.out.granted(grant)),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        match signal {
            Signal::RunAgain => self.produce(),
            Signal::Timer(_) => self.asked = false,
            _ => {}
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.intake.failed {
            // Without an end: what comes after must not take what was read for all there is.
            ctx.stop();
            return Ok(());
        }
        if self.intake.turn_end(self.over) {
            ctx.stop();
            return Ok(());
        }
        self.ask(ctx);
        if !self.over && self.more && self.intake.out.is_ready() {
            ctx.run_again();
        }
        Ok(())
    }
}
