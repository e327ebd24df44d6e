//! A sink that writes rows to a table of PostgreSQL.
//!
//! What has gathered while the last batch was under way is copied by the next transaction: into the table itself, or, for an
//! upsert, into a temporary table of the session and from there into the table, in one statement. So a batch is in the table as
//! a whole or not at all, and thousands of rows cost three round trips or four. A server that goes away is connected to again, and
//! the batch is written again; if the answer to a commit was lost, copied rows are there twice, and upserted ones are not.
//!
//! The client is the crate `postgres`, which waits, and has a small runtime of its own to do so: all of it happens on the pool
//! for blocking work. It lacks TLS.

mod client;
mod rows;
mod statements;

pub use rows::Row;

use super::retries::{PATIENCE, TRIES};
use super::writing::{Parts, Plan};
use super::{Delivery, Sink};
use crate::exchange::ToOne;
use crate::job::Deploy;
use ::postgres::Config;
use client::{Writer, describe};
use rows::Rows;
use statements::Statements;
use std::fmt;
use std::str::FromStr;

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

impl fmt::Display for PostgresError {
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
        let mut writer = Writer::new(config, Statements::new(table, columns, keys), TRIES);
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
        match self.writer.upserts() {
            true => Delivery::Idempotent,
            false => Delivery::Repeating,
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
