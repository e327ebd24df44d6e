//! A sink that posts to an HTTP server.
//!
//! What has gathered while the last request was under way goes as the body of the next, in plain HTTP/1.1 over one
//! connection at a time, done by the pool for blocking work. A request that fails, or that the server answers with 429 or
//! 5xx, is tried again with the same body after a wait that doubles; so a server may see a body twice, if an answer was lost.
//! Any other answer but 2xx ends the job. It lacks TLS, redirects and bodies of answers.

use super::retries::{Failure, PATIENCE, TRIES, attempt};
use super::writing::{Output, Parts, Plan};
use super::{Encode, Sink};
use crate::exchange::ToOne;
use crate::job::Deploy;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How many fields it may have.
const FIELDS_MAX: usize = 64;

/// The longest body of an answer that is read so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// `http://host:port/path`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Url {
    host: String,
    address: String,
    target: String,
}

/// Why a text is no address for [`HttpSink`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrlError(String);

impl fmt::Display for HttpUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not of the form http://HOST[:PORT]/PATH", self.0)
    }
}

impl std::error::Error for HttpUrlError {}

impl FromStr for Url {
    type Err = HttpUrlError;

    fn from_str(text: &str) -> Result<Self, HttpUrlError> {
        let wrong = || HttpUrlError(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let (host, target) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        // What would end the head of a request early.
        if host.is_empty() || rest.bytes().any(|byte| !(b'!'..=b'~').contains(&byte)) {
            return Err(wrong());
        }
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Ok(Self {
            host: host.to_owned(),
            address: if has_port {
                host.to_owned()
            } else {
                format!("{host}:80")
            },
            target: target.to_owned(),
        })
    }
}

/// Posts records to a server.
#[derive(Debug)]
pub struct HttpSink<E> {
    url: Url,
    encode: E,
    content_type: String,
    records_max: usize,
    tries: u32,
}

impl<E> HttpSink<E> {
    /// Posts to `url`, which is `http://HOST:PORT/PATH`. Nothing is connected before there is something to post.
    ///
    /// ```
    /// use potoroo_actors::sink::{self, HttpSink};
    ///
    /// let sink = HttpSink::new("http://127.0.0.1:8080/ingest", sink::json_lines())?
    ///     .content_type("application/x-ndjson")
    ///     .records_max(500);
    /// # let _ = sink;
    /// # Ok::<(), potoroo_actors::sink::HttpUrlError>(())
    /// ```
    pub fn new(url: &str, encode: E) -> Result<Self, HttpUrlError> {
        Ok(Self {
            url: url.parse()?,
            encode,
            content_type: "text/plain".to_owned(),
            records_max: 1000,
            tries: TRIES,
        })
    }

    /// The type of the bodies: `text/plain`, unless this is set.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// How many records one request has at most: 1,000, unless this is set.
    #[must_use]
    pub fn records_max(mut self, records_max: usize) -> Self {
        self.records_max = records_max.max(1);
        self
    }

    /// How often a request is tried before the job fails: 8 times, over about 6 s, unless this is set.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }
}

impl<T, E> Sink<T> for HttpSink<E>
where
    T: Send + 'static,
    E: Encode<T>,
{
    type Down = ToOne<T>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        let Url { host, target, .. } = &self.url;
        let parts = Parts {
            records_max: Some(self.records_max),
            ..Parts::default()
        };
        let plan = Plan {
            place: format!("to http://{host}{target}"),
            output: Poster {
                url: self.url,
                content_type: self.content_type,
                tries: self.tries,
                connection: None,
            },
            encode: self.encode,
            parts,
        };
        plan.deploy(name, deploy)
    }
}

/// The client.
struct Poster {
    url: Url,
    content_type: String,
    tries: u32,
    connection: Option<TcpStream>,
}

/// What the server said.
struct Answer {
    status: u16,
    keeps: bool,
}

impl Poster {
    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in self.url.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn post(&mut self, body: &[u8]) -> io::Result<u16> {
        let mut stream = match self.connection.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let Url { host, target, .. } = &self.url;
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            self.content_type,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let answer = read_answer(&mut stream)?;
        if answer.keeps {
            self.connection = Some(stream);
        }
        Ok(answer.status)
    }
}

/// Reads an answer; if its end is not certain, the connection is not used again.
fn read_answer(stream: &mut impl Read) -> io::Result<Answer> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the server's answer {what}"));
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(&bytes).map_err(|_| wrong("is no HTTP"))?;
        if let (httparse::Status::Complete(head), Some(status)) = (parsed, response.code) {
            if (100..200).contains(&status) {
                bytes.drain(..head);
                continue;
            }
            let field = |name: &str| {
                let found = response
                    .headers
                    .iter()
                    .find(|field| field.name.eq_ignore_ascii_case(name));
                found.and_then(|field| std::str::from_utf8(field.value).ok())
            };
            let length = match field("content-length").map(str::parse) {
                Some(Ok(length)) if length <= ANSWER_BYTES_MAX => Some(length),
                None if status == 204 => Some(0),
                _ => None,
            };
            let closes = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            let is_plain = field("transfer-encoding").is_none() && response.version == Some(1);
            let Some(length) = length.filter(|_| is_plain && !closes) else {
                return Ok(Answer { status, keeps: false });
            };
            let mut left = (head + length).saturating_sub(bytes.len());
            while left > 0 {
                let most = left.min(piece.len());
                match stream.read(&mut piece[..most])? {
                    0 => return Ok(Answer { status, keeps: false }),
                    count => left -= count,
                }
            }
            return Ok(Answer { status, keeps: true });
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(wrong("has too long a head"));
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

impl Output for Poster {
    fn write(&mut self, bytes: &[u8], _: usize) -> io::Result<()> {
        attempt(self.tries, || {
            let said = |status: u16| io::Error::other(format!("the server answers {status}"));
            let failure = match self.post(bytes) {
                Ok(200..=299) => return Ok(()),
                Ok(status @ (429 | 500..=599)) => Failure::Passing(said(status)),
                Ok(status) => Failure::Lasting(said(status)),
                Err(error) => Failure::Passing(error),
            };
            self.connection = None;
            Err(failure)
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.connection = None;
        Ok(())
    }
}
