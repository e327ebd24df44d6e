//! Ready-made encoders: lines, JSON lines, and a length before each record.

use super::Encode;
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// Each record as a line, as it is displayed. See [`lines`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

/// Each record as a line, as it is displayed. A record that shows line ends becomes several lines.
pub fn lines() -> Lines {
    Lines
}

impl<T: Display> Encode<T> for Lines {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) {
        // Writing into memory does not fail; what a `Display` says of itself is its own bug.
        let _ = writeln!(out, "{record}");
    }
}

/// Each record as JSON on a line. See [`json_lines`].
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

/// Each record as JSON on a line.
///
/// ```
/// use potoroo_actors::{Encode, sink};
///
/// let mut out = Vec::new();
/// sink::json_lines().encode(&("attic", 20.5), &mut out);
/// assert_eq!(out, b"[\"attic\",20.5]\n");
/// ```
///
/// # Panics
///
/// While running, and with it the job, if a record cannot be JSON, such as a map whose keys are no texts.
pub fn json_lines() -> JsonLines {
    JsonLines
}

impl<T: Serialize> Encode<T> for JsonLines {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) {
        if let Err(error) = serde_json::to_writer(&mut *out, record) {
            panic!("a record cannot be JSON: {error}");
        }
        out.push(b'\n');
    }
}

/// A length before each record. See [`framed`].
#[derive(Clone, Copy, Debug)]
pub struct Framed<E>(E);

/// What `encode` makes of a record, with its length before it: 4 bytes, big-endian.
///
/// ```
/// use potoroo_actors::{Encode, sink};
///
/// let mut out = Vec::new();
/// sink::framed(|n: &u16, out: &mut Vec<u8>| out.extend(n.to_be_bytes())).encode(&258, &mut out);
/// assert_eq!(out, [0, 0, 0, 2, 1, 2]);
/// ```
///
/// # Panics
///
/// While running, and with it the job, if a record takes 4 GiB or more.
pub fn framed<E>(encode: E) -> Framed<E> {
    Framed(encode)
}

impl<T, E: Encode<T>> Encode<T> for Framed<E> {
    fn begin_batch(&mut self) {
        self.0.begin_batch();
    }

    fn encode(&mut self, record: &T, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]);
        self.0.encode(record, out);
        let length = u32::try_from(out.len() - start - 4).expect("a record of less than 4 GiB");
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn end(&mut self) {
        self.0.end();
    }
}
