//! The proxy, between clients by hand and servers of the test's own.

use crate::support::{Process, connect, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Instant;

/// A server with a thread for each connection. `answer` gets the head and the body, and the stream to answer on.
fn server(answer: impl Fn(&str, &[u8], &mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let Some((head, body)) = message(&mut reader, false) else {
                    return;
                };
                answer(&head, &body, reader.get_mut());
            });
        }
    });
    address
}

/// A head and, if its length is said, the body behind it. `None` at the end of the stream.
fn message(reader: &mut BufReader<TcpStream>, head_only: bool) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length
        .filter(|_| !head_only)
        .map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn start(to: SocketAddr, more: &[&str]) -> (Process, SocketAddr) {
    let to = format!("--to={to}");
    let usual = ["run", "proxy", "--listen=127.0.0.1:0", "--workers=2", &to];
    let process = Process::start(usual.iter().chain(more).copied());
    let address = process.address("listening");
    (process, address)
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: SocketAddr) -> Self {
        Self(BufReader::new(connect(address)))
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("taken");
    }

    fn response(&mut self) -> Option<(String, String)> {
        self.response_to(false)
    }

    fn response_to(&mut self, is_head: bool) -> Option<(String, String)> {
        let (head, body) = message(&mut self.0, is_head)?;
        Some((head, String::from_utf8(body).expect("text")))
    }

    #[track_caller]
    fn expect(&mut self, status: &str, body: &str) {
        let (head, got) = self.response().expect("a response");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}{got}");
        assert!(got.contains(body), "{head}{got}");
    }
}

/// Says what it was asked for.
fn mirror() -> SocketAddr {
    server(|head, body, stream| {
        let said = format!("{head}{}", String::from_utf8_lossy(body));
        let _ = stream.write_all(format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len()).as_bytes());
    })
}

#[test]
fn requests_of_one_connection_are_answered_in_their_order() {
    let (process, address) = start(mirror(), &["--rate=100000", "--burst=1000"]);
    let mut client = Client::new(address);
    // All at once; the first with a body.
    let mut all = "POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".to_owned();
    for number in 1..50 {
        all.push_str(&format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    client.send(&all);
    let (_, body) = client.response().expect("a response");
    assert!(
        body.starts_with("POST /0 HTTP/1.0\r\n") && body.ends_with("\r\n\r\nhello"),
        "{body}"
    );
    for number in 1..50 {
        client.expect("200", &format!("GET /{number} HTTP/1.0\r\n"));
    }
    client.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, _) = client.response_to(true).expect("a response");
    assert!(head.contains("Content-Length: "), "{head}");
    client.send("GET /last HTTP/1.1\r\nConnection: close\r\n\r\n");
    client.expect("200", "GET /last ");
    assert!(client.response().is_none());
    process.signal("INT");
    let ended = process.end();
    ended.assert_success();
    assert_eq!(ended.stdout, "forwarded 52 requests, refused 0\n");
}

#[test]
fn no_more_go_than_the_rate_allows() {
    let (_process, address) = start(mirror(), &["--rate=50", "--burst=1"]);
    let mut client = Client::new(address);
    let begin = Instant::now();
    for _ in 0..11 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.expect("200", "GET / ");
    }
    // One goes at once, and ten tokens take a fifth of a second: a slow machine makes it longer, never shorter.
    assert!(begin.elapsed().as_millis() >= 190, "{:?}", begin.elapsed());
}

#[test]
fn no_more_are_under_way_than_allowed_and_who_waits_in_vain_is_told_at_once() {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, max) = (under_way.clone(), most.clone());
    let to = server(move |_, _, stream| {
        max.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        let _ = released.lock().expect("no panic").recv();
        now.fetch_sub(1, SeqCst);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nto the end");
    });
    let limits = [
        "--rate=100000",
        "--burst=1000",
        "--in-flight=2",
        "--waiting=3",
        "--timeout-s=60",
    ];
    let (process, address) = start(to, &limits);
    let mut clients: Vec<_> = (0..10).map(|_| Client::new(address)).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    // Two are under way and three wait, so five are refused, whichever they are, before anybody is answered.
    let (tell, told) = mpsc::channel();
    for mut client in clients {
        let tell = tell.clone();
        std::thread::spawn(move || tell.send(client.response().expect("a response").0[9..12].to_owned()));
    }
    let refused: Vec<_> = told.iter().take(5).collect();
    assert_eq!(refused, ["503"; 5]);
    eventually("two under way", || (under_way.load(SeqCst) == 2).then_some(()));
    for _ in 0..5 {
        release.send(()).expect("the server");
    }
    let answered: Vec<_> = told.iter().take(5).collect();
    assert_eq!(answered, ["200"; 5]);
    assert_eq!(most.load(SeqCst), 2);
    process.signal("INT");
    let ended = process.end();
    assert_eq!(ended.stdout, "forwarded 5 requests, refused 5\n");
}

#[test]
fn a_server_that_is_not_there_not_done_or_not_sane_is_a_bad_gateway() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let short = server(|_, _, stream| drop(stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nshort")));
    let mad = server(|_, _, stream| drop(stream.write_all(b"220 mail.example.org ESMTP\r\n\r\n")));
    let silent = server(|_, _, _| {});
    for to in [nobody, short, mad, silent] {
        let (_process, address) = start(to, &[]);
        let mut client = Client::new(address);
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client.expect("502", "the server did not answer: ");
        }
    }
}

#[test]
fn a_server_that_takes_too_long_gives_its_place_back() {
    let to = server(|head, _, stream| {
        if head.starts_with("GET /never ") {
            // Until the proxy has given it up.
            let _ = stream.read(&mut [0]);
        } else {
            let _ = stream.write_all(b"HTTP/1.0 204 No Content\r\n\r\n");
        }
    });
    let (_process, address) = start(to, &["--in-flight=1", "--timeout-s=1"]);
    let mut client = Client::new(address);
    client.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    client.expect("504", "in time");
    // On a busy machine even this may take too long at first.
    eventually("the place", || {
        client.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
        let (head, _) = client.response().expect("a response");
        head.starts_with("HTTP/1.1 204 ").then_some(())
    });
}

#[test]
fn bad_requests_are_answered_and_end_their_connection_alone() {
    let (process, address) = start(mirror(), &[]);
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    for (sent, status) in [
        ("nonsense\r\n\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "400",
        ),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("PUT / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", "413"),
        (long.as_str(), "413"),
        ("GET / HT", "400"),
    ] {
        let mut client = Client::new(address);
        client.send(sent);
        client
            .0
            .get_ref()
            .shutdown(std::net::Shutdown::Write)
            .expect("a socket");
        client.expect(status, "");
        assert!(client.response().is_none(), "{sent:?}");
    }
    let mut client = Client::new(address);
    client.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
    client.expect("200", "GET /fine ");
    process.signal("TERM");
    process.end().assert_success();
}
