//! HTTP/1 as far as the source needs it: heads and bodies of requests, cut out of a stream.
//!
//! `httparse` reads the heads and the sizes of chunks; lengths and limits are minded here. The head comes by itself, before its
//! body has, so that a request that is refused need not send it. A length that is not beyond doubt is refused, since two
//! readers that disagree about it can be made to see different requests. A body comes whole: so the connection's limit of
//! time for a frame is one for the head and one for the body. It lacks packed bodies and upgrades.

use httparse::Status;
use potoroo_runtime::io::{Codec, FrameError};

/// The longest head, and the longest fields after the last chunk, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How many fields a head may have.
const FIELDS_MAX: usize = 64;

/// The longest line with the size of a chunk.
const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// A request that is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) why: &'static str,
}

const fn refusal(status: u16, why: &'static str) -> Refusal {
    Refusal { status, why }
}

pub(super) const BODY_TOO_LONG: Refusal = refusal(413, "the body is longer than the limit");

/// What a head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    /// Without a query.
    pub(super) path: String,
    /// Whether the client means to send another request on this connection.
    pub(super) keep_alive: bool,
    /// Whether the client waits with the body until it is asked for it.
    pub(super) waits: bool,
    /// Whether a body follows.
    pub(super) has_body: bool,
}

/// A part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Head(Head),
    /// Whole, without the sizes of chunks.
    Body(Vec<u8>),
    /// Nothing after this can be trusted.
    Refused(Refusal),
}

/// How a body ends.
#[derive(Clone, Copy, Debug)]
enum Next {
    Head,
    Sized(usize),
    /// In chunks; how far into them the whole ones go.
    Chunks(usize),
}

/// Cuts requests.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    body_bytes_max: usize,
    next: Next,
    /// What the whole chunks hold.
    body: Vec<u8>,
}

impl Requests {
    pub(super) fn new(body_bytes_max: usize) -> Self {
        Self {
            body_bytes_max,
            next: Next::Head,
            body: Vec::new(),
        }
    }

    /// The head, its length, and what follows it.
    fn head(&self, bytes: &[u8]) -> Result<Option<(Head, usize, Next)>, Refusal> {
        const TOO_LONG: Refusal = refusal(431, "the head is too long");
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let used = match request.parse(bytes) {
            Ok(Status::Complete(used)) if used <= HEAD_BYTES_MAX => used,
            Ok(Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(TOO_LONG),
            Err(httparse::Error::Version) => return Err(refusal(505, "only HTTP/1.0 and HTTP/1.1 are spoken")),
            Err(_) => return Err(refusal(400, "this is no head of a request")),
        };
        let is_1_1 = request.version == Some(1);
        let fields = Fields::read(request.headers)?;
        if is_1_1 && !fields.has_host {
            return Err(refusal(400, "the host is missing"));
        }
        let next = match (fields.length, fields.in_chunks) {
            (Some(_), true) => return Err(refusal(400, "the body has a length and is in chunks")),
            (None, true) if !is_1_1 => return Err(refusal(400, "HTTP/1.0 has no chunks")),
            (None, true) => Next::Chunks(0),
            (Some(length), false) if length > self.body_bytes_max as u64 => return Err(BODY_TOO_LONG),
            (None | Some(0), false) => Next::Head,
            (Some(length), false) => Next::Sized(length as usize),
        };
        let head = Head {
            method: request.method.unwrap_or_default().to_owned(),
            path: path_of(request.path.unwrap_or_default()),
            keep_alive: if is_1_1 { !fields.close } else { fields.keep_alive },
            waits: is_1_1 && fields.waits,
            has_body: !matches!(next, Next::Head),
        };
        Ok(Some((head, used, next)))
    }

    /// The bytes that the chunks take, once all are there. Whole ones are not looked at again.
    fn chunks(&mut self, bytes: &[u8], mut at: usize) -> Result<Option<usize>, Refusal> {
        const BROKEN: Refusal = refusal(400, "this is no chunk");
        loop {
            let rest = &bytes[at..];
            let (line, size) = match httparse::parse_chunk_size(rest) {
                Ok(Status::Complete((line, _))) if line > CHUNK_LINE_BYTES_MAX => return Err(BROKEN),
                Ok(Status::Complete((line, size))) => (line, size),
                Ok(Status::Partial) if rest.len() <= CHUNK_LINE_BYTES_MAX => return Ok(None),
                Ok(Status::Partial) | Err(_) => return Err(BROKEN),
            };
            if size == 0 {
                return end_of_fields(&rest[line..]).map(|used| used.map(|used| at + line + used));
            }
            if size > (self.body_bytes_max - self.body.len()) as u64 {
                return Err(BODY_TOO_LONG);
            }
            let end = line + size as usize;
            let Some(behind) = rest.get(end..end + 2) else {
                return Ok(None);
            };
            if behind != b"\r\n" {
                return Err(BROKEN);
            }
            self.body.extend_from_slice(&rest[line..end]);
            at += end + 2;
            self.next = Next::Chunks(at);
        }
    }

    fn cut(&mut self, bytes: &[u8]) -> Result<Option<(Part, usize)>, Refusal> {
        match self.next {
            Next::Head => Ok(self.head(bytes)?.map(|(head, used, next)| {
                self.next = next;
                (Part::Head(head), used)
            })),
            Next::Sized(length) => Ok(bytes.get(..length).map(|body| {
                self.next = Next::Head;
                (Part::Body(body.to_vec()), length)
            })),
            Next::Chunks(at) => Ok(self.chunks(bytes, at)?.map(|used| {
                self.next = Next::Head;
                (Part::Body(std::mem::take(&mut self.body)), used)
            })),
        }
    }
}

/// Where the fields after the last chunk end, which are read by nobody.
fn end_of_fields(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    if bytes.starts_with(b"\r\n") {
        return Ok(Some(2));
    }
    match bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) if at <= HEAD_BYTES_MAX => Ok(Some(at + 4)),
        None if bytes.len() <= HEAD_BYTES_MAX => Ok(None),
        _ => Err(refusal(431, "the fields after the body are too long")),
    }
}

