//! The source of HTTP, against clients by hand and against curl.

mod support;

use potoroo_actors::runtime::System;
use potoroo_actors::runtime::io::Framing;
use potoroo_actors::runtime::sys::net::TcpListener;
use potoroo_actors::source::{self, Arrival, BadRecords, Csv, Framed, HttpSource};
use potoroo_actors::{Pipeline, sink};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Client, LIMIT, Server};

#[test]
fn bodies_with_a_length_and_in_chunks_come_in_order_over_one_connection() {
    let server = Server::new(source::lines(), |source| source);
    let mut client = Client::new(server.address);
    let answer = client.post("one\ntwo\nthree");
    assert_eq!((answer.status, answer.text.as_str()), (202, "3 records\n"));
    assert!(!answer.closes());
    // Two at once, the first in chunks that do not mind lines, in pieces that mind nothing.
    let requests = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfo\r\n6;a=b\r\nur\nfiv\r\n1\r\ne\r\n0\r\n\r\n\
        POST /y HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nsix\n";
    for piece in requests.chunks(7) {
        client.send(piece);
    }
    assert_eq!(client.answer().text, "2 records\n");
    let last = client.answer();
    assert_eq!(
        (last.status, last.closes(), last.text.as_str()),
        (202, true, "1 records\n")
    );
    assert!(client.ends());
    assert_eq!(Client::new(server.address).post("").text, "0 records\n");
    assert_eq!(
        server
            .job
            .status()
            .stage("http")
            .map(|stage| (stage.records_in, stage.bytes)),
        Some((6, 26))
    );
    assert_eq!(server.end().0, ["one", "two", "three", "four", "five", "six"]);
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Reading {
    sensor: String,
    celsius: i32,
}

#[test]
fn all_formats_are_read_and_each_body_has_a_header_of_its_own() {
    let csv = Server::new(Csv::<Reading>::new(), |source| source);
    let mut client = Client::new(csv.address);
    assert_eq!(client.post("sensor,celsius\nattic,20\n\"a,b\",-1").text, "2 records\n");
    assert_eq!(client.post("celsius,sensor\r\n5,hall\r\n").text, "1 records\n");
    let sensors: Vec<_> = csv
        .end()
        .0
        .into_iter()
        .map(|reading| (reading.sensor, reading.celsius))
        .collect();
    assert_eq!(
        sensors,
        [("attic".to_owned(), 20), ("a,b".to_owned(), -1), ("hall".to_owned(), 5)]
    );

    let json = Server::new(source::json_lines::<Reading>(), |source| source);
    let answer =
        Client::new(json.address).post("{\"sensor\":\"attic\",\"celsius\":3}\n\n{\"celsius\":4,\"sensor\":\"hall\"}\n");
    assert_eq!(answer.text, "2 records\n");
    assert_eq!(json.end().0.len(), 2);

    let frames = Framing::LengthPrefixed { frame_bytes_max: 100 };
    let bytes = |bytes: &[u8], _: Arrival| Ok::<_, String>(bytes.to_vec());
    let framed = Server::new(Framed::new(frames, bytes), |source| source);
    assert_eq!(
        Client::new(framed.address).post([0, 0, 0, 2, 7, 8, 0, 0, 0, 0]).text,
        "2 records\n"
    );
    let broken = Client::new(framed.address).post([0, 0, 0, 1, 7, 0, 0, 1, 0]);
    assert_eq!(broken.status, 400, "{broken:?}");
    assert!(
        broken
            .text
            .starts_with("byte 5: the frame at byte 5 has a length of 256 bytes"),
        "{broken:?}"
    );
    let torn = Client::new(framed.address).post([0, 0, 0, 2, 7]);
    assert!(
        torn.text.starts_with("byte 0: the stream ended within the frame"),
        "{torn:?}"
    );
    assert_eq!(framed.end().0, [vec![7, 8], vec![]]);
}

#[test]
fn a_body_with_a_bad_record_is_refused_as_a_whole_and_told_where_it_is() {
    let server = Server::new(source::json_lines::<u32>(), |source| source);
    let mut client = Client::new(server.address);
    let answer = client.post("1\n2\nthree\n4\n");
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text,
        "line 3, byte 4: expected ident at column 2\nnothing of this body is taken in\n"
    );
    // It is the body that is bad, not the connection.
    assert_eq!(client.post("5").status, 202);
    assert_eq!(server.end(), (vec![5], 0));
}

