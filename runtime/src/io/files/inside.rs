//! An operation on a file, on its way from a turn to the pool and back into another turn.

use super::error::{FileError, FileErrorKind, FileOperation, SharedPath};
use super::lane::Lane;
use crate::actor::{Actor, Context, Patience, Turn};
use crate::sync::Arc;
use crate::sys::files::OpenFile;
use std::fmt;
use std::time::Duration;

/// What is done to an open file; the place is empty once it is closed.
type OnFile<T> = Box<dyn FnOnce(&mut Option<OpenFile>) -> Result<T, FileError> + Send>;

/// Where an operation is done.
pub(super) enum Way<T> {
    /// Nowhere: it is known already that it cannot be.
    Refused(FileError),
    /// After what was asked of this file before; with so many bytes.
    InLane(Arc<Lane>, usize, OnFile<T>),
    /// By itself.
    Alone(Box<dyn FnOnce() -> Result<T, FileError> + Send>),
}

/// An operation on a file in the making: [`then`](Self::then) begins it.
#[must_use = "nothing is done before `then`"]
pub struct FileInside<'c, 't, A: Actor, T> {
    pub(super) ctx: &'c mut Context<'t, A>,
    pub(super) operation: FileOperation,
    pub(super) path: SharedPath,
    pub(super) way: Way<T>,
    patience: Patience,
}

impl<'c, 't, A: Actor, T: Send + 'static> FileInside<'c, 't, A, T> {
    pub(super) fn new(ctx: &'c mut Context<'t, A>, operation: FileOperation, path: SharedPath, way: Way<T>) -> Self {
        Self {
            ctx,
            operation,
            path,
            way,
            patience: Patience::Endless,
        }
    }

    /// Waits for at most `at_most`, queueing included; the operation may be carried out later all the same. By default there is
    /// no limit, because a result or an error comes in any case.
    pub fn within(mut self, at_most: Duration) -> Self {
        self.patience = Patience::AtMost(at_most);
        self
    }

    /// Begins the operation, and remembers what to do with what comes of it, in a later turn of this actor. If the actor ends
    /// before that, the operation is carried out all the same.
    pub fn then(
        self,
        continuation: impl FnOnce(&mut A, Result<T, FileError>, &mut Context<'_, A>) -> Turn + Send + 'static,
    ) {
        let Self {
            ctx,
            operation,
            path,
            way,
            patience,
        } = self;
        let named = path.clone();
        let reply = ctx.expect_result(patience, move |actor: &mut A, result, ctx| {
            let result = result.unwrap_or_else(|error| Err(FileError::blocking(operation, &path, error)));
            continuation(actor, result, ctx)
        });
        match way {
            Way::Refused(error) => reply.send(Ok(Err(error))),
            Way::Alone(work) => ctx.have_done(Box::new(move || reply.send(Ok(work())))),
            Way::InLane(lane, bytes, _) if !lane.reserve(bytes, operation == FileOperation::Close) => {
                reply.send(Ok(Err(FileError::new(operation, &named, FileErrorKind::TooMuchWaits))));
            }
            Way::InLane(lane, bytes, work) => {
                let job = Box::new(move |file: &mut Option<OpenFile>| reply.send(Ok(work(file))));
                if let Some(server) = Lane::push(&lane, job, bytes) {
                    let pool = ctx.blocking_pool();
                    ctx.have_done(Box::new(move || server.serve(&pool)));
                }
            }
        }
    }
}

impl<A: Actor, T> fmt::Debug for FileInside<'_, '_, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("FileInside");
        fields.field("operation", &self.operation).field("path", &self.path);
        fields.finish_non_exhaustive()
    }
}
