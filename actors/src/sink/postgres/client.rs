//! The client: a session, what is prepared on it, and transactions that are tried again.

use super::statements::Statements;
use crate::sink::retries::{Failure, attempt};
use crate::sink::writing::Output;
use ::postgres::error::SqlState;
use ::postgres::{Client, Config, Error, NoTls, Statement};
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// A failure in full: the text of the server, with what it adds.
pub(super) fn describe(error: &Error) -> String {
    let Some(db) = error.as_db_error() else {
        // The cause, such as a refused connection, stands behind it.
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                let _ = write!(text, ": {inner_text}");
            }
            cause = inner.source();
        }
        return text;
    };
    let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
    for (what, more) in [("", db.detail()), ("", db.hint()), ("at ", db.where_())] {
        if let Some(more) = more {
            let _ = write!(text, "; {what}{more}");
        }
    }
    text
}

/// Whether it may go better another time: the server is gone, has too much to do, or met another transaction.
fn may_pass(error: &Error) -> bool {
    let Some(code) = error.code() else {
        return true;
    };
    let pass = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ];
    // 08: the connection. 53: too little of memory, connections, disk.
    pass.contains(code) || code.code().starts_with("08") || code.code().starts_with("53")
}

/// A connection, and what is prepared on it.
struct Session {
    client: Client,
    copy: Statement,
}

/// The client.
pub(super) struct Writer {
    config: Config,
    statements: Statements,
    pub(super) tries: u32,
    session: Option<Session>,
}

impl Writer {
    /// Nothing is connected yet.
    pub(super) fn new(config: Config, statements: Statements, tries: u32) -> Self {
        Self {
            config,
            statements,
            tries,
            session: None,
        }
    }

    /// Whether rows take the place of those with the same key.
    pub(super) fn upserts(&self) -> bool {
        self.statements.upsert.is_some()
    }

    /// A new session if there is none.
    fn connect(&mut self) -> Result<(), Error> {
        if self.session.is_none() {
            let mut client = self.config.connect(NoTls)?;
            if let Some(begin) = &self.statements.begin {
                client.batch_execute(begin)?;
            }
            let copy = client.prepare(&self.statements.copy)?;
            self.session = Some(Session { client, copy });
        }
        Ok(())
    }

    /// Whether the table is there, and as it must be.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        self.connect()?;
        match &mut self.session {
            Some(Session { client, .. }) => client.batch_execute(&self.statements.check),
            None => unreachable!("it has just been made"),
        }
    }

    fn try_write(&mut self, rows: &[u8]) -> Result<(), Error> {
        self.connect()?;
        let Some(Session { client, copy }) = &mut self.session else {
            unreachable!("it has just been made");
        };
        let mut transaction = client.transaction()?;
        let mut copy = transaction.copy_in(copy)?;
        if let Err(error) = copy.write_all(rows) {
            return Err(match error.downcast::<Error>() {
                Ok(error) => error,
                Err(_) => unreachable!("the client wraps its own errors alone"),
            });
        }
        copy.finish()?;
        if let Some(upsert) = &self.statements.upsert {
            transaction.batch_execute(upsert)?;
        }
        transaction.commit()
    }
}

impl Output for Writer {
    fn write(&mut self, bytes: &[u8], _: usize) -> io::Result<()> {
        attempt(self.tries, || {
            self.try_write(bytes).map_err(|error| {
                self.session = None;
                let described = io::Error::other(describe(&error));
                if may_pass(&error) {
                    Failure::Passing(described)
                } else {
                    Failure::Lasting(described)
                }
            })
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.session = None;
        Ok(())
    }

    fn abandon(&mut self) {
        self.session = None;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A job that was stopped drops this on a worker, and saying goodbye to the server waits.
        if let Some(session) = self.session.take() {
            std::thread::spawn(move || drop(session));
        }
    }
}
