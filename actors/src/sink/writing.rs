//! The actor of a sink that writes by waiting: to files, standard output, HTTP.
//!
//! Records are encoded as they come; what has gathered is written by the pool for blocking work, while the next gathers, so
//! that no worker ever waits and batches grow by themselves when writing is slow. Credits are kept while too much is
//! unwritten. A failure to write ends the job.

use super::Encode;
use crate::element::{Batch, Element};
use crate::exchange::{Inputs, ToOne};
use crate::job::{Deploy, JobMsg, StageCounters};
use potoroo_runtime::{Actor, BlockingError, Context, Recipient, Signal, TimerId, Turn};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many bytes may be unwritten before credits are kept.
const UNWRITTEN_BYTES_MAX: usize = 1024 * 1024;

/// When the pool has no room, it is asked again after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

/// How long what is less than a part to gather waits for more, so that a quiet job's results can be seen too.
const LINGER: Duration = Duration::from_millis(50);

/// What is done with the bytes of a sink, by waiting.
pub(super) trait Output: Send {
    /// Writes whole records.
    fn write(&mut self, bytes: &[u8], records: usize) -> io::Result<()>;

    /// Ends a part; what comes next is another.
    fn roll(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Ends everything.
    fn finish(&mut self) -> io::Result<()>;

    /// Something has failed: nothing of what is unfinished is kept.
    fn abandon(&mut self) {}
}

/// When an output is written and parted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    /// How many bytes gather before they are written, while more may come.
    pub(super) gather_bytes: usize,
    /// How many bytes make a part.
    pub(super) bytes_max: Option<u64>,
    /// How old a part may become.
    pub(super) age_max: Option<Duration>,
    /// How many records are written at once, at most.
    pub(super) records_max: Option<usize>,
}

/// A step for the output.
enum Step {
    Write(Vec<u8>, usize),
    Roll,
    Finish,
}

/// What a sink that waits is made of.
pub(super) struct Plan<O, E> {
    /// Where to, for errors.
    pub(super) place: String,
    pub(super) output: O,
    pub(super) encode: E,
    pub(super) parts: Parts,
}

impl<O: Output + 'static, E> Plan<O, E> {
    /// Puts the sink into place.
    pub(super) fn deploy<T>(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T>
    where
        T: Send + 'static,
        E: Encode<T>,
    {
        deploy.expect_sink();
        let counters = deploy.counters(name);
        let job = deploy.job();
        let name_of_stage = name.to_owned();
        let worker = deploy.next_worker();
        let actor = deploy.spawn(name, worker, move |_| {
            Ok(Writing {
                name: name_of_stage,
                place: self.place,
                output: Arc::new(Mutex::new(self.output)),
                encode: self.encode,
                parts: self.parts,
                now: Now::new(),
                counters,
                job,
            })
        });
        ToOne::new(actor.recipient())
    }
}

/// See the file's head.
struct Writing<T, E> {
    /// The sink's, for errors.
    name: String,
    /// Where to, for errors.
    place: String,
    output: Arc<Mutex<dyn Output>>,
    encode: E,
    parts: Parts,
    now: Now<T>,
    counters: Arc<StageCounters>,
    job: Recipient<JobMsg>,
}

/// What is going on.
struct Now<T> {
    inputs: Inputs,
    buffer: Vec<u8>,
    records: usize,
    /// What waits for the output; shared, because a pool that is full drops what it is given.
    steps: Arc<Mutex<Vec<Step>>>,
    unwritten_bytes: usize,
    /// The pool is at work, or is asked again soon.
    asked: bool,
    /// Bytes of the present part.
    part_bytes: u64,
    age: Option<TimerId>,
    again: Option<TimerId>,
    linger: Option<TimerId>,
    /// Batches whose credits are kept.
    #[expect(clippy::vec_box, reason = "the boxes go back")]
    kept: Vec<Box<Batch<T>>>,
    all_ended: bool,
    finishing: bool,
    failed: bool,
}

impl<T> Now<T> {
    fn new() -> Self {
        Self {
            inputs: Inputs::new(),
            buffer: Vec::new(),
            records: 0,
            steps: Arc::default(),
            unwritten_bytes: 0,
            asked: false,
            part_bytes: 0,
            age: None,
            again: None,
            linger: None,
            kept: Vec::new(),
            all_ended: false,
            finishing: false,
            failed: false,
        }
    }

    fn step(&self, step: Step) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }

    /// What is in the buffer becomes a step.
    fn cut(&mut self) {
        if !self.buffer.is_empty() {
            let records = std::mem::take(&mut self.records);
            let bytes = std::mem::take(&mut self.buffer);
            self.step(Step::Write(bytes, records));
        }
    }

    fn roll(&mut self, cancel: impl FnOnce(TimerId)) {
        self.cut();
        self.step(Step::Roll);
        self.part_bytes = 0;
        if let Some(timer) = self.age.take() {
            cancel(timer);
        }
    }
}

