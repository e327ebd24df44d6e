//! The tests of the generator: same seed same bytes, the published shares, and what it guarantees.
//!
//! Apart from `generator.rs` only to keep that file readable; they test nothing else.

use std::collections::HashMap;

use super::super::frames::{Event, HEADER_BYTES, ORDER_FRAME_BYTES, OUTCOME_STABLE_BYTES, QUOTE_FRAME_BYTES};
use super::super::instruments::{INSTRUMENTS, REJECTING};
use super::super::reference;
use super::super::rule::Market;
use super::*;

fn universe() -> Universe {
    Universe::generated(1, INSTRUMENTS, REJECTING).unwrap()
}

fn generator(seed: u64, messages: u64, reject_one_in: u64) -> Generator {
    let config = GeneratorConfig {
        seed,
        messages,
        reject_one_in,
    };
    Generator::new(&universe(), config).unwrap()
}

/// Orders, then quotes with the initial ones.
fn bytes(generator: &mut Generator) -> (Vec<u8>, Vec<u8>) {
    let (mut orders, mut quotes) = (Vec::new(), Vec::new());
    generator.initial_quotes(&mut quotes);
    generator.fill(&mut orders, &mut quotes, u64::MAX);
    (orders, quotes)
}

fn decoded_orders(bytes: &[u8]) -> impl Iterator<Item = Order> {
    let frames = bytes.chunks(ORDER_FRAME_BYTES);
    frames.map(|frame| match frames::decode(&frame[HEADER_BYTES..]) {
        Ok(Event::Order(order)) => order,
        other => panic!("{other:?}"),
    })
}

