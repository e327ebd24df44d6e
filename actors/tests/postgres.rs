//! The sink of PostgreSQL, against a server of its own in a temporary directory.
//!
//! Without the server's programs these tests say so and prove nothing; with `POTOROO_NEEDS_POSTGRES` set they fail then.

use postgres::{Client, NoTls};
use potoroo_actors::runtime::System;
use potoroo_actors::sink::{Guarantee, PostgresError, PostgresSink, Row};
use potoroo_actors::{Job, Pipeline, source};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// After this long nothing will come any more.
const LIMIT: Duration = Duration::from_secs(60);

const PASSWORD: &str = "a secret";

/// Looks until there is something.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where the server's programs are.
fn programs() -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    // Debian keeps them out of the path, one folder for each version.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    places.extend(versions.map(|version| version.path().join("bin")));
    let both = |place: &PathBuf| ["initdb", "postgres"].iter().all(|name| place.join(name).exists());
    places.into_iter().find(both)
}

fn id(option: &str, user: &str) -> Option<u32> {
    let output = Command::new("id").args([option, user]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// A server that goes with the test.
struct Server {
    programs: PathBuf,
    place: tempfile::TempDir,
    /// The server refuses to be root.
    user: Option<(u32, u32)>,
    port: u16,
    process: Option<Child>,
}

impl Server {
    fn new() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("POTOROO_NEEDS_POSTGRES").is_none(),
                "initdb and postgres are not installed"
            );
            eprintln!("initdb and postgres are not installed: the sink of PostgreSQL is not tested");
            return None;
        };
        let place = tempfile::tempdir().expect("a directory");
        let is_root = id("-u", "root") == Some(0) && fs::metadata("/proc/self").is_ok_and(|me| owner(&me) == 0);
        let user = is_root.then(|| {
            let (user, group) = (id("-u", "postgres"), id("-g", "postgres"));
            let user = (user.expect("a user `postgres`"), group.expect("and its group"));
            std::os::unix::fs::chown(place.path(), Some(user.0), Some(user.1)).expect("allowed");
            user
        });
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let mut server = Self {
            programs,
            place,
            user,
            port,
            process: None,
        };
        let password = server.place.path().join("password");
        fs::write(&password, PASSWORD).expect("writable");
        let initdb = server
            .command("initdb")
            .args([
                "--username=ann",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-sync",
                "--pwfile",
            ])
            .arg(&password)
            .arg(server.data())
            .output()
            .expect("it starts");
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        server.start();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let Some((user, group)) = self.user else {
            return Command::new(program);
        };
        let mut command = Command::new("setpriv");
        command
            .args([format!("--reuid={user}"), format!("--regid={group}")])
            .arg("--clear-groups")
            .arg(program);
        command.current_dir(self.place.path());
        command
    }

    fn start(&mut self) {
        let log = fs::File::create(self.place.path().join("log")).expect("writable");
        let process = self
            .command("postgres")
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
                "-p",
                &self.port.to_string(),
            ])
            .arg("-k")
            .arg(self.place.path())
            .arg("-D")
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.expect("it starts"));
        eventually("the server", || Client::connect(&self.url(), NoTls).ok());
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // SIGINT: sessions are ended, and nothing is lost.
            let _ = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
            let _ = process.wait();
        }
    }

    fn url(&self) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://ann:{password}@127.0.0.1:{}/postgres", self.port)
    }

    fn client(&self) -> Client {
        Client::connect(&self.url(), NoTls).expect("it lets us in")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn owner(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(metadata)
}

/// The whole job, from records to rows.
fn start<T: Send + Sync + Clone + 'static, F>(
    system: &System,
    records: Vec<T>,
    sink: PostgresSink<F>,
) -> (Job, Guarantee)
where
    F: FnMut(&T, &mut Row<'_>) + Send + 'static,
{
    let pipeline = Pipeline::new();
    let source = source::generate(1, move |_| records.clone().into_iter());
    pipeline.source("records", source).sink("rows", sink);
    let guarantee = pipeline.guarantee();
    (pipeline.start(system), guarantee)
}

fn system() -> System {
    System::builder().workers(2).build().expect("a system")
}

#[test]
fn rows_are_copied_whatever_is_in_them() {
    let Some(server) = Server::new() else { return };
    let mut client = server.client();
    let table = "CREATE SCHEMA \"my house\"; CREATE TABLE \"my house\".\"Read\"\"ings\" \
        (place serial, text text, number double precision, bytes bytea, flag boolean)";
    client.batch_execute(table).expect("a table");
    let texts = [
        "",
        "plain",
        "a\tb\r\nc",
        "\\N",
        "\\.",
        "back\\slash",
        "\u{e4}\u{1f998}",
        "null",
        "quote ' \" $1",
    ];
    let records: Vec<(String, f64)> = (0..9_000)
        .map(|n| {
            (
                texts[n % texts.len()].to_owned(),
                [1.5, -0.0, f64::NAN, f64::INFINITY][n % 4],
            )
        })
        .collect();
    let row = |(text, number): &(String, f64), row: &mut Row<'_>| {
        row.option(Some(text).filter(|text| *text != "null"))
            .value(number)
            .bytes(text.as_bytes());
    };
    let columns = ["text", "number", "bytes"];
    let sink = PostgresSink::copy(&server.url(), "my house.Read\"ings", columns, row).expect("a table");
    let system = system();
    let (job, guarantee) = start(&system, records.clone(), sink.records_max(1000));
    assert_eq!(guarantee, Guarantee::AtLeastOnce);
    job.wait().expect("it succeeds");
    let rows = client
        .query(
            "SELECT text, number, bytes, flag FROM \"my house\".\"Read\"\"ings\" ORDER BY place",
            &[],
        )
        .expect("rows");
    assert_eq!(rows.len(), records.len());
    for (row, (text, number)) in rows.iter().zip(&records) {
        let expected = Some(text.as_str()).filter(|text| *text != "null");
        assert_eq!(row.get::<_, Option<&str>>(0), expected);
        assert_eq!(row.get::<_, f64>(1).to_bits(), number.to_bits());
        assert_eq!(row.get::<_, &[u8]>(2), text.as_bytes());
        assert_eq!(row.get::<_, Option<bool>>(3), None);
    }
}

