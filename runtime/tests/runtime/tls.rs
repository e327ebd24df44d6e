//! TLS: the same connections behind a handshake, and each way in which it can fail.

use potoroo_runtime::io::tls::rustls::pki_types::pem::PemObject;
use potoroo_runtime::io::tls::rustls::server::WebPkiClientVerifier;
use potoroo_runtime::io::tls::rustls::{self, RootCertStore};
use potoroo_runtime::io::tls::{TlsClient, TlsError, TlsServer};
use potoroo_runtime::io::{
    Acceptor, CloseReason, Connection, Frame, Frames, Framing, Limits, Link, Listener, Protocol,
};
use potoroo_runtime::sys::net::{TcpListener, TcpStream};
use potoroo_runtime::{ActorRef, Context, ExitReason, System, Turn};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

const LINES: Framing = Framing::Lines {
    line_bytes_max: 1 << 20,
};

/// Somebody who signs.
struct Authority {
    certificate: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().expect("randomness");
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self {
            certificate: params.self_signed(&key).expect("a good key").pem(),
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    /// A certificate for `name` and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("randomness");
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a good name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a good key");
        (certificate.pem(), key.serialize_pem())
    }

    fn server(&self, alpn: &[&[u8]]) -> TlsServer {
        let (chain, key) = self.sign("localhost");
        TlsServer::from_pem(chain.as_bytes(), key.as_bytes(), alpn).expect("a good certificate")
    }

    fn client(&self, alpn: &[&[u8]]) -> TlsClient {
        TlsClient::from_pem(self.certificate.as_bytes(), alpn).expect("a good certificate")
    }
}

/// Sends lines back, and says what becomes of the connection.
struct Echo {
    limits: Limits,
    tell: Sender<String>,
}

impl Protocol for Echo {
    type Msg = ();
    type Codec = Frames;

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn opened(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        assert!(link.is_encrypted());
        let alpn = link
            .alpn()
            .map(String::from_utf8_lossy)
            .unwrap_or_default()
            .into_owned();
        let _ = self
            .tell
            .send(format!("opened {alpn}:{}", link.peer_certificates().len()));
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send(frame.bytes);
        link.send(b"\n");
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.tell.send(why.to_string());
        match why {
            CloseReason::PeerFinished => link.finish(),
            _ => ctx.stop(),
        }
        Ok(())
    }
}

struct Server {
    tls: TlsServer,
    limits: Limits,
    tell: Sender<String>,
}

impl Acceptor for Server {
    type Msg = ();

    fn accepted(&mut self, stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let stream = self.tls.accept(stream)?;
        let echo = Echo {
            limits: self.limits.clone(),
            tell: self.tell.clone(),
        };
        ctx.spawn_on((ctx.worker() + 1) % ctx.workers(), move |ctx| {
            Connection::open(stream, LINES, echo, ctx)
        });
        Ok(())
    }
}

fn serve(tls: &TlsServer, limits: Limits) -> (System, SocketAddr, Receiver<String>) {
    let system = System::builder().workers(2).build().expect("starts");
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let (tell, heard) = mpsc::channel();
    let tls = tls.clone();
    system.spawn(move |ctx| Listener::new(socket, Server { tls, limits, tell }, ctx));
    (system, address, heard)
}

/// A client: says what comes back, and how it ends.
struct Asking {
    tell: Sender<String>,
}

impl Protocol for Asking {
    type Msg = Vec<u8>;
    type Codec = Frames;

    fn opened(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let alpn = link
            .alpn()
            .map(String::from_utf8_lossy)
            .unwrap_or_default()
            .into_owned();
        let _ = self
            .tell
            .send(format!("opened {alpn}:{}", link.peer_certificates().len()));
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.tell.send(String::from_utf8_lossy(frame.bytes).into_owned());
        Ok(())
    }

