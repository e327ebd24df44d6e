//! Formats: how bytes are cut into frames, and what record is in a frame.
//!
//! A format has a codec of the runtime for the cutting, so files, standard input, sockets and HTTP bodies understand the
//! same. [`Framed`] is lines or length-prefixed frames with any decoder: [`lines`] and [`json_lines`] are ready-made;
//! [`Csv`](super::Csv) has a codec of its own. A line that is too long is one bad record, and the next line counts again;
//! after a broken length prefix nothing can be trusted.

use super::{Arrival, Decode};
use potoroo_runtime::io::{Codec, FrameError, Frames, Framing};
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::str::Utf8Error;

/// The longest line or record that is accepted unless another limit is set, in bytes.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// What makes records of bytes.
pub trait Format: Clone + Send + Sync + 'static {
    /// Cuts frames.
    type Codec: Codec;
    /// What is in a frame.
    type Record: Send + 'static;

    /// A codec for the beginning of a file or connection.
    fn codec(&self) -> Self::Codec;

    /// The record of a frame, if there is one; `Err` says what is wrong. `wall_ns` is when the bytes were read.
    fn decode(&self, frame: &<Self::Codec as Codec>::Frame<'_>, wall_ns: u64) -> Result<Option<Self::Record>, String>;

    /// Where a bad frame stands, for its dead letter; `number` counts the frames of the stream, from 1.
    fn place<'a>(&self, frame: &'a <Self::Codec as Codec>::Frame<'_>, number: u64) -> Place<'a>;
}

/// Where a frame stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// In bytes; in a compressed file, of what has been unpacked.
    pub offset: u64,
    /// From 1, if the format has lines.
    pub line: Option<u64>,
    /// Its bytes, as far as they are at hand.
    pub bytes: &'a [u8],
}

/// A codec for the two framings of the runtime, which passes over lines that are too long.
#[derive(Clone, Debug)]
pub struct Cut {
    frames: Frames,
    is_lines: bool,
    /// The rest of a line that is too long is under way.
    skipping: bool,
}

/// What [`Cut`] cuts off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A frame.
    Whole(potoroo_runtime::io::Frame<'a>),
    /// The beginning of a line that is too long.
    TooLong {
        /// As far as it has come.
        bytes: &'a [u8],
        /// Where it begins.
        offset: u64,
        /// How long it may be.
        limit: usize,
    },
    /// More of that line.
    Rest,
}

impl Codec for Cut {
    type Frame<'a> = Piece<'a>;

    #[inline]
    fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(Piece<'a>, usize)>, FrameError> {
        let end_of_line = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n');
        if self.skipping {
            let end = end_of_line(bytes);
            self.skipping = end.is_none();
            return Ok(Some((Piece::Rest, end.map_or(bytes.len(), |end| end + 1))));
        }
        match self.frames.decode(bytes, offset) {
            Ok(None) => Ok(None),
            Ok(Some((frame, used))) => Ok(Some((Piece::Whole(frame), used))),
            Err(FrameError::TooLong { limit, .. }) if self.is_lines => {
                let end = end_of_line(bytes);
                self.skipping = end.is_none();
                let (bytes, used) = end.map_or((bytes, bytes.len()), |end| (&bytes[..end], end + 1));
                Ok(Some((Piece::TooLong { bytes, offset, limit }, used)))
            }
            Err(error) => Err(error),
        }
    }

    fn finish<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<Piece<'a>>, FrameError> {
        if self.skipping {
            return Ok(Some(Piece::Rest));
        }
        Ok(self.frames.finish(bytes, offset)?.map(Piece::Whole))
    }

    fn buffered_bytes_max(&self) -> usize {
        self.frames.buffered_bytes_max()
    }

    fn bytes_wanted(&self) -> usize {
        self.frames.bytes_wanted()
    }
}

/// Lines or length-prefixed frames, and a decoder for what is in them.
#[derive(Clone, Copy, Debug)]
pub struct Framed<F> {
    framing: Framing,
    decode: F,
    skips_blank: bool,
}

