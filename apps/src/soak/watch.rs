//! Who does not get on: a look at the heartbeat of everybody who is owed something.

use super::part::Part;
use std::time::{Duration, Instant};

/// Nobody waits for so long, however slow the machine is.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(20);

/// The last beat of one receiver.
struct Beat {
    heartbeat: u64,
    since: Instant,
}

/// The beats of one round.
pub(super) struct Watch {
    /// By part and receiver.
    beats: Vec<Vec<Beat>>,
    /// When anything got on.
    moved: Instant,
}

/// Who is stuck: the number of the part, and in words who it is.
pub(super) type Stuck = Vec<(usize, String)>;

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            beats: Vec::new(),
            moved: Instant::now(),
        }
    }

    /// Looks at everybody; says who has not got on for too long.
    pub(super) fn look(&mut self, parts: &[Box<dyn Part>]) -> Stuck {
        let now = Instant::now();
        self.beats.resize_with(parts.len(), Vec::new);
        let mut stuck = Stuck::new();
        for (index, (part, beats)) in parts.iter().zip(&mut self.beats).enumerate() {
            for (at, post) in part.ledger().posts().iter().enumerate() {
                let heartbeat = post.heartbeat();
                if at == beats.len() {
                    beats.push(Beat { heartbeat, since: now });
                }
                let beat = &mut beats[at];
                if beat.heartbeat != heartbeat || post.owed() == 0 {
                    self.moved = if beat.heartbeat == heartbeat { self.moved } else { now };
                    *beat = Beat { heartbeat, since: now };
                } else if now - beat.since > STUCK_AFTER {
                    stuck.push((
                        index,
                        format!("{} has not got on, {} messages wait for it", post.name(), post.owed()),
                    ));
                }
            }
        }
        if stuck.is_empty() && now - self.moved > STUCK_AFTER {
            // Nobody is owed a message, and yet the round does not end.
            for (index, part) in parts.iter().enumerate() {
                let open = part.ledger().still_open();
                if open > 0 || !part.is_settled() {
                    stuck.push((index, format!("{open} timers, asks or connections are not settled")));
                }
            }
        }
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market_spread::random::SplitMix64;
    use crate::soak::ledger::Ledger;
    use potoroo_runtime::System;
    use std::sync::Arc;

    struct Idle(Arc<Ledger>);

    impl Part for Idle {
        fn name(&self) -> &'static str {
            "idle"
        }
        fn ledger(&self) -> &Arc<Ledger> {
            &self.0
        }
        fn module(&self) -> &'static str {
            module_path!()
        }
        fn begin(&mut self, _: &System, _: SplitMix64) {}
    }

    /// A watch that has been looking for long.
    fn long(parts: &[Box<dyn Part>]) -> Watch {
        let mut watch = Watch::new();
        assert!(watch.look(parts).is_empty());
        let before = Instant::now() - 2 * STUCK_AFTER;
        watch.beats.iter_mut().flatten().for_each(|beat| beat.since = before);
        watch.moved = before;
        watch
    }

    #[test]
    fn who_is_owed_something_and_does_not_get_on_is_named() {
        let ledger = Ledger::new();
        let (slow, quick) = (ledger.post("the slow one"), ledger.post("the quick one"));
        let _waiting = (slow.ticket(), quick.ticket());
        let parts: Vec<Box<dyn Part>> = vec![Box::new(Idle(ledger))];
        let mut watch = long(&parts);
        quick.ticket().handled();
        let stuck = watch.look(&parts);
        assert_eq!(
            stuck,
            [(0, "the slow one has not got on, 1 messages wait for it".to_owned())]
        );
        slow.ticket().handled();
        assert!(watch.look(&parts).is_empty());
    }

    #[test]
    fn what_is_never_settled_is_found_as_well() {
        let ledger = Ledger::new();
        let _open = ledger.open();
        let parts: Vec<Box<dyn Part>> = vec![Box::new(Idle(ledger))];
        assert_eq!(
            long(&parts).look(&parts),
            [(0, "1 timers, asks or connections are not settled".to_owned())]
        );
    }
}
