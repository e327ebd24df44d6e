//! A stream with several readers.

use super::branch::{Branch, Picked};
use super::building::{Origin, Site};
use super::graph::NodeKind;
use super::stream::Stream;
use crate::exchange::Taps;
use std::fmt;

/// A stream that may be read more than once.
///
/// All readers see the same batches, by reference, one reader after the other in the actor that produces them. A reader takes
/// what it picks of each record: nothing is copied that nobody asked for.
///
/// ```
/// use potoroo_actors::runtime::System;
/// use potoroo_actors::{Pipeline, sink, source};
///
/// let system = System::new()?;
/// let pipeline = Pipeline::new();
/// let orders = pipeline
///     .source("orders", source::generate(1, |_| (0..100_u64).map(|id| (id, format!("order {id}")))))
///     .share("orders, shared");
/// orders.pick(|(id, _)| (id % 2 == 0).then_some(*id)).sink("even", sink::each(|id| assert!(id < 100)));
/// orders.pick(|(_, text)| Some(text.len())).sink("lengths", sink::each(|_| {}));
/// orders.stream().sink("all", sink::each(|_| {}));
/// pipeline.start(&system).wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Shared<T> {
    taps: Taps<T>,
    site: Site,
    node: usize,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self {
            taps: self.taps.clone(),
            site: self.site.clone(),
            node: self.node,
        }
    }
}

impl<T: Send + 'static> Shared<T> {
    pub(super) fn of<B: Branch<T>>(stream: Stream<T, B>, name: String) -> Self {
        let Stream {
            branch, site, origin, ..
        } = stream;
        let node = site.node(&name, NodeKind::Fork, None, &origin);
        let taps = Taps::new();
        let to_read = taps.clone();
        site.plan(move |deploy| {
            if let Some(share) = to_read.way() {
                branch.attach(&share, deploy);
            }
        });
        Self { taps, site, node }
    }

    /// What `f` makes of each record, and nothing of those of which it makes nothing.
    pub fn pick<U, F>(&self, f: F) -> Stream<U, Picked<T, F>>
    where
        U: Send + 'static,
        F: Fn(&T) -> Option<U> + Clone + Send + Sync + 'static,
    {
        let taps = self.taps.clone();
        Stream::new(
            Picked { taps, f },
            self.site.clone(),
            Origin::node(self.node, None).step("pick"),
        )
    }

    /// A copy of each record.
    pub fn stream(&self) -> Stream<T, impl Branch<T>>
    where
        T: Clone,
    {
        self.pick(|record: &T| Some(record.clone()))
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared<{}>", std::any::type_name::<T>())
    }
}
