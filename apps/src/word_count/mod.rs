//! Word Count: how often each word has come so far, as one line per word that comes.
//!
//! The rule is Wallaroo's: lower-case, split at single spaces, strip punctuation from both ends of each piece, leave out
//! what is empty then. The state of a word is its count.

use crate::cli::RunWordCountArgs;
use crate::ends::{self, INPUT, OUT};
use crate::error::AppError;
use crate::summary::Summary;
use potoroo_actors::{Branch, QueryTag, Stream, source};

/// The longest line that is accepted, in bytes.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What is stripped from both ends of a piece.
const PUNCTUATION: &str = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// What may be asked for while the job runs: the count of a word.
pub static COUNTS: QueryTag<String, u64> = QueryTag::json("counts");

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

/// `word => count` and a line's end.
fn encode(count: &WordCount, out: &mut Vec<u8>) {
    out.extend_from_slice(count.word.as_bytes());
    out.extend_from_slice(b" => ");
    out.extend_from_slice(count.count.to_string().as_bytes());
    out.push(b'\n');
}

/// The rule.
pub fn counts<B: Branch<String>>(lines: Stream<String, B>) -> Stream<WordCount> {
    lines
        .flat_map(|line: String, each| words(&line, each))
        .key_by_ref(String::as_str)
        .queryable(&COUNTS, |count: &u64| *count)
        .entity(
            "counts",
            |_| 0,
            |count, word, out| {
                *count += 1;
                out.emit(WordCount { word, count: *count });
                Ok(())
            },
        )
}

/// Does what the options of `run word-count` say. `messages` in the summary are lines; there is no latency and nothing
/// is rejected.
pub fn run(args: &RunWordCountArgs) -> Result<Summary, AppError> {
    ends::run_asked(&args.run, &[&args.out], args.query.as_ref(), |pipeline| {
        let format = source::lines().bytes_max(LINE_BYTES_MAX);
        let source = args.input.open("lines", format, &args.run)?;
        counts(pipeline.source(INPUT, source)).sink(OUT, args.out.open(encode)?);
        Ok(())
    })
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
