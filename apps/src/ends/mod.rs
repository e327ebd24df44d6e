//! Where a job's records come from and where its results go: files, standard streams, sockets, HTTP.
//!
//! It exists so that every application takes the same `--input` and `--out`, says the same about them, and is itself only
//! about its records. What the ends can do is the engine's; here they are named, opened and waited for.

mod encoding;
mod input;
mod output;

pub use encoding::{Encoding, EncodingTo};
pub use input::{AnySource, Input};
pub use output::{AnySink, Output};

use crate::cli::RunArgs;
use crate::endpoint::Endpoint;
use crate::error::AppError;
use crate::latency::LatencyNs;
use crate::query::{At, Questions};
use crate::serve::{self, Watch};
use crate::summary::Summary;
use crate::terminal::tell;
use potoroo_actors::Pipeline;
use potoroo_actors::runtime::io::Framing;
use std::fmt;
use std::str::FromStr;

/// The names of the stages at the ends.
pub const INPUT: &str = "input";
/// The name of the sink; a second one is called otherwise.
pub const OUT: &str = "out";

/// How records are told apart, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A line of text each.
    #[default]
    Lines,
    /// A length of 4 bytes, big-endian, then a payload in the application's own layout.
    Frames,
}

impl Form {
    /// For a source.
    pub fn framing(self) -> Framing {
        match self {
            Self::Lines => Framing::Lines { line_bytes_max: 65_536 },
            Self::Frames => Framing::LengthPrefixed {
                frame_bytes_max: 65_536,
            },
        }
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lines" => Ok(Self::Lines),
            "frames" => Ok(Self::Frames),
            _ => Err(format!("`{text}` is neither `lines` nor `frames`")),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "lines",
            Self::Frames => "frames",
        })
    }
}

/// A line of text, or why it is none.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Runs a job that takes from [`INPUT`] and writes to [`OUT`]: refuses outputs that are in each other's way, says what the job
/// guarantees, waits for it, and reports. `build` writes the pipeline.
pub fn run(
    run: &RunArgs,
    outputs: &[&Output],
    build: impl FnOnce(&Pipeline) -> Result<(), AppError>,
) -> Result<Summary, AppError> {
    run_asked(run, outputs, None, build)
}

/// As [`run`], with a place where the job can be asked for its states.
pub fn run_asked(
    run: &RunArgs,
    outputs: &[&Output],
    asked_at: Option<&At>,
    build: impl FnOnce(&Pipeline) -> Result<(), AppError>,
) -> Result<Summary, AppError> {
    for (at, output) in outputs.iter().enumerate() {
        if outputs[..at].contains(output) {
            return Err(AppError::Options(format!(
                "{output} is named twice; each output needs a place of its own"
            )));
        }
        if let Output::File(path) = output {
            serve::check_outputs(run, &Endpoint::File(path.clone()))?;
        }
    }
    run.json.as_deref().map_or(Ok(()), serve::check_writable_path)?;
    let pipeline = Pipeline::new().dead_letters(serve::dead_letters(run.dead_letters.as_deref())?);
    let questions = asked_at.map(|at| Questions::open(at, run.quiet)).transpose()?;
    build(&pipeline)?;
    serve::tell_guarantee(&pipeline, run.quiet);
    let system = serve::start_system(run.workers)?;
    let job = pipeline.start(&system);
    let _served = questions.map(|questions| questions.serve(&system, job.queries()));
    let watch = Watch {
        sources: &[INPUT],
        sink: OUT,
        latencies: None,
        quiet: run.quiet,
    };
    let served = serve::wait(job, watch)?;
    let messages = served.taken_in(&[INPUT]);
    let summary = serve::summarize(system, &served, messages, 0, LatencyNs::default());
    let results_on_stdout = outputs.contains(&&Output::Stdout);
    serve::report(&summary, run.json.as_deref(), run.quiet || results_on_stdout)?;
    if results_on_stdout && !run.quiet {
        tell(&summary);
    }
    Ok(summary)
}