#[test]
fn of_the_rows_with_one_key_the_last_is_left_however_often_the_job_runs() {
    let Some(server) = Server::new() else { return };
    let mut client = server.client();
    client
        .batch_execute("CREATE TABLE counts (word text, day date, count bigint, note text DEFAULT 'mine', PRIMARY KEY (day, word))")
        .expect("a table");
    client
        .batch_execute(
            "INSERT INTO counts VALUES ('word 3', '2026-01-02', -1, 'theirs'), ('old', '2026-01-01', 7, 'theirs')",
        )
        .expect("rows");
    let records: Vec<(u64, u64)> = (0..20_000).map(|n| (n * 7919 % 613, n)).collect();
    let mut expected = std::collections::BTreeMap::from([("old".to_owned(), (7, "theirs".to_owned()))]);
    for (word, count) in &records {
        let note = if *word == 3 { "theirs" } else { "mine" };
        expected.insert(format!("word {word}"), (*count as i64, note.to_owned()));
    }
    let system = system();
    for records_max in [10_000, 97] {
        let row = |(word, count): &(u64, u64), row: &mut Row<'_>| {
            row.value(format_args!("word {word}")).value("2026-01-02").value(count);
        };
        let sink = PostgresSink::upsert(&server.url(), "counts", ["word", "day", "count"], ["word", "day"], row);
        let (job, guarantee) = start(
            &system,
            records.clone(),
            sink.expect("a table").records_max(records_max),
        );
        assert_eq!(guarantee, Guarantee::ExactlyOnce);
        job.wait().expect("it succeeds");
        let rows = client.query("SELECT word, count, note FROM counts", &[]).expect("rows");
        let rows: std::collections::BTreeMap<String, (i64, String)> =
            rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
        assert_eq!(rows, expected);
    }
    // A row that is nothing but its key changes nothing.
    client
        .batch_execute("CREATE TABLE words (word text UNIQUE)")
        .expect("a table");
    let row = |(word, _): &(u64, u64), row: &mut Row<'_>| _ = row.value(word);
    let sink = PostgresSink::upsert(&server.url(), "words", ["word"], ["word"], row).expect("a table");
    start(&system, records, sink).0.wait().expect("it succeeds");
    assert_eq!(
        client
            .query_one("SELECT count(*) FROM words", &[])
            .expect("a row")
            .get::<_, i64>(0),
        613
    );
}

