//! How a file is opened, and how much of it may be in memory.

use crate::sys::files::{Access, Presence};

/// How many bytes one read may bring, unless said otherwise.
pub const READ_BYTES_MAX: usize = 16 << 20;

/// How many bytes may wait to be written, unless said otherwise.
pub const WAITING_BYTES_MAX: usize = 16 << 20;

/// How many operations may wait, unless said otherwise.
pub const WAITING_MAX: usize = 1024;

/// What a file is opened for, and the limits of its handle.
///
/// ```
/// use potoroo_runtime::io::files::FileOptions;
///
/// let log = FileOptions::append().create().waiting_bytes_max(1 << 20);
/// let table = FileOptions::write();
/// assert_ne!(log, table);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "options open nothing by themselves"]
pub struct FileOptions {
    pub(super) access: Access,
    pub(super) presence: Presence,
    pub(super) read_bytes_max: usize,
    pub(super) waiting_max: usize,
    pub(super) waiting_bytes_max: usize,
}

impl FileOptions {
    const fn of(access: Access) -> Self {
        Self {
            access,
            presence: Presence::There,
            read_bytes_max: READ_BYTES_MAX,
            waiting_max: WAITING_MAX,
            waiting_bytes_max: WAITING_BYTES_MAX,
        }
    }

    /// To be read.
    pub const fn read() -> Self {
        Self::of(Access::Read)
    }

    /// To be read and written anywhere: [`File::write_at`](super::File::write_at).
    pub const fn write() -> Self {
        Self::of(Access::ReadWrite)
    }

    /// To be read, and written at the end only: [`File::append`](super::File::append). What other handles and processes append to
    /// the same file comes before or behind, and not in between.
    pub const fn append() -> Self {
        Self::of(Access::Append)
    }

    /// Makes the file if it is not there. It does for files that are written.
    pub const fn create(mut self) -> Self {
        self.presence = Presence::Any;
        self
    }

    /// Makes the file, which must not be there. It does for files that are written.
    pub const fn create_new(mut self) -> Self {
        self.presence = Presence::New;
        self
    }

    /// How many bytes one [`read_at`](super::File::read_at) may ask for: [`READ_BYTES_MAX`] otherwise.
    pub const fn read_bytes_max(mut self, bytes: usize) -> Self {
        self.read_bytes_max = bytes;
        self
    }

    /// How many operations may wait, the one under way among them: [`WAITING_MAX`] otherwise.
    pub const fn waiting_max(mut self, operations: usize) -> Self {
        self.waiting_max = operations;
        self
    }

    /// How many bytes may wait to be written or be read: [`WAITING_BYTES_MAX`] otherwise. An operation that is alone may have
    /// more.
    pub const fn waiting_bytes_max(mut self, bytes: usize) -> Self {
        self.waiting_bytes_max = bytes;
        self
    }
}
