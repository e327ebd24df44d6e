//! Two streams with the same keys, to be joined.

use super::branch::Branch;
use super::graph::NodeKind;
use super::keyed::KeyedStream;
use super::stream::Stream;
use crate::element::{Either, KeySelector};
use crate::exchange::SideTag;
use crate::join::{
    AlignedJoin, AsOfOperator, AsOfRules, EnrichOperator, EnrichRules, Full, FullOuter, Inner, IntervalOperator,
    IntervalRules, JoinWindows, LeftOuter, Lookup, Offset, Pairing, Reach, SessionJoin, Shape, WindowRules,
};
use crate::window::Windowed;
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Two streams that meet by key: how, is to be said.
#[must_use = "a join needs to know what meets"]
pub struct Joining<L, R, S, B> {
    connected: KeyedStream<Either<L, R>, S, B>,
}

impl<L, R, S, B> Joining<L, R, S, B> {
    pub(super) fn new(connected: KeyedStream<Either<L, R>, S, B>) -> Self {
        Self { connected }
    }

    /// All records of a key that lie in the same window meet. Windows may be [tumbling](crate::window::tumbling),
    /// [sliding](crate::window::sliding) or [sessions](crate::window::session), which records of both sides hold together.
    ///
    /// ```
    /// use potoroo_actors::element::Timestamp;
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::window::{Windowed, tumbling};
    /// use potoroo_actors::{Pipeline, sink, source, time};
    /// use std::sync::{Arc, Mutex};
    /// use std::time::Duration;
    ///
    /// let seconds = |(_, second): &(u32, i64)| Timestamp::from_secs(*second);
    /// let results = Arc::new(Mutex::new(Vec::new()));
    /// let out = results.clone();
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let views = pipeline
    ///     .source("views", source::generate(1, |_| [(7_u32, 1_i64), (7, 12), (8, 15)].into_iter()))
    ///     .timestamps(time::monotonic(seconds));
    /// let clicks = pipeline
    ///     .source("clicks", source::generate(1, |_| [(7_u32, 3_i64), (7, 4), (8, 21)].into_iter()))
    ///     .timestamps(time::monotonic(seconds));
    /// views
    ///     .key_by(|(user, _)| *user)
    ///     .join(clicks.key_by(|(user, _)| *user))
    ///     .window(tumbling(Duration::from_secs(10)))
    ///     .left("clicked", |view: &(u32, i64), click: Option<&(u32, i64)>| (view.1, click.map(|(_, second)| *second)))
    ///     .sink("out", sink::each(move |result: Windowed<u32, _>| out.lock().unwrap().push(result.value)));
    /// pipeline.start(&system).wait()?;
    /// let mut results = results.lock().unwrap().clone();
    /// results.sort();
    /// assert_eq!(results, [(1, Some(3)), (1, Some(4)), (12, None), (15, None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window(self, windows: impl Into<JoinWindows>) -> WindowJoin<L, R, S, B> {
        WindowJoin {
            connected: self.connected,
            windows: windows.into(),
            lateness: Duration::ZERO,
            rejected: (None, None),
        }
    }

    /// Those records of a key meet whose event times are so far apart: a right one lies between `lower` and `upper` of the left
    /// one, both included.
    ///
    /// ```
    /// use potoroo_actors::element::Timestamp;
    /// use potoroo_actors::join::{after, before};
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source, time};
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let seconds = |(_, second): &(u32, i64)| Timestamp::from_secs(*second);
    /// let (tell, told) = mpsc::channel();
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let orders = pipeline
    ///     .source("orders", source::generate(1, |_| [(7_u32, 10_i64), (8, 20)].into_iter()))
    ///     .timestamps(time::monotonic(seconds));
    /// let payments = pipeline
    ///     .source("payments", source::generate(1, |_| [(7_u32, 8_i64), (7, 70), (8, 81)].into_iter()))
    ///     .timestamps(time::monotonic(seconds));
    /// orders
    ///     .key_by(|(order, _)| *order)
    ///     .join(payments.key_by(|(order, _)| *order))
    ///     .interval(before(Duration::from_secs(5)), after(Duration::from_secs(60)))
    ///     .inner("paid", |order: &(u32, i64), payment: &(u32, i64)| (order.0, payment.1 - order.1))
    ///     .sink("out", sink::each(move |paid| tell.send(paid).expect("somebody listens")));
    /// pipeline.start(&system).wait()?;
    /// let mut paid: Vec<(u32, i64)> = told.into_iter().collect();
    /// paid.sort();
    /// assert_eq!(paid, [(7, -2), (7, 60)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `lower` is after `upper`.
    pub fn interval(self, lower: Offset, upper: Offset) -> IntervalJoin<L, R, S, B> {
        IntervalJoin {
            connected: self.connected,
            reach: Reach::new(lower, upper),
            most: None,
            rejected: (None, None),
        }
    }

    /// Each left record meets the newest right one that is not after it, in event time: the version that was valid then. A
    /// right one at the very time counts; of several at the same time, the one that came last.
    ///
    /// ```
    /// use potoroo_actors::element::Timestamp;
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source, time};
    /// use std::sync::mpsc;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let orders = pipeline
    ///     .source("orders", source::generate(1, |_| [("EUR", 5_i64, 100_u64), ("EUR", 25, 100)].into_iter()))
    ///     .timestamps(time::monotonic(|(_, second, _): &(&str, i64, u64)| Timestamp::from_secs(*second)));
    /// let rates = pipeline
    ///     .source("rates", source::generate(1, |_| [("EUR", 0_i64, 110_u64), ("EUR", 20, 120)].into_iter()))
    ///     .timestamps(time::monotonic(|(_, second, _): &(&str, i64, u64)| Timestamp::from_secs(*second)));
    /// orders
    ///     .key_by(|(currency, ..)| (*currency).to_owned())
    ///     .join(rates.key_by(|(currency, ..)| (*currency).to_owned()))
    ///     .as_of()
    ///     .inner("in dollars", |(_, _, amount), (_, _, rate)| amount * rate / 100)
    ///     .sink("out", sink::each(move |dollars| tell.send(dollars).expect("somebody listens")));
    /// pipeline.start(&system).wait()?;
    /// assert_eq!(told.into_iter().collect::<Vec<_>>(), [110, 120]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_of(self) -> AsOfJoin<L, R, S, B> {
        AsOfJoin {
            connected: self.connected,
            tolerance: None,
            rejected: (None, None),
        }
    }

    /// Each left record meets the latest right one of its key that has been seen, in the order in which they came: a row of a
    /// table that changes. [`KeyedStream::time_to_live`] of the left stream says how long a row is kept that neither side has
    /// touched.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source};
    /// use std::num::NonZeroUsize;
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let users = pipeline.source("users", source::generate(1, |_| [(7_u32, "Ada"), (8, "Grace")].into_iter()));
    /// pipeline
    ///     .source("clicks", source::generate(1, |_| [7_u32, 8].into_iter()))
    ///     .key_by(|user| *user)
    ///     .join(users.key_by(|(user, _)| *user))
    ///     .enrich()
    ///     .wait(NonZeroUsize::new(10).unwrap())
    ///     .inner("with names", |user, (_, name)| (user, *name))
    ///     .sink("out", sink::each(|(user, name)| assert_eq!(name == "Ada", user == 7)));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enrich(self) -> Enrichment<L, R, S, B> {
        Enrichment {
            connected: self.connected,
            wait: 0,
            unmatched: None,
        }
    }
}

