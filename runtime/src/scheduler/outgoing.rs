//! What a turn sends to other cores: gathered by receiver, delivered when the turn ends.
//!
//! Each message that crosses on its own costs its sender a compare-and-swap on a line that lies in another core's cache,
//! and its receiver a notification. Here messages to one cell become a chain, which goes into its inbox with one exchange;
//! the line of each cell is asked for when its chain begins, so that it has arrived when the turn ends; and all cells that
//! must be notified to one worker go there by the crate, with one bell. Messages from one sender to one receiver stay in
//! order: they are in one chain, or what is pushed by itself was before the first chain. Of different receivers no order
//! is promised, and none is kept.
//!
//! A rescuer delivers what a stuck turn has gathered, so this lies on the desk, under its tenure (S7).

use super::doorbell::Doorbell;
use super::header::{ActorId, CellRef, Header};
use crate::mailbox::{Chain, Crate, ErasedChain};
use std::ptr::{self, NonNull};

/// How many cells are remembered, by their id. Whoever finds a place taken has the other's chain delivered first.
const PLACES: usize = 512;

/// How many messages are gathered before they are delivered in the middle of a turn, so that a long turn lets its receivers
/// begin.
pub(crate) const GATHERED_MAX: usize = 256;

/// How many empty crates are kept.
const SPARE_CRATES: usize = 16;

/// What came of a delivery.
pub(crate) enum Receipt {
    /// The messages are there.
    Delivered {
        /// The home has to be notified, by whoever delivered (M2); otherwise a notification is under way.
        notify: bool,
        /// The receiver has more than it can do.
        flooded: bool,
    },
    /// The actor has ended, or takes no more.
    Refused(ErasedChain),
}

/// A cell that was told something lately, and its chain.
///
/// A chain needs a reference to its cell, for the sender may drop its own before the turn ends. Counting one for each turn
/// would cost as much as what is saved, so references are kept: from the second time a cell is told something until its
/// place is needed, the cell has ended, or the worker goes to sleep. What goes to a cell seen for the first time is pushed
/// at once.
#[derive(Default)]
struct Place {
    /// An id, or 0.
    seen: u64,
    cell: Option<CellRef>,
    chain: Option<ErasedChain>,
}

