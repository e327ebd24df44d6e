//! More or fewer partitions for a stage that is at work: what the job actor does for it.
//!
//! The groups that have to move do so in steps of [`GROUPS_PER_STEP`]; what happens in a step is told in
//! `exchange/routes.rs`. The job actor says when a step begins, hears from the partitions that it is over, and measures. It
//! lacks a judgement of its own: nobody but the user says how many partitions there should be.

use super::deploy::JobMsg;
use crate::element::{EdgeId, KeyGroup};
use crate::exchange::{GroupMove, NotNow, Routes, moves_to, owners};
use potoroo_runtime::{Recipient, Reply};
use std::any::Any;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many groups move at once. The state of these is under way at the same time, so a smaller number makes shorter pauses; a
/// step costs a message to and from each producer and partition, so a larger one is over sooner.
const GROUPS_PER_STEP: usize = 8;

/// How long to wait for a producer that is about to connect.
pub(super) const CONNECTING: Duration = Duration::from_millis(1);

/// One step, as the partitions of the stage hear of it.
#[derive(Debug)]
pub(crate) struct MoveStep {
    pub(crate) step: u64,
    /// Where a divide is to be expected.
    pub(crate) edges: BTreeSet<EdgeId>,
    pub(crate) moves: Vec<GroupMove>,
    /// The partitions that have no group after this.
    pub(crate) away: BTreeSet<u16>,
    /// All partitions of the stage.
    pub(crate) partitions: Arc<[Recipient<MoveMsg>]>,
    pub(crate) job: Recipient<MoveReport>,
}

/// What a partition is told.
pub(crate) enum MoveMsg {
    /// Say to the stages after that you are active, and report when they know.
    Activate(Recipient<MoveReport>),
    /// A step has begun that concerns you.
    Begin(Arc<MoveStep>),
    /// The state of groups that are yours.
    State {
        step: u64,
        groups: Vec<KeyGroup>,
        state: Box<dyn Any + Send>,
    },
}

/// What a partition reports.
#[derive(Debug)]
pub(crate) enum MoveReport {
    /// The stages after know that it is active.
    Activated,
    /// It has done its part of a step: given away what it had to, and taken in what it got, each group after so long.
    Moved { pauses: Vec<(u16, Duration)> },
}

/// How partitions have been made more or fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rescaled {
    /// How many partitions have key groups now.
    pub partitions: usize,
    /// For each key group that has moved, how long its records could wait: from when the partition that got it first heard of the
    /// step until it had the state.
    pub pauses: Vec<(u16, Duration)>,
}

impl Rescaled {
    /// The longest time that records of one key could wait.
    pub fn pause_max(&self) -> Duration {
        self.pauses.iter().map(|(_, pause)| *pause).max().unwrap_or_default()
    }
}

/// Why partitions were not made more or fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RescaleError {
    /// No keyed stage has this name.
    NoSuchStage {
        /// What was asked for.
        name: String,
        /// The keyed stages that there are.
        known: Vec<String>,
    },
    /// The stage's operator cannot give key groups away.
    Unmovable {
        /// The stage.
        name: String,
    },
    /// More partitions than the stage was made for, or none.
    OutOfRange {
        /// What was asked for.
        partitions: usize,
        /// The most that there can be.
        partitions_max: usize,
    },
    /// The job is at this for a stage already.
    Busy,
    /// The stage has no producers any more, or the job is over.
    Ended,
}

impl fmt::Display for RescaleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchStage { name, known } => {
                write!(f, "there is no keyed stage '{name}'; there is: {}", known.join(", "))
            }
            Self::Unmovable { name } => write!(
                f,
                "the operator of stage '{name}' cannot give key groups away; entities, keyed processes, windows and joins can"
            ),
            Self::OutOfRange {
                partitions,
                partitions_max,
            } => write!(
                f,
                "{partitions} partitions: this stage can have 1 to {partitions_max}; KeyedStream::partitions_max allows more"
            ),
            Self::Busy => f.write_str("the partitions of a stage are being changed already; wait for that to be over"),
            Self::Ended => f.write_str("the stage has ended, or is about to"),
        }
    }
}

impl std::error::Error for RescaleError {}

/// A keyed stage, as far as its partitions are concerned.
pub(crate) struct KeyedStage {
    pub(crate) name: String,
    pub(crate) routes: Arc<Routes>,
    pub(crate) partitions: Arc<[Recipient<MoveMsg>]>,
    /// Its operator can give groups away.
    pub(crate) is_movable: bool,
}

/// What is waited for.
enum Phase {
    /// So many partitions have not been heard as active.
    Activating(usize),
    /// So many partitions have not done their part.
    Moving(usize),
    /// A producer is about to connect.
    Connecting,
}

type Answer = Reply<Result<Rescaled, RescaleError>>;

