//! The tests of the wire format: the bytes as published, round trips, and hostile payloads.
//!
//! Apart from `frames.rs` only to keep that file readable; they test nothing else.

use proptest::prelude::*;

use super::*;

const TIME: &[u8; TIME_BYTES] = b"20160902-15:47:52.000";

fn any_order() -> impl Strategy<Value = Order> {
    let numbers = (-1e12..1e12, -1e12..1e12);
    let names = ("[0-9A-Z]{6}", "[!-~]{1,4}");
    (numbers, names, any::<u32>(), any::<bool>()).prop_map(|((quantity, price), (id, ticker), account, buys)| Order {
        quantity,
        price,
        account,
        symbol: Symbol::new(&ticker).unwrap(),
        id: OrderId(id.as_bytes().try_into().unwrap()),
        side: if buys { Side::Buy } else { Side::Sell },
    })
}

fn order() -> Order {
    Order {
        quantity: 100.0,
        price: 9.51,
        account: 7,
        symbol: Symbol::new("AA").unwrap(),
        id: OrderId(*b"00Z9A1"),
        side: Side::Sell,
    }
}

#[test]
fn an_order_has_the_published_bytes() {
    let mut frame = Vec::new();
    encode_order(&order(), TIME, &mut frame);
    let mut expected = vec![0, 0, 0, 53, 1, 2, 0, 0, 0, 7];
    expected.extend(b"00Z9A1  AA");
    expected.extend(100.0_f64.to_be_bytes());
    expected.extend(9.51_f64.to_be_bytes());
    expected.extend(TIME);
    assert_eq!(frame, expected);
    assert_eq!(frame.len(), 57);
}

#[test]
fn a_quote_has_the_published_bytes() {
    let quote = Quote {
        bid: 1.25,
        offer: 1.5,
        symbol: Symbol(*b"AAPL"),
    };
    let mut frame = Vec::new();
    encode_quote(&quote, TIME, &mut frame);
    let mut expected = vec![0, 0, 0, 42, 2];
    expected.extend(b"AAPL20160902-15:47:52.000");
    expected.extend(1.25_f64.to_be_bytes());
    expected.extend(1.5_f64.to_be_bytes());
    assert_eq!(frame, expected);
    assert_eq!(frame.len(), 46);
}

#[test]
fn each_defect_has_its_own_error() {
    let mut frame = Vec::new();
    encode_order(&order(), TIME, &mut frame);
    let broken = |at: usize, with: &[u8]| {
        let mut payload = frame[HEADER_BYTES..].to_vec();
        payload[at..at + with.len()].copy_from_slice(with);
        decode(&payload).unwrap_err()
    };
    assert_eq!(decode(&[]), Err(FrameError::Empty));
    assert_eq!(broken(0, &[9]), FrameError::UnknownType { found: 9 });
    assert_eq!(broken(1, &[3]), FrameError::BadSide { found: 3 });
    let found = *b"A\nPL";
    assert_eq!(broken(12, &found), FrameError::BadSymbol { found });
    let nan = f64::NAN.to_be_bytes();
    let infinite = f64::INFINITY.to_be_bytes();
    let field = "quantity";
    assert_eq!(broken(16, &nan), FrameError::NotANumber { field });
    let field = "price";
    assert_eq!(broken(24, &infinite), FrameError::NotANumber { field });
    let wrong = FrameError::WrongLength {
        kind: FrameKind::Order,
        found: 52,
        expected: 53,
    };
    assert_eq!(decode(&frame[HEADER_BYTES..56]), Err(wrong));
}

#[test]
fn a_symbol_is_one_to_four_visible_characters() {
    assert_eq!(Symbol::new("BF.B"), Some(Symbol(*b"BF.B")));
    assert_eq!(Symbol::new("A").unwrap().to_string(), "A");
    for bad in ["", "GOOGL", "A B", "é", "A\n"] {
        assert_eq!(Symbol::new(bad), None, "{bad:?}");
    }
}

#[test]
fn messages_stay_compact() {
    assert!(size_of::<Event>() <= 40);
    assert_eq!(size_of::<Order>(), 32);
    assert_eq!(size_of::<Quote>(), 24);
}

proptest! {
    #[test]
    fn an_order_comes_back(order in any_order()) {
        let mut frame = Vec::new();
        encode_order(&order, TIME, &mut frame);
        let payload = &frame[HEADER_BYTES..];
        prop_assert_eq!(decode(payload), Ok(Event::Order(order)));
        prop_assert_eq!(decode_order(payload), Ok(order));
    }

    #[test]
    fn a_quote_comes_back(bid in -1e9..1e9, offer in -1e9..1e9, ticker in "[!-~]{1,4}") {
        let quote = Quote { bid, offer, symbol: Symbol::new(&ticker).unwrap() };
        let mut frame = Vec::new();
        encode_quote(&quote, TIME, &mut frame);
        let payload = &frame[HEADER_BYTES..];
        prop_assert_eq!(decode(payload), Ok(Event::Quote(quote)));
        prop_assert_eq!(decode_quote(payload), Ok(quote));
    }

    #[test]
    fn a_result_comes_back(order in any_order(), bid in -1e9..1e9, offer in -1e9..1e9, timestamp_ns: u64) {
        let outcome = Outcome { order, bid, offer, timestamp_ns };
        let mut frame = Vec::new();
        encode_outcome(&outcome, &mut frame);
        prop_assert_eq!(frame.len(), OUTCOME_FRAME_BYTES);
        prop_assert_eq!(decode_outcome(&frame[HEADER_BYTES..]), Ok(outcome));
    }

    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..70), kind in 0_u8..4) {
        let mut payload = bytes;
        let _ = decode_outcome(&payload);
        // Also with the right lengths and types, which random bytes hardly ever have.
        for length in [ORDER_PAYLOAD_BYTES, QUOTE_PAYLOAD_BYTES, OUTCOME_PAYLOAD_BYTES, payload.len()] {
            payload.resize(length, kind);
            if let Some(first) = payload.first_mut() {
                *first = kind;
            }
            let _ = (decode(&payload), decode_order(&payload), decode_quote(&payload), decode_outcome(&payload));
        }
    }
}