/// Records of a key that lie in the same window meet. See [`Joining::window`].
#[must_use = "a join needs a form: inner, left or full"]
pub struct WindowJoin<L, R, S, B> {
    connected: KeyedStream<Either<L, R>, S, B>,
    windows: JoinWindows,
    lateness: Duration,
    rejected: (Option<SideTag<L>>, Option<SideTag<R>>),
}

/// The three forms of a join in which records meet any number of others.
macro_rules! forms_of_pairs {
    ($name:ident, $Out:ident => $Result:ty) => {
        /// One result for each pair.
        pub fn inner<$Out, F>(self, $name: impl Into<String>, both: F) -> Stream<$Result>
        where
            $Out: Send + 'static,
            F: Fn(&L, &R) -> $Out + Clone + Send + Sync + 'static,
        {
            self.put($name, Inner::new(both))
        }

        /// One result for each pair, and one for each left record that meets nobody.
        pub fn left<$Out, F>(self, $name: impl Into<String>, both: F) -> Stream<$Result>
        where
            $Out: Send + 'static,
            F: Fn(&L, Option<&R>) -> $Out + Clone + Send + Sync + 'static,
        {
            self.put($name, LeftOuter::new(both))
        }

        /// One result for each pair, and one for each record of either side that meets nobody.
        pub fn full<$Out, F>(self, $name: impl Into<String>, both: F) -> Stream<$Result>
        where
            $Out: Send + 'static,
            F: Fn(Option<&L>, Option<&R>) -> $Out + Clone + Send + Sync + 'static,
        {
            self.put($name, FullOuter::new(both))
        }
    };
}

