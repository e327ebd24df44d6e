//! A sink that writes rows to a table of PostgreSQL.
//!
//! What has gathered while the last batch was under way is copied by the next transaction: into the table itself, or, for an
//! upsert, into a temporary table of the session and from there into the table, in one statement. So a batch is in the table as
//! a whole or not at all, and thousands of rows cost three round trips or four. A server that goes away is connected to again, and
//! the batch is written again; if the answer to a commit was lost, copied rows are there twice, and upserted ones are not.
//!
//! The client is the crate `postgres`, which waits, and has a small runtime of its own to do so: all of it happens on the pool
//! for blocking work. It lacks TLS.

use super::writing::{Output, Parts, Plan};
use super::{Delivery, Encode, Sink};
use crate::exchange::ToOne;
use crate::job::Deploy;
use ::postgres::error::SqlState;
use ::postgres::{Client, Config, Error, NoTls, Statement};
use potoroo_runtime::sys::clock;
use std::fmt::{self, Display, Write as _};
use std::io::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

/// How long connecting may take, and how long what was sent may be without an answer from the other machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first wait before another try, and the longest.
const WAIT_MIN: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Where an upsert gathers its rows, and the column that says in which order they came.
const STAGING: &str = "pg_temp.potoroo_batch";
const ORDER: &str = "potoroo_order";

/// Writes records as rows. See [`copy`](Self::copy) and [`upsert`](Self::upsert).
pub struct PostgresSink<F> {
    writer: Writer,
    place: String,
    row: F,
    columns: usize,
    records_max: usize,
}

/// Why a table cannot be written to: the server is not there, lets nobody in, or has no such table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresError(String);

impl Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PostgresError {}

impl<F> PostgresSink<F> {
    /// Adds a row to `table` for each record. Connects at once, so that what is wrong with the address or the table is found
    /// before the job starts; blocks for as long as that takes.
    ///
    /// `url` is `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or `host=… user=…` as for `libpq`. `table` may name its schema,
    /// `schema.table`. `row` gives a value for each of `columns`, in their order; the server reads it as the column's type.
    ///
    /// ```no_run
    /// use potoroo_actors::sink::PostgresSink;
    ///
    /// struct Reading { sensor: String, celsius: Option<f64> }
    ///
    /// let sink = PostgresSink::copy(
    ///     "postgres://ann:secret@127.0.0.1/house",
    ///     "readings",
    ///     ["sensor", "celsius"],
    ///     |reading: &Reading, row| {
    ///         row.value(&reading.sensor).option(reading.celsius);
    ///     },
    /// )?;
    /// # let _ = sink;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn copy<T>(
        url: &str,
        table: &str,
        columns: impl IntoIterator<Item = impl Into<String>>,
        row: F,
    ) -> Result<Self, PostgresError>
    where
        F: FnMut(&T, &mut Row<'_>) + Send + 'static,
    {
        Self::new(url, table, &names(columns), &[], row)
    }

    /// As [`copy`](Self::copy), but a row takes the place of the one with the same values in the columns `keys`, on which the
    /// table must have a unique index or its primary key. Of several records with the same key the last counts.
    ///
    /// ```no_run
    /// use potoroo_actors::sink::PostgresSink;
    ///
    /// let sink = PostgresSink::upsert(
    ///     "postgres://ann@127.0.0.1/house",
    ///     "counts",
    ///     ["word", "count"],
    ///     ["word"],
    ///     |(word, count): &(String, u64), row| {
    ///         row.value(word).value(count);
    ///     },
    /// )?;
    /// # let _ = sink;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upsert<T>(
        url: &str,
        table: &str,
        columns: impl IntoIterator<Item = impl Into<String>>,
        keys: impl IntoIterator<Item = impl Into<String>>,
        row: F,
    ) -> Result<Self, PostgresError>
    where
        F: FnMut(&T, &mut Row<'_>) + Send + 'static,
    {
        let (columns, keys) = (names(columns), names(keys));
        if keys.is_empty() {
            return Err(PostgresError("an upsert needs the columns of a key".to_owned()));
        }
        if let Some(key) = keys.iter().find(|key| !columns.contains(key)) {
            return Err(PostgresError(format!("the key column {key} is none of the columns")));
        }
        Self::new(url, table, &columns, &keys, row)
    }

    fn new(url: &str, table: &str, columns: &[String], keys: &[String], row: F) -> Result<Self, PostgresError> {
        if columns.is_empty() {
            return Err(PostgresError("a row needs columns".to_owned()));
        }
        // What the parser says of a wrong address does not show it, and with it the password.
        let mut config = Config::from_str(url)
            .map_err(|error| PostgresError(format!("the address of the database cannot be read: {error}")))?;
        config
            .connect_timeout(PATIENCE)
            .tcp_user_timeout(PATIENCE)
            .keepalives_idle(PATIENCE);
        if config.get_application_name().is_none() {
            config.application_name("potoroo");
        }
        let place = format!("to {table} of PostgreSQL");
        let mut writer = Writer {
            config,
            statements: Statements::new(table, columns, keys),
            tries: 8,
            session: None,
        };
        let checked = writer.check();
        checked.map_err(|error| PostgresError(format!("cannot write {place}: {}", describe(&error))))?;
        Ok(Self {
            writer,
            place,
            row,
            columns: columns.len(),
            records_max: 10_000,
        })
    }

    /// How many rows one transaction has at most: 10,000, unless this is set.
    #[must_use]
    pub fn records_max(mut self, records_max: usize) -> Self {
        self.records_max = records_max.max(1);
        self
    }

    /// How often a batch is tried before the job fails: 8 times, over about 6 s, unless this is set. What cannot succeed, such
    /// as a value that is none of its column's type, is not tried again.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.writer.tries = tries.max(1);
        self
    }
}

