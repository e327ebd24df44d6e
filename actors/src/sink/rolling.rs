//! A sink that writes files, one after the other: a new one when the present one is large or old enough.
//!
//! A file takes its name, with the next number, when it is whole and durable. Until then it is called `….partial`, so who
//! reads the directory never finds half of one. What was written before a failure stays: the files of a job that is
//! started again come after it. It lacks names by time and the removal of old files.

use super::file::GATHER_BYTES;
use super::writing::{Output, Parts, Plan};
use super::{Encode, Sink};
use crate::exchange::ToOne;
use crate::job::Deploy;
use potoroo_runtime::sys::files::OutputFile;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Writes records to files that are numbered.
#[derive(Debug)]
pub struct RollingFileSink<E> {
    files: Numbered,
    encode: E,
    bytes_max: Option<u64>,
    age_max: Option<Duration>,
}

impl<E> RollingFileSink<E> {
    /// Files in `directory`, which is made if it is not there, called `prefix`, a number of six digits, `suffix`. The numbers
    /// go on after the greatest that is there.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::sink::{self, RollingFileSink};
    /// use potoroo_actors::{Pipeline, source};
    /// use std::fs;
    ///
    /// # let directory = std::env::temp_dir().join(format!("potoroo-rolling-{}", std::process::id()));
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let files = RollingFileSink::create(&directory, "numbers-", ".txt", sink::lines())?.bytes_max(20);
    /// pipeline.source("numbers", source::generate(1, |_| 10..25_u64)).sink("files", files);
    /// pipeline.start(&system).wait()?;
    /// assert_eq!(fs::read_to_string(directory.join("numbers-000001.txt"))?, "10\n11\n12\n13\n14\n15\n16\n");
    /// assert_eq!(fs::read_to_string(directory.join("numbers-000003.txt"))?, "24\n");
    /// # fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(
        directory: impl Into<PathBuf>,
        prefix: impl Into<String>,
        suffix: impl Into<String>,
        encode: E,
    ) -> io::Result<Self> {
        let (directory, prefix, suffix) = (directory.into(), prefix.into(), suffix.into());
        fs::create_dir_all(&directory)?;
        let mut last = 0;
        for entry in fs::read_dir(&directory)? {
            let name = entry?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(&suffix)?.parse().ok());
            last = last.max(number.unwrap_or(0));
        }
        Ok(Self {
            files: Numbered {
                directory,
                prefix,
                suffix,
                last,
                current: None,
            },
            encode,
            bytes_max: None,
            age_max: None,
        })
    }

    /// A file ends with the record that makes it this long. Without this, length does not matter.
    #[must_use]
    pub fn bytes_max(mut self, bytes_max: u64) -> Self {
        self.bytes_max = Some(bytes_max);
        self
    }

    /// A file ends so long after its first record. Without this, age does not matter.
    #[must_use]
    pub fn age_max(mut self, age_max: Duration) -> Self {
        self.age_max = Some(age_max);
        self
    }
}

impl<T, E> Sink<T> for RollingFileSink<E>
where
    T: Send + 'static,
    E: Encode<T>,
{
    type Down = ToOne<T>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        let parts = Parts {
            gather_bytes: GATHER_BYTES,
            bytes_max: self.bytes_max,
            age_max: self.age_max,
            ..Parts::default()
        };
        let plan = Plan {
            place: format!("a file in {}", self.files.directory.display()),
            output: self.files,
            encode: self.encode,
            parts,
        };
        plan.deploy(name, deploy)
    }
}

/// Where the files are, and the one that is being written.
#[derive(Debug)]
struct Numbered {
    directory: PathBuf,
    prefix: String,
    suffix: String,
    /// The greatest number that has been given.
    last: u64,
    current: Option<OutputFile>,
}

impl Output for Numbered {
    fn write(&mut self, bytes: &[u8], _: usize) -> io::Result<()> {
        if self.current.is_none() {
            self.last += 1;
            let name = format!("{}{:06}{}", self.prefix, self.last, self.suffix);
            self.current = Some(OutputFile::create(&self.directory.join(name))?);
        }
        self.current.as_mut().map_or(Ok(()), |file| file.write(bytes))
    }

    fn roll(&mut self) -> io::Result<()> {
        self.current.take().map_or(Ok(()), OutputFile::publish)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.roll()
    }

    fn abandon(&mut self) {
        self.current = None;
    }
}
