//! The decoder against streams that are cut anywhere, broken anyhow, or never end.

use super::*;
use proptest::prelude::*;

const BYTES_MAX: usize = 1024 * 1024;

/// What comes out of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Stream {
    commands: Vec<Vec<Vec<u8>>>,
    broken: Option<ProtocolError>,
    left: usize,
}

/// Decodes `bytes` as they come in pieces of these lengths.
fn decode(bytes: &[u8], pieces: &[usize]) -> Stream {
    let mut decoder = Decoder::new(BYTES_MAX);
    let mut commands = Vec::new();
    let (mut from, mut to) = (0, 0);
    let mut pieces = pieces.iter().cycle();
    loop {
        match decoder.decode(&bytes[from..to]) {
            Decoded::Command(words, used) => {
                assert!(used > 0 && from + used <= to);
                commands.push(words.iter().map(|word| word.to_vec()).collect());
                from += used;
            }
            Decoded::Incomplete(want) => {
                assert!(want > to - from, "more is wanted than is there");
                if to == bytes.len() {
                    break;
                }
                to = (to + pieces.next().copied().unwrap_or(1).max(1)).min(bytes.len());
            }
            Decoded::Broken(error) => {
                return Stream {
                    commands,
                    broken: Some(error),
                    left: 0,
                };
            }
        }
    }
    Stream {
        commands,
        broken: None,
        left: to - from,
    }
}

fn encoded(commands: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for words in commands {
        bytes.extend(format!("*{}\r\n", words.len()).bytes());
        for word in words {
            bytes.extend(format!("${}\r\n", word.len()).bytes());
            bytes.extend(word);
            bytes.extend(b"\r\n");
        }
    }
    bytes
}

fn commands() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let word = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..12),
        proptest::collection::vec(any::<u8>(), 90..120),
    ];
    proptest::collection::vec(proptest::collection::vec(word, 1..12), 0..20)
}

proptest! {
    #[test]
    fn any_cut_of_a_stream_gives_the_same_commands(
        commands in commands(),
        pieces in proptest::collection::vec(1_usize..40, 1..8),
    ) {
        let bytes = encoded(&commands);
        let whole = Stream { commands, broken: None, left: 0 };
        prop_assert_eq!(decode(&bytes, &[bytes.len()]), whole);
        prop_assert_eq!(decode(&bytes, &pieces), decode(&bytes, &[bytes.len()]));
    }

    #[test]
    fn no_bytes_panic_and_the_cut_does_not_matter(
        bytes in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', Just(b'"'), Just(b' '),
        ], 0..300),
        pieces in proptest::collection::vec(1_usize..20, 1..5),
    ) {
        prop_assert_eq!(decode(&bytes, &pieces), decode(&bytes, &[bytes.len()]));
    }

    #[test]
    fn a_broken_byte_in_a_good_stream_does_not_panic(
        commands in commands(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encoded(&commands);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(decode(&bytes, &[7]), decode(&bytes, &[bytes.len()]));
    }
}

fn words(line: &str) -> Vec<String> {
    let stream = decode(line.as_bytes(), &[1]);
    assert_eq!((stream.commands.len(), stream.broken), (1, None), "{line}");
    stream.commands[0]
        .iter()
        .map(|word| String::from_utf8(word.clone()).unwrap())
        .collect()
}

#[test]
fn inline_commands_are_words_and_quotes() {
    assert_eq!(words("PING\r\n"), ["PING"]);
    assert_eq!(words("  set  a\tb \n"), ["set", "a", "b"]);
    assert_eq!(words("set a \"b c\" 'd \"e'\r\n"), ["set", "a", "b c", "d \"e"]);
    assert!(words("\r\n").is_empty());
    for line in ["get \"a\r\n", "get \"a\"b\r\n", "get 'a\r\n"] {
        assert_eq!(
            decode(line.as_bytes(), &[3]).broken,
            Some(ProtocolError::Quotes),
            "{line}"
        );
    }
}

#[test]
fn what_is_broken_is_said_in_the_words_of_redis() {
    for (bytes, text) in [
        ("*x\r\n", "invalid multibulk length"),
        ("*1048577\r\n", "invalid multibulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n$x\r\n", "invalid bulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$1048577\r\n", "invalid bulk length"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
    ] {
        let mut out = Vec::new();
        let broken = decode(bytes.as_bytes(), &[2])
            .broken
            .unwrap_or_else(|| panic!("{bytes:?} was taken"));
        broken.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("-ERR Protocol error: {text}\r\n")
        );
    }
}

#[test]
fn lines_without_an_end_are_given_up() {
    let long = |begin: &str| [begin.as_bytes(), &vec![b'1'; INLINE_BYTES_MAX + 10]].concat();
    assert_eq!(decode(&long("x"), &[999]).broken, Some(ProtocolError::InlineTooLong));
    assert_eq!(decode(&long("*"), &[999]).broken, Some(ProtocolError::CountTooLong));
    assert_eq!(
        decode(&long("*1\r\n$"), &[999]).broken,
        Some(ProtocolError::LengthTooLong)
    );
}

#[test]
fn a_request_of_many_words_is_limited_as_a_whole() {
    let words = vec![vec![b'x'; 1000]; 2000];
    let bytes = encoded(&[words]);
    assert_eq!(decode(&bytes, &[4096]).broken, Some(ProtocolError::TooLong));
}

#[test]
fn no_words_are_no_command_and_do_no_harm() {
    for bytes in ["*0\r\n", "*-1\r\n", "*-1000\r\n"] {
        let stream = decode(format!("{bytes}PING\r\n").as_bytes(), &[1]);
        assert_eq!(stream.commands, [vec![], vec![b"PING".to_vec()]]);
    }
}

#[test]
fn a_request_in_pieces_is_looked_at_once() {
    // Were each piece a reason to begin anew, this would take 10,000 times 100,000 steps.
    let words = vec![b"x".to_vec(); 100_000];
    let bytes = encoded(std::slice::from_ref(&words));
    let stream = decode(&bytes, &[71]);
    assert_eq!(stream.commands, [words]);
}
