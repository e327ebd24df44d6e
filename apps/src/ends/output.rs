//! `--out`: its forms, and the sink that each opens.

use super::encoding::EncodingTo;
use crate::endpoint::Endpoint;
use crate::error::AppError;
use potoroo_actors::sink::{Delivery, FileSink, HttpSink, RollingFileSink, Sink, StdoutSink, TcpSink};
use potoroo_actors::{Deploy, Encode};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// When a file in a directory is large and old enough.
const PART_BYTES_MAX: u64 = 64 << 20;
const PART_AGE_MAX: Duration = Duration::from_secs(60);

/// Where results go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `stdout` or `-`.
    Stdout,
    /// `file:PATH`: one file, there when the job has succeeded.
    File(PathBuf),
    /// `tcp://HOST:PORT`: a server to connect to.
    Tcp(std::net::SocketAddr),
    /// `unix:PATH`: the same on a socket.
    Unix(PathBuf),
    /// `dir:PATH`: numbered files, a new one each minute or 64 MiB.
    Directory(PathBuf),
    /// `http://HOST:PORT/PATH`: batches to post.
    Http(String),
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = |path: &str| match path {
            "" => Err(format!("`{text}` has no path")),
            path => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            _ if text == "-" || text == "stdout" => Ok(Self::Stdout),
            Some(("unix", rest)) => path(rest).map(Self::Unix),
            Some(("dir", rest)) => path(rest).map(Self::Directory),
            Some(("http", _)) => HttpSink::new(text, ())
                .map(|_| Self::Http(text.to_owned()))
                .map_err(|error| error.to_string()),
            Some(("file" | "tcp", _)) => text.parse().map(|endpoint| match endpoint {
                Endpoint::File(path) => Self::File(path),
                Endpoint::Tcp(address) => Self::Tcp(address),
            }),
            _ => Err(format!(
                "`{text}` is no output, expected stdout, file:PATH, dir:PATH, tcp://HOST:PORT, unix:PATH or \
                 http://HOST:PORT/PATH"
            )),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Directory(path) => write!(f, "dir:{}", path.display()),
            Self::Http(url) => f.write_str(url),
        }
    }
}

impl Output {
    /// Opens it. In a directory, files are called `results-000001.txt` and so on.
    pub fn open<E>(&self, encode: E) -> Result<AnySink<E>, AppError> {
        let sink = match self {
            Self::Stdout => ByteSink::Stdout(StdoutSink::new(AsItIs)),
            Self::File(path) => {
                ByteSink::File(FileSink::create(path, AsItIs).map_err(|error| AppError::write(path, error))?)
            }
            Self::Tcp(address) => ByteSink::Tcp(
                TcpSink::connect(*address, AsItIs).map_err(|error| AppError::connect("results", *address, error))?,
            ),
            Self::Unix(path) => {
                let sink = TcpSink::connect_unix(path, AsItIs).map_err(|source| AppError::File {
                    action: "connect to",
                    path: path.clone(),
                    source,
                    advice: "start the receiving program first",
                });
                ByteSink::Tcp(sink?)
            }
            Self::Directory(path) => {
                let sink = RollingFileSink::create(path, "results-", ".txt", AsItIs)
                    .map_err(|error| AppError::write(path, error))?;
                ByteSink::Directory(sink.bytes_max(PART_BYTES_MAX).age_max(PART_AGE_MAX))
            }
            Self::Http(url) => {
                ByteSink::Http(HttpSink::new(url, AsItIs).map_err(|error| AppError::Options(error.to_string()))?)
            }
        };
        Ok(AnySink { encode, sink })
    }
}

/// The sink of any output. Records become bytes in the steps before it, so that each kind of sink is one piece of code, however
/// many kinds of records there are: compiled for each, they took minutes.
#[derive(Debug)]
pub struct AnySink<E> {
    encode: E,
    sink: ByteSink,
}

/// The bytes of a record, and nothing else.
#[derive(Clone, Copy, Debug)]
struct AsItIs;

impl Encode<Vec<u8>> for AsItIs {
    fn encode(&mut self, record: &Vec<u8>, out: &mut Vec<u8>) {
        out.extend_from_slice(record);
    }
}

#[derive(Debug)]
enum ByteSink {
    Stdout(StdoutSink<AsItIs>),
    File(FileSink<AsItIs>),
    Tcp(TcpSink<AsItIs>),
    Directory(RollingFileSink<AsItIs>),
    Http(HttpSink<AsItIs>),
}

/// Does the same with any of them.
macro_rules! any {
    ($sink:expr, $of:ident => $what:expr) => {
        match $sink {
            ByteSink::Stdout($of) => $what,
            ByteSink::File($of) => $what,
            ByteSink::Tcp($of) => $what,
            ByteSink::Directory($of) => $what,
            ByteSink::Http($of) => $what,
        }
    };
}

impl<T, E> Sink<T> for AnySink<E>
where
    T: Send + 'static,
    E: Encode<T> + Clone + Sync,
{
    type Down = EncodingTo<E>;

    fn delivery(&self) -> Delivery {
        any!(&self.sink, sink => Sink::<Vec<u8>>::delivery(sink))
    }

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> EncodingTo<E> {
        EncodingTo {
            encode: self.encode,
            next: any!(self.sink, sink => sink.deploy(name, deploy)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_back_from_their_text_and_others_are_refused() {
        for text in [
            "stdout",
            "file:a/b",
            "dir:/tmp",
            "unix:/tmp/s",
            "tcp://127.0.0.1:7100",
            "http://h:1/x",
        ] {
            assert_eq!(
                text.parse::<Output>().map(|output| output.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!("-".parse(), Ok(Output::Stdout));
        for text in ["", "x", "dir:", "follow:x", "http://", "https://h/", "http://h/a b"] {
            let error = text.parse::<Output>().expect_err("no output");
            assert!(error.starts_with(&format!("`{text}` ")), "{error}");
        }
    }
}
