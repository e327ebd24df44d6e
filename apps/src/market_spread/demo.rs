//! `demo`: everything in one command, on the loopback interface.
//!
//! The sender and the receiver are processes of their own (this same program), so that what is measured is what a user
//! would see from outside: from the moment a message is due to the moment its result has been read by the receiver.

use super::clock::realtime_ns;
use super::instruments::INSTRUMENTS;
use super::job::{self, Inputs, RESULTS, SOURCES};
use super::receive::ReceiveReport;
use super::run::listen;
use super::send::SendReport;
use crate::cli::{DemoArgs, Rate};
use crate::error::AppError;
use crate::human::count;
use crate::serve::{self, SharedLatencies, Watch};
use crate::summary::Summary;
use crate::temporary::TemporaryDirectory;
use crate::terminal::{print, tell};
use potoroo_actors::sink::TcpSink;
use potoroo_runtime::sys::process::cpu_time;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// From the start of the demo to the moment message 0 is due: time for two processes to start and for the first quotes
/// to set every symbol's state.
const LEAD_NS: u64 = 500_000_000;

/// Does what the options of `demo` say.
pub fn demo(args: &DemoArgs) -> Result<Summary, AppError> {
    if let Some(path) = &args.json {
        serve::check_writable_path(path)?;
    }
    let dead_letters = serve::dead_letters(args.dead_letters.as_deref())?;
    let directory = TemporaryDirectory::create("demo")?;
    let stamps = (args.rate == Rate::Max).then(|| directory.file("stamps"));
    let start_ns = realtime_ns() + LEAD_NS;
    let mut receiver = Receiver::start(args, start_ns, stamps.as_deref(), directory.file("received.json"))?;

    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (orders, quotes) = (listen(any)?, listen(any)?);
    let sent = directory.file("sent.json");
    let mut sender = start_sender(args, &orders, &quotes, start_ns, stamps.as_deref(), &sent)?;

    let latencies = SharedLatencies::default();
    let sink = TcpSink::connect(receiver.address, job::encoder(&latencies))
        .map_err(|source| AppError::connect("results", receiver.address, source))?;
    let system = serve::start_system(args.workers)?;
    print(format_args!(
        "Market Spread: {} messages at {}/s, sender and receiver in processes of their own, {} workers",
        count(args.messages),
        match args.rate {
            Rate::Max => "as many as go".to_owned(),
            Rate::PerSecond(rate) => count(rate),
        },
        system.workers()
    ))?;
    let inputs = Inputs::Tcp {
        orders,
        quotes,
        once: true,
    };
    let frame_bytes_max = super::frames::ORDER_PAYLOAD_BYTES;
    let pipeline = job::pipeline(inputs, frame_bytes_max, sink, dead_letters)
        .map_err(|(path, source)| AppError::read(path, source))?;
    let job = pipeline.start(&system);
    let watch = Watch {
        sources: &SOURCES,
        sink: RESULTS,
        latencies: Some(&latencies),
        quiet: false,
    };
    let mut served = serve::wait_and_look(job, watch, |interrupted| {
        if interrupted {
            // The load ends here; what it has sent is drained.
            sender.end();
            return Ok(());
        }
        // A sender that fails before it has connected would be waited for without end.
        sender.check("sender")
    })?;
    let received = if served.interrupted {
        // What was being sent when the sender ended has no stamp at `max`: then the system's own figures must do.
        receiver.report().unwrap_or_else(|_| ReceiveReport {
            frames: served.status.stage(RESULTS).map_or(0, |stage| stage.records_out),
            latency_ns: latencies.percentiles(),
            ..ReceiveReport::default()
        })
    } else {
        sender.finish("sender")?;
        receiver.report()?
    };

    // The first quotes, which set the state, are no part of the load.
    let messages = served.taken_in(&SOURCES).saturating_sub(INSTRUMENTS as u64);
    served.first_ns = start_ns;
    let stats = system.stats();
    let summary = serve::summarize(system, &served, messages, received.frames, received.latency_ns);
    print(stats.to_string().trim_end())?;
    print(format_args!(
        "CPU time of the system's process: {:.2} s",
        cpu_time().as_secs_f64()
    ))?;
    let from = match args.rate {
        Rate::Max => "moment its sending began",
        Rate::PerSecond(_) => "due time of a message",
    };
    print(format_args!(
        "latency from the {from} until the receiver process has read its result:"
    ))?;
    if served.interrupted {
        print(format_args!(
            "interrupted: {} of {} messages were handled",
            count(messages),
            count(args.messages)
        ))?;
    } else {
        let expected = read_json::<SendReport>(&sent)?.orders_for_rejected;
        print(format_args!(
            "{} orders were for rejected instruments, {} came back rejected",
            count(expected),
            count(received.frames)
        ))?;
    }
    serve::report(&summary, args.json.as_deref(), false)?;
    Ok(summary)
}

