//! A sink that writes a file.
//!
//! The file takes its name when everything has been written and is durable; until then it is called `….partial`, and it
//! is removed if the job fails. Writing goes to the page cache and blocks the worker for the time of a copy.

use super::{Encode, Sink};
use crate::element::Element;
use crate::exchange::{Inputs, ToOne};
use crate::job::{Deploy, JobMsg, StageCounters};
use potoroo_runtime::sys::files::OutputFile;
use potoroo_runtime::{Actor, Context, Recipient, Turn};
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many bytes gather before they are written.
const WRITE_BYTES: usize = 256 * 1024;

/// Writes records to a file.
#[derive(Debug)]
pub struct FileSink<E> {
    path: PathBuf,
    file: OutputFile,
    encode: E,
}

impl<E> FileSink<E> {
    /// Begins the file now, so that an unwritable one is an error of the caller.
    pub fn create(path: &Path, encode: E) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: OutputFile::create(path)?,
            encode,
        })
    }
}

impl<T, E> Sink<T> for FileSink<E>
where
    T: Send + 'static,
    E: Encode<T>,
{
    type Down = ToOne<T>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        deploy.expect_sink();
        let counters = deploy.counters(name);
        let job = deploy.job();
        let name_of_stage = name.to_owned();
        let worker = deploy.next_worker();
        let actor = deploy.spawn(name, worker, move |_| {
            Ok(Writing {
                name: name_of_stage,
                path: self.path,
                file: Some(self.file),
                encode: self.encode,
                buffer: Vec::new(),
                inputs: Inputs::new(),
                counters,
                job,
                records: PhantomData,
            })
        });
        ToOne::new(actor.recipient())
    }
}

struct Writing<T, E> {
    name: String,
    path: PathBuf,
    /// Gone when it is published or has failed.
    file: Option<OutputFile>,
    encode: E,
    buffer: Vec<u8>,
    inputs: Inputs,
    counters: Arc<StageCounters>,
    job: Recipient<JobMsg>,
    records: PhantomData<fn(T)>,
}

impl<T, E> Writing<T, E> {
    /// Writes what has gathered. After an error the file is dropped and the rest of the records with it: the job has
    /// failed and says so.
    fn write_out(&mut self) {
        if let Some(file) = &mut self.file {
            self.counters.bytes.add(self.buffer.len() as u64);
            if let Err(error) = file.write(&self.buffer) {
                self.fail(&error);
            }
        }
        self.buffer.clear();
    }

    fn fail(&mut self, error: &io::Error) {
        self.file = None;
        self.job.tell(JobMsg::Failed(format!(
            "sink '{}' cannot write {}: {error}; nothing of it is kept",
            self.name,
            self.path.display()
        )));
    }

    fn publish(&mut self) {
        self.write_out();
        if let Some(file) = self.file.take() {
            match file.publish() {
                Ok(()) => self.job.tell(JobMsg::SinkFinished),
                Err(error) => self.fail(&error),
            }
        }
    }
}

impl<T, E> Actor for Writing<T, E>
where
    T: Send + 'static,
    E: Encode<T>,
{
    type Msg = Element<T>;

    fn handle(&mut self, msg: Element<T>, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Element::Open(edge) => self.inputs.opened(edge),
            Element::Idle(_) => {}
            Element::Batch(batch) => {
                self.encode.begin_batch();
                for record in &batch.items {
                    self.encode.encode(record, &mut self.buffer);
                }
                self.counters.records_in.add(batch.items.len() as u64);
                self.counters.records_out.add(batch.items.len() as u64);
                if self.buffer.len() >= WRITE_BYTES {
                    self.write_out();
                }
                batch.done();
            }
            Element::End(edge) => {
                if self.inputs.ended(edge) {
                    self.encode.end();
                    self.publish();
                    ctx.stop();
                }
            }
        }
        Ok(())
    }
}
