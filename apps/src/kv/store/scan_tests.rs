//! `SCAN` while keys come and go, over crowded slices, and with its options.

use super::op::Op;
use super::tests::{Bench, NO_INTEGER, SEED, SYNTAX};
use super::{hash, slice_of};

/// The keys and the cursor of one step.
fn scanned(reply: &[u8]) -> (String, Vec<String>) {
    let text = String::from_utf8(reply.to_vec()).unwrap();
    let mut bulks = text
        .split("\r\n")
        .filter(|line| !line.is_empty() && !line.starts_with(['*', '$']));
    (bulks.next().unwrap().to_owned(), bulks.map(str::to_owned).collect())
}

fn scan_all(bench: &mut Bench, options: &[&[u8]], mut between: impl FnMut(&mut Bench)) -> Vec<String> {
    let mut cursor = "0".to_owned();
    let mut all = Vec::new();
    loop {
        let words: Vec<&[u8]> = [&[cursor.as_bytes()], options].concat();
        let (next, keys) = scanned(&bench.run(Op::Scan, &words));
        all.extend(keys);
        between(bench);
        if next == "0" {
            return all;
        }
        cursor = next;
    }
}

#[test]
fn a_scan_sees_every_key_that_stays_exactly_once() {
    for count in ["1", "10", "1000"] {
        let mut bench = Bench::new();
        for key in 0..2000 {
            bench.run(Op::Set, &[format!("key:{key}").as_bytes(), b"v"]);
        }
        let mut added = 0;
        let mut seen = scan_all(&mut bench, &[b"COUNT", count.as_bytes()], |bench| {
            // Keys that come and go meanwhile, so that the tables grow.
            for _ in 0..5 {
                bench.run(Op::Set, &[format!("new:{added}").as_bytes(), b"v"]);
                bench.run(Op::Del, &[format!("new:{}", added / 2).as_bytes()]);
                added += 1;
            }
        });
        seen.retain(|key| key.starts_with("key:"));
        seen.sort_unstable();
        let mut expected: Vec<_> = (0..2000).map(|key| format!("key:{key}")).collect();
        expected.sort_unstable();
        assert_eq!(seen, expected, "COUNT {count}");
    }
}

#[test]
fn a_scan_of_one_crowded_slice_goes_in_ranges() {
    let mut bench = Bench::new();
    // Keys of one slice alone.
    let keys: Vec<_> = (0..200_000)
        .map(|key| format!("{key}"))
        .filter(|key| slice_of(hash(SEED, key.as_bytes())) == 3)
        .collect();
    for key in &keys {
        bench.run(Op::Set, &[key.as_bytes(), b"v"]);
    }
    let mut steps = 0;
    let seen = scan_all(&mut bench, &[], |_| steps += 1);
    assert_eq!(seen.len(), keys.len());
    assert!((30..=80).contains(&steps), "{steps} steps for {} keys", keys.len());
}

#[test]
fn a_scan_filters_by_pattern_and_type() {
    let mut bench = Bench::new();
    bench.check(&[
        ("SET a1 v", "+OK"),
        ("RPUSH a2 v", ":1"),
        ("SET b1 v", "+OK"),
        ("SET a3 v PX 1", "+OK"),
    ]);
    bench.now_ms += 1;
    let mut scan = |options: &str| {
        let words: Vec<&[u8]> = options.split(' ').map(str::as_bytes).collect();
        let mut keys = scan_all(&mut bench, &words, |_| {});
        keys.sort_unstable();
        keys.join(" ")
    };
    assert_eq!(scan("MATCH a* COUNT 100"), "a1 a2");
    assert_eq!(scan("TYPE string"), "a1 b1");
    assert_eq!(scan("TYPE list MATCH b*"), "");
    bench.check(&[
        ("SCAN x", "-ERR invalid cursor"),
        ("SCAN 0 COUNT", SYNTAX),
        ("SCAN 0 COUNT 0", SYNTAX),
        ("SCAN 0 COUNT x", NO_INTEGER),
        ("SCAN 0 BAD x", SYNTAX),
    ]);
}