impl<L, R, S, B> WindowJoin<L, R, S, B>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    B: Branch<Either<L, R>>,
{
    /// Keeps windows this long, in event time, after they were complete. Each record that comes for one gives its pairs, as
    /// [`Firing::Late`](crate::window::Firing::Late); results that were given for records which seemed to meet nobody, or for
    /// sessions that have become part of a greater one, are retracted. Default: nothing.
    pub fn lateness(mut self, lateness: Duration) -> Self {
        self.lateness = lateness;
        self
    }

    /// Where records go whose windows are gone. Default: they are dropped and counted.
    pub fn rejects(mut self, left: SideTag<L>, right: SideTag<R>) -> Self {
        self.rejected = (Some(left), Some(right));
        self
    }

    fn put<P: Pairing<L, R>>(self, name: impl Into<String>, pairing: P) -> Stream<Windowed<S::Key, P::Out>> {
        let rules = WindowRules {
            lateness: self.lateness,
            rejected_left: self.rejected.0,
            rejected_right: self.rejected.1,
            pairing,
        };
        match self.windows.0 {
            Shape::Aligned(windows) => self.connected.operator(name, NodeKind::Join, move |setup| {
                AlignedJoin::new(windows, rules.clone(), setup)
            }),
            Shape::Session(session) => self.connected.operator(name, NodeKind::Join, move |setup| {
                SessionJoin::new(session, rules.clone(), setup)
            }),
        }
    }

    forms_of_pairs!(name, O => Windowed<S::Key, O>);
}

/// Records of a key meet that are so far apart in event time. See [`Joining::interval`].
#[must_use = "a join needs a form: inner, left or full"]
pub struct IntervalJoin<L, R, S, B> {
    connected: KeyedStream<Either<L, R>, S, B>,
    reach: Reach,
    most: Option<(usize, Full)>,
    rejected: (Option<SideTag<L>>, Option<SideTag<R>>),
}

impl<L, R, S, B> IntervalJoin<L, R, S, B>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    B: Branch<Either<L, R>>,
{
    /// Keeps so many records at most of each side of a key, and says what happens with more. Default: all are kept until the
    /// watermark says that nobody can meet them any more.
    pub fn at_most(mut self, records: NonZeroUsize, full: Full) -> Self {
        self.most = Some((records.get(), full));
        self
    }

    /// Where records go that come late, and those for which there is no room. Default: they are dropped and counted.
    pub fn rejects(mut self, left: SideTag<L>, right: SideTag<R>) -> Self {
        self.rejected = (Some(left), Some(right));
        self
    }

    fn put<P: Pairing<L, R>>(self, name: impl Into<String>, pairing: P) -> Stream<P::Out> {
        let rules = IntervalRules {
            reach: self.reach,
            most: self.most,
            rejected_left: self.rejected.0,
            rejected_right: self.rejected.1,
            pairing,
        };
        self.connected.operator(name, NodeKind::Join, move |setup| {
            IntervalOperator::new(rules.clone(), setup)
        })
    }

    forms_of_pairs!(name, O => O);
}

