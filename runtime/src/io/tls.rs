//! TLS for connections, by rustls with ring (feature `tls`).
//!
//! A [`TlsServer`] or a [`TlsClient`] wraps a stream; the result goes where a stream goes, to
//! [`Connection::open`](super::Connection::open) or [`Connection::connecting`](super::Connection::connecting). The protocol
//! sees nothing of it: `opened` comes when the handshake is over, and an end without the word that ends TLS is a break, not
//! an end. Certificates are reloaded while connections live on. It lacks certificate revocation and early data; whatever
//! rustls can be configured to do is reached by `with_config`.
//!
//! ```no_run
//! use potoroo_runtime::io::tls::TlsServer;
//! use potoroo_runtime::io::{Acceptor, Connection, Frame, Frames, Framing, Link, Listener, Protocol};
//! use potoroo_runtime::sys::net::{TcpListener, TcpStream};
//! use potoroo_runtime::{Context, System, Turn};
//! use std::net::SocketAddr;
//!
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     type Msg = ();
//! #     type Codec = Frames;
//! #     fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
//! #         link.send_frame(frame.bytes);
//! #         Ok(())
//! #     }
//! # }
//! struct Server { tls: TlsServer }
//!
//! impl Acceptor for Server {
//!     type Msg = ();
//!     fn accepted(&mut self, stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
//!         let stream = self.tls.accept(stream)?;
//!         let lines = Framing::Lines { line_bytes_max: 1000 };
//!         ctx.spawn(move |ctx| Connection::open(stream, lines, Echo, ctx));
//!         Ok(())
//!     }
//! }
//!
//! let read = std::fs::read;
//! let tls = TlsServer::from_pem(&read("chain.pem")?, &read("key.pem")?, &[])?;
//! let renewed = tls.clone();
//! let system = System::new()?;
//! let socket = TcpListener::bind("127.0.0.1:4433".parse()?)?;
//! system.spawn(move |ctx| Listener::new(socket, Server { tls }, ctx));
//! // Later, when there is a new certificate: connections that exist live on with the old one.
//! renewed.reload_pem(&read("chain.pem")?, &read("key.pem")?, &[])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::transport::Transport;
use crate::sync::{Arc, Mutex, lock};
use crate::sys::net::Stream;
pub use rustls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, Connection, RootCertStore, ServerConfig};
use std::fmt;
use std::io::{self, IoSlice, Read, Write};

/// What went wrong with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer does not speak TLS: plain text at a port for TLS, as a rule.
    NotTls,
    /// The peer's certificate is not accepted.
    BadCertificate(String),
    /// The peer has shown no certificate, and one is demanded.
    NoCertificate,
    /// The peer gave up, and this is what it said.
    RefusedByPeer(AlertDescription),
    /// There is no version, cipher or application protocol that both sides know.
    Incompatible(String),
    /// The peer went away during the handshake.
    Truncated,
    /// The peer breaks the rules, or somebody has tampered with the bytes.
    Corrupt(String),
    /// The configuration is of no use: a certificate, a key or a name.
    Configuration(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls => write!(f, "the peer does not speak TLS"),
            Self::BadCertificate(what) => write!(f, "the peer's certificate is not accepted: {what}"),
            Self::NoCertificate => write!(f, "the peer has shown no certificate"),
            Self::RefusedByPeer(alert) => write!(f, "the peer gave up: {alert:?}"),
            Self::Incompatible(what) => write!(f, "nothing in common with the peer: {what}"),
            Self::Truncated => write!(f, "the peer went away during the handshake"),
            Self::Corrupt(what) => write!(f, "the peer breaks the rules of TLS: {what}"),
            Self::Configuration(what) => write!(f, "the configuration of TLS is wrong: {what}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        use rustls::Error;
        match error {
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::InvalidCertificate(what) => Self::BadCertificate(what.to_string()),
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::AlertReceived(alert) => Self::RefusedByPeer(alert),
            Error::PeerIncompatible(what) => Self::Incompatible(format!("{what:?}")),
            Error::NoApplicationProtocol => Self::Incompatible("no application protocol".into()),
            other => Self::Corrupt(other.to_string()),
        }
    }
}

impl TlsError {
    /// The TLS in an error of a handshake; otherwise the error itself.
    pub(super) fn of_handshake(error: io::Error) -> Result<Self, io::Error> {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Ok(Self::Truncated);
        }
        error.downcast()
    }

    fn configuration(what: impl fmt::Display) -> Self {
        Self::Configuration(what.to_string())
    }
}

/// The certificates of a PEM file, one at least.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::configuration("there is no certificate in the PEM")),
        found => found.map_err(TlsError::configuration),
    }
}

fn names(alpn: &[&[u8]]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.to_vec()).collect()
}

/// A configuration that can be exchanged: those who have the old one keep it.
#[derive(Debug)]
struct Exchangeable<C>(Arc<Mutex<Arc<C>>>);

impl<C> Clone for Exchangeable<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> Exchangeable<C> {
    fn new(config: C) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(config))))
    }

    fn get(&self) -> Arc<C> {
        lock(&self.0).clone()
    }

    fn set(&self, config: C) {
        let config = Arc::new(config);
        let before = std::mem::replace(&mut *lock(&self.0), config);
        // Freed outside the lock, if nobody else has it.
        drop(before);
    }
}

/// The server's side: wraps accepted streams. Clones share the configuration, so that one can exchange it for all.
#[derive(Clone, Debug)]
pub struct TlsServer(Exchangeable<ServerConfig>);

