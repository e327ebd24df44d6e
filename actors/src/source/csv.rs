//! CSV: records of fields, with quotes, by the `csv` crates.
//!
//! A record may go over several lines, so the codec runs the state machine of `csv-core` over the bytes as they come, once;
//! what is deserialized is borrowed from it. Every file and every connection has a header of its own. It lacks encodings
//! other than UTF-8 and the guessing of separators.

use super::format::{Format, Place, RECORD_BYTES_MAX};
use csv::ByteRecord;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use potoroo_runtime::io::{Codec, FrameError};
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;

/// What editors of some systems put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Records of type `T` from CSV.
///
/// ```
/// use potoroo_actors::runtime::System;
/// use potoroo_actors::source::{Csv, FileSource};
/// use potoroo_actors::{Pipeline, sink};
///
/// #[derive(serde::Deserialize)]
/// struct Reading { sensor: String, value: f64 }
///
/// # let path = std::env::temp_dir().join(format!("potoroo-csv-{}", std::process::id()));
/// std::fs::write(&path, "value;sensor\n20.5;attic\n-1;\"the; cellar\"\n")?;
/// let system = System::new()?;
/// let pipeline = Pipeline::new();
/// let format = Csv::<Reading>::new().delimiter(b';');
/// let source = FileSource::files([path.clone()], format).map_err(|(_path, error)| error)?;
/// pipeline
///     .source("readings", source)
///     .filter(|reading| reading.value < 0.0)
///     .sink("cold", sink::each(|reading: Reading| assert_eq!(reading.sensor, "the; cellar")));
/// pipeline.start(&system).wait()?;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Csv<T> {
    delimiter: u8,
    has_header: bool,
    record_bytes_max: usize,
    records: PhantomData<fn() -> T>,
}

impl<T> Csv<T> {
    /// Commas between fields, a header first, records of at most [`RECORD_BYTES_MAX`] bytes.
    pub fn new() -> Self {
        Self {
            delimiter: b',',
            has_header: true,
            record_bytes_max: RECORD_BYTES_MAX,
            records: PhantomData,
        }
    }

    /// What stands between fields.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// The first record is one like the others: fields go by their order.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.has_header = false;
        self
    }

    /// The longest record that is accepted, in bytes. A quote that is never closed makes one record of all that follows.
    #[must_use]
    pub fn bytes_max(mut self, bytes_max: usize) -> Self {
        self.record_bytes_max = bytes_max;
        self
    }
}

impl<T> Default for Csv<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Csv<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> fmt::Debug for Csv<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csv")
            .field("delimiter", &char::from(self.delimiter))
            .field("has_header", &self.has_header)
            .finish_non_exhaustive()
    }
}

/// A record as it was cut off.
#[derive(Clone, Copy, Debug)]
pub struct CsvFrame<'a> {
    fields: &'a ByteRecord,
    /// `None` if there is none, or if this is it.
    header: Option<&'a ByteRecord>,
    is_header: bool,
    bytes: &'a [u8],
    offset: u64,
    line: u64,
}

/// Cuts CSV into records.
#[derive(Debug)]
pub struct CsvCodec {
    reader: Reader,
    has_header: bool,
    record_bytes_max: usize,
    header: Option<ByteRecord>,
    /// Of the record under way: the bytes that the reader has seen, and what it has made of them.
    seen: usize,
    text: Vec<u8>,
    text_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// The last whole record.
    record: ByteRecord,
    /// The line on which the record under way begins.
    line: u64,
}

impl CsvCodec {
    /// Has the reader look at more of a record; `false` if that is not its end.
    fn read(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        loop {
            let (result, used, written, ended) =
                self.reader
                    .read_record(rest, &mut self.text[self.text_len..], &mut self.ends[self.ends_len..]);
            rest = &rest[used..];
            self.seen += used;
            self.text_len += written;
            self.ends_len += ended;
            match result {
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return false,
                ReadRecordResult::Record => return true,
            }
        }
    }

