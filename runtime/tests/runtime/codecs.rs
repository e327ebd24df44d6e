//! Codecs of one's own over real sockets: frames borrowed from the codec, answers to bytes that are no frame, large
//! payloads that are not copied.

use potoroo_runtime::io::{
    Acceptor, CloseReason, Codec, Connection, FrameError, FrameReader, Link, Listener, Protocol,
};
use potoroo_runtime::sys::net::{TcpListener, TcpStream};
use potoroo_runtime::{Context, System, Turn};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

/// Words separated by blanks, a command to a line that ends with `.`; a digit is against the rules.
#[derive(Default)]
struct Words {
    /// The words of the present command: the same memory for every one.
    ends: Vec<Range<usize>>,
    buffered_bytes_max: usize,
}

/// One command.
struct Command<'a> {
    bytes: &'a [u8],
    words: &'a [Range<usize>],
}

impl Codec for Words {
    type Frame<'a> = Command<'a>;

    fn decode<'a>(&'a mut self, bytes: &'a [u8], offset: u64) -> Result<Option<(Command<'a>, usize)>, FrameError> {
        self.ends.clear();
        let mut begin = 0;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    return Err(FrameError::invalid(
                        offset + at as u64,
                        format!("a digit: {}", byte - b'0'),
                    ));
                }
                b' ' | b'.' => {
                    self.ends.push(begin..at);
                    begin = at + 1;
                    if *byte == b'.' {
                        let words = &self.ends[..];
                        return Ok(Some((Command { bytes, words }, begin)));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn buffered_bytes_max(&self) -> usize {
        self.buffered_bytes_max
    }
}

/// Answers with the words in reverse; `large` with a payload that is shared; bad bytes with a complaint.
struct Reverse {
    large: Arc<[u8]>,
}

impl Protocol for Reverse {
    type Msg = ();
    type Codec = Words;

    fn frame(&mut self, command: Command<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        for word in command.words.iter().rev() {
            match &command.bytes[word.clone()] {
                b"large" => link.send_owned(self.large.clone()),
                word => link.send(word),
            }
            link.send(b" ");
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        if let CloseReason::BadFrame(error) = why {
            link.send(format!("-ERR {error}\n").as_bytes());
        }
        link.finish();
        Ok(())
    }
}

struct Server {
    large: Arc<[u8]>,
}

impl Acceptor for Server {
    type Msg = ();

    fn accepted(&mut self, stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let protocol = Reverse {
            large: self.large.clone(),
        };
        let words = Words {
            buffered_bytes_max: 1000,
            ..Words::default()
        };
        ctx.spawn_on(ctx.worker(), move |ctx| Connection::open(stream, words, protocol, ctx));
        Ok(())
    }
}

fn serve(large: usize) -> (System, SocketAddr, Arc<[u8]>) {
    let system = System::builder().workers(1).build().expect("starts");
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let large: Arc<[u8]> = (0..large).map(|n| n as u8).collect();
    let server = Server { large: large.clone() };
    system.spawn(move |ctx| Listener::new(socket, server, ctx));
    (system, address, large)
}

fn connect(address: SocketAddr) -> std::net::TcpStream {
    std::net::TcpStream::connect(address).expect("somebody listens")
}

/// What comes back until the end.
fn rest(mut client: &std::net::TcpStream) -> String {
    let mut back = Vec::new();
    client.read_to_end(&mut back).expect("an orderly end");
    String::from_utf8(back).expect("text")
}

#[test]
fn frames_may_borrow_from_the_codec_as_well() {
    let (_system, address, _) = serve(0);
    let mut client = connect(address);
    // In pieces, so that the beginning of a command is seen more than once.
    for piece in ["one tw", "o three.fo", "ur five", "."] {
        client.write_all(piece.as_bytes()).expect("taken");
    }
    client.shutdown(std::net::Shutdown::Write).expect("open");
    assert_eq!(rest(&client), "three two one five four ");
}

#[test]
fn bytes_that_are_no_frame_are_answered_before_the_end() {
    let (_system, address, _) = serve(0);
    let mut client = connect(address);
    client.write_all(b"fine.b4d.never seen.").expect("taken");
    assert_eq!(rest(&client), "fine -ERR the bytes at 6 are no frame: a digit: 4\n");
}

#[test]
fn a_frame_that_never_ends_is_given_up_at_the_limit_of_its_codec() {
    let (_system, address, _) = serve(0);
    let mut client = connect(address);
    client.write_all(&[b'x'; 1001]).expect("taken");
    assert_eq!(
        rest(&client),
        "-ERR the frame at byte 0 has a length of 1001 bytes, the limit is 1000\n"
    );
}

#[test]
fn large_payloads_keep_their_place_and_all_of_them_arrive() {
    let (_system, address, large) = serve(1_000_000);
    let mut client = connect(address);
    client.write_all(b"a large b large large.c.").expect("taken");
    client.shutdown(std::net::Shutdown::Write).expect("open");
    let mut back = Vec::new();
    client.read_to_end(&mut back).expect("an orderly end");
    let expected = [&large[..], b" ", &large, b" b ", &large, b" a c "].concat();
    assert!(back == expected, "{} bytes of {}", back.len(), expected.len());
}

#[test]
fn a_reader_that_rests_holds_next_to_nothing() {
    let mut reader = FrameReader::<Words>::new(Words {
        buffered_bytes_max: 1 << 20,
        ..Words::default()
    });
    let feed = |reader: &mut FrameReader<Words>, bytes: &[u8]| {
        let mut left = bytes;
        while !left.is_empty() {
            let count = reader
                .fill(|room| {
                    let count = room.len().min(left.len());
                    room[..count].copy_from_slice(&left[..count]);
                    Ok(count)
                })
                .expect("memory does not fail");
            left = &left[count..];
        }
    };
    assert_eq!(reader.held_bytes(), 0);
    feed(&mut reader, &[b'x'; 500_000]);
    assert!(reader.next_frame().expect("no digit").is_none());
    assert!(reader.held_bytes() >= 500_000);
    feed(&mut reader, b".lo");
    assert_eq!(reader.next_frame().expect("no digit").map(|c| c.words.len()), Some(1));
    assert!(reader.next_frame().expect("no digit").is_none());
    reader.rest();
    assert!(reader.held_bytes() < 100, "{} bytes", reader.held_bytes());
    feed(&mut reader, b"ng.");
    assert_eq!(
        reader
            .next_frame()
            .expect("no digit")
            .map(|c| &c.bytes[c.words[0].clone()]),
        Some(&b"long"[..])
    );
    reader.rest();
    assert_eq!(reader.held_bytes(), 0);
}
