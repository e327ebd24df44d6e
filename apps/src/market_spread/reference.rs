//! The expected results of Market Spread, computed by a second program that shares nothing.
//!
//! It exists to be different: its own offsets, its own arithmetic, a plain `HashMap`, one thread.
//! When the engine and this agree, a mistake would have to have been made twice. It is deliberately
//! neither fast nor forgiving: it holds everything in memory and panics on a broken file.

use std::collections::HashMap;

/// The results of reading all quotes and then all orders, in the order of the orders: the first 47
/// bytes of every payload, that is, without the timestamp.
///
/// # Panics
///
/// When a frame is cut off or has another length than its stream's frames have.
#[must_use]
pub fn results(quotes: &[u8], orders: &[u8]) -> Vec<[u8; 47]> {
    let f64_at = |frame: &[u8], at: usize| f64::from_be_bytes(frame[at..at + 8].try_into().unwrap());
    let mut spreads: HashMap<&[u8], (f64, f64)> = HashMap::new();
    assert_eq!(quotes.len() % 46, 0, "the quotes end inside a frame");
    for frame in quotes.chunks(46) {
        assert_eq!(frame[..5], [0, 0, 0, 42, 2], "not a quote");
        spreads.insert(&frame[5..9], (f64_at(frame, 30), f64_at(frame, 38)));
    }
    let mut results = Vec::new();
    assert_eq!(orders.len() % 57, 0, "the orders end inside a frame");
    for frame in orders.chunks(57) {
        assert_eq!(frame[..5], [0, 0, 0, 53, 1], "not an order");
        let quoted = spreads.get(&frame[16..20]).copied();
        let rejected = quoted.is_none_or(|(bid, offer)| {
            let wide = offer - bid;
            wide >= 0.05 || wide * 2.0 / (bid + offer) >= 0.05
        });
        if rejected {
            let (bid, offer) = quoted.unwrap_or((0.0, 0.0));
            let mut result = [0; 47];
            result[..31].copy_from_slice(&frame[5..36]);
            result[31..39].copy_from_slice(&bid.to_be_bytes());
            result[39..].copy_from_slice(&offer.to_be_bytes());
            results.push(result);
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(symbol: &[u8; 4], bid: f64, offer: f64) -> Vec<u8> {
        let mut frame = vec![0, 0, 0, 42, 2];
        frame.extend(symbol);
        frame.extend(b"20160902-15:47:52.000");
        frame.extend(bid.to_be_bytes());
        frame.extend(offer.to_be_bytes());
        frame
    }

    fn order(id: &[u8; 6], symbol: &[u8; 4]) -> Vec<u8> {
        let mut frame = vec![0, 0, 0, 53, 1, 1, 0, 0, 0, 9];
        frame.extend(id);
        frame.extend(symbol);
        frame.extend(10.0_f64.to_be_bytes());
        frame.extend(20.0_f64.to_be_bytes());
        frame.extend(b"20160902-15:47:52.000");
        frame
    }

    #[test]
    fn only_wide_and_unquoted_symbols_reject() {
        let quotes = [
            quote(b"WIDE", 20.0, 20.0),
            quote(b"WIDE", 20.0, 20.5),
            quote(b"  OK", 20.0, 20.01),
            quote(b"  LO", 0.25, 0.28),
        ];
        let orders = [
            order(b"000001", b"WIDE"),
            order(b"000002", b"  OK"),
            order(b"000003", b"NONE"),
            order(b"000004", b"  LO"),
        ];
        let results = results(&quotes.concat(), &orders.concat());
        let ids: Vec<&[u8]> = results.iter().map(|result| &result[5..11]).collect();
        assert_eq!(ids, [b"000001", b"000003", b"000004"]);
        assert_eq!(results[0][31..39], 20.0_f64.to_be_bytes());
        assert_eq!(results[0][39..47], 20.5_f64.to_be_bytes());
        assert_eq!(results[1][31..47], [0; 16]);
    }

    #[test]
    #[should_panic(expected = "not a quote")]
    fn a_broken_file_is_refused() {
        let _ = results(&order(b"000001", b"AAPL").repeat(46), &[]);
    }
}
