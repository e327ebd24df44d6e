//! Market Spread in one process: a generator, a state entity per symbol, a counting sink.
//!
//! Messages come from one 64-bit number each: half of them quotes, half orders, 350 symbols, 4 % of the orders rejected.
//! There are no sockets and no frames here, only what the engine adds to a loop. The loop beside it is the limit: one
//! thread, an array of states.

use potoroo_actors::{Branch, Pipeline, Stream, sink, source};
use potoroo_runtime::System;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How many symbols there are.
const SYMBOLS: u64 = 350;

/// The seed of the published check value.
const SEED: u64 = 0x5EED;

/// What [`MESSAGES`] messages must give: results, and the sum of their order ids.
pub const EXPECTED: (u64, u64) = (1_001_818, 0x16c7_222f_1668);

/// The messages of the published check value.
pub const MESSAGES: u64 = 50_000_000;

/// A quote or an order.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    symbol: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Quote { bid: f64, ask: f64 },
    Order { id: u64 },
}

/// A rejected order with the quote that rejected it.
#[derive(Clone, Copy, Debug)]
pub struct Rejected {
    id: u64,
    symbol: u32,
    bid: f64,
    ask: f64,
}

impl Rejected {
    /// Which message it was.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

/// A symbol's state.
#[derive(Debug, Default)]
struct Market {
    bid: f64,
    ask: f64,
    mid: f64,
    reject: bool,
}

impl Market {
    #[inline]
    fn handle(&mut self, message: Message) -> Option<Rejected> {
        match message.kind {
            Kind::Quote { bid, ask } => {
                self.bid = bid;
                self.ask = ask;
                self.mid = (bid + ask) / 2.0;
                self.reject = ask - bid >= 0.05 || (ask - bid) / self.mid >= 0.05;
                None
            }
            Kind::Order { id } => self.reject.then_some(Rejected {
                id,
                symbol: message.symbol,
                bid: self.bid,
                ask: self.ask,
            }),
        }
    }
}

/// The messages, in order.
#[derive(Clone, Debug)]
pub struct Messages {
    state: u64,
    index: u64,
    count: u64,
}

impl Messages {
    /// The first `count` messages.
    pub fn new(count: u64) -> Self {
        Self {
            state: SEED,
            index: 0,
            count,
        }
    }
}

impl Iterator for Messages {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        if self.index == self.count {
            return None;
        }
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        let id = self.index;
        self.index += 1;
        let kind = if x & 1 == 0 {
            let bid_cents = 50 + ((x >> 1) & 0xFFFF) % 9950;
            let wide = (x >> 17) & 0xFF;
            let spread_cents = if wide < 10 { 6 + wide % 5 } else { 1 + (wide & 3) };
            Kind::Quote {
                bid: bid_cents as f64 / 100.0,
                ask: (bid_cents + spread_cents) as f64 / 100.0,
            }
        } else {
            Kind::Order { id }
        };
        let symbol = (((x >> 32) * SYMBOLS) >> 32) as u32;
        Some(Message { symbol, kind })
    }
}

/// What a run gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The number of rejected orders and the sum of their ids.
    pub results: (u64, u64),
    /// From before the first message to after the last result.
    pub elapsed: Duration,
}

/// Adds a result up; all of it is used, so that none of it is computed for nothing.
#[inline]
fn add(results: &mut (u64, u64), rejected: Rejected) {
    std::hint::black_box((rejected.symbol, rejected.bid, rejected.ask));
    results.0 += 1;
    results.1 = results.1.wrapping_add(rejected.id);
}

/// The loop that no engine can beat on one thread.
pub fn limit(messages: u64) -> Run {
    let mut markets: Vec<Market> = (0..SYMBOLS).map(|_| Market::default()).collect();
    let mut results = (0, 0);
    let start = Instant::now();
    for message in Messages::new(messages) {
        if let Some(rejected) = markets[message.symbol as usize].handle(message) {
            add(&mut results, rejected);
        }
    }
    Run {
        results,
        elapsed: start.elapsed(),
    }
}

/// The orders that are rejected, of quotes and orders.
pub(crate) fn rejections<B: Branch<Message>>(messages: Stream<Message, B>) -> Stream<Rejected> {
    messages.key_by(|message| message.symbol).entity(
        "market",
        |_| Market::default(),
        |market: &mut Market, message, out| {
            if let Some(rejected) = market.handle(message) {
                out.emit(rejected);
            }
            Ok(())
        },
    )
}

/// The pipeline on a system.
///
/// # Panics
///
/// If the job fails.
pub fn run(system: &System, messages: u64) -> Run {
    let (tell, sums) = mpsc::channel();
    let mut results = Totals { results: (0, 0), tell };
    let pipeline = Pipeline::new();
    rejections(pipeline.source("messages", source::generate(1, move |_| Messages::new(messages))))
        .sink("rejected", sink::each(move |rejected| results.add(rejected)));
    let start = Instant::now();
    pipeline.start(system).wait().expect("nothing in it fails");
    let elapsed = start.elapsed();
    let results = sums.recv().expect("the sink tells its sums when it ends");
    Run { results, elapsed }
}

/// The sink's sums, told when the sink ends.
struct Totals {
    results: (u64, u64),
    tell: mpsc::Sender<(u64, u64)>,
}

impl Totals {
    fn add(&mut self, rejected: Rejected) {
        add(&mut self.results, rejected);
    }
}

impl Drop for Totals {
    fn drop(&mut self) {
        // A run that failed has nobody who listens.
        let _ = self.tell.send(self.results);
    }
}
