//! Files, read and written by an actor without blocking its worker.
//!
//! What waits for a disk is done by a thread of the system's pool for blocking work, and comes back as a continuation with the
//! actor's state, in a later turn. [`Context::open_file`] gives a [`File`]: its operations are carried out one at a time, in
//! the order in which they were asked for. [`Context::read_file`] and [`Context::write_file`] are for whole files. What waits
//! is bounded: [`FileOptions`]. Meant for regular files; what never answers (a pipe that nobody writes to) keeps a thread of
//! the pool. It lacks directories, names and locks: `ctx.blocking` does for those.
//!
//! A log that says when a line is on the disk:
//!
//! ```
//! use potoroo_runtime::io::files::{File, FileError, FileOptions};
//! use potoroo_runtime::{Actor, Context, Fault, Reply, System, Turn};
//! use std::path::PathBuf;
//!
//! struct Log {
//!     path: PathBuf,
//!     file: Option<File>,
//! }
//!
//! enum Msg {
//!     Open(Reply<Result<(), FileError>>),
//!     Line(&'static str, Reply<Result<(), FileError>>),
//! }
//!
//! impl Actor for Log {
//!     type Msg = Msg;
//!     fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
//!         match msg {
//!             Msg::Open(reply) => {
//!                 let options = FileOptions::append().create();
//!                 ctx.open_file(&self.path, options).then(|this, file, _ctx| {
//!                     reply.send(file.map(|file| this.file = Some(file)));
//!                     Ok(())
//!                 });
//!             }
//!             Msg::Line(line, reply) => {
//!                 let file = self.file.as_ref().ok_or_else(|| Fault::new("open it first"))?;
//!                 // Both are on their way at once; the second is done after the first.
//!                 file.append(line, ctx).then(|_, written, _| Ok(written?));
//!                 file.sync(ctx).then(|_, synced, _| Ok(reply.send(synced)));
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let path = std::env::temp_dir().join(format!("potoroo-log-{}", std::process::id()));
//! let system = System::new()?;
//! let opened = path.clone();
//! let log = system.spawn(move |_| Ok(Log { path: opened, file: None }));
//! log.ask(Msg::Open).wait()??;
//! log.ask(|reply| Msg::Line("first\n", reply)).wait()??;
//! log.ask(|reply| Msg::Line("second\n", reply)).wait()??;
//! assert_eq!(std::fs::read_to_string(&path)?, "first\nsecond\n");
//! std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod inside;
mod lane;
mod options;

pub use error::{FileError, FileErrorKind, FileOperation};
pub use inside::FileInside;
pub use options::{FileOptions, READ_BYTES_MAX, WAITING_BYTES_MAX, WAITING_MAX};

use crate::actor::{Actor, Context};
use crate::sync::Arc;
use crate::sys::files::{self, Access, OpenFile};
use error::SharedPath;
use inside::Way;
use lane::Lane;
use std::fmt;
use std::path::Path;

/// An open file. Each operation gives a [`FileInside`], whose `then` begins it; operations of one handle are carried out one at a
/// time and in order, and their continuations are called in that order. A handle may be sent to another actor.
///
/// Dropped, it still has done what was asked of it, and the file is closed after that; [`close`](Self::close) says how that
/// went.
pub struct File {
    lane: Arc<Lane>,
    path: SharedPath,
    options: FileOptions,
}

impl<'t, A: Actor> Context<'t, A> {
    /// Opens a file. A directory is refused. See [`files`](crate::io::files) for an example.
    pub fn open_file(&mut self, path: impl AsRef<Path>, options: FileOptions) -> FileInside<'_, 't, A, File> {
        let path: SharedPath = path.as_ref().into();
        let named = path.clone();
        let open = move || {
            let file = OpenFile::open(&path, options.access, options.presence)
                .map_err(|error| FileError::system(FileOperation::Open, &path, error))?;
            let lane = Lane::new(file, options.waiting_max, options.waiting_bytes_max);
            Ok(File { lane, path, options })
        };
        FileInside::new(self, FileOperation::Open, named, Way::Alone(Box::new(open)))
    }

    /// Reads a whole file, if it has no more than `bytes_max`; [`FileErrorKind::TooLong`] otherwise.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, System, Turn};
    /// struct Motd;
    ///
    /// impl Actor for Motd {
    ///     type Msg = Reply<String>;
    ///     fn handle(&mut self, reply: Reply<String>, ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.read_file("/proc/self/comm", 4096).then(|_this, bytes, _ctx| {
    ///             reply.send(String::from_utf8_lossy(&bytes?).into_owned());
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// let motd = system.spawn(|_| Ok(Motd));
    /// assert!(motd.ask(|reply| reply).wait()?.ends_with('\n'));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_file(&mut self, path: impl AsRef<Path>, bytes_max: usize) -> FileInside<'_, 't, A, Vec<u8>> {
        let path: SharedPath = path.as_ref().into();
        let named = path.clone();
        let read = move || {
            let too_long = || FileError::new(FileOperation::Read, &path, FileErrorKind::TooLong { bytes_max });
            files::read_whole(&path, bytes_max)
                .map_err(|error| FileError::system(FileOperation::Read, &path, error))?
                .ok_or_else(too_long)
        };
        FileInside::new(self, FileOperation::Read, named, Way::Alone(Box::new(read)))
    }

    /// Writes a whole file, so that under its name there is always all of what was there before or all of `bytes`, also after a
    /// loss of power: into a file beside it, which then takes the name. The directory must be one that can be written to. When
    /// the continuation is called without an error, it is on the disk. Permissions of a file that was there are kept.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Reply, System, Turn};
    /// use potoroo_runtime::io::files::FileError;
    /// use std::path::PathBuf;
    ///
    /// struct Saver(PathBuf);
    ///
    /// impl Actor for Saver {
    ///     type Msg = (Vec<u8>, Reply<Result<(), FileError>>);
    ///     fn handle(&mut self, (state, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
    ///         ctx.write_file(&self.0, state).then(|_this, written, _ctx| Ok(reply.send(written)));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let path = std::env::temp_dir().join(format!("potoroo-state-{}", std::process::id()));
    /// let system = System::new()?;
    /// let saved = path.clone();
    /// let saver = system.spawn(move |_| Ok(Saver(saved)));
    /// saver.ask(|reply| (b"all of it".to_vec(), reply)).wait()??;
    /// assert_eq!(std::fs::read(&path)?, b"all of it");
    /// std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_file(&mut self, path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> FileInside<'_, 't, A, ()> {
        let path: SharedPath = path.as_ref().into();
        let (named, bytes) = (path.clone(), bytes.into());
        let write = move || {
            files::replace(&path, &bytes).map_err(|error| FileError::system(FileOperation::Write, &path, error))
        };
        FileInside::new(self, FileOperation::Write, named, Way::Alone(Box::new(write)))
    }
}