#[test]
fn a_server_that_goes_away_and_comes_back_loses_nothing() {
    let Some(mut server) = Server::new() else { return };
    server
        .client()
        .batch_execute("CREATE TABLE numbers (number bigint PRIMARY KEY)")
        .expect("a table");
    let row = |number: &i64, row: &mut Row<'_>| _ = row.value(number);
    let sink = PostgresSink::upsert(&server.url(), "numbers", ["number"], ["number"], row).expect("a table");
    let system = system();
    let (mut job, _) = start(&system, (0..200_000).collect(), sink.records_max(100).tries(100));
    let written = |job: &Job| job.status().stage("rows").map_or(0, |stage| stage.records_out);
    eventually("rows", || (written(&job) > 0).then_some(()));
    server.stop();
    let at_the_stop = written(&job);
    assert!(
        job.wait_for(Duration::from_millis(300)).is_none(),
        "{at_the_stop} rows were all"
    );
    server.start();
    eventually("more rows", || {
        (written(&job) > at_the_stop || job.wait_for(Duration::ZERO).is_some()).then_some(())
    });
    job.wait().expect("it succeeds");
    let sums = server
        .client()
        .query_one("SELECT count(*), sum(number)::bigint FROM numbers", &[])
        .expect("a row");
    assert_eq!(
        (sums.get::<_, i64>(0), sums.get::<_, i64>(1)),
        (200_000, 199_999 * 100_000)
    );
}

#[test]
fn a_table_that_is_locked_holds_the_source_up() {
    let Some(server) = Server::new() else { return };
    let mut client = server.client();
    client
        .batch_execute("CREATE TABLE numbers (number bigint)")
        .expect("a table");
    let row = |number: &u64, row: &mut Row<'_>| _ = row.value(number);
    let sink = PostgresSink::copy(&server.url(), "numbers", ["number"], row).expect("a table");
    let mut lock = client.transaction().expect("a transaction");
    lock.batch_execute("LOCK TABLE numbers").expect("a lock");
    let system = system();
    let count = 3_000_000;
    let (mut job, _) = start(&system, (0..count).collect(), sink);
    let taken = |job: &Job| job.status().stage("records").map_or(0, |stage| stage.records_in);
    // It comes to a halt, long before all is in memory.
    let mut before = 0;
    let held = eventually("a halt", || {
        std::thread::sleep(Duration::from_millis(200));
        let now = taken(&job);
        (std::mem::replace(&mut before, now) == now && now > 0).then_some(now)
    });
    assert!(held < count / 2, "{held} of {count} were taken in");
    assert!(job.wait_for(Duration::ZERO).is_none());
    lock.commit().expect("released");
    job.wait().expect("it succeeds");
    let rows = client.query_one("SELECT count(*) FROM numbers", &[]).expect("a row");
    assert_eq!(rows.get::<_, i64>(0), count as i64);
}

