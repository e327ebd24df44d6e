//! HTTP/1 as far as the proxy needs it: requests and responses cut out of a stream, and written again.
//!
//! `httparse` reads the heads; lengths, limits and what concerns one connection only are minded here. A length that is not
//! beyond doubt is an error, since two readers that disagree about it can be made to see different requests. It lacks
//! chunked bodies of requests (the client is told so), upgrades and trailers.

use potoroo_runtime::io::{Codec, FrameError};

/// The longest head that is accepted, and the most fields in it.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 64;

/// The longest body that is accepted, in bytes.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Fields that concern one connection and are not passed on. Lengths are written anew.
const OF_ONE_CONNECTION: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

type Fields = Vec<(String, Vec<u8>)>;

/// A whole request.
#[derive(Debug)]
pub struct Request {
    method: String,
    target: String,
    fields: Fields,
    body: Vec<u8>,
    /// Whether the client means to send another one on this connection.
    pub keep_alive: bool,
}

impl Request {
    /// Whether its response has no body, whatever its length field says.
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// In HTTP/1.0, so that the server closes after its response and does not cut it into chunks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.0\r\nVia: 1.1 potoroo\r\n", self.method, self.target).into_bytes();
        write_fields(&self.fields, &mut out);
        if !self.body.is_empty() {
            out.extend(format!("Content-Length: {}\r\n", self.body.len()).bytes());
        }
        out.extend(b"\r\n");
        out.extend(&self.body);
        out
    }
}

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// Its code.
    pub status: u16,
    reason: String,
    fields: Fields,
    body: Vec<u8>,
    /// What the length field says where there is no body.
    length_only: Option<usize>,
}

impl Response {
    /// An answer of the proxy itself.
    pub fn of_proxy(status: u16, reason: &str, text: &str) -> Self {
        let mut fields = vec![("Content-Type".to_owned(), b"text/plain".to_vec())];
        if status == 503 {
            fields.push(("Retry-After".to_owned(), b"1".to_vec()));
        }
        Self {
            status,
            reason: reason.to_owned(),
            fields,
            body: format!("{text}\n").into_bytes(),
            length_only: None,
        }
    }

    /// As the client gets it; `with_body` is for all requests but `HEAD`.
    pub fn write(&self, keep_alive: bool, with_body: bool, out: &mut Vec<u8>) {
        out.extend(format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).bytes());
        write_fields(&self.fields, out);
        let length = match has_no_body(self.status) {
            true => self.length_only.filter(|_| self.status == 304),
            false => Some(self.length_only.unwrap_or(self.body.len())),
        };
        if let Some(length) = length {
            out.extend(format!("Content-Length: {length}\r\n").bytes());
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        out.extend(format!("Connection: {connection}\r\n\r\n").bytes());
        if with_body {
            out.extend(&self.body);
        }
    }
}

fn has_no_body(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

fn write_fields(fields: &Fields, out: &mut Vec<u8>) {
    for (name, value) in fields {
        out.extend(name.bytes());
        out.extend(b": ");
        out.extend(value);
        out.extend(b"\r\n");
    }
}

/// What the fields of a head say.
struct Said {
    fields: Fields,
    length: Option<usize>,
    has_encoding: bool,
    close: bool,
    keep_alive: bool,
}

/// Reads the fields, and leaves out those that are not passed on.
fn read_fields(headers: &[httparse::Header<'_>], offset: u64) -> Result<Said, FrameError> {
    let mut said = Said {
        fields: Vec::new(),
        length: None,
        has_encoding: false,
        close: false,
        keep_alive: false,
    };
    let mut named = Vec::new();
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        let value = String::from_utf8_lossy(header.value);
        match name.as_str() {
            "content-length" => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let length = value.parse().ok().filter(|_| digits);
                let length = length.ok_or_else(|| FrameError::invalid(offset, "the length is no number"))?;
                if said.length.is_some_and(|other| other != length) {
                    return Err(FrameError::invalid(offset, "two lengths"));
                }
                said.length = Some(length);
            }
            "transfer-encoding" => said.has_encoding = true,
            "connection" => named.extend(value.split(',').map(|word| word.trim().to_ascii_lowercase())),
            _ => {}
        }
    }
    said.close = named.iter().any(|word| word == "close");
    said.keep_alive = named.iter().any(|word| word == "keep-alive");
    let passed_on = headers.iter().filter(|header| {
        let name = header.name.to_ascii_lowercase();
        !OF_ONE_CONNECTION.contains(&name.as_str()) && !named.contains(&name)
    });
    said.fields = passed_on
        .map(|field| (field.name.to_owned(), field.value.to_vec()))
        .collect();
    if let Some(length) = said.length.filter(|length| *length > BODY_BYTES_MAX) {
        return Err(FrameError::TooLong {
            offset,
            length: length as u64,
            limit: BODY_BYTES_MAX,
        });
    }
    Ok(said)
}

