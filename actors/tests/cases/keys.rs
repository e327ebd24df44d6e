//! K8: what is equal has equal bytes, and so one key group. Floating-point numbers and maps, of which that is not true, are no keys:
//! the examples of [`Key`] that must not compile say so.

use potoroo_actors::element::{BorrowedKey, Key, key_group};
use potoroo_actors::runtime::System;
use potoroo_actors::{Branch, Pipeline, Stream, sink, source};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

const COMPOSED: &str = "caf\u{e9}";
const DECOMPOSED: &str = "cafe\u{301}";

/// How many records each key has.
fn counted<K: Key + Ord, T: Copy + Send + Sync + 'static>(
    records: &'static [T],
    key_of: impl Fn(&T) -> K + Clone + Send + Sync + 'static,
) -> BTreeMap<K, u32> {
    let system = System::builder().workers(2).build().expect("starts");
    let counts: Arc<Mutex<BTreeMap<K, u32>>> = Arc::default();
    let out = counts.clone();
    let pipeline = Pipeline::new();
    let records = pipeline.source("records", source::generate(1, move |_| records.iter().copied()));
    by_key(records, key_of).sink(
        "out",
        sink::each(move |(key, count)| {
            out.lock().expect("no panic").insert(key, count);
        }),
    );
    pipeline.start(&system).wait().expect("succeeds");
    std::mem::take(&mut counts.lock().expect("no panic"))
}

fn by_key<K: Key, T: Send + 'static, B: Branch<T>>(
    records: Stream<T, B>,
    key_of: impl Fn(&T) -> K + Clone + Send + Sync + 'static,
) -> Stream<(K, u32)> {
    records
        .key_by(key_of)
        .partitions(NonZeroUsize::new(4).expect("not zero"))
        .entity(
            "counts",
            |_| 0,
            |count: &mut u32, _, out| {
                *count += 1;
                let key = out.key().clone();
                out.emit((key, *count));
                Ok(())
            },
        )
}

/// Text that looks alike is not equal: the bytes decide, as they do for `==`. Who wants more normalises it first.
#[test]
fn k8_text_is_one_key_if_its_bytes_are_the_same() {
    assert_ne!(COMPOSED, DECOMPOSED);
    let key_of = |text: &&str| (*text).to_owned();
    let counts = counted(&[COMPOSED, DECOMPOSED, COMPOSED], key_of);
    assert_eq!(counts, [(COMPOSED.to_owned(), 2), (DECOMPOSED.to_owned(), 1)].into());
    // However the same text is held, it has the same group.
    for text in [COMPOSED, DECOMPOSED, "", "\0"] {
        let group = key_group(text.to_owned().hash64());
        assert_eq!(key_group(Box::<str>::from(text).hash64()), group);
        assert_eq!(key_group(BorrowedKey::hash64(text)), group);
        assert_eq!(key_group(text.as_bytes().to_vec().hash64()), group);
        assert_eq!(key_group(BorrowedKey::hash64(text.as_bytes())), group);
    }
    let roomy = {
        let mut text = String::with_capacity(1000);
        text.push_str(COMPOSED);
        text
    };
    assert_eq!(roomy.hash64(), COMPOSED.to_owned().hash64());
}

/// Numbers that are equal and have other bytes: the user says what they mean. Adding 0 makes one of the two zeros.
#[test]
fn k8_zeros_are_one_key_and_not_a_number_another_as_the_user_says() {
    static NUMBERS: [f64; 5] = [0.0, -0.0, f64::NAN, 1.5, -f64::NAN];
    let bits = |number: &f64| if number.is_nan() { f64::NAN } else { number + 0.0 }.to_bits();
    let counts = counted(&NUMBERS, bits);
    let expected = [(0.0_f64, 2), (1.5, 1), (f64::NAN, 2)];
    assert_eq!(counts, expected.map(|(number, count)| (number.to_bits(), count)).into());
    // Bits alone keep all apart: they are numbers by themselves, and different ones.
    assert_eq!(counted(&NUMBERS, |number: &f64| number.to_bits()).len(), 5);
}

/// The parts of a key do not run into each other.
#[test]
fn k8_keys_of_several_parts_are_equal_if_their_parts_are() {
    static PAIRS: [(&str, &str); 4] = [("ab", "c"), ("a", "bc"), ("", "abc"), ("ab", "c")];
    let key_of = |(left, right): &(&str, &str)| ((*left).to_owned(), (*right).to_owned());
    let counts = counted(&PAIRS, key_of);
    assert_eq!(counts.len(), 3);
    let hashes: std::collections::BTreeSet<u64> = counts.keys().map(Key::hash64).collect();
    assert_eq!(hashes.len(), 3);
}
