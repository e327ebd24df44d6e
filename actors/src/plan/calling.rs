//! Steps that wait for an answer per record.

use super::branch::Branch;
use super::graph::NodeKind;
use super::stream::Stream;
use crate::exchange::{InTurnTo, Sides, Slot};
use crate::operator::{CallOptions, Calls, Ways};
use potoroo_runtime::Fault;
use std::future::Future;

impl<T: Send + 'static, B: Branch<T>> Stream<T, B> {
    /// Each record becomes what an asynchronous call makes of it: a look-up in a database, a question to an actor. `call` gives
    /// a future, which is run by the stage's actor: it must not block, and no other executor is needed. An
    /// [`Ask`](crate::runtime::Ask) is such a future.
    ///
    /// [`CallOptions`] say how many calls are out at once, whether results keep the order of their records, how long an attempt
    /// may take, how often it is tried, and what becomes of a record in vain. With several attempts the record is cloned for
    /// all but the last. No watermark overtakes a record before it: a slow call holds the watermark, and with it the windows
    /// behind. While the bound is reached nothing is taken in, and the stages before wait. What a call gives has the event time
    /// of its record.
    ///
    /// ```
    /// use potoroo_actors::runtime::{Actor, Context, Reply, System, Turn};
    /// use potoroo_actors::{CallOptions, Pipeline, sink, source};
    /// use std::num::NonZeroUsize;
    ///
    /// /// Knows names.
    /// struct Names;
    ///
    /// impl Actor for Names {
    ///     type Msg = (u32, Reply<String>);
    ///     fn handle(&mut self, (id, reply): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
    ///         reply.send(format!("user {id}"));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let names = system.spawn(|_| Ok(Names));
    /// let pipeline = Pipeline::new();
    /// pipeline
    ///     .source("ids", source::generate(1, |_| 0..100_u32))
    ///     .call_async("names", CallOptions::ordered(NonZeroUsize::new(16).unwrap()), move |id| {
    ///         let names = names.clone();
    ///         async move { names.ask(|reply| (id, reply)).await }
    ///     })
    ///     .sink("out", sink::each(|name: String| assert!(name.starts_with("user "))));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call_async<U, E, F, Fut>(self, name: impl Into<String>, options: CallOptions<T>, call: F) -> Stream<U>
    where
        T: Clone,
        U: Send + 'static,
        E: Into<Fault> + Send + 'static,
        F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<U, E>> + Send + 'static,
    {
        let name = name.into();
        let node = self
            .site
            .node(&name, NodeKind::Unkeyed, Some(options.actors), &self.origin);
        let slot = Slot::new();
        let stream = Stream::of_fork(slot.clone(), self.site.clone(), node);
        let branch = self.branch;
        self.site.plan(move |deploy| {
            let Some(ways) = Ways::of(&slot, &Sides::default()) else {
                return;
            };
            let actors = Calls::deploy(&name, ways, &call, &options, deploy);
            let down = InTurnTo { actors };
            deploy.end_deployment_of(&down);
            branch.attach(&down, deploy);
        });
        stream
    }
}
