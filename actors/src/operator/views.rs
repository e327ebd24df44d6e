//! What may be asked of a stage from outside.

use crate::job::{Deploy, QueryTag, Shower};
use std::fmt;
use std::marker::PhantomData;

/// Whether, and how, the states of a stage may be asked for: what stands behind
/// [`KeyedStream::queryable`](crate::KeyedStream::queryable).
pub trait Views<K, St>: Send + 'static {
    /// Says to the job that the stage may be asked.
    #[doc(hidden)]
    fn offer(&self, show: Offered<'_, K, St>, deploy: &Deploy<'_, '_>);
}

/// The way of a key to its partition.
pub struct Offered<'s, K, St>(pub(crate) &'s Shower<K, St>);

impl<K, St> fmt::Debug for Offered<'_, K, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offered")
    }
}

/// It may not.
impl<K, St> Views<K, St> for () {
    fn offer(&self, _: Offered<'_, K, St>, _: &Deploy<'_, '_>) {}
}

/// It may, under a tag.
pub struct View<K, St, V, F> {
    pub(crate) tag: QueryTag<K, V>,
    pub(crate) view: F,
    pub(crate) states: PhantomData<fn(&St)>,
}

impl<K, St, V, F> fmt::Debug for View<K, St, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({:?})", self.tag)
    }
}

impl<K, St, V, F> Views<K, St> for View<K, St, V, F>
where
    K: Send + 'static,
    St: 'static,
    V: Send + 'static,
    F: Fn(&St) -> V + Clone + Send + Sync + 'static,
{
    fn offer(&self, show: Offered<'_, K, St>, deploy: &Deploy<'_, '_>) {
        deploy.shared().offers.add(self.tag, &self.view, show.0);
    }
}
