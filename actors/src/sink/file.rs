//! A sink that writes a file.
//!
//! The file takes its name when everything has been written and is durable; until then it is called `….partial`, and it
//! is removed if the job fails.

use super::writing::{Output, Parts, Plan};
use super::{Delivery, Encode, Sink};
use crate::exchange::ToOne;
use crate::job::Deploy;
use potoroo_runtime::sys::files::OutputFile;
use std::io;
use std::path::{Path, PathBuf};

/// How many bytes gather before they are written.
pub(super) const GATHER_BYTES: usize = 256 * 1024;

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

    fn delivery(&self) -> Delivery {
        Delivery::Transactional
    }

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        let parts = Parts {
            gather_bytes: GATHER_BYTES,
            ..Parts::default()
        };
        let plan = Plan {
            place: format!("{} (nothing of it is kept)", self.path.display()),
            output: Whole(Some(self.file)),
            encode: self.encode,
            parts,
        };
        plan.deploy(name, deploy)
    }
}

/// Gone when it is published or has failed.
struct Whole(Option<OutputFile>);

impl Output for Whole {
    fn write(&mut self, bytes: &[u8], _: usize) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |file| file.write(bytes))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), OutputFile::publish)
    }

    fn abandon(&mut self) {
        self.0 = None;
    }
}
