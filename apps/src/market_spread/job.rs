//! The job itself: the page that shows what Market Spread is.
//!
//! Orders and quotes meet at the state of their symbol; a quote sets it, an order is judged by it. Everything else here
//! is where the two come from and where the results go.

use super::frames::{Event, FrameError, OUTCOME_FRAME_BYTES, Outcome, decode, encode_outcome};
use super::rule::Market;
use crate::serve::{MeasuredEncoder, SharedLatencies};
use potoroo_actors::runtime::io::Framing;
use potoroo_actors::sink::Sink;
use potoroo_actors::source::{Arrival, FileSource, TcpSource};
use potoroo_actors::{DeadLetters, KeyContext, Pipeline};
use potoroo_runtime::Turn;
use potoroo_runtime::sys::net::TcpListener;
use std::io;
use std::path::PathBuf;

/// The names of the stages.
pub const ORDERS: &str = "orders";
/// See [`ORDERS`].
pub const QUOTES: &str = "quotes";
/// See [`ORDERS`]; with files one source reads both.
pub const FILES: &str = "quotes, then orders";
/// See [`ORDERS`].
pub const MARKET: &str = "market";
/// See [`ORDERS`].
pub const RESULTS: &str = "results";

/// The sources, whichever of them there are.
pub const SOURCES: [&str; 3] = [ORDERS, QUOTES, FILES];

/// A message and when its bytes were read.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    event: Event,
    wall_ns: u64,
}

/// The key: the four characters of a symbol.
type Ticker = [u8; 4];

fn arrive(bytes: &[u8], arrival: Arrival) -> Result<Arrived, FrameError> {
    Ok(Arrived {
        event: decode(bytes)?,
        wall_ns: arrival.wall_ns,
    })
}

/// The transaction on one symbol's state.
fn trade(market: &mut Market, message: Arrived, out: &mut KeyContext<'_, Ticker, Outcome>) -> Turn {
    match message.event {
        Event::Quote(quote) => market.quote(&quote),
        Event::Order(order) => {
            if let Some(outcome) = market.order(&order, message.wall_ns) {
                out.emit(outcome);
            }
        }
    }
    Ok(())
}

/// Where messages come from.
#[derive(Debug)]
pub enum Inputs {
    /// Two listening sockets; the two streams race.
    Tcp {
        /// For orders.
        orders: TcpListener,
        /// For quotes.
        quotes: TcpListener,
        /// Serve one connection each and end with them.
        once: bool,
    },
    /// Two files; the quotes are read to their end before the orders.
    Files {
        /// Of orders.
        orders: PathBuf,
        /// Of quotes.
        quotes: PathBuf,
    },
}

/// What turns results into frames and measures how long they took.
pub fn encoder(latencies: &SharedLatencies) -> impl potoroo_actors::Encode<Outcome> + use<> {
    MeasuredEncoder::new(
        |outcome: &Outcome, out: &mut Vec<u8>| {
            out.reserve(OUTCOME_FRAME_BYTES);
            encode_outcome(outcome, out);
        },
        |outcome: &Outcome| outcome.timestamp_ns,
        latencies.clone(),
    )
}

/// The job. A file that cannot be opened is the one error; it comes with its path.
pub fn pipeline(
    inputs: Inputs,
    frame_bytes_max: usize,
    sink: impl Sink<Outcome>,
    dead_letters: DeadLetters,
) -> Result<Pipeline, (PathBuf, io::Error)> {
    let framing = Framing::LengthPrefixed { frame_bytes_max };
    let pipeline = Pipeline::new().dead_letters(dead_letters);
    match inputs {
        Inputs::Tcp { orders, quotes, once } => {
            let quotes = pipeline.source(QUOTES, TcpSource::new(quotes, framing, arrive).once(once));
            pipeline
                .source(ORDERS, TcpSource::new(orders, framing, arrive).once(once))
                .merge(quotes)
                .key_by(|message: &Arrived| message.event.symbol().0)
                .entity(MARKET, |_| Market::default(), trade)
                .sink(RESULTS, sink);
        }
        Inputs::Files { orders, quotes } => {
            pipeline
                .source(FILES, FileSource::open([quotes, orders], framing, arrive)?)
                .key_by(|message: &Arrived| message.event.symbol().0)
                .entity(MARKET, |_| Market::default(), trade)
                .sink(RESULTS, sink);
        }
    }
    Ok(pipeline)
}
