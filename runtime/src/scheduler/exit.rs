//! Why an actor ended.
//!
//! Every finished actor has one [`ExitReason`]; its parent is told, and whoever is linked to it or watches it: a reason can
//! be cloned. It lacks any decision about what to do next: that is supervision's.

use super::header::ActorId;
use crate::sync::global::Arc;
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A handler's way to give up: any error becomes one with `?`, and the actor ends with it. Clones share the error.
#[derive(Clone)]
pub struct Fault(Arc<dyn Error + Send + Sync>);

impl Fault {
    /// A fault that says `what`.
    pub fn new(what: impl Into<String>) -> Self {
        let error: Box<dyn Error + Send + Sync> = what.into().into();
        Self(error.into())
    }

    /// The error behind it.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}

/// Why an actor ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// It stopped itself or was asked to.
    Stopped,
    /// Its parent or the system ended, and it with them.
    ParentStopped,
    /// A handler returned a fault.
    Faulted(Fault),
    /// A handler or the factory panicked; the payload's text.
    Panicked(String),
    /// The factory refused.
    FactoryFailed(Fault),
    /// So many messages waited for it, which is all it takes, and its limit says that it fails then; see
    /// [`MailboxLimits::hard`](crate::MailboxLimits::hard).
    MailboxFull {
        /// The limit.
        limit: usize,
    },
    /// Its arenas used more than they may; see [`Context::limit_memory`](crate::Context::limit_memory).
    OutOfMemory {
        /// Live and dead bytes in the end.
        used_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// Its supervisor ended this life to begin another: a sibling has failed, or the supervisor itself.
    Restarting,
    /// It has not ended yet: it was told to, has not done so within the time that it was given, and its supervisor goes on
    /// without it. Told to [`SystemBuilder::on_failure`](crate::SystemBuilder::on_failure) only; when it ends, it ends for a reason of its own.
    LeftOver {
        /// The time.
        within: Duration,
    },
    /// It was a supervisor whose children failed more often than its intensity allows.
    RestartLimit {
        /// The child that failed last.
        child: ActorId,
        /// Why that one ended.
        reason: Arc<ExitReason>,
    },
    /// An actor that it was linked to ended abnormally; see [`Context::link`](crate::Context::link). Through a chain of
    /// links this stays the first of them.
    Linked {
        /// The actor that ended first.
        id: ActorId,
        /// Why that one ended.
        reason: Arc<ExitReason>,
    },
    /// It had ended before anybody asked; told to monitors and links that come too late.
    AlreadyEnded,
}

impl ExitReason {
    /// Whether the actor ended as planned.
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Stopped | Self::ParentStopped | Self::Restarting)
    }

    /// The reason with which the end of `id` for `self` ends an actor that is linked to it.
    pub(crate) fn through_link(self, id: ActorId) -> Self {
        match self {
            // Kept as it is, so that a long chain of links makes no long chain of reasons.
            Self::Linked { .. } => self,
            reason => Self::Linked {
                id,
                reason: Arc::new(reason),
            },
        }
    }

    /// The reason that a caught panic stands for.
    pub(crate) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        Self::Panicked(panic_text(payload))
    }
}

/// What a caught panic says.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a value that is not text".to_owned())
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => write!(f, "stopped"),
            Self::ParentStopped => write!(f, "stopped with its parent"),
            Self::Faulted(fault) => write!(f, "fault: {fault}"),
            Self::Panicked(text) => write!(f, "panic: {text}"),
            Self::FactoryFailed(fault) => write!(f, "could not start: {fault}"),
            Self::MailboxFull { limit } => write!(f, "its mailbox is full: {limit} messages are allowed"),
            Self::OutOfMemory {
                used_bytes,
                limit_bytes,
            } => write!(
                f,
                "out of memory: its arenas use {used_bytes} bytes, {limit_bytes} are allowed"
            ),
            Self::Restarting => write!(f, "stopped to be restarted"),
            Self::LeftOver { within } => write!(
                f,
                "left over: told to stop, and still busy after {within:?}; its supervisor goes on without it"
            ),
            Self::RestartLimit { child, reason } => write!(f, "too many restarts; last, {child} ended: {reason}"),
            Self::Linked { id, reason } => write!(f, "linked to {id}, which ended: {reason}"),
            Self::AlreadyEnded => write!(f, "had ended before"),
        }
    }
}