/// What `httparse` makes of a head: its length, if it is whole.
fn head_bytes(parsed: httparse::Result<usize>, bytes: &[u8], offset: u64) -> Result<Option<usize>, FrameError> {
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => bytes.len(),
        Err(error) => return Err(FrameError::invalid(offset, error.to_string())),
    };
    if length > HEAD_BYTES_MAX {
        return Err(FrameError::TooLong {
            offset,
            length: length as u64,
            limit: HEAD_BYTES_MAX,
        });
    }
    Ok(parsed
        .ok()
        .filter(|status| status.is_complete())
        .map(httparse::Status::unwrap))
}

/// Cuts requests.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// The bytes of the request that has begun, once its head is whole: until they are there nothing is read twice.
    wanted: usize,
}

impl Codec for Requests {
    type Frame<'a> = Request;

    fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(Request, usize)>, FrameError> {
        if bytes.len() < self.wanted {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Request::new(&mut headers);
        let Some(head_bytes) = head_bytes(head.parse(bytes), bytes, offset)? else {
            return Ok(None);
        };
        let said = read_fields(head.headers, offset)?;
        if said.has_encoding {
            return Err(FrameError::invalid(
                offset,
                "bodies in chunks are not taken; send a length",
            ));
        }
        let end = head_bytes + said.length.unwrap_or(0);
        let Some(body) = bytes.get(head_bytes..end) else {
            self.wanted = end;
            return Ok(None);
        };
        self.wanted = 0;
        let request = Request {
            method: head.method.unwrap_or_default().to_owned(),
            target: head.path.unwrap_or_default().to_owned(),
            keep_alive: if head.version == Some(1) {
                !said.close
            } else {
                said.keep_alive
            },
            fields: said.fields,
            body: body.to_vec(),
        };
        Ok(Some((request, end)))
    }

    fn buffered_bytes_max(&self) -> usize {
        HEAD_BYTES_MAX + BODY_BYTES_MAX
    }

    fn bytes_wanted(&self) -> usize {
        self.wanted
    }
}

/// Cuts the responses to one request.
#[derive(Debug)]
pub struct Responses {
    is_head: bool,
    wanted: usize,
}

impl Responses {
    /// Of a request with this method or another one.
    pub fn to(request: &Request) -> Self {
        Self {
            is_head: request.is_head(),
            wanted: 0,
        }
    }

    /// The first response, and the bytes it takes; `None` if more must come.
    fn cut(&mut self, bytes: &[u8], offset: u64, is_all: bool) -> Result<Option<(Response, usize)>, FrameError> {
        if bytes.len() < self.wanted {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let Some(head_bytes) = head_bytes(head.parse(bytes), bytes, offset)? else {
            return Ok(None);
        };
        let status = head.code.unwrap_or_default();
        let said = read_fields(head.headers, offset)?;
        if said.has_encoding {
            return Err(FrameError::invalid(offset, "chunks in an answer to HTTP/1.0"));
        }
        let no_body = self.is_head || has_no_body(status);
        let end = match said.length {
            _ if no_body => head_bytes,
            Some(length) => head_bytes + length,
            // Then the end of the stream is the end of the body.
            None if is_all => bytes.len(),
            None => return Ok(None),
        };
        let Some(body) = bytes.get(head_bytes..end) else {
            self.wanted = end;
            return Ok(None);
        };
        self.wanted = 0;
        let response = Response {
            status,
            reason: head.reason.unwrap_or_default().to_owned(),
            fields: said.fields,
            body: body.to_vec(),
            length_only: said.length.filter(|_| no_body),
        };
        Ok(Some((response, end)))
    }
}

impl Codec for Responses {
    type Frame<'a> = Response;

    fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(Response, usize)>, FrameError> {
        self.cut(bytes, offset, false)
    }

    fn finish<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<Response>, FrameError> {
        let whole = self.cut(bytes, offset, true)?;
        whole.map(|(response, _)| Some(response)).ok_or(FrameError::Truncated {
            offset,
            have: bytes.len(),
            want: self.wanted.max(bytes.len() + 1),
        })
    }

    fn buffered_bytes_max(&self) -> usize {
        HEAD_BYTES_MAX + BODY_BYTES_MAX
    }

    fn bytes_wanted(&self) -> usize {
        self.wanted
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
