//! What went wrong with a file: what was done, to which path, why, and what helps.
//!
//! It lacks any decision of its own: most of it is the system's word, put into a sentence.

use crate::actor::BlockingError;
use crate::sync::global::Arc;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

/// The path of a file, as everything has it that may have to name the file.
pub(super) type SharedPath = Arc<Path>;

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileOperation {
    /// [`Context::open_file`](crate::Context::open_file).
    Open,
    /// [`File::read_at`](super::File::read_at), or [`Context::read_file`](crate::Context::read_file).
    Read,
    /// [`File::write_at`](super::File::write_at), or [`Context::write_file`](crate::Context::write_file).
    Write,
    /// [`File::append`](super::File::append).
    Append,
    /// [`File::sync`](super::File::sync).
    Sync,
    /// [`File::len`](super::File::len).
    Length,
    /// [`File::close`](super::File::close).
    Close,
}

impl fmt::Display for FileOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Append => "append to",
            Self::Sync => "sync",
            Self::Length => "find the length of",
            Self::Close => "close",
        })
    }
}

/// Why a file operation did not succeed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// The system refused, or the disk.
    System(Arc<io::Error>),
    /// More bytes than the limit, which is given here; nothing was read.
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// As many operations, or bytes of them, wait at this handle as may; nothing was done.
    TooMuchWaits,
    /// The file was not opened for this; nothing was done.
    WrongAccess,
    /// The pool for blocking work is full: nothing was done.
    PoolFull,
    /// The time was up. The operation may be carried out all the same, later.
    TimedOut,
    /// The system is ending: nothing was done.
    Stopped,
}

/// A file operation that did not succeed.
///
/// ```
/// # use potoroo_runtime::{Actor, Context, Reply, System, Turn};
/// use potoroo_runtime::io::files::FileError;
///
/// struct Reader;
///
/// impl Actor for Reader {
///     type Msg = (&'static str, Reply<Result<Vec<u8>, FileError>>);
///     fn handle(&mut self, (path, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
///         ctx.read_file(path, 1000).then(|_this, bytes, _ctx| Ok(reply.send(bytes)));
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let reader = system.spawn(|_| Ok(Reader));
/// let error = reader.ask(|reply| ("/no/such/file", reply)).wait()?.unwrap_err();
/// assert_eq!(error.io_kind(), Some(std::io::ErrorKind::NotFound));
/// assert_eq!(
///     error.to_string(),
///     "cannot read /no/such/file: No such file or directory (os error 2): check the path, and that its directory exists"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileError {
    pub(super) operation: FileOperation,
    pub(super) path: SharedPath,
    pub(super) kind: FileErrorKind,
}

impl FileError {
    pub(super) fn new(operation: FileOperation, path: &SharedPath, kind: FileErrorKind) -> Self {
        let path = path.clone();
        Self { operation, path, kind }
    }

    pub(super) fn system(operation: FileOperation, path: &SharedPath, error: io::Error) -> Self {
        Self::new(operation, path, FileErrorKind::System(Arc::new(error)))
    }

    /// The pool, and not the file, is why.
    pub(super) fn blocking(operation: FileOperation, path: &SharedPath, error: BlockingError) -> Self {
        let kind = match error {
            BlockingError::Full => FileErrorKind::PoolFull,
            BlockingError::TimedOut => FileErrorKind::TimedOut,
            // What is done there is of this folder, and panics over nothing.
            BlockingError::Stopped | BlockingError::Panicked(_) => FileErrorKind::Stopped,
        };
        Self::new(operation, path, kind)
    }

    /// What was done.
    pub fn operation(&self) -> FileOperation {
        self.operation
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it did not succeed.
    pub fn kind(&self) -> &FileErrorKind {
        &self.kind
    }

    /// What the system said, if it is the one who refused.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &self.kind {
            FileErrorKind::System(error) => Some(error.kind()),
            _ => None,
        }
    }
}

/// What helps, where that is known.
fn advice(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::NotFound => "check the path, and that its directory exists",
        io::ErrorKind::PermissionDenied => "check the permissions of the file and of its directory",
        io::ErrorKind::AlreadyExists => "remove it first, or open what is there",
        io::ErrorKind::IsADirectory => "name a file in it",
        io::ErrorKind::NotADirectory => "a part of the path that should be a directory is a file",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place that can be written to",
        _ => return None,
    })
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: ", self.operation, self.path.display())?;
        match &self.kind {
            FileErrorKind::System(error) => {
                write!(f, "{error}")?;
                advice(error.kind()).map_or(Ok(()), |advice| write!(f, ": {advice}"))
            }
            FileErrorKind::TooLong { bytes_max } => {
                write!(
                    f,
                    "more than the {bytes_max} bytes allowed: read less at a time, or allow more"
                )
            }
            FileErrorKind::TooMuchWaits => {
                f.write_str("too much waits for this file: go on when what was asked before is done, or allow more")
            }
            FileErrorKind::WrongAccess => f.write_str("it was not opened for that: see FileOptions"),
            FileErrorKind::PoolFull => {
                f.write_str("too much blocking work waits: try again later, or allow more threads")
            }
            FileErrorKind::TimedOut => f.write_str("not done in time"),
            FileErrorKind::Stopped => f.write_str("the system is ending"),
        }
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            FileErrorKind::System(error) => Some(&**error),
            _ => None,
        }
    }
}
