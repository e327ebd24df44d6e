//! A sink that calls a closure for each record; with an empty one it only counts.

use super::Sink;
use crate::element::Element;
use crate::exchange::{Inputs, ToOne};
use crate::job::{Deploy, JobMsg, StageCounters};
use potoroo_runtime::{Actor, Context, Recipient, Turn};
use std::marker::PhantomData;
use std::sync::Arc;

/// Calls a closure for each record.
#[derive(Debug)]
pub struct EachSink<F>(F);

/// A sink that calls `f` for each record. The count is in the job's status.
pub fn each<T, F: FnMut(T) + Send + 'static>(f: F) -> EachSink<F> {
    EachSink(f)
}

impl<T, F> Sink<T> for EachSink<F>
where
    T: Send + 'static,
    F: FnMut(T) + Send + 'static,
{
    type Down = ToOne<T>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        deploy.expect_sink();
        let counters = deploy.counters(name);
        let job = deploy.job();
        let worker = deploy.next_worker();
        let actor = deploy.spawn(name, worker, move |_| {
            Ok(Calling {
                f: self.0,
                inputs: Inputs::new(),
                counters,
                job,
                records: PhantomData,
            })
        });
        ToOne::new(actor.recipient())
    }
}

struct Calling<T, F> {
    f: F,
    inputs: Inputs,
    counters: Arc<StageCounters>,
    job: Recipient<JobMsg>,
    records: PhantomData<fn(T)>,
}

impl<T, F> Actor for Calling<T, F>
where
    T: Send + 'static,
    F: FnMut(T) + Send + 'static,
{
    type Msg = Element<T>;

    fn handle(&mut self, msg: Element<T>, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Element::Open(edge) => self.inputs.opened(edge),
            Element::Batch(mut batch) => {
                let count = batch.items.len() as u64;
                batch.items.drain(..).for_each(&mut self.f);
                self.counters.records_in.add(count);
                self.counters.records_out.add(count);
                batch.done();
            }
            Element::Idle(_) => {}
            Element::End(edge) => {
                if self.inputs.ended(edge) {
                    self.job.tell(JobMsg::SinkFinished);
                    ctx.stop();
                }
            }
        }
        Ok(())
    }
}
