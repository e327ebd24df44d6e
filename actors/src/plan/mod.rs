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
//! A [`Stream`] is a chain of steps behind a source; types follow each record from end to end, and stateless steps are
//! fused at compile time. It lacks branching and more than one sink per stream.

mod branch;

pub(crate) use branch::{Branch, EntityBranch, FilterBranch, FlatMapBranch, MapBranch, Merged, SourceBranch};

use crate::element::Key;
use crate::exchange::ToOne;
use crate::job::{DeadLetters, Job, JobActor, JobShared, Plan};
use crate::operator::Emitter;
use crate::sink::Sink;
use crate::source::Source;
use potoroo_runtime::{System, Turn};
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::rc::Rc;

/// A pipeline in the making.
pub struct Pipeline {
    plans: Rc<RefCell<Vec<Plan>>>,
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
            plans: Rc::default(),
            dead_letters: DeadLetters::to_standard_error(),
        }
    }

    /// Says where records go that cannot be decoded.
    #[must_use]
    pub fn dead_letters(mut self, dead_letters: DeadLetters) -> Self {
        self.dead_letters = dead_letters;
        self
    }

    /// Begins a stream. The name appears in the job's status and in errors.
    pub fn source<S: Source>(&self, name: impl Into<String>, source: S) -> Stream<S::Record, SourceBranch<S>> {
        self.stream(SourceBranch {
            name: name.into(),
            source,
        })
    }

    fn stream<T, B>(&self, branch: B) -> Stream<T, B> {
        Stream {
            branch,
            plans: self.plans.clone(),
            records: PhantomData,
        }
    }

    /// Puts the pipeline onto a system and lets it run.
    pub fn start(self, system: &System) -> Job {
        let shared = JobShared::new(self.dead_letters);
        let plans = self.plans.take();
        let for_actor = shared.clone();
        let actor = system.spawn(move |ctx| JobActor::new(for_actor, plans, ctx));
        Job::new(actor, shared)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("sinks", &self.plans.borrow().len())
            .finish()
    }
}

/// Records of type `T` on their way.
#[must_use = "a stream without a sink does nothing"]
pub struct Stream<T, B> {
    branch: B,
    plans: Rc<RefCell<Vec<Plan>>>,
    records: PhantomData<fn() -> T>,
}

impl<T: Send + 'static, B: Branch<T>> Stream<T, B> {
    fn then<U, C>(self, step: impl FnOnce(B) -> C) -> Stream<U, C> {
        Stream {
            branch: step(self.branch),
            plans: self.plans,
            records: PhantomData,
        }
    }

    /// Each record becomes another.
    pub fn map<U, F>(self, f: F) -> Stream<U, MapBranch<B, F, T>>
    where
        F: Fn(T) -> U + Clone + Send + Sync + 'static,
        U: Send + 'static,
    {
        self.then(|before| MapBranch::new(before, f))
    }

    /// Keeps the records for which `f` holds.
    pub fn filter<F>(self, f: F) -> Stream<T, FilterBranch<B, F>>
    where
        F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.then(|before| FilterBranch { before, f })
    }

    /// Each record becomes any number of records: `f` calls its second argument with each.
    pub fn flat_map<U, F>(self, f: F) -> Stream<U, FlatMapBranch<B, F, T>>
    where
        F: Fn(T, &mut dyn FnMut(U)) + Clone + Send + Sync + 'static,
        U: Send + 'static,
    {
        self.then(|before| FlatMapBranch::new(before, f))
    }

    /// This stream and another of the same type as one. Each keeps its own order; between the two there is none.
    pub fn merge<C: Branch<T>>(self, other: Stream<T, C>) -> Stream<T, Merged<B, C>> {
        self.then(|before| Merged {
            first: before,
            second: other.branch,
        })
    }

    /// Gives each record a key, for the state entity that follows.
    pub fn key_by<K, F>(self, key_of: F) -> KeyedStream<K, T, B, F>
    where
        K: Key,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    {
        KeyedStream {
            stream: self,
            key_of,
            partitions: None,
            keys: PhantomData,
        }
    }

    /// Ends the stream. The name appears in the job's status and in errors.
    pub fn sink<S: Sink<T>>(self, name: impl Into<String>, sink: S) {
        let name = name.into();
        let branch = self.branch;
        self.plans.borrow_mut().push(Box::new(move |deploy| {
            let down = ToOne {
                to: sink.deploy(&name, deploy),
            };
            deploy.end_deployment_of(&down);
            branch.attach(&down, deploy);
        }));
    }
}

impl<T, B> fmt::Debug for Stream<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream<{}>", std::any::type_name::<T>())
    }
}

/// Records with a key, on their way to a state entity.
#[must_use = "a keyed stream needs a state entity"]
pub struct KeyedStream<K, T, B, F> {
    stream: Stream<T, B>,
    key_of: F,
    partitions: Option<NonZeroUsize>,
    keys: PhantomData<fn() -> K>,
}

impl<K, T, B, F> KeyedStream<K, T, B, F>
where
    K: Key,
    T: Send + 'static,
    B: Branch<T>,
    F: Fn(&T) -> K + Clone + Send + Sync + 'static,
{
    /// How many partition actors share the keys, at most [`KEY_GROUPS`](crate::element::KEY_GROUPS). Default: one per
    /// worker.
    pub fn partitions(mut self, partitions: NonZeroUsize) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// One state per key, made by `init` on first sight of the key, and changed by `handler` alone: it gets the state of
    /// the record's key, the record, and an output. Records of one key are handled one after the other. An error ends
    /// the job.
    pub fn entity<S, U, I, H>(
        self,
        name: impl Into<String>,
        init: I,
        handler: H,
    ) -> Stream<U, EntityBranch<B, K, T, F, S, I, H>>
    where
        S: Send + 'static,
        U: Send + 'static,
        I: Fn(&K) -> S + Send + Sync + 'static,
        H: Fn(&mut S, T, &mut Emitter<U>) -> Turn + Send + Sync + 'static,
    {
        let Self {
            stream,
            key_of,
            partitions,
            ..
        } = self;
        let name = name.into();
        stream.then(|before| EntityBranch::new(before, name, key_of, partitions, init, handler))
    }
}

impl<K, T, B, F> fmt::Debug for KeyedStream<K, T, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "KeyedStream<{}, {}>",
            std::any::type_name::<K>(),
            std::any::type_name::<T>()
        )
    }
}
