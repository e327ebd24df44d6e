//! Savina's N-queens: a master hands out boards to workers, which hand back larger ones or count the solutions.
//!
//! A worker that gets a board with fewer than [`THRESHOLD`] queens puts one more into the next row in every way and
//! sends each new board to the master, which gives it to the next worker in turn; otherwise it counts the solutions itself.
//! Then it says that it is done. So a board is a message to a worker and one back, and each but the first is also one to
//! the master. Unlike Savina's, boards are bit masks, the master does not
//! prefer deep boards, and all solutions are counted.

use crate::Outcome;
use crate::stage::{self, Cast, Ledger, Play};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, System, Turn};
use std::sync::Arc;

/// A board with so many queens is not handed out again.
pub const THRESHOLD: u32 = 4;

/// Solutions by size, from 0 (OEIS A000170).
const SOLUTIONS: [u64; 15] = [1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2_680, 14_200, 73_712, 365_596];

/// Queens in the first rows: which places of the next row they reach.
#[derive(Clone, Copy)]
struct Board {
    columns: u16,
    rising: u16,
    falling: u16,
}

impl Board {
    const EMPTY: Self = Self {
        columns: 0,
        rising: 0,
        falling: 0,
    };

    fn queens(self) -> u32 {
        self.columns.count_ones()
    }

    /// The boards with one more queen.
    fn next(self, size: u32) -> impl Iterator<Item = Self> {
        let mut free = !(self.columns | self.rising | self.falling) & ((1 << size) - 1);
        std::iter::from_fn(move || {
            let place = free & free.wrapping_neg();
            free ^= place;
            (place != 0).then_some(Self {
                columns: self.columns | place,
                rising: (self.rising | place) << 1,
                falling: (self.falling | place) >> 1,
            })
        })
    }

    fn solutions(self, size: u32) -> u64 {
        if self.queens() == size {
            return 1;
        }
        self.next(size).map(|board| board.solutions(size)).sum()
    }
}

enum MasterMsg {
    /// Setting up: who does the work.
    Open(Vec<ActorRef<Worker>>),
    /// Begin with the empty board.
    Begin,
    Board(Board),
    /// From a worker, after its boards.
    Done {
        solutions: u64,
    },
}

struct Master {
    workers: Vec<ActorRef<Worker>>,
    /// Whose turn it is.
    next: usize,
    unfinished: u64,
    /// Boards handed out.
    boards: u64,
    solutions: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Master {
    type Msg = MasterMsg;

    fn handle(&mut self, msg: MasterMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            MasterMsg::Board(board) => self.hand_out(board),
            MasterMsg::Done { solutions } => {
                self.solutions += solutions;
                self.unfinished -= 1;
                // A worker's boards come before it is done, so none is under way.
                if self.unfinished == 0 {
                    self.ledger.part_finished();
                }
            }
            MasterMsg::Begin => self.hand_out(Board::EMPTY),
            MasterMsg::Open(workers) => {
                self.workers = workers;
                self.ledger.ready();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(weigh(self.solutions, self.boards));
        // Workers know the master: they would keep each other's memory alive.
        self.workers = Vec::new();
    }
}

impl Master {
    fn hand_out(&mut self, board: Board) {
        self.workers[self.next].tell(board);
        self.next = (self.next + 1) % self.workers.len();
        self.boards += 1;
        self.unfinished += 1;
    }
}

/// What the master adds.
fn weigh(solutions: u64, boards: u64) -> u64 {
    solutions + (boards << 32)
}

struct Worker {
    size: u32,
    master: ActorRef<Master>,
}

impl Actor for Worker {
    type Msg = Board;

    fn handle(&mut self, board: Board, _: &mut Context<'_, Self>) -> Turn {
        let solutions = if board.queens() < THRESHOLD {
            for next in board.next(self.size) {
                self.master.tell(MasterMsg::Board(next));
            }
            0
        } else {
            board.solutions(self.size)
        };
        self.master.tell(MasterMsg::Done { solutions });
        Ok(())
    }
}

/// How many boards with at most [`THRESHOLD`] queens there are, by looking at each pair of queens.
fn boards(size: u32) -> u64 {
    fn with(places: &mut Vec<u32>, size: u32) -> u64 {
        if places.len() as u32 == THRESHOLD {
            return 1;
        }
        let mut all = 1;
        for place in 0..size {
            let row = places.len() as u32;
            let safe = (0..)
                .zip(&*places)
                .all(|(above, other): (u32, &u32)| *other != place && other.abs_diff(place) != row - above);
            if safe {
                places.push(place);
                all += with(places, size);
                places.pop();
            }
        }
        all
    }
    with(&mut Vec::new(), size)
}

/// Counts the ways to place `size` queens, with so many `workers`.
///
/// # Panics
///
/// If a message is lost, if there are no workers, or for a size below [`THRESHOLD`] or above 14.
pub fn run(system: &System, workers: u64, size: u32) -> Outcome {
    assert!(workers > 0, "queens: nobody to work");
    assert!(
        (THRESHOLD as usize..SOLUTIONS.len()).contains(&(size as usize)),
        "queens: no board of this size"
    );
    let boards = boards(size);
    let play = Play {
        workload: "queens",
        cast: Cast {
            children: workers + 1,
            parts: 1,
        },
        messages: 3 * boards - 1,
        expected: weigh(SOLUTIONS[size as usize], boards),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let of_master = ledger.clone();
        let master = ctx.spawn(move |_| {
            Ok(Master {
                workers: Vec::new(),
                next: 0,
                unfinished: 0,
                boards: 0,
                solutions: 0,
                ledger: of_master,
            })
        });
        let workers = (0..workers)
            .map(|_| {
                let (master, ledger) = (master.clone(), ledger.clone());
                ctx.spawn(move |_| {
                    ledger.ready();
                    Ok(Worker { size, master })
                })
            })
            .collect();
        master.tell(MasterMsg::Open(workers));
        Box::new(move || master.tell(MasterMsg::Begin))
    })
}