/// Groups on their way.
pub(super) struct Rescaling {
    /// Which of the job's stages.
    pub(super) stage: usize,
    partitions: usize,
    moves: VecDeque<GroupMove>,
    /// What the present step moves.
    present: Vec<GroupMove>,
    phase: Phase,
    pauses: Vec<(u16, Duration)>,
    answer: Answer,
    job: Recipient<MoveReport>,
}

/// What is to be done next.
pub(super) enum Next {
    Wait,
    /// Ask again after [`CONNECTING`].
    AskAgain,
    Over,
}

impl Rescaling {
    /// Checks the wish; answers at once if it cannot be fulfilled, or is already.
    pub(super) fn new(
        stages: &[KeyedStage],
        (name, partitions): (String, usize),
        job: Recipient<MoveReport>,
        answer: Answer,
    ) -> Option<Self> {
        let refuse = |answer: Answer, error| {
            answer.send(Err(error));
            None
        };
        let Some(at) = stages.iter().position(|stage| stage.name == name) else {
            let known = stages.iter().map(|stage| stage.name.clone()).collect();
            return refuse(answer, RescaleError::NoSuchStage { name, known });
        };
        let stage = &stages[at];
        if !stage.is_movable {
            return refuse(answer, RescaleError::Unmovable { name });
        }
        let partitions_max = stage.partitions.len();
        if !(1..=partitions_max).contains(&partitions) {
            let error = RescaleError::OutOfRange {
                partitions,
                partitions_max,
            };
            return refuse(answer, error);
        }
        Some(Self {
            stage: at,
            partitions,
            moves: moves_to(&stage.routes.table(), partitions).into(),
            present: Vec::new(),
            phase: Phase::Connecting,
            pauses: Vec::new(),
            answer,
            job,
        })
    }

    /// Begins the next step, if there is one.
    pub(super) fn go_on(&mut self, stage: &KeyedStage) -> Next {
        if self.present.is_empty() {
            let count = self.moves.len().min(GROUPS_PER_STEP);
            self.present = self.moves.drain(..count).collect();
            if self.present.is_empty() {
                return Next::Over;
            }
            let owners = owners(&stage.routes.table());
            let newcomers: BTreeSet<u16> = self.present.iter().map(|one| one.to).collect();
            let newcomers = newcomers.into_iter().filter(|to| owners.binary_search(to).is_err());
            let asked = newcomers
                .map(|to| stage.partitions[usize::from(to)].tell(MoveMsg::Activate(self.job.clone())))
                .count();
            if asked > 0 {
                self.phase = Phase::Activating(asked);
                return Next::Wait;
            }
        }
        match stage.routes.begin(&self.present) {
            Ok(begun) => {
                let concerned: BTreeSet<u16> = self.present.iter().flat_map(|one| [one.from, one.to]).collect();
                self.phase = Phase::Moving(concerned.len());
                let owners = owners(&stage.routes.table());
                let away = concerned.iter().filter(|one| owners.binary_search(one).is_err());
                let step = Arc::new(MoveStep {
                    step: begun.step,
                    edges: begun.edges,
                    moves: std::mem::take(&mut self.present),
                    away: away.copied().collect(),
                    partitions: stage.partitions.clone(),
                    job: self.job.clone(),
                });
                for partition in concerned {
                    stage.partitions[usize::from(partition)].tell(MoveMsg::Begin(step.clone()));
                }
                Next::Wait
            }
            Err(NotNow::Connecting) => {
                self.phase = Phase::Connecting;
                Next::AskAgain
            }
            Err(NotNow::Ended) => {
                self.partitions = 0;
                Next::Over
            }
        }
    }

    /// A partition reports.
    pub(super) fn reported(&mut self, stage: &KeyedStage, report: MoveReport) -> Next {
        let left = match (&mut self.phase, report) {
            (Phase::Activating(left), MoveReport::Activated) => left,
            (Phase::Moving(left), MoveReport::Moved { mut pauses }) => {
                self.pauses.append(&mut pauses);
                if *left == 1 {
                    stage.routes.finish();
                }
                left
            }
            _ => return Next::Wait,
        };
        *left -= 1;
        if *left == 0 { self.go_on(stage) } else { Next::Wait }
    }

    /// Says what came of it.
    pub(super) fn answer(self) {
        self.answer.send(match self.partitions {
            0 => Err(RescaleError::Ended),
            partitions => Ok(Rescaled {
                partitions,
                pauses: self.pauses,
            }),
        });
    }

    /// The stage has ended.
    pub(super) fn give_up(mut self) {
        self.partitions = 0;
        self.answer();
    }
}

impl From<MoveReport> for JobMsg {
    fn from(report: MoveReport) -> Self {
        Self::MoveReported(report)
    }
}
