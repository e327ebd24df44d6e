//! `--input`: its forms, and the source that each opens.

use crate::cli::RunArgs;
use crate::endpoint::Endpoint;
use crate::error::AppError;
use crate::terminal::tell;
use potoroo_actors::Deploy;
use potoroo_actors::exchange::{Downstream, ToPort};
use potoroo_actors::source::{FileSource, Format, HttpSource, Replay, SocketSource, Source};
use potoroo_runtime::sys::net::{TcpListener, UnixListener};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// `stdin` or `-`.
    Stdin,
    /// `file:PATH` and `tcp://HOST:PORT`.
    Endpoint(Endpoint),
    /// `unix:PATH`: a socket to listen on.
    Unix(PathBuf),
    /// `dir:PATH`: the files in it, by name.
    Directory(PathBuf),
    /// `follow:PATH`: a file that grows.
    Follow(PathBuf),
    /// `http://HOST:PORT[/PATH]`: an endpoint to post to, at this path or any.
    Http(SocketAddr, Option<String>),
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = |path: &str| match path {
            "" => Err(format!("`{text}` has no path")),
            path => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            _ if text == "-" || text == "stdin" => Ok(Self::Stdin),
            Some(("unix", rest)) => path(rest).map(Self::Unix),
            Some(("dir", rest)) => path(rest).map(Self::Directory),
            Some(("follow", rest)) => path(rest).map(Self::Follow),
            Some(("http", rest)) => {
                http(rest).ok_or_else(|| format!("`{text}` is not of the form http://HOST:PORT[/PATH]"))
            }
            Some(("file" | "tcp", _)) => text.parse().map(Self::Endpoint),
            _ => Err(format!(
                "`{text}` is no input, expected stdin, file:PATH, dir:PATH, follow:PATH, tcp://HOST:PORT, unix:PATH or \
                 http://HOST:PORT[/PATH]"
            )),
        }
    }
}

/// What comes after `http:`.
fn http(rest: &str) -> Option<Input> {
    let rest = rest.strip_prefix("//")?;
    let (address, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let is_path = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
    let path = Some(path.to_owned()).filter(|path| !path.is_empty());
    let address = address.parse().ok().filter(|_| is_path)?;
    Some(Input::Http(address, path))
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Directory(path) => write!(f, "dir:{}", path.display()),
            Self::Follow(path) => write!(f, "follow:{}", path.display()),
            Self::Http(address, path) => write!(f, "http://{address}{}", path.as_deref().unwrap_or_default()),
        }
    }
}

impl Input {
    /// Opens it; says where it listens, for `what`.
    pub fn open<M: Format>(&self, what: &str, format: M, run: &RunArgs) -> Result<AnySource<M>, AppError> {
        let file = |opened: Result<FileSource<M>, (PathBuf, std::io::Error)>| {
            opened
                .map(AnySource::File)
                .map_err(|(path, source)| AppError::read(path, source))
        };
        match self {
            Self::Stdin => Ok(AnySource::File(FileSource::standard_input(format))),
            Self::Endpoint(Endpoint::File(path)) => file(FileSource::files([path.clone()], format)),
            Self::Directory(path) => file(FileSource::directory(path, format)),
            Self::Follow(path) => Ok(AnySource::File(FileSource::follow(path, format))),
            Self::Endpoint(Endpoint::Tcp(address)) => {
                let socket = listen(*address, what, run)?;
                Ok(AnySource::Socket(SocketSource::of(socket, format).once(run.once)))
            }
            Self::Http(address, path) => {
                let source = HttpSource::new(listen(*address, what, run)?, format).once(run.once);
                Ok(AnySource::Http(match path {
                    Some(path) => source.path(path),
                    None => source,
                }))
            }
            Self::Unix(path) => {
                let socket = UnixListener::bind(path).map_err(|source| AppError::File {
                    action: "listen on",
                    path: path.clone(),
                    source,
                    advice: "choose a path that is free, in a directory that can be written",
                })?;
                if !run.quiet {
                    tell(format_args!("listening for {what} on {}", path.display()));
                }
                Ok(AnySource::Socket(SocketSource::of(socket, format).once(run.once)))
            }
        }
    }
}

/// Listens for `what`, and says where.
fn listen(address: SocketAddr, what: &str, run: &RunArgs) -> Result<TcpListener, AppError> {
    let socket = TcpListener::bind(address).map_err(|source| AppError::Listen { address, source })?;
    if !run.quiet
        && let Ok(address) = socket.local_address()
    {
        tell(format_args!("listening for {what} on {address}"));
    }
    Ok(socket)
}

/// The source of any input.
#[derive(Debug)]
pub enum AnySource<M> {
    /// Of files and standard input.
    File(FileSource<M>),
    /// Of sockets.
    Socket(SocketSource<M>),
    /// Of HTTP.
    Http(HttpSource<M>),
}

impl<M: Format> Source for AnySource<M> {
    type Record = M::Record;

    fn replay(&self) -> Replay {
        match self {
            Self::File(source) => source.replay(),
            Self::Socket(source) => source.replay(),
            Self::Http(source) => source.replay(),
        }
    }

    fn deploy<D: Downstream<M::Record>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        // Each kind of source is compiled once for a kind of records, and not for what is done with them.
        let down = &ToPort::new(down);
        match self {
            Self::File(source) => source.deploy(name, down, deploy),
            Self::Socket(source) => source.deploy(name, down, deploy),
            Self::Http(source) => source.deploy(name, down, deploy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_come_back_from_their_text_and_others_are_refused() {
        for text in [
            "stdin",
            "file:a/b",
            "dir:/tmp",
            "follow:log",
            "unix:/tmp/s",
            "tcp://127.0.0.1:7100",
            "http://127.0.0.1:7100",
            "http://[::1]:7100/in/it",
        ] {
            assert_eq!(
                text.parse::<Input>().map(|input| input.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!("-".parse(), Ok(Input::Stdin));
        for text in [
            "",
            "x",
            "dir:",
            "http://x/",
            "http:127.0.0.1:1",
            "http://127.0.0.1:1/a b",
            "tcp://x",
        ] {
            let error = text.parse::<Input>().expect_err("no input");
            assert!(error.starts_with(&format!("`{text}` ")), "{error}");
        }
    }
}
