//! Requests are the same however their bytes are cut, and what is in doubt is refused.

use super::*;
use potoroo_runtime::io::FrameReader;
use proptest::prelude::*;

const BODY_BYTES_MAX: usize = 1000;

/// All parts, read in pieces of these lengths, again and again.
fn parts(bytes: &[u8], pieces: &[usize]) -> Vec<Part> {
    let mut reader = FrameReader::<Requests>::new(Requests::new(BODY_BYTES_MAX));
    let mut all = Vec::new();
    let (mut rest, mut pieces) = (bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let piece = (*pieces.next().expect("no end")).min(rest.len());
        let filled = reader.fill(|room| {
            let count = piece.min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        });
        rest = &rest[filled.expect("no error")..];
        while let Some(part) = reader.next_frame().expect("within the limits") {
            all.push(part);
            if matches!(all.last(), Some(Part::Refused(_))) {
                return all;
            }
        }
    }
    all
}

fn refused(request: &str) -> Option<u16> {
    match parts(request.as_bytes(), &[4096]).pop() {
        Some(Part::Refused(refusal)) => Some(refusal.status),
        _ => None,
    }
}

fn head(path: &str, has_body: bool) -> Part {
    Part::Head(Head {
        method: "POST".to_owned(),
        path: path.to_owned(),
        keep_alive: true,
        waits: false,
        has_body,
    })
}

#[test]
fn requests_come_one_after_the_other_with_a_length_and_in_chunks() {
    let stream = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello\
        POST http://x/y HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n\
        5;name=value\r\nhello\r\n00007\r\n, world\r\n0\r\nSum: 1\r\n\r\n\
        POST / HTTP/1.0\r\nConnection: close\r\n\r\n";
    let expected = [
        head("/a", true),
        Part::Body(b"hello".to_vec()),
        head("/y", true),
        Part::Body(b"hello, world".to_vec()),
    ];
    let all = parts(stream, &[4096]);
    assert_eq!(all[..4], expected);
    assert!(matches!(&all[4], Part::Head(head) if !head.keep_alive && !head.has_body));
    assert_eq!(all.len(), 5);
}

#[test]
fn what_is_in_doubt_or_too_long_is_refused() {
    let with = |fields: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n");
    for (status, fields) in [
        (400, "Content-Length: 5\r\nContent-Length: 6"),
        (400, "Content-Length: +5"),
        (400, "Content-Length: "),
        (400, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        (400, "Content Length: 5"),
        (413, "Content-Length: 1001"),
        (413, "Content-Length: 18446744073709551615"),
        (400, "Content-Length: 18446744073709551616"),
        (415, "Content-Encoding: gzip"),
        (417, "Expect: wonders"),
        (501, "Transfer-Encoding: gzip, chunked"),
        (501, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ] {
        assert_eq!(refused(&with(fields)), Some(status), "{fields}");
    }
    assert_eq!(refused(&with("Content-Length: 1000")), None);
    assert_eq!(refused("POST / HTTP/1.1\r\n\r\n"), Some(400));
    assert_eq!(refused("POST / HTTP/3.0\r\n\r\n"), Some(505));
    assert_eq!(
        refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Some(400)
    );
    assert_eq!(refused("\u{0}\u{0}"), Some(400));
    assert_eq!(refused(&with(&format!("A: {}", "a".repeat(HEAD_BYTES_MAX)))), Some(431));
    assert_eq!(refused(&with("A: b\r\n".repeat(65).trim_end())), Some(431));
    for (status, chunks) in [
        (400, "x\r\n"),
        (400, "5\r\nhello!\r\n"),
        (413, "3e9\r\n"),
        (413, "ffffffffffffffff\r\n"),
    ] {
        let request = with("Transfer-Encoding: chunked") + chunks;
        assert_eq!(refused(&request), Some(status), "{chunks}");
    }
    let endless = with("Transfer-Encoding: chunked") + "1;" + &"a".repeat(2000);
    assert_eq!(refused(&endless), Some(400));
    let endless = with("Transfer-Encoding: chunked") + "0\r\n" + &"a: b\r\n".repeat(4000);
    assert_eq!(refused(&endless), Some(431));
}

proptest! {
    #[test]
    fn parts_do_not_depend_on_how_the_stream_is_cut(
        bodies in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..200), prop::collection::vec(1_usize..80, 0..5)), 1..6),
        pieces in prop::collection::vec(1_usize..60, 1..10),
    ) {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for (body, cuts) in bodies {
            stream.extend(b"POST /p HTTP/1.1\r\nHost: x\r\n");
            if cuts.is_empty() {
                stream.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                stream.extend(&body);
            } else {
                stream.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                let (mut rest, mut cuts) = (body.as_slice(), cuts.iter().cycle());
                while !rest.is_empty() {
                    let (chunk, others) = rest.split_at((*cuts.next().expect("no end")).min(rest.len()));
                    stream.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    stream.extend(chunk);
                    stream.extend(b"\r\n");
                    rest = others;
                }
                stream.extend(b"0\r\n\r\n");
            }
            expected.extend([head("/p", true), Part::Body(body)]);
        }
        prop_assert_eq!(parts(&stream, &pieces), expected);
    }

    #[test]
    fn bytes_of_any_kind_are_parts_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), pieces in prop::collection::vec(1_usize..40, 1..4)) {
        let request = [b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", bytes.as_slice()].concat();
        let all = parts(&request, &pieces);
        prop_assert_eq!(all.first(), Some(&head("/", true)));
    }
}