/// The two forms of a join in which each left record meets one right one or none.
macro_rules! forms_of_lookups {
    ($(#[$inner:meta])*) => {
        $(#[$inner])*
        pub fn inner<O, F>(self, name: impl Into<String>, found: F) -> Stream<O>
        where
            O: Send + 'static,
            F: Fn(L, &R) -> O + Clone + Send + Sync + 'static,
        {
            self.put(name, Inner::new(found))
        }

        /// One result for each left record, whether it meets anybody or not.
        pub fn left<O, F>(self, name: impl Into<String>, found: F) -> Stream<O>
        where
            O: Send + 'static,
            F: Fn(L, Option<&R>) -> O + Clone + Send + Sync + 'static,
        {
            self.put(name, LeftOuter::new(found))
        }
    };
}

/// Records meet what was valid at their time. See [`Joining::as_of`].
#[must_use = "a join needs a form: inner or left"]
pub struct AsOfJoin<L, R, S, B> {
    connected: KeyedStream<Either<L, R>, S, B>,
    tolerance: Option<Duration>,
    rejected: (Option<SideTag<L>>, Option<SideTag<R>>),
}

impl<L, R, S, B> AsOfJoin<L, R, S, B>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    B: Branch<Either<L, R>>,
{
    /// A version that is older than this, seen from the record, is none. Default: the newest version of a key is valid, and
    /// kept, for ever.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// Where left records go that come late, and versions that come too late for all records that are not joined. Default: they
    /// are dropped and counted.
    pub fn rejects(mut self, left: SideTag<L>, right: SideTag<R>) -> Self {
        self.rejected = (Some(left), Some(right));
        self
    }

    fn put<P: Lookup<L, R>>(self, name: impl Into<String>, lookup: P) -> Stream<P::Out> {
        let rules = AsOfRules {
            tolerance: self.tolerance,
            rejected_left: self.rejected.0,
            rejected_right: self.rejected.1,
            lookup,
        };
        self.connected.operator(name, NodeKind::Join, move |setup| {
            AsOfOperator::new(rules.clone(), setup)
        })
    }

    forms_of_lookups!(
        /// One result for each left record for whose time there is a version.
    );
}

/// Records meet the latest row of their key. See [`Joining::enrich`].
#[must_use = "an enrichment needs a form: inner or left"]
pub struct Enrichment<L, R, S, B> {
    connected: KeyedStream<Either<L, R>, S, B>,
    wait: usize,
    unmatched: Option<SideTag<L>>,
}

impl<L, R, S, B> Enrichment<L, R, S, B>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    B: Branch<Either<L, R>>,
{
    /// So many records of each key at most wait until there is a row; they go on in their order, and none with an event time
    /// before the watermark. Those that find no room, and those that still wait at the end, have no row. Default: none waits.
    pub fn wait(mut self, records: NonZeroUsize) -> Self {
        self.wait = records.get();
        self
    }

    /// Where records go for which there is no row and that give no result without. Default: they are dropped and counted.
    pub fn unmatched(mut self, tag: SideTag<L>) -> Self {
        self.unmatched = Some(tag);
        self
    }

    fn put<P: Lookup<L, R>>(self, name: impl Into<String>, lookup: P) -> Stream<P::Out> {
        let rules = EnrichRules {
            wait: self.wait,
            unmatched: self.unmatched,
            lookup,
        };
        self.connected.operator(name, NodeKind::Join, move |setup| {
            EnrichOperator::<L, R, S, P>::new(rules.clone(), setup)
        })
    }

    forms_of_lookups!(
        /// One result for each left record for which there is a row; the others go to [`unmatched`](Self::unmatched).
    );
}

/// What all of them print.
macro_rules! debug_of_joins {
    ($($Join:ident),+) => {
        $(impl<L, R, S, B> fmt::Debug for $Join<L, R, S, B> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (left, right) = (std::any::type_name::<L>(), std::any::type_name::<R>());
                write!(f, concat!(stringify!($Join), "<{}, {}>"), left, right)
            }
        })+
    };
}

debug_of_joins!(Joining, WindowJoin, IntervalJoin, AsOfJoin, Enrichment);
