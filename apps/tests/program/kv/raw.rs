//! Bytes by hand: what is wrong, what is cut, and what is asked all at once.

use super::{Server, encoded};
use std::net::Shutdown;

#[test]
fn protocol_errors_are_answered_and_end_the_connection() {
    let server = Server::start();
    for (sent, answer) in [
        ("*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"),
        ("*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*9999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*1\r\n$99999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("GET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        (
            "PING\r\n*1\r\n+\r\nPING\r\n",
            "+PONG\r\n-ERR Protocol error: expected '$', got '+'\r\n",
        ),
        (&"x".repeat(70_000), "-ERR Protocol error: too big inline request\r\n"),
    ] {
        let mut raw = server.raw();
        raw.send(sent);
        assert_eq!(raw.rest(), answer, "{:.40}", sent);
    }
    server.raw().check("PING\r\n", "+PONG\r\n");
}

#[test]
fn wrong_commands_are_answered_and_the_connection_goes_on() {
    let server = Server::start();
    let mut raw = server.raw();
    raw.check("GET\r\n", "-ERR wrong number of arguments for 'get' command\r\n");
    raw.check(
        "Nonsense a b\r\n",
        "-ERR unknown command 'Nonsense', with args beginning with: 'a' 'b' \r\n",
    );
    raw.check(
        "CLIENT NONSENSE\r\n",
        "-ERR unknown subcommand 'NONSENSE'. Try CLIENT HELP.\r\n",
    );
    raw.check("SELECT 0\r\nSELECT 1\r\n", "+OK\r\n-ERR DB index is out of range\r\n");
    raw.check("HELLO 4\r\n", "-NOPROTO unsupported protocol version\r\n");
    raw.check(
        "AUTH x\r\n",
        "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration \
         is correct?\r\n",
    );
    raw.check("CONFIG GET save\r\n", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    raw.check("CLIENT SETNAME me\r\nCLIENT GETNAME\r\n", "+OK\r\n$2\r\nme\r\n");
    raw.check(
        "COMMAND INFO get\r\n",
        "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n",
    );
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_understood() {
    let server = Server::start();
    let mut raw = server.raw();
    raw.0.set_nodelay(true).expect("set");
    let bytes = [
        encoded(&[b"SET", b"key", b"a\r\nb"]),
        encoded(&[b"GET", b"key"]),
        b"PING\r\n".to_vec(),
    ]
    .concat();
    for byte in bytes {
        raw.send([byte]);
    }
    raw.check("", "+OK\r\n$4\r\na\r\nb\r\n+PONG\r\n");
}

#[test]
fn a_request_larger_than_any_buffer_is_taken_whole() {
    let server = Server::start();
    let mut raw = server.raw();
    let value = vec![b'v'; 20 * 1024 * 1024];
    raw.send(encoded(&[b"SET", b"key", &value]));
    raw.check("STRLEN key\r\n", "+OK\r\n:20971520\r\n");
    raw.send("GET key\r\nQUIT\r\n");
    let reply = raw.rest();
    assert_eq!(reply.len(), "$20971520\r\n".len() + value.len() + "\r\n+OK\r\n".len());
    // 100,000 words in one command.
    let words: Vec<&[u8]> = std::iter::once(&b"RPUSH"[..])
        .chain(std::iter::repeat_n(&b"list"[..], 100_000))
        .collect();
    let mut raw = server.raw();
    raw.send(encoded(&words));
    raw.check("LLEN list\r\n", ":99999\r\n:99999\r\n");
}

#[test]
fn a_client_that_has_said_all_gets_all_its_replies() {
    let server = Server::start();
    let mut raw = server.raw();
    let mut sent = Vec::new();
    let mut expected = String::new();
    for number in 0..10_000 {
        sent.extend(encoded(&[b"ECHO", number.to_string().as_bytes()]));
        sent.extend(encoded(&[b"INCR", b"n"]));
        let text = number.to_string();
        expected.push_str(&format!("${}\r\n{text}\r\n:{}\r\n", text.len(), number + 1));
    }
    // Sent from beside, since nobody reads before the end.
    let mut half = raw.0.try_clone().expect("a socket");
    let sender = std::thread::spawn(move || {
        std::io::Write::write_all(&mut half, &sent).expect("taken");
        half.shutdown(Shutdown::Write).expect("shut");
    });
    raw.check("", &expected);
    assert_eq!(raw.rest(), "");
    sender.join().expect("no panic");
}

#[test]
fn quit_answers_what_came_before_and_nothing_after() {
    let server = Server::start();
    let mut raw = server.raw();
    raw.send("SET a 1\r\nGET a\r\nQUIT\r\nGET a\r\n");
    assert_eq!(raw.rest(), "+OK\r\n$1\r\n1\r\n+OK\r\n");
}

#[test]
fn a_listener_of_resp_2_may_only_listen() {
    let server = Server::start();
    let mut raw = server.raw();
    raw.check(
        "SUBSCRIBE a b\r\n",
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n",
    );
    raw.check(
        "GET a\r\n",
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n",
    );
    raw.check("PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    let mut other = server.raw();
    other.check("PUBLISH a hi\r\n", ":1\r\n");
    raw.check("", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n");
    raw.check("UNSUBSCRIBE a\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n");
    raw.check("RESET\r\nGET a\r\n", "+RESET\r\n$-1\r\n");
    other.check("PUBLISH b hi\r\n", ":0\r\n");
    let mut third = server.raw();
    third.send("HELLO 3\r\nSUBSCRIBE a\r\nGET k\r\nQUIT\r\n");
    let rest = third.rest();
    assert!(
        rest.ends_with(">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n_\r\n+OK\r\n"),
        "{rest:?}"
    );
}

#[test]
fn two_versions_in_one_pipeline() {
    let server = Server::start();
    let mut raw = server.raw();
    raw.check("GET none\r\n", "$-1\r\n");
    raw.send("HELLO 3\r\nGET none\r\nHGETALL none\r\nRESET\r\nGET none\r\nHGETALL none\r\nQUIT\r\n");
    let rest = raw.rest();
    assert!(rest.starts_with("%7\r\n"), "{rest:?}");
    assert!(rest.ends_with("_\r\n%0\r\n+RESET\r\n$-1\r\n*0\r\n+OK\r\n"), "{rest:?}");
}
