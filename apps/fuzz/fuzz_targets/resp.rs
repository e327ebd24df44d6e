//! Any bytes, cut anywhere, at the decoder of requests: no panic, and the cut makes no difference.
//!
//! `cargo +nightly fuzz run resp` in `apps`. The first byte says how the rest is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use potoroo::kv::resp::{Decoded, Decoder, ProtocolError};

/// Commands, and how the stream ended.
type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

fn decode(bytes: &[u8], piece: usize) -> Outcome {
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
}

fuzz_target!(|input: &[u8]| {
    if let Some((piece, bytes)) = input.split_first() {
        let whole = decode(bytes, bytes.len().max(1));
        assert_eq!(decode(bytes, usize::from(*piece).max(1)), whole);
    }
});