fn decoded_quotes(bytes: &[u8]) -> impl Iterator<Item = Quote> {
    let frames = bytes.chunks(QUOTE_FRAME_BYTES);
    frames.map(|frame| match frames::decode(&frame[HEADER_BYTES..]) {
        Ok(Event::Quote(quote)) => quote,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_seed_decides_every_byte() {
    let first = bytes(&mut generator(1, 10_001, 100));
    assert_eq!(first, bytes(&mut generator(1, 10_001, 100)));
    assert_ne!(first, bytes(&mut generator(2, 10_001, 100)));
    // And the length of the run decides nothing but where it ends.
    let shorter = bytes(&mut generator(1, 1_000, 100));
    assert_eq!(first.0[..shorter.0.len()], shorter.0);
    assert_eq!(first.1[..shorter.1.len()], shorter.1);
}

#[test]
fn even_messages_are_quotes_and_odd_ones_orders() {
    let (orders, quotes) = bytes(&mut generator(1, 7, 100));
    assert_eq!(orders.len(), 3 * ORDER_FRAME_BYTES);
    assert_eq!(quotes.len(), (INSTRUMENTS + 4) * QUOTE_FRAME_BYTES);
    for (order, index) in decoded_orders(&orders).zip([1, 3, 5]) {
        assert_eq!(order.id.to_index(1), Some(index));
        assert_eq!(order.id.to_index(2).filter(|&other| other == index), None);
    }
    let mut generator = generator(1, 7, 100);
    let (mut orders, mut quotes) = (Vec::new(), Vec::new());
    assert_eq!(generator.fill(&mut orders, &mut quotes, 5), 5);
    assert_eq!(generator.fill(&mut orders, &mut quotes, 5), 2);
    assert!(!generator.next(&mut orders, &mut quotes));
    assert_eq!(generator.index(), 7);
}

#[test]
fn the_initial_quotes_name_every_instrument_once() {
    let mut quotes = Vec::new();
    generator(1, 0, 100).initial_quotes(&mut quotes);
    let mut quoted: Vec<_> = decoded_quotes(&quotes).map(|quote| quote.symbol).collect();
    let mut listed: Vec<_> = universe().instruments().iter().map(|i| i.symbol).collect();
    quoted.sort_unstable();
    listed.sort_unstable();
    assert_eq!(quoted, listed);
}

/// The share of the messages that goes to the busiest fifth of the instruments.
fn busiest_fifth(symbols: impl Iterator<Item = Symbol>) -> f64 {
    let mut counts: HashMap<Symbol, u64> = HashMap::new();
    for symbol in symbols {
        *counts.entry(symbol).or_default() += 1;
    }
    let mut counts: Vec<u64> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let all: u64 = counts.iter().sum();
    counts[..INSTRUMENTS / 5].iter().sum::<u64>() as f64 / all as f64
}

#[test]
fn a_fifth_of_the_instruments_gets_four_fifths_of_both_streams() {
    let (mut orders, mut quotes) = (Vec::new(), Vec::new());
    generator(1, 400_000, 100).fill(&mut orders, &mut quotes, u64::MAX);
    let of_orders = busiest_fifth(decoded_orders(&orders).map(|order| order.symbol));
    let of_quotes = busiest_fifth(decoded_quotes(&quotes).map(|quote| quote.symbol));
    assert!((0.79..0.82).contains(&of_orders), "{of_orders}");
    assert!((0.79..0.82).contains(&of_quotes), "{of_quotes}");
}

#[test]
fn the_fields_of_orders_have_their_published_ranges() {
    let (orders, _) = bytes(&mut generator(1, 400_000, 100));
    let prices: HashMap<_, _> = universe()
        .instruments()
        .iter()
        .map(|one| (one.symbol, one.price))
        .collect();
    let mut buys = 0;
    let mut quantities = [0_u32; 66];
    let mut accounts = [0_u32; 301];
    for order in decoded_orders(&orders) {
        assert_eq!(order.price, prices[&order.symbol]);
        assert_eq!(order.quantity % 10.0, 0.0);
        quantities[(order.quantity / 10.0) as usize] += 1;
        accounts[order.account as usize] += 1;
        buys += u32::from(order.side == Side::Buy);
    }
    assert!((98_000..102_000).contains(&buys), "{buys}");
    assert_eq!((quantities[0], accounts[0]), (0, 0));
    // 3,077 and 667 expected; five standard deviations are 280 and 130.
    assert!(quantities[1..].iter().all(|&n| n.abs_diff(3_077) < 280));
    assert!(accounts[1..].iter().all(|&n| n.abs_diff(667) < 130));
}

#[test]
fn one_order_in_n_is_for_a_rejected_instrument() {
    for (one_in, expected) in [(100, 1_900..2_100), (2, 99_000..101_000), (0, 0..1)] {
        let mut generator = generator(1, 400_000, one_in);
        let (orders, quotes) = bytes(&mut generator);
        let rejected = generator.orders_for_rejected();
        assert!(expected.contains(&rejected), "1 in {one_in}: {rejected}");
        let results = reference::results(&quotes, &orders);
        assert_eq!(results.len() as u64, rejected, "1 in {one_in}");
        assert!(results.iter().all(|one| one.len() == OUTCOME_STABLE_BYTES));
    }
}

/// Checks every quote of a universe with the rule, so that no race can change an order's fate.
fn check_quotes(universe: &Universe, messages: u64) {
    let config = GeneratorConfig {
        seed: 1,
        messages,
        reject_one_in: 2,
    };
    let (_, quotes) = bytes(&mut Generator::new(universe, config).unwrap());
    let instruments = universe.instruments().iter();
    let rejected: HashMap<_, _> = instruments.map(|i| (i.symbol, i.rejected)).collect();
    for quote in decoded_quotes(&quotes) {
        let mut market = Market::default();
        market.quote(&quote);
        assert_eq!(market.reject, rejected[&quote.symbol], "{quote:?}");
    }
}

#[test]
fn every_quote_of_an_instrument_rejects_or_none_does() {
    check_quotes(&universe(), 400_000);
    check_quotes(&Universe::generated(2, 1_000, 1_000).unwrap(), 400_000);
    check_quotes(&Universe::generated(3, 3, 0).unwrap(), 1_000);
}

#[test]
fn cheap_and_expensive_instruments_keep_the_guarantee_too() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, prefix: char| {
        let mut text = "_cusip,_name,_price,_ticker\n".to_owned();
        for (at, price) in ["0.01", "0.28", "0.62", "0.97", "1.0", "9999.99", "9999999"]
            .iter()
            .enumerate()
        {
            text += &format!("{at},Name,{price},{prefix}{at}\n");
        }
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let universe = Universe::from_csv(&write("good.csv", 'G'), &write("bad.csv", 'B')).unwrap();
    check_quotes(&universe, 400_000);
}

#[test]
fn more_messages_than_ids_are_refused() {
    let config = GeneratorConfig {
        seed: 1,
        messages: IDS + 1,
        reject_one_in: 100,
    };
    let error = Generator::new(&universe(), config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2,176,782,337 messages are too many: six characters name at most 2,176,782,336"
    );
}
