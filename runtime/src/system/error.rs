//! What can fail in starting a system or opening a socket.

use std::fmt;

/// What kind of call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is out of its range.
    Configuration,
    /// The operating system refused a resource.
    Resource,
}

/// A failed call, with its cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    cause: Option<std::io::Error>,
}

impl Error {
    pub(crate) fn configuration(what: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Configuration,
            what: what.into(),
            cause: None,
        }
    }

    pub(crate) fn resource(what: impl Into<String>, cause: std::io::Error) -> Self {
        Self {
            kind: ErrorKind::Resource,
            what: what.into(),
            cause: Some(cause),
        }
    }

    /// What kind of call failed.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}