/// This program, to be started again.
fn program() -> Result<Command, AppError> {
    let path = std::env::current_exe().map_err(|source| AppError::Process {
        what: "this program",
        source,
    })?;
    Ok(Command::new(path))
}

/// A child that does not outlive the demo, in a process group of its own: Ctrl-C is the demo's to deal with.
struct Guarded(Child);

impl Guarded {
    fn spawn(command: &mut Command, what: &'static str) -> Result<Self, AppError> {
        command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Self)
            .map_err(|source| AppError::Process { what, source })
    }

    /// Ends it now.
    fn end(&mut self) {
        // A child that has ended cannot be killed; one that has not must not stay behind.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// An error if it has failed.
    fn check(&mut self, what: &'static str) -> Result<(), AppError> {
        match self.0.try_wait() {
            Ok(Some(status)) => succeeded(what, status),
            Ok(None) => Ok(()),
            Err(source) => Err(AppError::Process { what, source }),
        }
    }

    /// Waits for it; an error if it fails.
    fn finish(&mut self, what: &'static str) -> Result<(), AppError> {
        let status = self.0.wait().map_err(|source| AppError::Process { what, source })?;
        succeeded(what, status)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.end();
    }
}

fn succeeded(what: &'static str, status: ExitStatus) -> Result<(), AppError> {
    if status.success() {
        Ok(())
    } else {
        Err(AppError::Job {
            reason: format!("the {what} process failed ({status}); its error is above"),
        })
    }
}

fn start_sender(
    args: &DemoArgs,
    orders: &potoroo_runtime::sys::net::TcpListener,
    quotes: &potoroo_runtime::sys::net::TcpListener,
    start_ns: u64,
    stamps: Option<&Path>,
    json: &Path,
) -> Result<Guarded, AppError> {
    let process = |source| AppError::Process {
        what: "the sender",
        source,
    };
    let mut command = program()?;
    command
        .args(["send", "market-spread", "--quiet"])
        .arg(format!("--orders=tcp://{}", orders.local_address().map_err(process)?))
        .arg(format!("--quotes=tcp://{}", quotes.local_address().map_err(process)?))
        .arg(format!("--messages={}", args.messages))
        .arg(format!("--rate={}", args.rate))
        .arg(format!("--seed={}", args.seed))
        .arg(format!("--reject-one-in={}", args.reject_one_in))
        .arg(format!("--start-at-ns={start_ns}"))
        .arg("--json")
        .arg(json);
    if let Some(stamps) = stamps {
        command.arg("--stamps").arg(stamps);
    }
    Guarded::spawn(&mut command, "the sender")
}

/// The receiver process.
struct Receiver {
    child: Guarded,
    address: SocketAddr,
    json: PathBuf,
}

impl Receiver {
    fn start(args: &DemoArgs, start_ns: u64, stamps: Option<&Path>, json: PathBuf) -> Result<Self, AppError> {
        let process = |source| AppError::Process {
            what: "the receiver",
            source,
        };
        let mut schedule = format!("seed={},start_ns={start_ns},rate={}", args.seed, args.rate);
        if let Some(stamps) = stamps {
            schedule.push_str(&format!(",stamps={}", stamps.display()));
        }
        let mut command = program()?;
        command
            .args(["receive", "--listen=tcp://127.0.0.1:0", "--quiet"])
            .arg(format!("--schedule={schedule}"))
            .arg("--json")
            .arg(&json)
            .stderr(Stdio::piped());
        let mut child = Guarded::spawn(&mut command, "the receiver")?;
        let errors = child.0.stderr.take().map(BufReader::new);
        let Some(mut errors) = errors else {
            return Err(process(std::io::Error::other("it has no standard error")));
        };
        let mut line = String::new();
        errors.read_line(&mut line).map_err(process)?;
        let Some(address) = line.trim().strip_prefix("listening on ").and_then(|a| a.parse().ok()) else {
            return Err(process(std::io::Error::other(format!("it said: {}", line.trim()))));
        };
        // Whatever else it says is an error, and passed on.
        std::thread::spawn(move || {
            let mut rest = String::new();
            if errors.read_to_string(&mut rest).is_ok() && !rest.is_empty() {
                tell(format_args!("receiver: {}", rest.trim_end()));
            }
        });
        Ok(Self { child, address, json })
    }

    /// Waits for its end and reads what it measured.
    fn report(&mut self) -> Result<ReceiveReport, AppError> {
        self.child.finish("receiver")?;
        read_json(&self.json)
    }
}

/// The report of another process.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, AppError> {
    let text = std::fs::read(path).map_err(|source| AppError::read(path, source))?;
    serde_json::from_slice(&text).map_err(|error| AppError::read(path, error.into()))
}
