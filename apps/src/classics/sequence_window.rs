//! Sequence Window: numbers come in, the last four of the same parity go out. What comes out shows whether an engine has lost,
//! doubled or reordered anything, and `--validate` looks.
//!
//! A line is a number; as frames, 8 bytes, big-endian. The output is `[0,0,1,3]`: zeros stand for what has not come yet.

use crate::cli::classics::RunSequenceWindowArgs;
use crate::ends::{self, Form, INPUT, OUT, text};
use crate::error::AppError;
use crate::human::count;
use crate::terminal::print;
use potoroo_actors::source::{Arrival, Framed};
use potoroo_actors::{Branch, Stream, sink};
use std::fmt;
use std::io::{BufRead, BufReader};

/// The last numbers of one parity, the latest last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window(pub [u64; 4]);

impl Window {
    /// With one number more.
    #[must_use]
    pub fn then(self, number: u64) -> Self {
        let [_, rest @ ..] = self.0;
        Self([rest[0], rest[1], rest[2], number])
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "[{a},{b},{c},{d}]")
    }
}

/// The rule.
pub fn windows<B: Branch<u64>>(numbers: Stream<u64, B>) -> Stream<Window> {
    numbers.key_by(|number| number % 2).entity(
        "windows",
        |_parity| Window::default(),
        |window: &mut Window, number, out| {
            *window = window.then(number);
            out.emit(*window);
            Ok(())
        },
    )
}

/// Looks through the output of a run on 1, 2, 3, …: each window must follow from the one before it of its parity, and at the
/// end both parities must have come equally far. Gives the greatest number.
pub fn validate(lines: impl IntoIterator<Item = String>) -> Result<u64, String> {
    let mut last = [Window::default(); 2];
    let mut seen = 0_u64;
    for (at, line) in (1..).zip(lines) {
        let wrong = |why: &str| Err(format!("line {at}: `{line}` {why}"));
        let inside = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        let numbers: Option<Vec<u64>> = inside.and_then(|all| all.split(',').map(|n| n.parse().ok()).collect());
        let Some(Ok(window)) = numbers.map(<[u64; 4]>::try_from) else {
            return wrong("is no window of four numbers");
        };
        let newest = window[3];
        let before = &mut last[usize::from(newest % 2 == 1)];
        // The first of a parity is 1 or 2.
        let expected = match before.0[3] {
            0 if newest % 2 == 1 => 1,
            last => last + 2,
        };
        let due = before.then(expected);
        if Window(window) != due {
            return wrong(&format!("does not follow: {due} was due"));
        }
        *before = due;
        seen += 1;
    }
    let [even, odd] = last.map(|window| window.0[3]);
    if odd.abs_diff(even) > 1 || (odd < even && even - odd != 1) {
        return Err(format!("the even numbers come to {even}, the odd ones to {odd}"));
    }
    debug_assert_eq!(seen, odd.max(even), "each window had its place");
    Ok(seen)
}

/// Does what the options of `run sequence-window` say.
pub fn run(args: &RunSequenceWindowArgs) -> Result<(), AppError> {
    if let Some(path) = &args.validate {
        let file = std::fs::File::open(path).map_err(|error| AppError::read(path, error))?;
        let lines: Result<Vec<_>, _> = BufReader::new(file).lines().collect();
        let lines = lines.map_err(|error| AppError::read(path, error))?;
        return match validate(lines) {
            Ok(last) => match args.last {
                Some(expected) if expected != last => Err(AppError::Job {
                    reason: format!("{}: ends at {last}, not at {expected}", path.display()),
                }),
                _ => print(format_args!("{} windows, each in its place", count(last))),
            },
            Err(reason) => Err(AppError::Job {
                reason: format!("{}: {reason}", path.display()),
            }),
        };
    }
    let (Some(input), Some(out)) = (&args.input, &args.out) else {
        return Err(AppError::Options(
            "--input and --out are needed, or --validate".to_owned(),
        ));
    };
    let form = args.form;
    ends::run(&args.run, &[out], |pipeline| {
        let decode = move |bytes: &[u8], _: Arrival| match form {
            Form::Lines => {
                let text = text(bytes)?.trim();
                text.parse::<u64>().map_err(|error| format!("`{text}`: {error}"))
            }
            Form::Frames => bytes
                .try_into()
                .map(u64::from_be_bytes)
                .map_err(|_| format!("{} bytes, expected 8", bytes.len())),
        };
        let source = input.open("numbers", Framed::new(form.framing(), decode), &args.run)?;
        windows(pipeline.source(INPUT, source)).sink(OUT, out.open(sink::lines())?);
        Ok(())
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correct(last: u64) -> Vec<String> {
        let mut windows = [Window::default(); 2];
        (1..=last)
            .map(|number| {
                let window = &mut windows[(number % 2) as usize];
                *window = window.then(number);
                window.to_string()
            })
            .collect()
    }

    #[test]
    fn what_is_right_is_valid_however_the_parities_are_mixed() {
        assert_eq!(validate(correct(0)), Ok(0));
        assert_eq!(validate(correct(1)), Ok(1));
        assert_eq!(validate(correct(1001)), Ok(1001));
        let mut mixed = correct(1000);
        mixed.sort_by_key(|line| line.trim_end_matches(']').ends_with(['0', '2', '4', '6', '8']));
        assert_eq!(validate(mixed), Ok(1000));
    }

    #[test]
    fn a_loss_a_double_a_swap_and_a_short_half_are_found() {
        let all = correct(100);
        let mut lost = all.clone();
        lost.remove(40);
        assert!(validate(lost).is_err_and(|why| why.starts_with("line 42: ")));
        let mut doubled = all.clone();
        doubled.insert(40, all[40].clone());
        assert!(validate(doubled).is_err_and(|why| why.starts_with("line 42: ")));
        let mut swapped = all.clone();
        swapped.swap(40, 42);
        assert!(validate(swapped).is_err_and(|why| why.starts_with("line 41: ")));
        let short: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| at % 2 == 0 || *at < 50)
            .map(|(_, line)| line.clone())
            .collect();
        assert!(validate(short).is_err_and(|why| why.contains("the even numbers come to 50")));
        assert!(validate(vec!["[1,2,3]".to_owned()]).is_err());
    }
}
