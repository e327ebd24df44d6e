//! Query 8's operator: who does two things within one window.
//!
//! A table per window that is open. What is late finds no window, and with sources in order nothing is.

use super::WINDOW_MILLIS;
use hashbrown::HashTable;
use potoroo_actors::element::{Key, Routed, Timestamp};
use potoroo_actors::runtime::{Fault, Turn};
use potoroo_actors::{Operator, Output, Progress};

/// What a person has done in a window.
struct Done {
    person: u64,
    registered: bool,
    sold: bool,
}

struct Window {
    begin_millis: i64,
    people: HashTable<Done>,
}

/// Records are persons, each with whether they register or sell. See the module.
#[derive(Default)]
pub(super) struct NewSellers {
    /// Few: as many as the sources are apart.
    windows: Vec<Window>,
}

impl NewSellers {
    fn window(&mut self, millis: i64) -> &mut Window {
        let begin_millis = millis - millis.rem_euclid(WINDOW_MILLIS);
        // The latest is at the end, and what comes is mostly of the latest.
        let known = self
            .windows
            .iter()
            .rposition(|window| window.begin_millis == begin_millis);
        let at = known.unwrap_or_else(|| {
            let at = self
                .windows
                .partition_point(|window| window.begin_millis < begin_millis);
            self.windows.insert(
                at,
                Window {
                    begin_millis,
                    people: HashTable::new(),
                },
            );
            at
        });
        &mut self.windows[at]
    }
}

impl Operator<Routed<(u64, bool)>> for NewSellers {
    type Out = u64;

    fn batch(&mut self, records: &mut Vec<Routed<(u64, bool)>>, out: &mut Output<u64>) -> Turn {
        for Routed { hash, time, record } in records.drain(..) {
            let (person, registers) = record;
            let window = self.window(time.millis());
            let entry = window
                .people
                .entry(hash, |done| done.person == person, |done| done.person.hash64());
            let done = entry.or_insert(Done {
                person,
                registered: false,
                sold: false,
            });
            let done = done.into_mut();
            let was_both = done.registered && done.sold;
            done.registered |= registers;
            done.sold |= !registers;
            if done.registered && done.sold && !was_both {
                out.emit_at(person, time);
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, _: &mut Output<u64>) -> Result<Progress, Fault> {
        self.windows
            .retain(|window| Timestamp::from_millis(window.begin_millis + WINDOW_MILLIS) > now);
        Ok(Progress::Done)
    }

    fn keys(&self) -> usize {
        self.windows.iter().map(|window| window.people.len()).sum()
    }
}
