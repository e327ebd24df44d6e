//! Word Count: how often each word has come so far, as one line per word that comes.
//!
//! The rule is Wallaroo's: lower-case, split at single spaces, strip punctuation from both ends of each piece, leave out
//! what is empty then. The state of a word is its count.

use crate::cli::RunWordCountArgs;
use crate::endpoint::Endpoint;
use crate::error::AppError;
use crate::latency::LatencyNs;
use crate::serve::{self, Watch};
use crate::summary::Summary;
use crate::terminal::tell;
use potoroo_actors::runtime::io::Framing;
use potoroo_actors::sink::{FileSink, Sink, TcpSink};
use potoroo_actors::source::{Arrival, FileSource, Source, TcpSource};
use potoroo_actors::{DeadLetters, Job, Pipeline};
use potoroo_runtime::System;
use potoroo_runtime::sys::net::TcpListener;
use std::str::Utf8Error;

/// The names of the stages.
const LINES: &str = "lines";
const COUNTS: &str = "counts";
const RESULTS: &str = "results";

/// The longest line that is accepted, in bytes.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What is stripped from both ends of a piece.
const PUNCTUATION: &str = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// A word and how often it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordCount {
    /// The word, lower-case.
    pub word: String,
    /// Its count so far.
    pub count: u64,
}

/// Calls `each` with every word of a line.
pub fn words(line: &str, each: &mut dyn FnMut(String)) {
    let lower = line.to_lowercase();
    for piece in lower.split(' ') {
        let word = piece.trim_matches(|character| PUNCTUATION.contains(character));
        if !word.is_empty() {
            each(word.to_owned());
        }
    }
}

fn line(bytes: &[u8], _: Arrival) -> Result<String, Utf8Error> {
    std::str::from_utf8(bytes).map(str::to_owned)
}

/// `word => count` and a line's end.
fn encode(count: &WordCount, out: &mut Vec<u8>) {
    out.extend_from_slice(count.word.as_bytes());
    out.extend_from_slice(b" => ");
    out.extend_from_slice(count.count.to_string().as_bytes());
    out.push(b'\n');
}

/// The job.
fn start(
    system: &System,
    source: impl Source<Record = String>,
    sink: impl Sink<WordCount>,
    dead_letters: DeadLetters,
) -> Job {
    let pipeline = Pipeline::new().dead_letters(dead_letters);
    pipeline
        .source(LINES, source)
        .flat_map(|line: String, each| words(&line, each))
        .key_by_ref(String::as_str)
        .entity(
            COUNTS,
            |_| 0,
            |count: &mut u64, word, out| {
                *count += 1;
                out.emit(WordCount { word, count: *count });
                Ok(())
            },
        )
        .sink(RESULTS, sink);
    pipeline.start(system)
}

/// Does what the options of `run word-count` say. `messages` in the summary are lines; there is no latency and nothing
/// is rejected.
pub fn run(args: &RunWordCountArgs) -> Result<Summary, AppError> {
    serve::check_outputs(&args.run, &args.out)?;
    let dead_letters = serve::dead_letters(args.run.dead_letters.as_deref())?;
    let framing = Framing::Lines {
        line_bytes_max: LINE_BYTES_MAX,
    };
    match &args.input {
        Endpoint::File(path) => {
            let source = FileSource::open([path.clone()], framing, line)
                .map_err(|(path, source)| AppError::read(path, source))?;
            run_from(args, source, dead_letters)
        }
        Endpoint::Tcp(address) => {
            let socket = TcpListener::bind(*address).map_err(|source| AppError::Listen {
                address: *address,
                source,
            })?;
            if !args.run.quiet
                && let Ok(address) = socket.local_address()
            {
                tell(format_args!("listening for lines on {address}"));
            }
            run_from(
                args,
                TcpSource::new(socket, framing, line).once(args.run.once),
                dead_letters,
            )
        }
    }
}

fn run_from(
    args: &RunWordCountArgs,
    source: impl Source<Record = String>,
    dead_letters: DeadLetters,
) -> Result<Summary, AppError> {
    match &args.out {
        Endpoint::Tcp(address) => {
            let sink =
                TcpSink::connect(*address, encode).map_err(|source| AppError::connect("results", *address, source))?;
            serve_job(args, source, sink, dead_letters)
        }
        Endpoint::File(path) => {
            let sink = FileSink::create(path, encode).map_err(|source| AppError::write(path, source))?;
            serve_job(args, source, sink, dead_letters)
        }
    }
}

fn serve_job(
    args: &RunWordCountArgs,
    source: impl Source<Record = String>,
    sink: impl Sink<WordCount>,
    dead_letters: DeadLetters,
) -> Result<Summary, AppError> {
    let system = serve::start_system(args.run.workers)?;
    let job = start(&system, source, sink, dead_letters);
    let watch = Watch {
        sources: &[LINES],
        sink: RESULTS,
        latencies: None,
        quiet: args.run.quiet,
    };
    let served = serve::wait(job, watch)?;
    let messages = served.taken_in(&[LINES]);
    let summary = serve::summarize(system, &served, messages, 0, LatencyNs::default());
    serve::report(&summary, args.run.json.as_deref(), args.run.quiet)?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        let mut all = Vec::new();
        words(line, &mut |word| all.push(word));
        all
    }

    #[test]
    fn punctuation_goes_at_the_ends_and_stays_inside() {
        assert_eq!(
            split("The people's  right; (to) \"petition\" -- well-regulated."),
            ["the", "people's", "right", "to", "petition", "well-regulated"]
        );
        assert!(split("").is_empty());
        assert!(split(" ... ").is_empty());
    }

    #[test]
    fn a_line_of_output_names_word_and_count() {
        let mut out = Vec::new();
        let count = WordCount {
            word: "the".to_owned(),
            count: 40,
        };
        encode(&count, &mut out);
        assert_eq!(out, b"the => 40\n");
    }
}
