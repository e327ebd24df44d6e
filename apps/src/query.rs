//! Asking a running job for the state of a key: `--query` opens a socket, `potoroo query` asks there.
//!
//! A question is a line, the name of what is asked for, a space, and a key as JSON. Its answer is a line of JSON:
//! `{"value":…}`, which is `null` for a key without state, or `{"error":"…"}`. A connection asks one question at a time. It
//! lacks any protection: whoever reaches the socket may ask, so it belongs on the local machine.

use crate::cli::QueryArgs;
use crate::error::AppError;
use crate::terminal::{print, tell};
use potoroo_actors::{Queries, QueryError};
use potoroo_runtime::io::{CloseReason, Connection, Frame, Frames, Framing, Limits, Link, Listener, Protocol, Serve};
use potoroo_runtime::sys::net::{Admission, TcpListener, UnixListener};
use potoroo_runtime::{Context, System, Turn};
use serde::Deserialize;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The longest question.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// How many may ask at a time.
const CLIENTS_MAX: usize = 64;

/// How long a client waits for the job.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a job can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// `tcp://HOST:PORT`.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let tcp = text.strip_prefix("tcp://").and_then(|address| address.parse().ok());
        let unix = text.strip_prefix("unix:").filter(|path| !path.is_empty());
        tcp.map(Self::Tcp)
            .or_else(|| unix.map(|path| Self::Unix(path.into())))
            .ok_or_else(|| format!("`{text}` is no address, expected tcp://HOST:PORT or unix:PATH"))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An answer as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    /// What the state looks like.
    Value(serde_json::Value),
    /// Why there is none.
    Error(String),
}

/// An answer as it is written: a line.
fn line_of(answer: Result<Option<String>, QueryError>) -> String {
    match answer {
        Ok(Some(value)) => format!("{{\"value\":{value}}}\n"),
        Ok(None) => "{\"value\":null}\n".to_owned(),
        Err(error) => error_line(&error),
    }
}

fn error_line(error: &dyn fmt::Display) -> String {
    let error = serde_json::Value::from(error.to_string());
    format!("{{\"error\":{error}}}\n")
}

/// One who asks.
struct Client(Queries);

impl Protocol for Client {
    type Msg = String;
    type Codec = Frames;

    fn limits(&self) -> Limits {
        Limits {
            idle_max: Some(Duration::from_secs(600)),
            ..Limits::default()
        }
    }

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        link.pause(); // One at a time: what else it asks waits.
        let line = String::from_utf8_lossy(frame.bytes);
        let line = line.trim();
        let (name, key) = line.split_once(' ').unwrap_or((line, ""));
        let me = ctx.me();
        ctx.run(self.0.ask_json(name, key.trim())).then(move |_, answer, _| {
            me.tell(line_of(answer));
            Ok(())
        });
        Ok(())
    }

    fn message(&mut self, answer: String, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send(answer.as_bytes());
        link.resume();
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        match why {
            CloseReason::PeerFinished => link.finish(),
            CloseReason::BadFrame(_) => {
                link.send(error_line(why).as_bytes());
                link.finish();
            }
            _ => ctx.stop(),
        }
        Ok(())
    }
}

/// A socket to ask at, open and not yet served.
#[derive(Debug)]
pub struct Questions(Socket);

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Questions {
    /// Opens the socket; says where, unless `quiet`.
    pub fn open(at: &At, quiet: bool) -> Result<Self, AppError> {
        match at {
            At::Tcp(address) => {
                let address = *address;
                let listen = |source| AppError::Listen { address, source };
                let socket = TcpListener::bind(address).map_err(listen)?;
                let address = socket.local_address().map_err(listen)?;
                if !quiet {
                    tell(format_args!("listening for questions on {address}"));
                }
                Ok(Self(Socket::Tcp(socket)))
            }
            At::Unix(path) => {
                let socket = UnixListener::bind(path).map_err(|source| AppError::File {
                    action: "listen on",
                    path: path.clone(),
                    source,
                    advice: "choose a path that is free, in a directory that can be written",
                })?;
                if !quiet {
                    tell(format_args!("listening for questions on {}", path.display()));
                }
                Ok(Self(Socket::Unix(socket, path.clone())))
            }
        }
    }

    /// Answers, as long as the system runs. What is given goes last: it takes the socket's file away.
    pub fn serve(self, system: &System, queries: Queries) -> Served {
        let framing = Framing::Lines {
            line_bytes_max: LINE_BYTES_MAX,
        };
        let serve = Serve::new(framing, move |_peer| Client(queries.clone()));
        let admission = Admission::new(CLIENTS_MAX);
        match self.0 {
            Socket::Tcp(socket) => {
                system.spawn_on(0, move |ctx| Listener::limited(socket, serve, admission, ctx));
                Served(None)
            }
            Socket::Unix(socket, path) => {
                system.spawn_on(0, move |ctx| Listener::limited(socket, serve, admission, ctx));
                Served(Some(path))
            }
        }
    }
}

/// A socket at which questions are answered.
#[derive(Debug)]
pub struct Served(Option<PathBuf>);

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Asks one question over a connection.
fn ask(mut connection: impl Read + Write, name: &str, key: &str) -> io::Result<Answer> {
    connection.write_all(format!("{name} {key}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the job has ended before it answered",
        ));
    }
    Ok(serde_json::from_str(&line)?)
}

/// Does what the options of `query` say: prints the state of a key as JSON.
pub fn run(args: &QueryArgs) -> Result<(), AppError> {
    if args.name.contains(char::is_whitespace) || args.key.contains('\n') {
        return Err(AppError::Options("a name is one word, and a key one line".into()));
    }
    let answer = match &args.at {
        At::Tcp(address) => TcpStream::connect_timeout(address, PATIENCE).and_then(|connection| {
            connection.set_read_timeout(Some(PATIENCE))?;
            ask(connection, &args.name, &args.key)
        }),
        At::Unix(path) => UnixStream::connect(path).and_then(|connection| {
            connection.set_read_timeout(Some(PATIENCE))?;
            ask(connection, &args.name, &args.key)
        }),
    };
    let at = args.at.clone();
    match answer.map_err(|source| AppError::Query { at, source })? {
        Answer::Value(value) => print(value),
        Answer::Error(reason) => Err(AppError::Job { reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_from_their_text_and_others_are_refused() {
        for text in ["tcp://127.0.0.1:7300", "unix:/tmp/questions"] {
            assert_eq!(text.parse::<At>().map(|at| at.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "unix:", "tcp://x", "127.0.0.1:7300"] {
            let error = text.parse::<At>().expect_err("no address");
            assert!(error.starts_with(&format!("`{text}` ")), "{error}");
        }
    }

    #[test]
    fn an_answer_is_a_line_of_json() {
        assert_eq!(line_of(Ok(Some("[1,2]".into()))), "{\"value\":[1,2]}\n");
        assert_eq!(line_of(Ok(None)), "{\"value\":null}\n");
        let error = line_of(Err(QueryError::Ended));
        assert_eq!(error, "{\"error\":\"the job, or this stage of it, has ended\"}\n");
        for line in [line_of(Ok(None)), error] {
            serde_json::from_str::<Answer>(&line).expect("what is written is read");
        }
    }
}