impl TlsServer {
    /// With a certificate chain, the server's first, and its key, both in PEM; `alpn` names the application protocols, the
    /// best first. Clients need no certificate.
    pub fn from_pem(chain: &[u8], key: &[u8], alpn: &[&[u8]]) -> Result<Self, TlsError> {
        Self::config(chain, key, alpn).map(Self::with_config)
    }

    /// With a configuration of rustls: client certificates, several names, whatever it can do.
    pub fn with_config(config: ServerConfig) -> Self {
        Self(Exchangeable::new(config))
    }

    fn config(chain: &[u8], key: &[u8], alpn: &[&[u8]]) -> Result<ServerConfig, TlsError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::configuration)?;
        let provider = rustls::crypto::ring::default_provider();
        let mut config = ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::configuration)?;
        config.alpn_protocols = names(alpn);
        Ok(config)
    }

    /// Exchanges the certificate, for connections that are accepted from now on. If the new one is of no use, the old one
    /// stays.
    pub fn reload_pem(&self, chain: &[u8], key: &[u8], alpn: &[&[u8]]) -> Result<(), TlsError> {
        self.reload(Self::config(chain, key, alpn)?);
        Ok(())
    }

    /// Exchanges the configuration, for connections that are accepted from now on.
    pub fn reload(&self, config: ServerConfig) {
        self.0.set(config);
    }

    /// Wraps a stream that has been accepted.
    pub fn accept(&self, stream: impl Into<Stream>) -> Result<Transport, TlsError> {
        let tls = rustls::ServerConnection::new(self.0.get()).map_err(TlsError::configuration)?;
        Ok(Transport::tls(TlsStream::new(stream.into(), tls.into())))
    }
}

/// The client's side: wraps streams that connect. Clones share the configuration.
#[derive(Clone, Debug)]
pub struct TlsClient(Exchangeable<ClientConfig>);

impl TlsClient {
    /// Trusts servers whose certificates lead to one of `roots`, in PEM; `alpn` names the application protocols, the best
    /// first.
    pub fn from_pem(roots: &[u8], alpn: &[&[u8]]) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for root in certificates(roots)? {
            store.add(root).map_err(TlsError::configuration)?;
        }
        let provider = rustls::crypto::ring::default_provider();
        let mut config = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::configuration)?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = names(alpn);
        Ok(Self::with_config(config))
    }

    /// With a configuration of rustls.
    pub fn with_config(config: ClientConfig) -> Self {
        Self(Exchangeable::new(config))
    }

    /// Exchanges the configuration, for connections that are made from now on.
    pub fn reload(&self, config: ClientConfig) {
        self.0.set(config);
    }

    /// Wraps a stream that connects to the server called `name`.
    pub fn connect(&self, stream: impl Into<Stream>, name: &str) -> Result<Transport, TlsError> {
        let name = ServerName::try_from(name.to_owned()).map_err(TlsError::configuration)?;
        let tls = rustls::ClientConnection::new(self.0.get(), name).map_err(TlsError::configuration)?;
        Ok(Transport::tls(TlsStream::new(stream.into(), tls.into())))
    }
}

/// TLS over a stream.
#[derive(Debug)]
pub(super) struct TlsStream {
    stream: Stream,
    tls: Connection,
    /// The stream has ended.
    ended: bool,
    /// The peer has been told that nothing more comes.
    said_end: bool,
}

impl TlsStream {
    fn new(stream: Stream, tls: Connection) -> Self {
        Self {
            stream,
            tls,
            ended: false,
            said_end: false,
        }
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// The application protocol that was agreed on.
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// What the peer has shown, its own first.
    pub(super) fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.tls.peer_certificates().unwrap_or_default()
    }

    pub(super) fn is_shaking_hands(&self) -> bool {
        self.tls.is_handshaking()
    }

    pub(super) fn wants_push(&self) -> bool {
        self.tls.wants_write()
    }

    /// Goes on with the handshake as far as the stream lets it; whether it is over.
    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        loop {
            match self.push() {
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e),
                _ => {}
            }
            if !self.tls.is_handshaking() {
                return Ok(true);
            }
            if self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match self.take_in() {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                outcome => outcome?,
            }
        }
    }

    /// Reads from the stream once.
    fn take_in(&mut self) -> io::Result<()> {
        self.ended = self.tls.read_tls(&mut self.stream)? == 0;
        if let Err(error) = self.tls.process_new_packets() {
            // What TLS has to say to the peer about it.
            let _ = self.push();
            return Err(io::Error::new(io::ErrorKind::InvalidData, TlsError::from(error)));
        }
        Ok(())
    }

    /// As a stream's: 0 at an end that the peer has announced, an error at one that it has not.
    pub(super) fn recv(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(into) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.take_in()?,
                outcome => return outcome,
            }
        }
    }

    /// Takes what there is room for and writes as much of it as the stream takes.
    pub(super) fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // First what is encrypted already, so that there is room.
        self.push()?;
        let taken = self.tls.writer().write_vectored(pieces)?;
        match self.push() {
            Err(e) if e.kind() != io::ErrorKind::WouldBlock => Err(e),
            _ => Ok(taken),
        }
    }

    pub(super) fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.stream)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    pub(super) fn end_of_output(&mut self) {
        if !std::mem::replace(&mut self.said_end, true) {
            self.tls.send_close_notify();
        }
    }
}
