//! Which edges lead into a stage, how far event time has come on each, and whether all of them have ended.
//!
//! An edge is announced by whoever makes it, and ended by its producer: two senders, so the end may arrive before the
//! announcement. Both orders count. A stage begins with one open edge, the deployment's own, so that it cannot believe
//! that all is over while edges are still being announced.
//!
//! The watermark of a stage is the least of its active edges', and never goes back. Idle edges hold nobody up: when all are
//! idle, it is the greatest that was seen on any, and then the stage is idle itself. Idleness is told, never guessed: an
//! edge that is quiet, because of back-pressure or for any other reason, holds the watermark.

use crate::element::{EdgeId, Mark, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The edge that stands for the deployment.
pub(crate) const DEPLOYMENT: EdgeId = EdgeId::new(0);

/// How far one edge has come.
#[derive(Clone, Copy, Debug)]
struct Channel {
    watermark: Timestamp,
    idle: bool,
    /// Otherwise something came on it before its announcement.
    announced: bool,
}

/// Whether a partition has key groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    /// It has none: idle, whatever its edges say, which nobody tells about event time.
    Away,
    /// Some are coming. It is active, but its watermark stays where it is until they are here: some edges hear of them
    /// before others.
    Coming,
}

/// The edges into one actor.
#[derive(Debug)]
pub struct Inputs {
    open: BTreeMap<EdgeId, Channel>,
    /// Ended before they were announced.
    ended_early: BTreeSet<EdgeId>,
    /// The watermark of the stage.
    reached: Timestamp,
    /// The greatest watermark of any edge, ended ones included.
    seen_max: Timestamp,
    /// What was told to the stages after.
    idle: bool,
    presence: Presence,
}

impl Default for Inputs {
    fn default() -> Self {
        Self::new()
    }
}

impl Inputs {
    /// One open edge: the deployment's.
    pub fn new() -> Self {
        Self::with_presence(Presence::Present)
    }

    /// The same for a partition that may have no key groups.
    pub(crate) fn with_presence(presence: Presence) -> Self {
        let mut inputs = Self {
            open: BTreeMap::new(),
            ended_early: BTreeSet::new(),
            reached: Timestamp::MIN,
            seen_max: Timestamp::MIN,
            idle: false,
            presence,
        };
        inputs.opened(DEPLOYMENT);
        inputs
    }

    /// An edge is announced. It is active.
    pub fn opened(&mut self, edge: EdgeId) {
        if !self.ended_early.remove(&edge) {
            self.channel(edge).announced = true;
        }
    }

    fn channel(&mut self, edge: EdgeId) -> &mut Channel {
        self.open.entry(edge).or_insert(Channel {
            watermark: Timestamp::MIN,
            idle: false,
            announced: false,
        })
    }

    /// An edge has ended; says whether that was the last.
    pub fn ended(&mut self, edge: EdgeId) -> bool {
        if !self.open.remove(&edge).is_some_and(|channel| channel.announced) {
            self.ended_early.insert(edge);
        }
        self.have_ended()
    }

    /// Whether all edges are announced that there are at the beginning. Until then nothing that comes can be judged: the
    /// watermark would be that of an edge which carries nothing.
    pub(crate) fn are_deployed(&self) -> bool {
        !self.open.contains_key(&DEPLOYMENT)
    }

    /// Whether nothing more can come.
    pub fn have_ended(&self) -> bool {
        self.open.is_empty()
    }

    /// Something was said on an edge.
    pub fn marked(&mut self, edge: EdgeId, mark: Mark) {
        let channel = self.channel(edge);
        match mark {
            Mark::Watermark(time) => {
                // After everything is the end alone.
                let time = time.min(Timestamp::MAX.before());
                channel.idle = false;
                // A lower one is ignored: what has been promised once holds.
                channel.watermark = channel.watermark.max(time);
                self.seen_max = self.seen_max.max(time);
            }
            Mark::Idle => channel.idle = true,
            Mark::Active => channel.idle = false,
        }
    }

    /// Records came on an edge; says whether that changes anything.
    #[inline]
    pub fn heard(&mut self, edge: EdgeId) -> bool {
        std::mem::take(&mut self.channel(edge).idle)
    }

    /// Whether the stage has key groups, for a stage that may have none.
    pub(crate) fn set_presence(&mut self, presence: Presence) {
        self.presence = presence;
    }

    /// How far these edges have come, if that is further than the stage: where key groups move, edges that have been opened
    /// since do not count.
    pub(crate) fn cut(&mut self, edges: &BTreeSet<EdgeId>) -> Option<Timestamp> {
        let channels = edges.iter().filter_map(|edge| self.open.get(edge));
        let least = channels
            .filter(|channel| !channel.idle)
            .map(|channel| channel.watermark)
            .min()?;
        (least > self.reached).then(|| {
            self.reached = least;
            least
        })
    }

    /// The watermark of the stage.
    pub fn watermark(&self) -> Timestamp {
        self.reached
    }

    /// What has changed for the stages after since this was last asked; to be asked until there is nothing.
    pub fn news(&mut self) -> Option<Mark> {
        let mut least = Timestamp::MAX;
        let mut active = false;
        for channel in self.open.values().filter(|channel| !channel.idle) {
            active = true;
            least = least.min(channel.watermark);
        }
        let idle = !active && !self.open.is_empty();
        if idle {
            least = self.seen_max;
        }
        if self.presence != Presence::Present && !self.open.is_empty() {
            let is_away = self.presence == Presence::Away;
            let is_news = self.idle != is_away;
            self.idle = is_away;
            return is_news.then_some(if is_away { Mark::Idle } else { Mark::Active });
        }
        if self.idle && !idle {
            self.idle = false;
            return Some(Mark::Active);
        }
        if least > self.reached {
            self.reached = least;
            return Some(Mark::Watermark(least));
        }
        if idle && !self.idle {
            self.idle = true;
            return Some(Mark::Idle);
        }
        None
    }
}

#[cfg(test)]
#[path = "inputs_tests.rs"]
mod tests;
