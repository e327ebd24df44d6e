//! Where a stream comes from or goes to: a TCP address or a file.
//!
//! It exists so that every command reads and names endpoints alike. It opens nothing; a host name is
//! looked up here, once, so that a misspelled one is an error of the command line.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// One end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `tcp://host:port`, with its host looked up.
    Tcp(SocketAddr),
    /// `file:PATH`.
    File(PathBuf),
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |reason: &str| Err(format!("`{text}` {reason}, expected tcp://HOST:PORT or file:PATH"));
        if let Some(address) = text.strip_prefix("tcp://") {
            return match resolve(address) {
                Ok(address) => Ok(Self::Tcp(address)),
                Err(reason) => wrong(&reason),
            };
        }
        let Some(path) = text.strip_prefix("file:") else {
            return wrong("is no endpoint");
        };
        // As a URL, file:///tmp/x is /tmp/x; but file://tmp/x would name a host, so it is a mistake.
        let path = match path.strip_prefix("//") {
            Some(absolute) if absolute.starts_with('/') => absolute,
            Some(_) => return wrong("has two slashes where one or three belong"),
            None => path,
        };
        if path.is_empty() {
            return wrong("has no path");
        }
        Ok(Self::File(PathBuf::from(path)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

fn resolve(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err("has no port".to_owned());
    };
    if host.is_empty() {
        return Err("has no host".to_owned());
    }
    if port.parse::<u16>().is_err() {
        return Err(format!("has the port `{port}`, which is not 0 to 65535"));
    }
    let found: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| format!("has an unknown host ({error})"))?
        .collect();
    // `localhost` is both ::1 and 127.0.0.1; both ends must pick the same, and some machines have
    // no IPv6 at all.
    found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first())
        .copied()
        .ok_or_else(|| "has a host without an address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_come_back_from_their_text() {
        for text in ["tcp://127.0.0.1:7100", "tcp://[::1]:0", "file:a/b", "file:/tmp/x"] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
        let localhost: Endpoint = "tcp://localhost:7100".parse().unwrap();
        assert_eq!(localhost.to_string(), "tcp://127.0.0.1:7100");
        let url: Endpoint = "file:///tmp/x".parse().unwrap();
        assert_eq!(url, Endpoint::File(PathBuf::from("/tmp/x")));
    }

    #[test]
    fn errors_say_what_was_given_and_which_forms_exist() {
        for (text, reason) in [
            ("/tmp/x", "`/tmp/x` is no endpoint"),
            ("tcp://127.0.0.1", "has no port"),
            ("tcp://:7100", "has no host"),
            ("tcp://127.0.0.1:70000", "`70000`, which is not 0 to 65535"),
            ("file:", "has no path"),
            ("file://tmp/x", "has two slashes"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.ends_with("expected tcp://HOST:PORT or file:PATH"));
        }
    }
}