/// Does what waits; how many bytes and records that was.
fn work(output: &Mutex<dyn Output>, steps: &Mutex<Vec<Step>>) -> io::Result<(usize, usize)> {
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    let steps = std::mem::take(&mut *steps.lock().unwrap_or_else(PoisonError::into_inner));
    let mut written = (0, 0);
    let done = steps.into_iter().try_for_each(|step| match step {
        Step::Write(bytes, records) => {
            written.0 += bytes.len();
            written.1 += records;
            output.write(&bytes, records)
        }
        Step::Roll => output.roll(),
        Step::Finish => output.finish(),
    });
    if done.is_err() {
        output.abandon();
    }
    done.map(|()| written)
}

impl<T: Send + 'static, E: Encode<T>> Writing<T, E> {
    fn batch(&mut self, mut batch: Box<Batch<T>>, ctx: &mut Context<'_, Self>) {
        self.encode.begin_batch();
        for record in &batch.items {
            let now = &mut self.now;
            let before = now.buffer.len();
            self.encode.encode(record, &mut now.buffer);
            let bytes = now.buffer.len() - before;
            now.records += 1;
            now.part_bytes += bytes as u64;
            now.unwritten_bytes += bytes;
            if let (Some(age_max), None) = (self.parts.age_max, now.age) {
                now.age = Some(ctx.signal_after(age_max));
            }
            if self
                .parts
                .bytes_max
                .is_some_and(|bytes_max| now.part_bytes >= bytes_max)
            {
                now.roll(|timer| _ = ctx.cancel(timer));
            } else if self
                .parts
                .records_max
                .is_some_and(|records_max| now.records >= records_max)
            {
                now.cut();
            }
        }
        self.counters.records_in.add(batch.items.len() as u64);
        batch.items.clear();
        self.now.kept.push(batch);
    }

    /// Has the pool do what there is to do.
    fn write_on(&mut self, ctx: &mut Context<'_, Self>) {
        let now = &mut self.now;
        if now.asked || now.failed {
            return;
        }
        if now.all_ended {
            now.cut();
            if !std::mem::replace(&mut now.finishing, true) {
                self.encode.end();
                now.step(Step::Finish);
            }
        } else if now.buffer.len() > self.parts.gather_bytes {
            now.cut();
        } else if !now.buffer.is_empty() && now.linger.is_none() {
            now.linger = Some(ctx.signal_after(LINGER));
        }
        if now.steps.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return;
        }
        now.asked = true;
        let (output, steps) = (self.output.clone(), now.steps.clone());
        ctx.blocking(move || work(&*output, &steps)).then(|this, written, ctx| {
            match written {
                Ok(Ok((bytes, records))) => this.written(bytes, records, ctx),
                Ok(Err(error)) => this.fail(&error, ctx),
                Err(BlockingError::Full) => this.now.again = Some(ctx.signal_after(AGAIN_AFTER)),
                Err(BlockingError::Stopped) => ctx.stop(),
                Err(error) => this.fail(&error, ctx),
            }
            Ok(())
        });
    }

    fn written(&mut self, bytes: usize, records: usize, ctx: &mut Context<'_, Self>) {
        let now = &mut self.now;
        now.asked = false;
        now.unwritten_bytes -= bytes;
        self.counters.bytes.add(bytes as u64);
        self.counters.records_out.add(records as u64);
        if now.finishing {
            self.job.tell(JobMsg::SinkFinished);
            ctx.stop();
        }
    }

    fn fail(&mut self, error: &dyn std::fmt::Display, ctx: &mut Context<'_, Self>) {
        self.now.failed = true;
        self.job.tell(JobMsg::Failed(format!(
            "sink '{}' cannot write {}: {error}",
            self.name, self.place
        )));
        ctx.stop();
    }
}

impl<T: Send + 'static, E: Encode<T>> Actor for Writing<T, E> {
    type Msg = Element<T>;

    fn handle(&mut self, msg: Element<T>, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Element::Open(edge) => self.now.inputs.opened(edge),
            Element::Idle(_) => {}
            Element::Batch(batch) => self.batch(batch, ctx),
            Element::End(edge) => self.now.all_ended = self.now.inputs.ended(edge),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::Timer(timer) = signal {
            if self.now.again == Some(timer) {
                self.now.again = None;
                self.now.asked = false;
            } else if self.now.linger == Some(timer) {
                self.now.linger = None;
                self.now.cut();
            } else if self.now.age == Some(timer) {
                self.now.roll(|timer| _ = ctx.cancel(timer));
            }
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        self.write_on(ctx);
        if self.now.unwritten_bytes <= UNWRITTEN_BYTES_MAX {
            self.now.kept.drain(..).for_each(Batch::done);
        }
        self.counters.batches_waiting.set(self.now.kept.len() as u64);
        Ok(())
    }
}