/// What has been gathered.
pub(crate) struct Outgoing {
    places: Box<[Place]>,
    /// The places with a chain, in the order in which they were begun.
    begun: Vec<u16>,
    /// The places that have ever had a cell since they were all emptied.
    used: Vec<u16>,
    /// How many messages have been gathered, or some number above 0 if there is something else to be done at the end.
    gathered: usize,
    /// The first receiver that has got more than it can do by this turn.
    flooded: Option<CellRef>,
    /// What was not accepted; dropped between turns, where the user's destructors meet nothing half done.
    refused: Vec<(CellRef, ErasedChain)>,
    /// Cells to be notified, by home.
    notices: Vec<(&'static Doorbell, Box<Crate<Header>>)>,
    /// Empty crates: those that came with notifications go out with others.
    #[expect(clippy::vec_box, reason = "crates are handed over in their boxes")]
    spare: Vec<Box<Crate<Header>>>,
}

/// What became of a message.
pub(crate) enum Added<M> {
    /// It waits for the end of the turn.
    Gathered,
    /// As above, and so much waits that it should be delivered now.
    Plenty,
    /// Push it yourself.
    Stranger(M),
}

impl Outgoing {
    /// Nothing; takes memory with the first message.
    pub(crate) fn new() -> Self {
        Self {
            places: Box::default(),
            begun: Vec::new(),
            used: Vec::new(),
            gathered: 0,
            flooded: None,
            refused: Vec::new(),
            notices: Vec::new(),
            spare: Vec::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.gathered == 0
    }

    /// Delivers what was gathered first, or tells the homes what has been delivered if nothing is left, or both; says whether
    /// more is to be done. For a simulated world, where others may come between any two of these.
    pub(crate) fn deliver_some(&mut self, notices_wait: bool) -> bool {
        if !self.begun.is_empty() {
            let first = self.begun.remove(0);
            self.deliver(usize::from(first));
            if notices_wait {
                return true;
            }
        }
        if self.begun.is_empty() {
            self.deliver_all();
            return false;
        }
        for (home, notices) in self.notices.drain(..) {
            // SAFETY: as in `deliver_all`.
            unsafe { home.notify_all(notices) };
        }
        true
    }

    /// Adds a message to `cell`.
    ///
    /// # Safety
    ///
    /// `M` is what goes into the inbox of `cell`.
    pub(crate) unsafe fn add<M>(&mut self, cell: &Header, message: M) -> Added<M> {
        if self.places.is_empty() {
            self.places = (0..PLACES).map(|_| Place::default()).collect();
        }
        let index = place_of(cell.id);
        if !self.places[index].is_of(cell) {
            if self.places[index].seen != cell.id.0 {
                self.places[index].seen = cell.id.0;
                return Added::Stranger(message);
            }
            self.deliver(index);
            if self.places[index].cell.replace(CellRef::new(cell)).is_none() {
                self.used.push(index as u16);
            }
        }
        let place = &mut self.places[index];
        let chain = match place.chain {
            Some(begun) => {
                // SAFETY: begun below, for this cell and so of this type; replaced at once.
                let mut chain = unsafe { begun.restore::<M>() };
                chain.add(message);
                chain
            }
            None => {
                cell.prefetch_for_sender();
                self.begun.push(index as u16);
                Chain::new(message)
            }
        };
        place.chain = Some(chain.erase());
        self.gathered += 1;
        if self.gathered < GATHERED_MAX {
            Added::Gathered
        } else {
            Added::Plenty
        }
    }

    /// Delivers everything.
    #[cold]
    pub(crate) fn deliver_all(&mut self) {
        for at in 0..self.begun.len() {
            self.deliver(usize::from(self.begun[at]));
        }
        self.begun.clear();
        self.gathered = usize::from(self.flooded.is_some() || !self.refused.is_empty());
        if crate::mutant!("sim_second_home_unnotified") {
            self.notices.truncate(1);
        }
        for (home, notices) in self.notices.drain(..) {
            // SAFETY: the duty for each of them is ours (M2), and each waits for its notification before it is freed (S4).
            unsafe { home.notify_all(notices) };
        }
    }

    /// Delivers everything, and says how many chains have not been accepted in this turn so far.
    pub(crate) fn settle(&mut self) -> usize {
        self.deliver_all();
        self.refused.len()
    }

    /// As [`settle`](Self::settle), and gives what has not been accepted after the first so many.
    pub(crate) fn settle_since(&mut self, before: usize) -> Vec<(CellRef, ErasedChain)> {
        self.deliver_all();
        let since = self.refused.split_off(before);
        self.gathered = usize::from(self.flooded.is_some() || !self.refused.is_empty());
        since
    }

    /// Delivers the chain of one place, if there is one, and notes whom to notify.
    fn deliver(&mut self, index: usize) {
        let place = &mut self.places[index];
        let (Some(chain), Some(cell)) = (place.chain.take(), &place.cell) else {
            return;
        };
        let header = cell.header();
        // SAFETY: the chain was made for this cell.
        match unsafe { (header.table.deliver)(cell.as_ptr(), chain) } {
            Receipt::Refused(chain) => {
                place.seen = 0;
                if let Some(cell) = place.cell.take() {
                    self.refused.push((cell, chain));
                }
            }
            Receipt::Delivered { notify, flooded } => {
                if flooded && self.flooded.is_none() {
                    self.flooded = Some(cell.clone());
                }
                if !notify {
                    return;
                }
                // The duty is ours, so the home does not change until the notification is received (M5).
                let home = header.home_to_notify();
                let known = self.notices.iter().position(|(to, _)| ptr::eq(*to, home));
                let at = known.unwrap_or_else(|| {
                    let empty = self.spare.pop().unwrap_or_else(Crate::new);
                    self.notices.push((home, empty));
                    self.notices.len() - 1
                });
                if self.notices[at].1.add(cell.as_ptr().as_ptr()) {
                    let (home, full) = self.notices.swap_remove(at);
                    // SAFETY: as in `deliver_all`.
                    unsafe { home.notify_all(full) };
                }
            }
        }
    }

    /// Remembers that this turn has flooded a receiver, unless it is known to have flooded one already.
    pub(crate) fn note_flood(&mut self, receiver: &Header) {
        if self.flooded.is_none() {
            self.flooded = Some(CellRef::new(receiver));
            self.gathered += 1;
        }
    }

    /// At the end of a turn, when all has been delivered: what else is to be done about it.
    pub(crate) fn end_turn(&mut self) -> (Option<CellRef>, Vec<(CellRef, ErasedChain)>) {
        self.gathered = 0;
        (self.flooded.take(), std::mem::take(&mut self.refused))
    }

    /// Keeps an empty crate for later.
    pub(crate) fn reuse(&mut self, mut empty: Box<Crate<Header>>) {
        if self.spare.len() < SPARE_CRATES {
            empty.clear();
            self.spare.push(empty);
        }
    }

    /// Forgets the cells, so that none is kept by a sleeper. Nothing is gathered now.
    pub(crate) fn forget(&mut self) {
        debug_assert!(self.is_empty(), "delivered at the end of the turn");
        for index in self.used.drain(..) {
            self.places[usize::from(index)] = Place::default();
        }
    }
}

impl Place {
    fn is_of(&self, cell: &Header) -> bool {
        self.cell
            .as_ref()
            .is_some_and(|known| known.as_ptr() == NonNull::from(cell))
    }
}

/// Spreads ids over the places. By ids and not by addresses, so that a simulated run goes the same way each time.
fn place_of(id: ActorId) -> usize {
    (u64::from(id.low()).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55) as usize % PLACES
}
