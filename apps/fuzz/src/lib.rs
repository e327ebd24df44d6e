//! What is claimed of each parser of bytes from outside, as functions that panic when it is not so.
//!
//! It exists so that the fuzzer (`fuzz_targets`), the property tests and the replay of the seeds (`apps/wire/tests/parsers.rs`)
//! check the same. The first bytes of an input say how the rest is cut, or which limit it meets.

use potoroo_runtime::io::{Codec, FrameError, FrameReader, Frames, Framing};
use potoroo_wire::http::{Requests, Responses};
use potoroo_wire::kv::resp::{Decoded, Decoder, ProtocolError};
use potoroo_wire::kv::{glob, number};
use potoroo_wire::market_spread::{frames, instruments_csv};

/// A claim, and the name of its target and of the folder of its seeds.
pub type Claim = (&'static str, fn(&[u8]));

/// All of them.
pub const CLAIMS: [Claim; 6] = [
    ("resp", resp),
    ("frames", runtime_frames),
    ("http", http),
    ("market_spread", market_spread),
    ("instruments", instruments),
    ("words", words),
];

/// A reader takes this much at once, whatever comes.
const READ_BYTES: usize = 128 * 1024;

/// It grows to so many times what has come, at most.
const GROWTH_MAX: usize = 4;

/// What comes out of a stream: frames, as `show` has them, and whether it ended with an error.
fn cut<C: Codec>(codec: C, bytes: &[u8], piece: usize, mut show: impl FnMut(C::Frame<'_>) -> Vec<u8>) -> Outcome {
    let mut reader = FrameReader::<C>::new(codec);
    let (mut frames, mut left) = (Vec::new(), bytes);
    loop {
        let next = reader.next_frame().map(|frame| frame.map(&mut show));
        match next {
            Ok(Some(frame)) => frames.push(frame),
            Err(error) => return (frames, Err(kind(&error))),
            Ok(None) if left.is_empty() => break,
            Ok(None) => {
                let count = reader.fill(|room| {
                    let count = piece.clamp(1, left.len()).min(room.len());
                    room[..count].copy_from_slice(&left[..count]);
                    Ok(count)
                });
                left = &left[count.expect("memory does not fail")..];
                let come = bytes.len() - left.len();
                let held = reader.held_bytes();
                assert!(
                    held <= READ_BYTES.max(GROWTH_MAX * come),
                    "{held} bytes are held for {come} that have come"
                );
            }
        }
    }
    let last = reader.finish().map(|frame| frame.map(&mut show));
    let ended = last.map(|frame| frames.extend(frame)).map_err(|error| kind(&error));
    (frames, ended)
}

type Outcome = (Vec<Vec<u8>>, Result<(), &'static str>);

/// Lengths in an error depend on how much had come; what kind it is does not.
fn kind(error: &FrameError) -> &'static str {
    match error {
        FrameError::TooLong { .. } => "too long",
        FrameError::Truncated { .. } => "truncated",
        _ => "invalid",
    }
}

/// Length prefixes and lines: the cut makes no difference, no frame is longer than allowed, and no more memory is taken than
/// what has come warrants.
pub fn runtime_frames(input: &[u8]) {
    let [piece, limit, kind, bytes @ ..] = input else {
        return;
    };
    let limit = usize::from(*limit) * usize::from(kind >> 1);
    let framing = match kind & 1 {
        0 => Framing::LengthPrefixed { frame_bytes_max: limit },
        _ => Framing::Lines { line_bytes_max: limit },
    };
    let cut = |piece| cut(Frames::from(framing), bytes, piece, |frame| frame.bytes.to_vec());
    let whole = cut(bytes.len());
    assert!(whole.0.iter().all(|frame| frame.len() <= limit));
    assert_eq!(cut(usize::from(*piece)), whole);
}

/// Requests of the proxy's clients and responses of its server: the cut makes no difference, and what is passed on is again
/// one request.
pub fn http(input: &[u8]) {
    let Some((piece, bytes)) = input.split_first() else {
        return;
    };
    let piece = usize::from(*piece);
    let requests = |piece| cut(Requests::default(), bytes, piece, |request| request.to_bytes());
    let whole = requests(bytes.len());
    assert_eq!(requests(piece), whole);
    for passed_on in &whole.0 {
        let mut again = Requests::default();
        match again.decode(passed_on, 0) {
            Ok(Some((_, used))) => assert_eq!(used, passed_on.len(), "{}", passed_on.escape_ascii()),
            // It has become too long by the line that the proxy adds.
            Err(FrameError::TooLong { .. }) => {}
            other => panic!("{} became {other:?}", passed_on.escape_ascii()),
        }
    }
    for asked in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"HEAD / HTTP/1.1\r\n\r\n"] {
        let mut codec = Requests::default();
        let (request, _) = codec.decode(asked, 0).expect("good").expect("whole");
        let responses = |piece| {
            cut(Responses::to(&request), bytes, piece, |response| {
                let mut out = Vec::new();
                response.write(true, true, &mut out);
                out
            })
        };
        assert_eq!(responses(piece), responses(bytes.len()));
    }
}

/// Payloads of Market Spread: whatever is decoded is encoded to the same bytes again, but for the time, which nobody reads.
pub fn market_spread(payload: &[u8]) {
    let mut out = Vec::new();
    let again = |out: &[u8]| out[frames::HEADER_BYTES..].to_vec();
    if let Ok(order) = frames::decode_order(payload) {
        let time = payload[payload.len() - frames::TIME_BYTES..]
            .try_into()
            .expect("its length");
        frames::encode_order(&order, time, &mut out);
        assert_eq!(again(&out), payload);
    }
    out.clear();
    if let Ok(quote) = frames::decode_quote(payload) {
        let time = payload[5..5 + frames::TIME_BYTES].try_into().expect("its length");
        frames::encode_quote(&quote, time, &mut out);
        assert_eq!(again(&out), payload);
    }
    out.clear();
    if let Ok(outcome) = frames::decode_outcome(payload) {
        frames::encode_outcome(&outcome, &mut out);
        assert_eq!(again(&out), payload);
    }
    let either = frames::decode_order(payload).is_ok() || frames::decode_quote(payload).is_ok();
    assert_eq!(frames::decode(payload).is_ok(), either);
}

/// Instruments in CSV: what is accepted is priced and named, and an error names a line that is there.
pub fn instruments(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match instruments_csv::parse(&text, false) {
        Ok(instruments) => assert!(instruments.iter().all(|of| of.price > 0.0 && of.price.is_finite())),
        Err((line, _)) => assert!((1..=text.lines().count().max(1)).contains(&line)),
    }
}

/// Commands, and how the stream ended.
type Commands = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Requests of Redis's clients: the cut makes no difference.
pub fn resp(input: &[u8]) {
    let decode = |bytes: &[u8], piece: usize| -> Commands {
        let mut decoder = Decoder::new(1 << 20);
        let mut commands = Vec::new();
        let (mut from, mut to) = (0, 0);
        loop {
            match decoder.decode(&bytes[from..to]) {
                Decoded::Command(words, used) => {
                    commands.push(words.iter().map(|word| word.to_vec()).collect());
                    from += used;
                }
                Decoded::Incomplete(_) if to == bytes.len() => return (commands, None),
                Decoded::Incomplete(_) => to = (to + piece).min(bytes.len()),
                Decoded::Broken(error) => return (commands, Some(error)),
            }
        }
    };
    if let Some((piece, bytes)) = input.split_first() {
        let whole = decode(bytes, bytes.len().max(1));
        assert_eq!(decode(bytes, usize::from(*piece).max(1)), whole);
    }
}

/// Patterns and numbers that clients send: no panic, and a pattern without wildcards matches itself alone.
pub fn words(input: &[u8]) {
    let (pattern, text) = input.split_at(input.len() / 2);
    let matches = glob::matches(pattern, text);
    if !pattern.iter().any(|byte| b"*?[\\".contains(byte)) {
        assert_eq!(matches, pattern == text);
    }
    if let Some(number) = number::parse(text) {
        assert_eq!(number.to_string().as_bytes(), text);
    }
}
