//! Chameneos (Kaiser and Pradat-Peyre 2003) as in Savina: creatures meet in pairs in a mall and change their colours.
//!
//! Each creature asks the mall for a meeting. The mall lets the first wait and sends it the second one's name and colour;
//! the first takes the third colour and tells the second to take it too; then both ask again. That makes four messages
//! per meeting: two to the mall, one from it, one between the creatures. All go through one actor, so there is little to
//! do in parallel. Who meets whom is chance. Meetings are numbered; both who met must have seen the number.

use crate::Outcome;
use crate::stage::{self, Cast, Ledger, Play};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Blue,
    Red,
    Yellow,
}

impl Colour {
    const ALL: [Self; 3] = [Self::Blue, Self::Red, Self::Yellow];

    /// What the creature of this index begins with.
    pub(crate) fn of(index: u32) -> Self {
        Self::ALL[index as usize % 3]
    }

    /// What both become: the same if they are the same, otherwise the third.
    pub(crate) fn meets(self, other: Self) -> Self {
        Self::ALL[(6 - self as usize - other as usize) % 3]
    }
}

const _: () = {
    // `meets` by arithmetic: equal colours stay (6 - 2n is n modulo 3), unequal ones give the third (they sum up to 3).
    let mut n = 0;
    while n < 3 {
        assert!((6 - 2 * n) % 3 == n && (6 - n - (n + 1) % 3) % 3 == (n + 2) % 3);
        n += 1;
    }
};

type Creatures = Arc<Vec<ActorRef<Creature>>>;

enum MallMsg {
    /// Setting up: who will come.
    Open(Creatures),
    /// Somebody wants to meet somebody.
    Ask { creature: u32, colour: Colour },
}

const _: () = assert!(size_of::<MallMsg>() == 16, "a small enum with a u64");

struct Mall {
    creatures: Creatures,
    waiting: Option<u32>,
    met: u32,
    meetings: u32,
    /// How many asked in vain after the last meeting.
    turned_away: usize,
    ledger: Arc<Ledger>,
}

impl Actor for Mall {
    type Msg = MallMsg;

    fn handle(&mut self, msg: MallMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            MallMsg::Ask { creature, colour } => {
                if self.met == self.meetings {
                    self.turned_away += 1;
                    // Nobody asks before having been told about the meeting before, so all meetings are over.
                    if self.turned_away == self.creatures.len() {
                        self.ledger.part_finished();
                    }
                } else if let Some(first) = self.waiting.take() {
                    self.creatures[first as usize].tell(Msg::Meet {
                        meeting: self.met,
                        creature,
                        colour,
                    });
                    self.met += 1;
                } else {
                    self.waiting = Some(creature);
                }
            }
            MallMsg::Open(creatures) => {
                self.creatures = creatures;
                self.ledger.ready();
            }
        }
        Ok(())
    }
}

enum Msg {
    /// Setting up: the others, and oneself.
    Others(Creatures),
    /// Ask for the first meeting.
    Begin,
    /// The mall says with whom.
    Meet {
        meeting: u32,
        creature: u32,
        colour: Colour,
    },
    /// The other one says what both are now.
    Change { meeting: u32, colour: Colour },
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

struct Creature {
    index: u32,
    colour: Colour,
    mall: ActorRef<Mall>,
    others: Creatures,
    sum: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Creature {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Meet {
                meeting,
                creature,
                colour,
            } => {
                if creature == self.index {
                    return Err(Fault::new("a creature met itself"));
                }
                self.colour = self.colour.meets(colour);
                self.sum += u64::from(meeting);
                self.others[creature as usize].tell(Msg::Change {
                    meeting,
                    colour: self.colour,
                });
                self.ask();
            }
            Msg::Change { meeting, colour } => {
                self.colour = colour;
                self.sum += u64::from(meeting);
                self.ask();
            }
            Msg::Begin => self.ask(),
            Msg::Others(others) => {
                self.others = others;
                self.ledger.ready();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.sum);
        // The creatures would keep each other's memory alive.
        self.others = Arc::default();
    }
}

impl Creature {
    fn ask(&self) {
        self.mall.tell(MallMsg::Ask {
            creature: self.index,
            colour: self.colour,
        });
    }
}

/// Runs `creatures` that meet `meetings` times.
///
/// # Panics
///
/// If a message is lost, if there are less than two creatures, or no meetings.
pub fn run(system: &System, creatures: u32, meetings: u32) -> Outcome {
    assert!(creatures > 1 && meetings > 0, "chameneos: nobody meets");
    let play = Play {
        workload: "chameneos",
        cast: Cast {
            children: u64::from(creatures) + 1,
            parts: 1,
        },
        messages: 4 * u64::from(meetings),
        // Each number below `meetings`, twice.
        expected: u64::from(meetings) * u64::from(meetings - 1),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let of_mall = ledger.clone();
        let mall = ctx.spawn(move |_| {
            Ok(Mall {
                creatures: Arc::default(),
                waiting: None,
                met: 0,
                meetings,
                turned_away: 0,
                ledger: of_mall,
            })
        });
        let creatures: Vec<ActorRef<Creature>> = (0..creatures)
            .map(|index| {
                let (mall, ledger) = (mall.clone(), ledger.clone());
                ctx.spawn(move |_| {
                    Ok(Creature {
                        index,
                        colour: Colour::of(index),
                        mall,
                        others: Arc::default(),
                        sum: 0,
                        ledger,
                    })
                })
            })
            .collect();
        let creatures = Arc::new(creatures);
        mall.tell(MallMsg::Open(creatures.clone()));
        creatures
            .iter()
            .for_each(|creature| creature.tell(Msg::Others(creatures.clone())));
        Box::new(move || creatures.iter().for_each(|creature| creature.tell(Msg::Begin)))
    })
}