#[test]
fn good_records_are_taken_from_a_bad_body_if_that_is_asked_for() {
    let server = Server::new(source::json_lines::<u32>(), |source| {
        source.bad_records(BadRecords::DeadLetters)
    });
    let answer = Client::new(server.address).post("1\n2\nthree\n4\nfive");
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (202, "3 records, and 2 that cannot be decoded\n")
    );
    assert_eq!(server.end(), (vec![1, 2, 4], 2));

    let strict = Server::new(source::json_lines::<u32>(), |source| {
        source.bad_records(BadRecords::StopJob)
    });
    assert_eq!(Client::new(strict.address).post("1\nno\n").status, 503);
    let error = strict.job.wait().expect_err("a bad record").to_string();
    assert!(
        error.contains("a bad record stops the job") && error.contains("request 1 offset 2"),
        "{error}"
    );
}

#[test]
fn requests_that_are_none_are_answered_and_end_the_connection_if_their_end_is_in_doubt() {
    let server = Server::new(source::lines(), |source| source.path("/in").body_bytes_max(1000));
    let ask = |request: &str| {
        let mut client = Client::new(server.address);
        client.send(request.as_bytes());
        let answer = client.answer();
        assert!(!answer.closes() || client.ends(), "{answer:?}");
        (answer.status, answer.closes(), answer)
    };
    for (request, expected) in [
        ("GET /in HTTP/1.1\r\nHost: x\r\n\r\n", (405, false)),
        ("PUT /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", (405, true)),
        (
            "POST /out HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
            (404, true),
        ),
        (
            "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n",
            (413, true),
        ),
        (
            "POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
            (413, true),
        ),
        (
            "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nxx",
            (415, true),
        ),
        (
            "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            (400, true),
        ),
        ("\u{1}\u{2}\r\n\r\n", (400, true)),
        ("POST /in HTTP/2.0\r\n\r\n", (505, true)),
    ] {
        let (status, closes, answer) = ask(request);
        assert_eq!((status, closes), expected, "{request}: {answer:?}");
    }
    let (.., answer) = ask("DELETE /in HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.fields.contains("allow: post\r\n"), "{answer:?}");
    let long = format!("POST /in HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(17_000));
    assert_eq!(ask(&long).0, 431);
    // HEAD has no body, and the connection goes on.
    let mut client = Client::new(server.address);
    client.send(b"HEAD /in HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut head = [0; 4];
    while &head != b"\r\n\r\n" {
        head.rotate_left(1);
        client.0.read_exact(&mut head[3..]).expect("a head");
    }
    client.send(b"POST /in?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\ntail");
    assert_eq!(client.answer().status, 202);
    assert_eq!(server.end().0, ["tail"]);
}

#[test]
fn a_client_that_sends_too_slowly_or_nothing_is_let_go() {
    let server = Server::new(source::lines(), |source| {
        source
            .request_within(Duration::from_millis(100))
            .idle_max(Duration::from_millis(400))
    });
    let mut slow = Client::new(server.address);
    slow.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
    let answer = slow.answer();
    assert_eq!((answer.status, answer.closes()), (408, true));
    let mut slow = Client::new(server.address);
    slow.send(b"POST / HTTP/1.1\r\nHo");
    assert_eq!(slow.answer().status, 408);
    assert!(Client::new(server.address).ends());
    assert_eq!(server.end().0, Vec::<String>::new());
}

#[test]
fn one_client_too_many_is_told_so() {
    let server = Server::new(source::lines(), |source| source.connections_max(1));
    let mut first = Client::new(server.address);
    assert_eq!(first.post("a").status, 202);
    let answer = Client::new(server.address).answer();
    assert_eq!(answer.status, 503);
    assert!(answer.fields.contains("retry-after: 1\r\n"), "{answer:?}");
    assert_eq!(first.post("b").status, 202);
    assert_eq!(server.end().0, ["a", "b"]);
}

#[test]
fn a_drain_lets_clients_go_and_takes_in_what_was_complete() {
    let server = Server::new(source::lines(), |source| source);
    let mut idle = Client::new(server.address);
    assert_eq!(idle.post("a").status, 202);
    let mut within = Client::new(server.address);
    within.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    // Its head has been read for certain.
    assert_eq!(within.answer().status, 100);
    within.send(b"b\n");
    server.job.drain();
    let answer = within.answer();
    assert_eq!((answer.status, answer.closes()), (503, true), "{answer:?}");
    assert!(idle.ends());
    assert_eq!(server.end().0, ["a"]);
}

#[test]
fn a_source_for_one_connection_ends_with_it() {
    let server = Server::new(source::lines(), |source| source.once(true));
    let mut client = Client::new(server.address);
    assert_eq!(client.post("a").status, 202);
    assert_eq!(client.post("b").status, 202);
    drop(client);
    server.job.wait().expect("it ends by itself");
    assert_eq!(*server.got.lock().expect("no panic"), ["a", "b"]);
}

/// The sink's peer reads nothing until a client has been refused.
#[test]
fn what_the_job_cannot_keep_up_with_waits_or_is_refused_and_comes_in_once() {
    const CLIENTS: usize = 12;
    const BODIES: usize = 12;
    const RECORDS: usize = 1000;
    let sink_socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = socket.local_address().expect("bound");
    let system = System::builder().workers(2).build().expect("a system");
    let pipeline = Pipeline::new();
    let to = sink_socket.local_addr().expect("bound");
    let source = HttpSource::new(socket, source::lines()).waiting_bytes_max(600_000);
    pipeline
        .source("http", source)
        .sink("peer", sink::TcpSink::connect(to, sink::lines()).expect("it listens"));
    let (peer, _) = sink_socket.accept().expect("it connects");
    let job = pipeline.start(&system);
    let (refused, is_refused) = std::sync::mpsc::channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let refused = refused.clone();
            std::thread::spawn(move || {
                let mut connection = Client::new(address);
                for body in 0..BODIES {
                    let text: String = (0..RECORDS)
                        .map(|record| format!("{client:03} {body:03} {record:04} {}\n", "x".repeat(186)))
                        .collect();
                    loop {
                        let answer = connection.post(&text);
                        match answer.status {
                            202 => break,
                            503 => {
                                assert!(answer.fields.contains("retry-after: 1\r\n"), "{answer:?}");
                                // Whoever listens has heard it once already, or is done.
                                let _ = refused.send(());
                                std::thread::sleep(Duration::from_millis(5));
                            }
                            _ => panic!("{answer:?}"),
                        }
                    }
                }
            })
        })
        .collect();
    is_refused.recv_timeout(LIMIT).expect("somebody is refused");
    assert!(clients.iter().any(|client| !client.is_finished()), "somebody waits");
    let reader = std::thread::spawn(move || BufReader::new(peer).lines().map_while(Result::ok).collect::<Vec<_>>());
    for client in clients {
        client.join().expect("no panic");
    }
    job.drain();
    job.wait().expect("the job succeeds");
    let mut got = reader.join().expect("no panic");
    assert_eq!(got.len(), CLIENTS * BODIES * RECORDS);
    // Each client's records in its own order, each once.
    got.sort_by_key(|line| line[..3].to_owned());
    let expected = (0..CLIENTS).flat_map(|client| {
        (0..BODIES).flat_map(move |body| (0..RECORDS).map(move |record| format!("{client:03} {body:03} {record:04}")))
    });
    assert!(got.iter().map(|line| line[..12].to_owned()).eq(expected));
}

#[test]
fn curl_posts_files_streams_and_waits_to_be_asked() {
    if Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("curl is not installed: its part of the tests of the HTTP source is left out");
        return;
    }
    let server = Server::new(source::lines(), |source| source.path("/in"));
    let url = format!("http://{}/in", server.address);
    let curl = |arguments: &[&str], input: &[u8]| {
        let mut child = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "60",
                "--data-binary",
                "@-",
                &url,
            ])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input).expect("taken");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(curl(&[], b"a\nb\n"), "2 records\n");
    assert_eq!(
        curl(&["--header", "Transfer-Encoding: chunked"], b"c\nd"),
        "2 records\n"
    );
    let long: String = (0..40_000).map(|n| format!("{n:0>50}\n")).collect();
    assert_eq!(
        curl(&["--header", "Expect: 100-continue"], long.as_bytes()),
        "40000 records\n"
    );
    assert_eq!(curl(&["--http1.0"], b"e"), "1 records\n");
    let (all, _) = server.end();
    assert_eq!(all.len(), 40_005);
    assert_eq!((all[..4].concat(), all[40_004].as_str()), ("abcd".to_owned(), "e"));
}
