//! Alphabet: votes for letters come in, the running total of the letter goes out.
//!
//! As lines, `a 15` in and `a 40` out; as frames, Wallaroo's layout: the letter and 4 bytes of votes, the letter and 8 bytes
//! of total, big-endian.

use crate::cli::classics::RunStreamArgs;
use crate::ends::{self, Form, INPUT, OUT, text};
use crate::error::AppError;
use crate::summary::Summary;
use potoroo_actors::source::{Arrival, Framed};
use potoroo_actors::{Branch, Encode, Stream, sink};

/// Votes for a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Any byte in frames; one of `a` to `z` in lines.
    pub letter: u8,
    /// How many.
    pub count: u32,
}

/// What a letter has got so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// The letter.
    pub letter: u8,
    /// All its votes.
    pub count: u64,
}

/// The rule.
pub fn totals<B: Branch<Votes>>(votes: Stream<Votes, B>) -> Stream<Total> {
    votes.key_by(|votes| votes.letter).entity(
        "totals",
        |_letter| 0,
        |total: &mut u64, Votes { letter, count }, out| {
            *total += u64::from(count);
            out.emit(Total { letter, count: *total });
            Ok(())
        },
    )
}

fn decode_line(bytes: &[u8]) -> Result<Votes, String> {
    let line = text(bytes)?.trim();
    let (letter, count) = line.split_once(' ').ok_or("expected a letter, a space and a number")?;
    let &[letter @ b'a'..=b'z'] = letter.as_bytes() else {
        return Err(format!("`{letter}` is none of the letters a to z"));
    };
    let count = count.trim().parse().map_err(|error| format!("`{count}`: {error}"))?;
    Ok(Votes { letter, count })
}

fn decode_frame(bytes: &[u8]) -> Result<Votes, String> {
    match bytes.split_first_chunk() {
        Some((&[letter], count)) => match count.try_into().map(u32::from_be_bytes) {
            Ok(count) => Ok(Votes { letter, count }),
            Err(_) => Err(format!("{} bytes, expected 5", bytes.len())),
        },
        None => Err("0 bytes, expected 5".to_owned()),
    }
}

fn encode_line(total: &Total, out: &mut Vec<u8>) {
    out.extend([total.letter, b' ']);
    out.extend(total.count.to_string().bytes());
    out.push(b'\n');
}

fn encode_frame(total: &Total, out: &mut Vec<u8>) {
    out.push(total.letter);
    out.extend(total.count.to_be_bytes());
}

/// Does what the options of `run alphabet` say.
pub fn run(args: &RunStreamArgs) -> Result<Summary, AppError> {
    let form = args.form;
    ends::run(&args.run, &[&args.out], |pipeline| {
        let decode = move |bytes: &[u8], _: Arrival| match form {
            Form::Lines => decode_line(bytes),
            Form::Frames => decode_frame(bytes),
        };
        let encode = move |total: &Total, out: &mut Vec<u8>| match form {
            Form::Lines => encode_line(total, out),
            Form::Frames => sink::framed(encode_frame).encode(total, out),
        };
        let source = args
            .input
            .open("votes", Framed::new(form.framing(), decode), &args.run)?;
        totals(pipeline.source(INPUT, source)).sink(OUT, args.out.open(encode)?);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_frames_are_read_and_others_refused() {
        let votes = Votes {
            letter: b'x',
            count: 258,
        };
        assert_eq!(decode_line(b" x  258\r"), Ok(votes));
        assert_eq!(decode_frame(&[b'x', 0, 0, 1, 2]), Ok(votes));
        for line in ["", "x", "xy 1", "X 1", "x -1", "x 4294967296", "\u{e4} 1"] {
            assert!(decode_line(line.as_bytes()).is_err(), "{line}");
        }
        for length in [0, 4, 6] {
            assert_eq!(
                decode_frame(&vec![1; length]),
                Err(format!("{length} bytes, expected 5"))
            );
        }
    }
}
