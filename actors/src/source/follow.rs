//! A file that grows, as `tail -F` reads it: by its name, whatever file has it.
//!
//! When another file has taken the name, the old one is read to its end and the new one from its beginning. When the file
//! has become shorter than what was read, it is read from its beginning again. A name without a file is waited for. It
//! lacks the notice of a file that was truncated and has grown beyond the old length between two looks, and of what is
//! written to the old file after the new one was found.

use super::input::{Event, Input, read};
use std::fs::{self, File, Metadata};
use std::io::{self, Seek};
use std::path::PathBuf;

/// What makes a file itself, whatever its name.
#[cfg(unix)]
fn identity(found: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Elsewhere only truncation is noticed.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// A name to be followed.
pub(super) struct Follow {
    path: PathBuf,
    file: Option<Open>,
    /// Whether what is there at the start is passed over.
    from_end: bool,
}

struct Open {
    file: File,
    identity: (u64, u64),
    /// How far it has been read.
    position: u64,
    /// To be announced (again).
    begins: bool,
}

impl Follow {
    pub(super) fn new(path: PathBuf, from_end: bool) -> Self {
        Self {
            path,
            file: None,
            from_end,
        }
    }

    fn open(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let position = if std::mem::take(&mut self.from_end) {
            file.seek(io::SeekFrom::End(0))?
        } else {
            0
        };
        self.file = Some(Open {
            file,
            identity: identity(&found),
            position,
            begins: true,
        });
        Ok(())
    }

    fn look(&mut self, buffer: Vec<u8>) -> io::Result<Event> {
        let Some(open) = &mut self.file else {
            return match self.open() {
                Ok(()) => self.look(buffer),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // What comes under the name from now on is new.
                    self.from_end = false;
                    Ok(Event::Quiet)
                }
                Err(error) => Err(error),
            };
        };
        if std::mem::take(&mut open.begins) {
            return Ok(Event::Began(self.path.display().to_string()));
        }
        let (buffer, count) = read(&mut open.file, buffer)?;
        if count > 0 {
            open.position += count as u64;
            return Ok(Event::Bytes(buffer, count));
        }
        if open.file.metadata()?.len() < open.position {
            open.file.rewind()?;
            (open.position, open.begins) = (0, true);
            return Ok(Event::Torn(
                "the file was truncated before the end of its last record came",
            ));
        }
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) != open.identity => {
                // What was written before the name changed hands may have come after the read above.
                let (buffer, count) = read(&mut open.file, buffer)?;
                if count > 0 {
                    open.position += count as u64;
                    return Ok(Event::Bytes(buffer, count));
                }
                self.file = None;
                Ok(Event::Ended)
            }
            Ok(_) => Ok(Event::Quiet),
            // Between two files of the name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Event::Quiet),
            Err(error) => Err(error),
        }
    }
}

impl Input for Follow {
    fn next(&mut self, buffer: Vec<u8>) -> Event {
        let looked = self.look(buffer);
        looked.unwrap_or_else(|error| Event::Failed(format!("cannot follow {}: {error}", self.path.display())))
    }
}