impl<F: Decode> Framed<F> {
    /// Frames of this framing, each decoded by `decode`.
    pub fn new(framing: Framing, decode: F) -> Self {
        Self {
            framing,
            decode,
            skips_blank: false,
        }
    }

    /// Sets the longest line or frame that is accepted, in bytes.
    #[must_use]
    pub fn bytes_max(mut self, bytes_max: usize) -> Self {
        match &mut self.framing {
            Framing::LengthPrefixed { frame_bytes_max: limit } | Framing::Lines { line_bytes_max: limit } => {
                *limit = bytes_max;
            }
        }
        self
    }

    /// Passes over lines with nothing but white space.
    #[must_use]
    pub fn skip_blank(mut self) -> Self {
        self.skips_blank = true;
        self
    }
}

impl<F: Decode> Format for Framed<F> {
    type Codec = Cut;
    type Record = F::Record;

    fn codec(&self) -> Cut {
        Cut {
            frames: self.framing.into(),
            is_lines: matches!(self.framing, Framing::Lines { .. }),
            skipping: false,
        }
    }

    #[inline]
    fn decode(&self, piece: &Piece<'_>, wall_ns: u64) -> Result<Option<F::Record>, String> {
        match piece {
            Piece::Whole(frame) if self.skips_blank && frame.bytes.trim_ascii().is_empty() => Ok(None),
            Piece::Whole(frame) => {
                let arrival = Arrival {
                    wall_ns,
                    offset: frame.offset,
                };
                let record = self.decode.decode(frame.bytes, arrival);
                record.map(Some).map_err(|error| error.to_string())
            }
            Piece::TooLong { limit, .. } => Err(format!(
                "the line is longer than the limit of {limit} bytes and is left out"
            )),
            Piece::Rest => Ok(None),
        }
    }

    fn place<'a>(&self, piece: &'a Piece<'_>, number: u64) -> Place<'a> {
        let (offset, bytes) = match piece {
            Piece::Whole(frame) => (frame.offset, frame.bytes),
            Piece::TooLong { offset, bytes, .. } => (*offset, *bytes),
            Piece::Rest => (0, [].as_slice()),
        };
        let line = matches!(self.framing, Framing::Lines { .. }).then_some(number);
        Place { offset, line, bytes }
    }
}

/// Lines of text: each is a `String`. See [`lines`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl Decode for Text {
    type Record = String;
    type Error = Utf8Error;

    #[inline]
    fn decode(&self, bytes: &[u8], _: Arrival) -> Result<String, Utf8Error> {
        std::str::from_utf8(bytes).map(str::to_owned)
    }
}

/// Lines of UTF-8 text, up to [`RECORD_BYTES_MAX`] bytes long.
pub fn lines() -> Framed<Text> {
    let line_bytes_max = RECORD_BYTES_MAX;
    Framed::new(Framing::Lines { line_bytes_max }, Text)
}

/// A JSON value on each line. See [`json_lines`].
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T> Clone for Json<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json")
    }
}

impl<T: DeserializeOwned + Send + 'static> Decode for Json<T> {
    type Record = T;
    type Error = String;

    fn decode(&self, bytes: &[u8], _: Arrival) -> Result<T, String> {
        // Within one line the line of the error is no news, and it would be taken for that of the file.
        serde_json::from_slice(bytes).map_err(|error| error.to_string().replace(" at line 1 column ", " at column "))
    }
}

/// JSON lines: a value on each line, up to [`RECORD_BYTES_MAX`] bytes long; blank lines are passed over.
///
/// ```
/// use potoroo_actors::source::{self, Decode};
///
/// #[derive(serde::Deserialize)]
/// struct Reading { sensor: String, value: f64 }
///
/// let format = source::json_lines::<Reading>().bytes_max(4096);
/// # let _ = format;
/// ```
pub fn json_lines<T: DeserializeOwned + Send + 'static>() -> Framed<Json<T>> {
    let line_bytes_max = RECORD_BYTES_MAX;
    Framed::new(Framing::Lines { line_bytes_max }, Json(PhantomData)).skip_blank()
}