impl File {
    /// The path with which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads `length` bytes from `offset` on: fewer where the file ends, and none beyond its end. No more than
    /// [`FileOptions::read_bytes_max`] at a time.
    pub fn read_at<'c, 't, A: Actor>(
        &self,
        offset: u64,
        length: usize,
        ctx: &'c mut Context<'t, A>,
    ) -> FileInside<'c, 't, A, Vec<u8>> {
        let bytes_max = self.options.read_bytes_max;
        if length > bytes_max {
            return self.refuse(FileOperation::Read, FileErrorKind::TooLong { bytes_max }, ctx);
        }
        self.operate(FileOperation::Read, length, ctx, move |file| {
            file.read_at(offset, length)
        })
    }

    /// Writes `bytes` from `offset` on; what lies between the end of the file and `offset` becomes zeros. For a file that was
    /// opened with [`FileOptions::write`].
    pub fn write_at<'c, 't, A: Actor>(
        &self,
        offset: u64,
        bytes: impl Into<Vec<u8>>,
        ctx: &'c mut Context<'t, A>,
    ) -> FileInside<'c, 't, A, ()> {
        if self.options.access != Access::ReadWrite {
            return self.refuse(FileOperation::Write, FileErrorKind::WrongAccess, ctx);
        }
        let bytes = bytes.into();
        self.operate(FileOperation::Write, bytes.len(), ctx, move |file| {
            file.write_at(offset, &bytes)
        })
    }

    /// Writes `bytes` at the end. For a file that was opened with [`FileOptions::append`].
    pub fn append<'c, 't, A: Actor>(
        &self,
        bytes: impl Into<Vec<u8>>,
        ctx: &'c mut Context<'t, A>,
    ) -> FileInside<'c, 't, A, ()> {
        if self.options.access != Access::Append {
            return self.refuse(FileOperation::Append, FileErrorKind::WrongAccess, ctx);
        }
        let bytes = bytes.into();
        self.operate(FileOperation::Append, bytes.len(), ctx, move |file| file.append(&bytes))
    }

    /// Waits until all that was written before is on the disk.
    pub fn sync<'c, 't, A: Actor>(&self, ctx: &'c mut Context<'t, A>) -> FileInside<'c, 't, A, ()> {
        self.operate(FileOperation::Sync, 0, ctx, |file| file.sync())
    }

    /// The length in bytes, after what was asked for before.
    pub fn len<'c, 't, A: Actor>(&self, ctx: &'c mut Context<'t, A>) -> FileInside<'c, 't, A, u64> {
        self.operate(FileOperation::Length, 0, ctx, |file| file.len())
    }

    /// Closes the file, after what was asked for before. Some file systems say only now that a write has failed; whoever must
    /// know that it is on the disk calls [`sync`](Self::sync) first.
    pub fn close<'c, 't, A: Actor>(self, ctx: &'c mut Context<'t, A>) -> FileInside<'c, 't, A, ()> {
        let path = self.path.clone();
        let close = move |file: &mut Option<OpenFile>| {
            let closed = file.take().map_or(Ok(()), OpenFile::close);
            closed.map_err(|error| FileError::system(FileOperation::Close, &path, error))
        };
        let way = Way::InLane(self.lane.clone(), 0, Box::new(close));
        FileInside::new(ctx, FileOperation::Close, self.path.clone(), way)
    }

    fn refuse<'c, 't, A: Actor, T: Send + 'static>(
        &self,
        operation: FileOperation,
        why: FileErrorKind,
        ctx: &'c mut Context<'t, A>,
    ) -> FileInside<'c, 't, A, T> {
        let error = FileError::new(operation, &self.path, why);
        FileInside::new(ctx, operation, self.path.clone(), Way::Refused(error))
    }

    fn operate<'c, 't, A: Actor, T: Send + 'static>(
        &self,
        operation: FileOperation,
        bytes: usize,
        ctx: &'c mut Context<'t, A>,
        work: impl FnOnce(&mut OpenFile) -> std::io::Result<T> + Send + 'static,
    ) -> FileInside<'c, 't, A, T> {
        let path = self.path.clone();
        let on_file = move |file: &mut Option<OpenFile>| match file {
            Some(file) => work(file).map_err(|error| FileError::system(operation, &path, error)),
            // Nothing comes behind a `close`, which uses the handle up.
            None => Err(FileError::new(operation, &path, FileErrorKind::Stopped)),
        };
        let way = Way::InLane(self.lane.clone(), bytes, Box::new(on_file));
        FileInside::new(ctx, operation, self.path.clone(), way)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
}
