//! A running job: the actor that owns all others of one pipeline, its status, its end.
//!
//! The job actor deploys the plan, counts the actors that are still at work, passes a wish to drain on to the sources,
//! decides what a failure means: the job stops and says why; and has key groups move when a stage is to have more or fewer
//! partitions. It lacks restarts.

mod dead_letters;
mod deploy;
mod failures;
mod handle;
mod query;
mod rescale;
mod status;

pub use dead_letters::{DeadLetter, DeadLetters, FailedRecord};
pub use deploy::{Deploy, Drain};
pub(crate) use deploy::{JobActor, JobMsg, JobShared, Plan};
pub(crate) use failures::{Failure, Show, contained, panic_text};
pub use failures::{Failures, OnError};
pub use handle::{Job, JobError};
pub(crate) use query::{Offers, Question, Shower};
pub use query::{Queries, Query, QueryError, QueryTag};
pub(crate) use rescale::{KeyedStage, MoveMsg, MoveReport, MoveStep};
pub use rescale::{RescaleError, Rescaled};
pub use status::{HotGroup, JobStatus, PartitionStatus, StageStatus};
pub(crate) use status::{Sampled, StageCounters};
