//! A sink that writes to standard output, at once.

use super::writing::{Output, Parts, Plan};
use super::{Encode, Sink};
use crate::exchange::ToOne;
use crate::job::Deploy;
use std::io::{self, Write};

/// Writes records to standard output. A reader that goes away ends the job.
#[derive(Debug)]
pub struct StdoutSink<E>(E);

impl<E> StdoutSink<E> {
    /// Standard output, of which there should be one user.
    pub fn new(encode: E) -> Self {
        Self(encode)
    }
}

impl<T, E> Sink<T> for StdoutSink<E>
where
    T: Send + 'static,
    E: Encode<T>,
{
    type Down = ToOne<T>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        let plan = Plan {
            place: "to standard output".to_owned(),
            output: StandardOutput,
            encode: self.0,
            parts: Parts::default(),
        };
        plan.deploy(name, deploy)
    }
}

struct StandardOutput;

impl Output for StandardOutput {
    fn write(&mut self, bytes: &[u8], _: usize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
