//! The pipeline that users write.
//!
//! ```
//! use potoroo_actors::{Pipeline, sink, source};
//! use potoroo_runtime::System;
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! static LARGEST: AtomicU64 = AtomicU64::new(0);
//!
//! let system = System::new()?;
//! let pipeline = Pipeline::new();
//! pipeline
//!     .source("numbers", source::generate(1, |_| 0..10_000_u64))
//!     .filter(|n| n % 2 == 0)
//!     .key_by(|n| n % 10)
//!     .entity("sums", |_| 0_u64, |sum, n, out| {
//!         *sum += n;
//!         out.emit(*sum);
//!         Ok(())
//!     })
//!     .sink("largest", sink::each(|sum| { LARGEST.fetch_max(sum, Ordering::Relaxed); }));
//! pipeline.start(&system).wait()?;
//! // Of the five keys, 8 has the largest sum: 8 + 18 + 28 + … + 9998.
//! assert_eq!(LARGEST.load(Ordering::Relaxed), 5_003_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Stream`] is what comes out of a source or a stage, with the stateless steps behind it; types follow each record from end
//! to end, and the steps are fused into whatever produces the stream. `key_by` and a stage of state, a fork, a sink end the
//! chain. A stage that nobody takes anything of is not deployed.

mod branch;
mod broadcasting;
mod building;
mod calling;
mod fallible;
mod graph;
mod joined;
mod keyed;
mod pre_aggregated;
mod shared;
mod stream;
mod windowed;

pub use branch::{Branch, Port};
pub use broadcasting::{BroadcastStream, WithBroadcast};
pub use fallible::TryBranch;
pub use graph::{Edge, Graph, Node, NodeKind};
pub use joined::{AsOfJoin, Enrichment, IntervalJoin, Joining, WindowJoin};
pub use keyed::KeyedStream;
pub use pre_aggregated::{PreAggregateBranch, PreAggregated, PreAggregatedWindows};
pub use shared::Shared;
pub use stream::Stream;
pub use windowed::WindowedStream;

use crate::job::{DeadLetters, Job, JobActor, JobShared};
use crate::sink::Guarantee;
use crate::source::Source;
use branch::SourceBranch;
use building::{Origin, Site};
use potoroo_runtime::System;
use std::fmt;

/// A pipeline in the making.
pub struct Pipeline {
    site: Site,
    dead_letters: DeadLetters,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Pipeline {
    /// An empty pipeline; dead letters go to standard error.
    pub fn new() -> Self {
        Self {
            site: Site::default(),
            dead_letters: DeadLetters::to_standard_error(),
        }
    }

    /// Says where records go that cannot be decoded.
    #[must_use]
    pub fn dead_letters(mut self, dead_letters: DeadLetters) -> Self {
        self.dead_letters = dead_letters;
        self
    }

    /// Begins a stream. The name appears in the job's status, in the graph and in errors.
    pub fn source<S: Source>(&self, name: impl Into<String>, source: S) -> Stream<S::Record, SourceBranch<S>> {
        let name = name.into();
        self.site.replay(source.replay());
        let node = self
            .site
            .node(&name, NodeKind::Source, source.actors(), &Origin::default());
        Stream::new(
            SourceBranch { name, source },
            self.site.clone(),
            Origin::node(node, None),
        )
    }

    /// The stages that have been written so far, and the streams between them.
    pub fn graph(&self) -> Graph {
        self.site.graph()
    }

    /// What the sources and sinks that have been written so far come to together.
    pub fn guarantee(&self) -> Guarantee {
        self.site.guarantee()
    }

    /// Puts the pipeline onto a system and lets it run.
    pub fn start(self, system: &System) -> Job {
        let shared = JobShared::new(self.dead_letters);
        let plans = self.site.take_plans();
        let for_actor = shared.clone();
        let actor = system.spawn(move |ctx| JobActor::new(for_actor, plans, ctx));
        Job::new(actor, shared)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("graph", &self.graph()).finish()
    }
}