#[test]
fn what_cannot_be_written_is_told_before_the_job_starts_or_ends_it() {
    let Some(server) = Server::new() else { return };
    let mut client = server.client();
    client
        .batch_execute("CREATE TABLE things (name text PRIMARY KEY, size smallint CHECK (size < 100))")
        .expect("a table");
    let row = |(name, size): &(u32, i64), row: &mut Row<'_>| _ = row.value(name).value(size);
    let (url, columns) = (server.url(), ["name", "size"]);
    let complaint = |made: Result<PostgresSink<_>, PostgresError>| made.map(drop).expect_err("a mistake").to_string();
    let nobody = url.replace(&PASSWORD.replace(' ', "%20"), "guess");
    let elsewhere = "postgres://ann:guess@127.0.0.1:1/postgres";
    for (error, says) in [
        (
            complaint(PostgresSink::copy(&url, "thinks", columns, row)),
            "relation \"thinks\" does not exist (SQLSTATE 42P01)",
        ),
        (
            complaint(PostgresSink::copy(&url, "things", ["name", "sise"], row)),
            "column \"sise\" of relation \"things\" does not exist",
        ),
        (
            complaint(PostgresSink::upsert(&url, "things", columns, ["size"], row)),
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        ),
        (
            complaint(PostgresSink::upsert(&url, "things", columns, ["id"], row)),
            "the key column id is none of the columns",
        ),
        (
            complaint(PostgresSink::copy(&nobody, "things", columns, row)),
            "password authentication failed for user \"ann\"",
        ),
        (
            complaint(PostgresSink::copy(elsewhere, "things", columns, row)),
            "onnection refused",
        ),
        (
            complaint(PostgresSink::copy("no://where", "things", columns, row)),
            "the address of the database cannot be read",
        ),
    ] {
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("guess"), "{error}");
    }
    client
        .batch_execute("INSERT INTO things VALUES ('0', 1)")
        .expect("a row");
    let system = system();
    for (records, says) in [
        (
            vec![(1, 1), (2, 40_000)],
            "value \"40000\" is out of range for type smallint",
        ),
        (
            vec![(3, 3), (4, 100)],
            "violates check constraint \"things_size_check\" (SQLSTATE 23514); Failing row contains (4, 100)",
        ),
        (
            vec![(5, 5), (0, 6)],
            "duplicate key value violates unique constraint \"things_pkey\" (SQLSTATE 23505); Key (name)=(0) already exists",
        ),
    ] {
        // Long enough that the server complains while rows are still coming.
        let more = (1000..30_000).map(|name| (name, 1));
        let records = records.into_iter().chain(more).collect();
        let sink = PostgresSink::copy(&url, "things", columns, row)
            .expect("a table")
            .records_max(100_000);
        let error = start(&system, records, sink)
            .0
            .wait()
            .expect_err("a failure")
            .to_string();
        assert!(
            error.contains(says) && error.contains("sink 'rows' cannot write to things of PostgreSQL"),
            "{error}"
        );
        let rows = client
            .query_one("SELECT count(*) FROM things WHERE size > 1", &[])
            .expect("a row");
        assert_eq!(rows.get::<_, i64>(0), 0, "nothing of the batch is there");
        client
            .batch_execute("DELETE FROM things WHERE name <> '0'")
            .expect("allowed");
    }
}

#[test]
fn a_row_that_lacks_a_value_ends_the_job() {
    let Some(server) = Server::new() else { return };
    server
        .client()
        .batch_execute("CREATE TABLE pairs (a int, b int)")
        .expect("a table");
    let row = |number: &i32, row: &mut Row<'_>| _ = row.value(number);
    let sink = PostgresSink::copy(&server.url(), "pairs", ["a", "b"], row).expect("a table");
    let system = system();
    let error = start(&system, vec![1], sink)
        .0
        .wait()
        .expect_err("a failure")
        .to_string();
    assert!(error.contains("a row must have a value for each column"), "{error}");
}
