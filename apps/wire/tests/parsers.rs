//! The claims of the fuzzer, without a fuzzer: its seeds, and inputs that are made up.

#[expect(unreachable_pub, reason = "it is the library of the fuzz targets")]
#[path = "../../fuzz/src/lib.rs"]
mod claims;

use claims::CLAIMS;
use proptest::prelude::*;
use std::path::Path;

/// Pieces that mean something to one of the parsers.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        &b"\r\n"[..],
        b"\n",
        b"\r\n\r\n",
        b"*2\r\n",
        b"$3\r\n",
        b"GET ",
        b"POST /a HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 99999999\r\n",
        b"Connection: close\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"_cusip,_name,_price,_ticker\n",
        b"1,\"a, b\",10.5,MSFT\n",
        b"\0\0\0\x03abc",
        b"\xff\xff\xff\xff",
        b"[a-z]*",
        b"\\",
        b"-1",
    ]);
    prop_oneof![
        3 => words.prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

/// Something like what comes, with some of its bytes changed.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(piece(), 0..30);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (any::<[u8; 3]>(), pieces, changes).prop_map(|(head, pieces, changes)| {
        let mut bytes = [head.to_vec(), pieces.concat()].concat();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// The seeds of a target, each with the name of its file.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| {
            let path = file.expect("an entry").path();
            (path.display().to_string(), std::fs::read(&path).expect("readable"))
        })
        .collect()
}

#[test]
fn the_claims_hold_for_the_seeds_and_for_each_change_of_one_byte() {
    for (target, claim) in CLAIMS {
        let seeds = seeds(target);
        assert!(seeds.len() >= 2, "{target} has few seeds");
        for (_, seed) in seeds {
            claim(&seed);
            for at in 0..seed.len() {
                claim(&seed[..at]);
                for byte in [0, b'\n', b'"', b':', 0x80, 0xff] {
                    let mut changed = seed.clone();
                    changed[at] = byte;
                    claim(&changed);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_claims_hold_for_what_is_made_up(input in input()) {
        for (_, claim) in CLAIMS {
            claim(&input);
        }
    }
}