impl<F> fmt::Debug for PostgresSink<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresSink({})", self.place)
    }
}

impl<T, F> Sink<T> for PostgresSink<F>
where
    T: Send + 'static,
    F: FnMut(&T, &mut Row<'_>) + Send + 'static,
{
    type Down = ToOne<T>;

    fn delivery(&self) -> Delivery {
        match self.writer.statements.upsert {
            Some(_) => Delivery::Idempotent,
            None => Delivery::Repeating,
        }
    }

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        let plan = Plan {
            place: self.place,
            output: self.writer,
            encode: Rows {
                row: self.row,
                columns: self.columns,
            },
            parts: Parts {
                records_max: Some(self.records_max),
                ..Parts::default()
            },
        };
        plan.deploy(name, deploy)
    }
}

fn names(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

/// The values of one row, in the text form of `COPY`.
#[derive(Debug)]
pub struct Row<'a> {
    out: &'a mut Vec<u8>,
    values: usize,
}

impl Row<'_> {
    fn next(&mut self) {
        if self.values > 0 {
            self.out.push(b'\t');
        }
        self.values += 1;
    }

    /// The value of the next column, as it is displayed: text, numbers, `true` and `false`, and whatever else the server reads
    /// as the column's type.
    pub fn value(&mut self, value: impl Display) -> &mut Self {
        self.next();
        // Memory takes everything; what a `Display` says of itself is its own bug.
        let _ = write!(Escaping(self.out), "{value}");
        self
    }

    /// The value of the next column of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.next();
        self.out.extend(b"\\\\x");
        for byte in bytes {
            let _ = write!(Escaping(self.out), "{byte:02x}");
        }
        self
    }

    /// Null, in the next column.
    pub fn null(&mut self) -> &mut Self {
        self.next();
        self.out.extend(b"\\N");
        self
    }

    /// A value, or null.
    pub fn option(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.value(value),
            None => self.null(),
        }
    }
}

/// What would end a value or a row stands behind a backslash.
struct Escaping<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            match byte {
                b'\\' => self.0.extend(b"\\\\"),
                b'\t' => self.0.extend(b"\\t"),
                b'\n' => self.0.extend(b"\\n"),
                b'\r' => self.0.extend(b"\\r"),
                byte => self.0.push(byte),
            }
        }
        Ok(())
    }
}

/// Makes rows of records.
struct Rows<F> {
    row: F,
    columns: usize,
}

impl<T, F: FnMut(&T, &mut Row<'_>) + Send + 'static> Encode<T> for Rows<F> {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) {
        let mut row = Row { out, values: 0 };
        (self.row)(record, &mut row);
        let (values, columns) = (row.values, self.columns);
        assert_eq!(values, columns, "a row must have a value for each column");
        out.push(b'\n');
    }
}

