//! Processes with an end, frames by hand, and what both leave behind.

use potoroo::summary::Summary;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After this long nothing will come any more. A limit and no expectation: what is looked for takes milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Looks until there is something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// A directory that goes with the test.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory for temporary files"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `file:` and the path, as the program wants it.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("file:{}", self.path(name).display())
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("text")
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("writable");
    }

    pub(crate) fn summary(&self, name: &str) -> Summary {
        serde_json::from_slice(&self.read(name)).expect("a summary")
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("readable");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort_unstable();
        names
    }

    /// Has `send` write orders and quotes, as `orders` and `quotes`.
    pub(crate) fn generate(&self, seed: u64, messages: u64, reject_one_in: u64) {
        let ended = Process::start([
            "send",
            "market-spread",
            "--quiet",
            &format!("--orders={}", self.endpoint("orders")),
            &format!("--quotes={}", self.endpoint("quotes")),
            &format!("--messages={messages}"),
            &format!("--seed={seed}"),
            &format!("--reject-one-in={reject_one_in}"),
        ])
        .end();
        ended.assert_success();
    }

    /// What the reference makes of them.
    pub(crate) fn expected(&self) -> Vec<Stable> {
        potoroo::market_spread::reference::results(&self.read("quotes"), &self.read("orders"))
    }
}

/// `potoroo` in a process of its own, which does not outlive this.
pub(crate) struct Process {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Arc<Mutex<String>>,
    stderr_reader: Option<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::start_with(arguments, |_| {})
    }

    /// As [`start`](Self::start), with an environment or the like of its own.
    pub(crate) fn start_with<'a>(
        arguments: impl IntoIterator<Item = &'a str>,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_potoroo"));
        prepare(command.args(arguments));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = child.stdout.take().expect("piped");
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).expect("text");
            text
        });
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let stderr = Arc::new(Mutex::new(String::new()));
        let heard = stderr.clone();
        let stderr_reader = std::thread::spawn(move || {
            for line in errors.lines() {
                let mut heard = heard.lock().expect("no panic");
                heard.push_str(&line.expect("text"));
                heard.push('\n');
            }
        });
        Self {
            child,
            stdout: Some(stdout),
            stderr,
            stderr_reader: Some(stderr_reader),
        }
    }

    /// What it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.lock().expect("no panic").clone()
    }

    /// Looks for something in the lines on standard error until it is there.
    pub(crate) fn line<T>(&self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let describe = || format!("{what} in:\n{}", self.said());
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(found) = self.said().lines().find_map(&mut find) {
                return found;
            }
            assert!(Instant::now() < until, "waited in vain for {}", describe());
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// The address that it says it listens on; `stream` is "listening for orders", say.
    pub(crate) fn address(&self, stream: &str) -> SocketAddr {
        let prefix = format!("{stream} on ");
        self.line(stream, |line| line.strip_prefix(&prefix)?.parse().ok())
    }

    /// Waits for a progress line that contains all of these.
    pub(crate) fn progress(&self, parts: &[&str]) {
        self.line(&format!("progress {parts:?}"), |line| {
            let line = format!(" {line}");
            parts
                .iter()
                .all(|part| line.contains(&format!(" {part}")))
                .then_some(())
        });
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill");
        assert!(sent.success(), "kill -s {name} {id}");
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let until = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end; it said:\n{}", self.said());
            std::thread::sleep(LOOK_INTERVAL);
        };
        let stdout = self.stdout.take().expect("once").join().expect("text");
        self.stderr_reader.take().expect("once").join().expect("text");
        Ended {
            code: status.code(),
            stdout,
            stderr: self.said(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails for one that has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert!(!self.stderr.contains("error: "), "{self:?}");
    }

    /// It has failed with this code and one line of error, which contains all of these.
    #[track_caller]
    pub(crate) fn assert_failure(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let errors: Vec<_> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let [error] = errors[..] else {
            panic!("not one error: {self:?}");
        };
        for part in parts {
            assert!(error.contains(part), "no `{part}` in: {error}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
    }
}

/// A result without its header and its timestamp.
pub(crate) type Stable = [u8; 47];

/// Cuts result frames.
pub(crate) fn results(bytes: &[u8]) -> Vec<Stable> {
    assert_eq!(bytes.len() % 59, 0, "the results end inside a frame");
    bytes
        .chunks_exact(59)
        .map(|frame| {
            assert_eq!(frame[..4], [0, 0, 0, 55], "not a result");
            frame[4..51].try_into().expect("47 bytes")
        })
        .collect()
}

/// The results of each symbol in their order: equal if and only if the results are the same, and each symbol's came in
/// the same order.
pub(crate) fn by_symbol(results: &[Stable]) -> HashMap<&[u8], Vec<&Stable>> {
    let mut symbols: HashMap<&[u8], Vec<&Stable>> = HashMap::new();
    for result in results {
        symbols.entry(&result[11..15]).or_default().push(result);
    }
    symbols
}

/// The parts of results that come from the order alone, sorted: on TCP the quotes race.
pub(crate) fn orders_of(results: &[Stable]) -> Vec<&[u8]> {
    let mut orders: Vec<_> = results.iter().map(|result| &result[..31]).collect();
    orders.sort_unstable();
    orders
}

/// The ids of the orders in results, in their order.
pub(crate) fn ids(results: &[Stable]) -> Vec<String> {
    let id = |result: &Stable| String::from_utf8(result[5..11].to_vec()).expect("ASCII");
    results.iter().map(id).collect()
}

/// A payload with its length before it.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    [&length.to_be_bytes(), payload].concat()
}

/// An order's payload.
pub(crate) fn order(id: &str, symbol: &str, price: f64) -> Vec<u8> {
    let mut payload = vec![1, 2, 0, 0, 0, 7];
    payload.extend(id.as_bytes());
    payload.extend(symbol.as_bytes());
    payload.extend(100.0_f64.to_be_bytes());
    payload.extend(price.to_be_bytes());
    payload.extend(b"20260101-00:00:00.000");
    assert_eq!(payload.len(), 53, "{id} {symbol}");
    payload
}

/// A connection that does not wait forever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a socket");
    stream
}

/// The arguments of `run market-spread` on the generated files.
pub(crate) fn run_on_files(place: &Place, more: &[String]) -> Process {
    let mut arguments = vec![
        "run".to_owned(),
        "market-spread".to_owned(),
        format!("--orders={}", place.endpoint("orders")),
        format!("--quotes={}", place.endpoint("quotes")),
    ];
    arguments.extend_from_slice(more);
    Process::start(arguments.iter().map(String::as_str))
}

/// `run market-spread` that listens on ports of the system's choice.
pub(crate) fn run_on_tcp(more: &[String]) -> Process {
    let mut arguments = vec![
        "run".to_owned(),
        "market-spread".to_owned(),
        "--orders=tcp://127.0.0.1:0".to_owned(),
        "--quotes=tcp://127.0.0.1:0".to_owned(),
    ];
    arguments.extend_from_slice(more);
    Process::start(arguments.iter().map(String::as_str))
}

/// The path as an argument.
pub(crate) fn option(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}
