//! The chat, over plain sockets.

use crate::support::{Process, connect, eventually};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

fn start(more: &[&str]) -> (Process, SocketAddr) {
    let process = Process::start(
        ["run", "chat", "--listen=127.0.0.1:0", "--workers=2"]
            .iter()
            .chain(more)
            .copied(),
    );
    let address = process.address("listening");
    (process, address)
}

struct Person(BufReader<TcpStream>);

impl Person {
    /// Somebody who has been greeted, and so is in the lobby.
    fn arrive(address: SocketAddr) -> Self {
        let mut person = Self(BufReader::new(connect(address)));
        person.hears("/help", "");
        person
    }

    fn named(address: SocketAddr, name: &str) -> Self {
        let mut person = Self(BufReader::new(connect(address)));
        person.hears("* you are guest-", "");
        person.says(&format!("/nick {name}"));
        person.hears(&format!("* you are {name}"), "");
        person
    }

    fn says(&mut self, line: &str) {
        self.0
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
            .expect("taken");
    }

    /// Reads up to a line that begins with this.
    #[track_caller]
    fn hears(&mut self, begin: &str, never: &str) -> String {
        loop {
            let line = self.line().unwrap_or_else(|| panic!("the end, and no {begin:?}"));
            if line.starts_with(begin) || begin == "/help" && line.contains("/nick NAME") {
                return line;
            }
            assert!(never.is_empty() || !line.contains(never), "{line}");
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            // Bytes that were sent in vain make an end a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn people_talk_in_rooms_whisper_and_leave() {
    let (process, address) = start(&[]);
    let mut ada = Person::named(address, "ada");
    let mut bob = Person::named(address, "bob");
    ada.says("hello");
    assert_eq!(bob.hears("ada: ", ""), "ada: hello");

    bob.says("/nick ada");
    bob.hears("* you cannot be ada: the name is taken", "");
    bob.says("/nick not-a-word");
    bob.hears("* a name is a word", "");
    bob.says("/join garden");
    assert_eq!(
        bob.hears("* you are bob in garden", ""),
        "* you are bob in garden; others here: 0"
    );
    ada.hears("* bob has left lobby", "");
    ada.says("nobody in the garden hears this");
    ada.says("/msg bob but you do");
    assert_eq!(bob.hears("(ada)", "nobody"), "(ada) but you do");
    ada.says("/msg carol hello");
    ada.hears("* there is no carol", "");

    ada.says("/join garden");
    bob.hears("* ada has joined garden", "");
    bob.says("/who");
    assert_eq!(bob.hears("* in garden", ""), "* in garden: ada, bob");
    bob.says("/quit");
    ada.hears("* bob has left garden", "");
    while bob.line().is_some() {}
    // With its owner the name has gone.
    eventually("the name", || {
        ada.says("/nick bob");
        (ada.hears("* you ", "") == "* you are bob").then_some(())
    });
    drop(ada);
    process.signal("INT");
    let ended = process.end();
    ended.assert_success();
    assert_eq!(ended.stdout, "served 2 clients\n");
}

#[test]
fn a_client_that_never_reads_does_not_hold_others_up() {
    let (_process, address) = start(&[]);
    let deaf = connect(address);
    let mut ada = Person::named(address, "ada");
    let mut bob = Person::named(address, "bob");
    // More than the kernel keeps for the one that does not read.
    let text = "x".repeat(1000);
    for number in 0..20_000 {
        ada.says(&format!("{number} {text}"));
        // No more on the way than the server keeps for one who reads.
        if number % 50 == 49 {
            bob.hears(&format!("ada: {number} "), "left out");
        }
    }
    // Who reads again is told that something is missing.
    let mut deaf = Person(BufReader::new(deaf));
    deaf.hears("* you read too slowly; lines left out: ", "");
}

#[test]
fn bad_lines_are_survived_or_end_their_connection_alone() {
    let (_process, address) = start(&[]);
    let mut ada = Person::named(address, "ada");
    let mut bad = Person::arrive(address);
    bad.0
        .get_mut()
        .write_all(b"\xff\xfe \x1b[2J caf\xe9\r\n")
        .expect("taken");
    let line = ada.hears("guest-", "");
    assert!(!line.contains('\x1b') && line.contains("caf\u{fffd}"), "{line:?}");
    bad.says(&"x".repeat(2000));
    bad.hears("* the frame at byte ", "");
    assert_eq!(bad.line(), None);
    eventually("its end", || {
        ada.says("/who");
        (ada.hears("* in lobby", "") == "* in lobby: ada").then_some(())
    });
}

#[test]
fn who_is_silent_is_let_go() {
    let (_process, address) = start(&["--idle-s=1"]);
    let mut silent = Person::arrive(address);
    silent.hears("* the connection was idle", "");
    assert_eq!(silent.line(), None);
}

#[test]
fn ctrl_c_says_goodbye() {
    let (process, address) = start(&[]);
    let mut ada = Person::named(address, "ada");
    ada.0
        .get_ref()
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a socket");
    process.signal("INT");
    ada.hears("* the server ends; goodbye", "");
    assert_eq!(ada.line(), None);
    drop(ada);
    process.end().assert_success();
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let (_process, address) = start(&[]);
    let ended = Process::start(["run", "chat", &format!("--listen={address}")]).end();
    ended.assert_failure(1, &["cannot listen on", "choose a free port"]);
}