    fn message(&mut self, bytes: Vec<u8>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        if bytes.is_empty() {
            link.finish();
        } else {
            link.send_owned(bytes);
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.tell.send(why.to_string());
        ctx.stop();
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Connection<Self>>) {
        let _ = self.tell.send("gone".into());
    }
}

fn ask(
    system: &System,
    tls: &TlsClient,
    address: SocketAddr,
    name: &'static str,
) -> (ActorRef<Connection<Asking>>, Receiver<String>) {
    let (tell, heard) = mpsc::channel();
    let tls = tls.clone();
    let asking = system.spawn(move |ctx| {
        let stream = tls.connect(TcpStream::connect(address)?, name)?;
        Connection::connecting(stream, LINES, Asking { tell }, ctx)
    });
    (asking, heard)
}

fn hear(heard: &Receiver<String>) -> String {
    heard.recv().expect("the other side lives")
}

#[test]
fn lines_go_both_ways_and_the_end_is_an_orderly_one() {
    let authority = Authority::new();
    let (system, address, at_server) = serve(&authority.server(&[]), Limits::default());
    let (asking, heard) = ask(&system, &authority.client(&[]), address, "localhost");
    assert_eq!(hear(&heard), "opened :1");
    assert_eq!(hear(&at_server), "opened :0");
    for round in 0..100 {
        asking.tell(format!("round {round}\n").into_bytes());
        assert_eq!(hear(&heard), format!("round {round}"));
    }
    asking.tell(Vec::new());
    assert_eq!(hear(&at_server), "the peer closed the connection");
    assert_eq!(hear(&heard), "gone");
}

#[test]
fn what_is_larger_than_every_buffer_arrives_whole() {
    let authority = Authority::new();
    let (system, address, _at_server) = serve(&authority.server(&[]), Limits::default());
    let (asking, heard) = ask(&system, &authority.client(&[]), address, "localhost");
    assert_eq!(hear(&heard), "opened :1");
    // 20 lines of 1 MB each way.
    let line = "x".repeat(1_000_000);
    for _ in 0..20 {
        asking.tell(format!("{line}\n").into_bytes());
    }
    for _ in 0..20 {
        let back = hear(&heard);
        assert!(back == line, "{} bytes: {}", back.len(), &back[..back.len().min(100)]);
    }
}

#[test]
fn the_application_protocol_is_agreed_on_and_a_stranger_to_it_is_refused() {
    let authority = Authority::new();
    let (system, address, at_server) = serve(&authority.server(&[b"two", b"one"]), Limits::default());
    let (_one, heard) = ask(&system, &authority.client(&[b"one", b"two"]), address, "localhost");
    assert_eq!(hear(&heard), "opened two:1");
    assert_eq!(hear(&at_server), "opened two:0");
    let (_three, heard) = ask(&system, &authority.client(&[b"three"]), address, "localhost");
    assert_eq!(hear(&heard), "no TLS: the peer gave up: NoApplicationProtocol");
    assert_eq!(
        hear(&at_server),
        "no TLS: nothing in common with the peer: no application protocol"
    );
}

#[test]
fn a_certificate_of_a_stranger_or_for_another_name_is_refused_and_both_sides_know_why() {
    let authority = Authority::new();
    let (system, address, at_server) = serve(&authority.server(&[]), Limits::default());
    let (_asking, heard) = ask(&system, &Authority::new().client(&[]), address, "localhost");
    let why = hear(&heard);
    assert!(
        why.starts_with("no TLS: the peer's certificate is not accepted: "),
        "{why}"
    );
    let why = hear(&at_server);
    assert!(why.starts_with("no TLS: the peer gave up: "), "{why}");

    let (_asking, heard) = ask(&system, &authority.client(&[]), address, "elsewhere");
    let why = hear(&heard);
    assert!(why.contains("not valid for name"), "{why}");
    assert_eq!(hear(&at_server), "no TLS: the peer gave up: BadCertificate");
}

#[test]
fn a_client_that_shows_no_certificate_is_refused_where_one_is_demanded() {
    let authority = Authority::new();
    let mut roots = RootCertStore::empty();
    let root = rustls::pki_types::CertificateDer::from_pem_slice(authority.certificate.as_bytes());
    roots.add(root.expect("PEM")).expect("a good certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .build()
        .expect("a root");
    let (chain, key) = authority.sign("localhost");
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![rustls::pki_types::CertificateDer::from_pem_slice(chain.as_bytes()).expect("PEM")],
            rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM"),
        )
        .expect("a good certificate");
    let (system, address, at_server) = serve(&TlsServer::with_config(config), Limits::default());
    let (_asking, _heard) = ask(&system, &authority.client(&[]), address, "localhost");
    assert_eq!(hear(&at_server), "no TLS: the peer has shown no certificate");
}

#[test]
fn plain_text_at_a_port_for_tls_is_told_so() {
    let (_system, address, at_server) = serve(&Authority::new().server(&[]), Limits::default());
    let mut client = std::net::TcpStream::connect(address).expect("somebody listens");
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("taken");
    assert_eq!(hear(&at_server), "no TLS: the peer does not speak TLS");
    let mut back = Vec::new();
    // The alert, if it comes before the reset.
    let _ = client.read_to_end(&mut back);
    assert!(back.len() <= 7, "{back:?}");
}

#[test]
fn a_handshake_that_breaks_off_or_never_comes_ends() {
    let authority = Authority::new();
    let limits = Limits {
        connect_within: Duration::from_millis(100),
        ..Limits::default()
    };
    let (_system, address, at_server) = serve(&authority.server(&[]), limits);
    let mut client = std::net::TcpStream::connect(address).expect("somebody listens");
    // The head of a hello of 512 bytes, and no more.
    client.write_all(&[22, 3, 1, 2, 0, 1, 0]).expect("taken");
    client.shutdown(std::net::Shutdown::Write).expect("open");
    assert_eq!(hear(&at_server), "no TLS: the peer went away during the handshake");

    let mut client = std::net::TcpStream::connect(address).expect("somebody listens");
    client.write_all(&[22, 3, 1, 2, 0, 1, 0]).expect("taken");
    assert_eq!(hear(&at_server), "no TLS: the handshake takes too long");
    assert_eq!(
        client.read(&mut [0; 8]).unwrap_or_default(),
        0,
        "closed, in order or not"
    );
}

/// A client of rustls alone, with nothing of the runtime in it.
fn by_hand(authority: &Authority, address: SocketAddr) -> (rustls::ClientConnection, std::net::TcpStream) {
    let mut roots = RootCertStore::empty();
    let root = rustls::pki_types::CertificateDer::from_pem_slice(authority.certificate.as_bytes());
    roots.add(root.expect("PEM")).expect("a good certificate");
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let tls = rustls::ClientConnection::new(Arc::new(config), name).expect("a good configuration");
    (tls, std::net::TcpStream::connect(address).expect("somebody listens"))
}

#[test]
fn an_end_that_was_not_announced_is_a_break() {
    let authority = Authority::new();
    let (_system, address, at_server) = serve(&authority.server(&[]), Limits::default());
    let (mut tls, mut tcp) = by_hand(&authority, address);
    let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
    stream.write_all(b"hello\n").expect("taken");
    let mut back = [0; 6];
    stream.read_exact(&mut back).expect("answered");
    assert_eq!(&back, b"hello\n");
    assert_eq!(hear(&at_server), "opened :0");
    // Somebody on the way could do that as well.
    tcp.shutdown(std::net::Shutdown::Write).expect("open");
    let why = hear(&at_server);
    assert!(why.starts_with("the connection broke: "), "{why}");
}

#[test]
fn bytes_that_were_tampered_with_end_the_connection() {
    let authority = Authority::new();
    let (_system, address, at_server) = serve(&authority.server(&[]), Limits::default());
    let (mut tls, mut tcp) = by_hand(&authority, address);
    let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
    stream.write_all(b"hello\n").expect("taken");
    stream.read_exact(&mut [0; 6]).expect("answered");
    assert_eq!(hear(&at_server), "opened :0");
    tls.writer().write_all(b"pay 1\n").expect("taken");
    let mut record = Vec::new();
    tls.write_tls(&mut record).expect("taken");
    *record.last_mut().expect("a record") ^= 1;
    tcp.write_all(&record).expect("taken");
    let why = hear(&at_server);
    assert!(why.contains("the peer breaks the rules of TLS"), "{why}");
}

#[test]
fn a_certificate_is_exchanged_while_connections_live_on() {
    let (before, after) = (Authority::new(), Authority::new());
    let server = before.server(&[]);
    let (system, address, _at_server) = serve(&server, Limits::default());
    let (old, heard_by_old) = ask(&system, &before.client(&[]), address, "localhost");
    assert_eq!(hear(&heard_by_old), "opened :1");

    let (chain, key) = after.sign("localhost");
    let (chain, key) = (chain.as_bytes(), key.as_bytes());
    // What is of no use changes nothing.
    let wrong = server.reload_pem(b"no certificate", key, &[]);
    assert!(matches!(wrong, Err(TlsError::Configuration(_))), "{wrong:?}");
    let (_, key_of_another) = after.sign("localhost");
    let wrong = server.reload_pem(chain, key_of_another.as_bytes(), &[]);
    assert!(matches!(wrong, Err(TlsError::Configuration(_))), "{wrong:?}");
    let (_still, heard) = ask(&system, &before.client(&[]), address, "localhost");
    assert_eq!(hear(&heard), "opened :1");

    server.reload_pem(chain, key, &[]).expect("a good certificate");
    let (new, heard_by_new) = ask(&system, &after.client(&[]), address, "localhost");
    assert_eq!(hear(&heard_by_new), "opened :1");
    let (_stranger, heard) = ask(&system, &before.client(&[]), address, "localhost");
    let why = hear(&heard);
    assert!(why.contains("certificate is not accepted"), "{why}");
    old.tell(b"still here\n".to_vec());
    assert_eq!(hear(&heard_by_old), "still here");
    new.tell(b"here\n".to_vec());
    assert_eq!(hear(&heard_by_new), "here");
}