/// Of a target in either of its forms.
fn path_of(target: &str) -> String {
    let path = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => target,
    };
    path.split_once('?').map_or(path, |(path, _)| path).to_owned()
}

/// What the fields of a head say.
#[derive(Default)]
struct Fields {
    has_host: bool,
    length: Option<u64>,
    in_chunks: bool,
    waits: bool,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for header in headers {
            let value = header.value.trim_ascii();
            match header.name.to_ascii_lowercase().as_str() {
                "host" => fields.has_host = true,
                "content-length" => {
                    let text = std::str::from_utf8(value).unwrap_or_default();
                    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
                    let length = text.parse().ok().filter(|_| is_number);
                    let length = length.ok_or(refusal(400, "the length is no number"))?;
                    if fields.length.is_some_and(|other| other != length) {
                        return Err(refusal(400, "there are two lengths"));
                    }
                    fields.length = Some(length);
                }
                "transfer-encoding" if value.eq_ignore_ascii_case(b"chunked") && !fields.in_chunks => {
                    fields.in_chunks = true;
                }
                "transfer-encoding" => return Err(refusal(501, "the only transfer encoding is `chunked`")),
                "content-encoding" if !value.eq_ignore_ascii_case(b"identity") => {
                    return Err(refusal(415, "packed bodies are not taken"));
                }
                "expect" if value.eq_ignore_ascii_case(b"100-continue") => fields.waits = true,
                "expect" => return Err(refusal(417, "the only expectation is `100-continue`")),
                "connection" => {
                    let mut words = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                    let says = |word: &[u8], what: &str| word.eq_ignore_ascii_case(what.as_bytes());
                    fields.close |= words.clone().any(|word| says(word, "close"));
                    fields.keep_alive |= words.any(|word| says(word, "keep-alive"));
                }
                _ => {}
            }
        }
        Ok(fields)
    }
}

impl Codec for Requests {
    type Frame<'a> = Part;

    fn decode<'a>(&'a mut self, bytes: &'a [u8], _: u64) -> Result<Option<(Part, usize)>, FrameError> {
        Ok(match self.cut(bytes) {
            Ok(part) => part,
            Err(refusal) => Some((Part::Refused(refusal), bytes.len())),
        })
    }

    fn buffered_bytes_max(&self) -> usize {
        match self.next {
            Next::Head => 2 * HEAD_BYTES_MAX,
            Next::Sized(length) => length,
            // Sizes and their extensions may take as much as what they are of, and the fields after it a little.
            Next::Chunks(_) => 2 * self.body_bytes_max + 4 * HEAD_BYTES_MAX,
        }
    }

    fn bytes_wanted(&self) -> usize {
        match self.next {
            Next::Sized(length) => length,
            Next::Head | Next::Chunks(_) => 0,
        }
    }
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