    /// A record is whole: `bytes` are its bytes.
    fn frame<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> CsvFrame<'a> {
        self.record.clear();
        let mut start = 0;
        for &end in &self.ends[..self.ends_len] {
            self.record.push_field(&self.text[start..end]);
            start = end;
        }
        (self.seen, self.text_len, self.ends_len) = (0, 0, 0);
        // What is left of the line before, and blank lines, are not of this record.
        let before = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let line = self.line + bytes[..before].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.line = self.reader.line();
        let is_header = self.has_header && self.header.is_none();
        if is_header {
            self.header = Some(self.record.clone());
        }
        CsvFrame {
            fields: &self.record,
            header: self.header.as_ref(),
            is_header,
            bytes: &bytes[before..],
            offset: offset + before as u64,
            line,
        }
    }
}

impl Codec for CsvCodec {
    type Frame<'a> = CsvFrame<'a>;

    fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(CsvFrame<'a>, usize)>, FrameError> {
        if offset == 0 && self.seen == 0 && bytes.starts_with(&BYTE_ORDER_MARK[..bytes.len().min(3)]) {
            if bytes.len() < BYTE_ORDER_MARK.len() {
                return Ok(None);
            }
            self.seen = BYTE_ORDER_MARK.len();
        }
        // To the reader no bytes are the end of the stream.
        if self.seen == bytes.len() || !self.read(&bytes[self.seen..]) {
            return Ok(None);
        }
        let used = self.seen;
        Ok(Some((self.frame(&bytes[..used], offset), used)))
    }

    fn finish<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<CsvFrame<'a>>, FrameError> {
        // One or two bytes may have waited for the rest of a byte order mark. The end of a line ends a record, unless it is
        // within quotes.
        let is_whole = (self.seen < bytes.len() && self.read(&bytes[self.seen..])) || self.read(b"\n");
        if !is_whole && self.text_len + self.ends_len > 0 {
            return Err(FrameError::invalid(offset, "a quote is never closed"));
        }
        Ok(is_whole.then(|| self.frame(bytes, offset)))
    }

    fn buffered_bytes_max(&self) -> usize {
        self.record_bytes_max
    }
}

impl<T: DeserializeOwned + Send + 'static> Format for Csv<T> {
    type Codec = CsvCodec;
    type Record = T;

    fn codec(&self) -> CsvCodec {
        CsvCodec {
            reader: ReaderBuilder::new().delimiter(self.delimiter).build(),
            has_header: self.has_header,
            record_bytes_max: self.record_bytes_max,
            header: None,
            seen: 0,
            text: vec![0; 256],
            text_len: 0,
            ends: vec![0; 16],
            ends_len: 0,
            record: ByteRecord::new(),
            line: 1,
        }
    }

    fn decode(&self, frame: &CsvFrame<'_>, _: u64) -> Result<Option<T>, String> {
        if frame.is_header {
            return Ok(None);
        }
        if let Some(header) = frame.header
            && header.len() != frame.fields.len()
        {
            let (fields, columns) = (frame.fields.len(), header.len());
            return Err(format!("{fields} fields, the header has {columns}"));
        }
        frame.fields.deserialize(frame.header).map(Some).map_err(|error| {
            let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
                return error.to_string();
            };
            let field = err.field().map(|field| field as usize);
            match (field, field.and_then(|field| frame.header?.get(field))) {
                (_, Some(name)) => format!("column '{}': {}", String::from_utf8_lossy(name), err.kind()),
                (Some(field), None) => format!("field {}: {}", field + 1, err.kind()),
                (None, None) => err.kind().to_string(),
            }
        })
    }

    fn place<'a>(&self, frame: &'a CsvFrame<'_>, _: u64) -> Place<'a> {
        Place {
            offset: frame.offset,
            line: Some(frame.line),
            bytes: frame.bytes,
        }
    }
}