/// What is said to the server.
struct Statements {
    /// When a session begins.
    begin: Option<String>,
    copy: String,
    upsert: Option<String>,
    /// Whether the table is as it must be: makes a plan and does nothing.
    check: String,
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

impl Statements {
    fn new(table: &str, columns: &[String], keys: &[String]) -> Self {
        let table = table.split('.').map(quoted).collect::<Vec<_>>().join(".");
        let (all, key) = (list(columns), list(keys));
        if keys.is_empty() {
            let nulls = vec!["NULL"; columns.len()].join(", ");
            return Self {
                begin: None,
                copy: format!("COPY {table} ({all}) FROM STDIN"),
                upsert: None,
                check: format!("EXPLAIN INSERT INTO {table} ({all}) SELECT {nulls}"),
            };
        }
        let others = columns.iter().filter(|column| !keys.contains(column)).map(|column| {
            let column = quoted(column);
            format!("{column} = EXCLUDED.{column}")
        });
        let action = match others.collect::<Vec<_>>().join(", ") {
            others if others.is_empty() => "NOTHING".to_owned(),
            others => format!("UPDATE SET {others}"),
        };
        // One row for each key, the last that came; in the order of keys, so that two jobs do not wait for each other.
        let upsert = format!(
            "INSERT INTO {table} ({all}) SELECT DISTINCT ON ({key}) {all} FROM {STAGING} ORDER BY {key}, {ORDER} DESC \
             ON CONFLICT ({key}) DO {action}"
        );
        Self {
            begin: Some(format!(
                "CREATE TEMPORARY TABLE potoroo_batch ON COMMIT DELETE ROWS AS SELECT {all} FROM {table} WITH NO DATA; \
                 ALTER TABLE {STAGING} ADD COLUMN {ORDER} bigint GENERATED ALWAYS AS IDENTITY"
            )),
            copy: format!("COPY {STAGING} ({all}) FROM STDIN"),
            check: format!("EXPLAIN {upsert}"),
            upsert: Some(upsert),
        }
    }
}

/// A failure in full: the text of the server, with what it adds.
fn describe(error: &Error) -> String {
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
struct Writer {
    config: Config,
    statements: Statements,
    tries: u32,
    session: Option<Session>,
}

impl Writer {
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
    fn check(&mut self) -> Result<(), Error> {
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
        let mut wait = WAIT_MIN;
        for tried in 1.. {
            let Err(error) = self.try_write(bytes) else {
                return Ok(());
            };
            self.session = None;
            if !may_pass(&error) {
                return Err(io::Error::other(describe(&error)));
            }
            if tried >= self.tries {
                return Err(io::Error::other(format!("{}, after {tried} tries", describe(&error))));
            }
            clock::sleep(wait);
            wait = (2 * wait).min(WAIT_MAX);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        let mut out = Vec::new();
        let mut rows = Rows {
            row: |text: &&str, row: &mut Row<'_>| {
                row.value(text)
                    .null()
                    .bytes(b"\\a\n")
                    .option(None::<u8>)
                    .option(Some(1.5));
            },
            columns: 5,
        };
        rows.encode(&"a\tb\\N\r\n", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\tb\\\\N\\r\\n\t\\N\t\\\\x5c610a\t\\N\t1.5\n"
        );
    }

    #[test]
    fn names_are_quoted_in_all_statements() {
        let columns = ["a\"b".to_owned(), "c".to_owned()];
        let copy = Statements::new("s.t", &columns, &[]);
        assert_eq!(copy.copy, "COPY \"s\".\"t\" (\"a\"\"b\", \"c\") FROM STDIN");
        let upsert = Statements::new("t", &columns, &columns[..1]).upsert.unwrap();
        assert!(
            upsert.ends_with("ON CONFLICT (\"a\"\"b\") DO UPDATE SET \"c\" = EXCLUDED.\"c\""),
            "{upsert}"
        );
        let all_keys = Statements::new("t", &columns, &columns).upsert.unwrap();
        assert!(all_keys.ends_with("DO NOTHING"), "{all_keys}");
    }
}
