//! The bare loop: one queue of `(target, message)`, actors in a `Vec`, one `match`, one thread.
//!
//! No runtime can be faster on one thread: there is no mailbox, no turn, no allocation. It is a little slower than the
//! bare loop of `benches`, whose roles are made for it alone. Actors that end keep their place, so `create` is a `Vec`
//! that grows. Deliberately nothing here is useful for anything else.

use super::checked;
use crate::ledger::{Event, Ledger, wait_for};
use crate::role::{Io, Msg, Player, Wires, Wiring};
use crate::{Outcome, Workload};
use std::collections::VecDeque;

/// The place of an actor.
type Place = u32;

struct Outside<'a> {
    queue: &'a mut VecDeque<(Place, Msg)>,
    spawned: &'a mut Vec<Player<Place>>,
    me: Place,
    actors: usize,
}

impl Io<Place> for Outside<'_> {
    fn send(&mut self, to: &Place, msg: Msg) {
        self.queue.push_back((*to, msg));
    }

    fn again(&mut self) {
        self.queue.push_back((self.me, Msg::NextBurst));
    }

    fn spawn(&mut self, player: Player<Place>) -> Place {
        self.spawned.push(player);
        (self.actors + self.spawned.len() - 1) as Place
    }
}

/// The actors and the messages between them.
struct Loop {
    actors: Vec<Player<Place>>,
    queue: VecDeque<(Place, Msg)>,
}

impl Loop {
    /// Handles messages until none is left.
    fn run(&mut self) {
        let mut spawned = Vec::new();
        while let Some((me, msg)) = self.queue.pop_front() {
            let mut io = Outside {
                queue: &mut self.queue,
                spawned: &mut spawned,
                me,
                actors: self.actors.len(),
            };
            // Nobody sends to an actor that has ended.
            let _ = self.actors[me as usize].handle(msg, &mut io);
            if !spawned.is_empty() {
                self.actors.append(&mut spawned);
            }
        }
    }
}

/// As the frame does it for runtimes.
pub(super) fn run(workload: Workload, messages: u64) -> Outcome {
    let who = format!("{workload} on the bare loop");
    let plan = workload.plan::<Place>(messages);
    let cast = plan.cast.len();
    let (ledger, heard) = Ledger::new(cast as u64, plan.parts);
    let wires = Wires::default();
    let friends = plan.friends;
    wires.get_or_init(|| Wiring {
        addresses: (0..cast as Place).collect(),
        friends,
    });
    let mut bare = Loop {
        actors: plan
            .cast
            .into_iter()
            .map(|role| Player::new(role, ledger.clone(), wires.clone()))
            .collect(),
        queue: VecDeque::new(),
    };
    bare.queue
        .extend((0..cast).map(|place| (place as Place, Msg::Meet(place as u64))));
    bare.run();
    wait_for(&heard, Event::Ready, &who);

    ledger.begin();
    for (place, msg) in plan.first {
        bare.queue.push_back((place as Place, msg));
    }
    bare.run();
    wait_for(&heard, Event::Finished, &who);

    bare.queue.extend((0..cast).map(|place| (place as Place, Msg::Stop)));
    bare.run();
    wait_for(&heard, Event::Gone, &who);
    let (elapsed, checksum) = ledger.result();
    checked(&who, messages, elapsed, checksum, plan.checksum)
}
