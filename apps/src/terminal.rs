//! What is said to a person, on either stream, without dying of it.
//!
//! It exists because `println!` and `eprintln!` panic when the other end has gone, as it has after `2>&1 | head`, and no
//! job should lose its results because nobody reads its progress any more.

use crate::error::AppError;
use std::fmt::Display;
use std::io::{self, Write};

/// A line on standard error: progress, addresses, errors. If it cannot be written nobody can be told so.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes the last line on standard error anew: what is going on at the moment. Only for terminals.
pub fn tell_in_place(line: impl Display) {
    // Back to the first column, and away with what stands right of it.
    let _ = write!(io::stderr().lock(), "\r{line}\x1b[K").and_then(|()| io::stderr().flush());
}

/// A line on standard output: what the command was run for. A reader that has gone has seen enough; anything else, such
/// as a full disk, is an error.
pub fn print(line: impl Display) -> Result<(), AppError> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{line}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(AppError::write("standard output", error)),
        _ => Ok(()),
    }
}
