//! The wire format of Market Spread: orders and quotes in, results out.
//!
//! It exists so that everything on the data's way shares one codec. Decoding is the hot path: fixed
//! offsets into a payload of a known length, no allocation, no time field (nothing reads it).
//! Splitting a byte stream into frames is deliberately not here; that is the reader's part.

use std::fmt;

pub use super::frame_error::{FrameError, FrameKind};

/// The length field in front of every payload.
pub const HEADER_BYTES: usize = 4;
/// An order without its header.
pub const ORDER_PAYLOAD_BYTES: usize = 53;
/// An order with its header.
pub const ORDER_FRAME_BYTES: usize = HEADER_BYTES + ORDER_PAYLOAD_BYTES;
/// A quote without its header.
pub const QUOTE_PAYLOAD_BYTES: usize = 42;
/// A quote with its header.
pub const QUOTE_FRAME_BYTES: usize = HEADER_BYTES + QUOTE_PAYLOAD_BYTES;
/// A result without its header.
pub const OUTCOME_PAYLOAD_BYTES: usize = 55;
/// A result with its header.
pub const OUTCOME_FRAME_BYTES: usize = HEADER_BYTES + OUTCOME_PAYLOAD_BYTES;
/// The part of a result's payload that is a function of the input: all but the timestamp.
pub const OUTCOME_STABLE_BYTES: usize = OUTCOME_PAYLOAD_BYTES - 8;
/// The time field, `YYYYMMDD-HH:MM:SS.000`.
pub const TIME_BYTES: usize = 21;

const ORDER_TYPE: u8 = 1;
const QUOTE_TYPE: u8 = 2;

/// Which side of the market an order is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// 1 on the wire.
    Buy = 1,
    /// 2 on the wire.
    Sell = 2,
}

/// A ticker of one to four characters, padded on the left with spaces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub [u8; 4]);

impl Symbol {
    /// Pads a ticker; `None` unless it is one to four visible ASCII characters.
    #[must_use]
    pub fn new(ticker: &str) -> Option<Self> {
        let visible = ticker.bytes().all(|byte| byte.is_ascii_graphic());
        if ticker.is_empty() || ticker.len() > 4 || !visible {
            return None;
        }
        let mut padded = [b' '; 4];
        padded[4 - ticker.len()..].copy_from_slice(ticker.as_bytes());
        Some(Self(padded))
    }

    #[inline]
    fn decode(found: [u8; 4]) -> Result<Self, FrameError> {
        // `&` over all four, not `&&`: one branch on the hot path instead of four.
        let printable = found.iter().fold(true, |ok, byte| ok & matches!(byte, b' '..=b'~'));
        if printable {
            Ok(Self(found))
        } else {
            Err(FrameError::BadSymbol { found })
        }
    }
}

impl fmt::Display for Symbol {
    /// The ticker without its padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.trim_ascii_start().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({self})")
    }
}

/// The six characters that name an order. `order_ids` says how the sender makes them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(pub [u8; 6]);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderId({self})")
    }
}

/// What processing needs of an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// How many.
    pub quantity: f64,
    /// At what price.
    pub price: f64,
    /// For whom.
    pub account: u32,
    /// Which instrument.
    pub symbol: Symbol,
    /// Its name.
    pub id: OrderId,
    /// Buy or sell.
    pub side: Side,
}

/// What processing needs of a quote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quote {
    /// The best price a buyer offers.
    pub bid: f64,
    /// The best price a seller asks.
    pub offer: f64,
    /// Which instrument.
    pub symbol: Symbol,
}

/// The result record: a rejected order and the quote that rejected it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The order that was rejected.
    pub order: Order,
    /// The symbol's last bid, 0.0 when it was never quoted.
    pub bid: f64,
    /// The symbol's last offer, 0.0 when it was never quoted.
    pub offer: f64,
    /// When the bytes of the order were read, in ns since 1970.
    pub timestamp_ns: u64,
}

/// A message of either input stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// From the orders stream.
    Order(Order),
    /// From the quotes stream.
    Quote(Quote),
}

impl Event {
    /// The symbol the message is about, which is the key of its state.
    #[inline]
    #[must_use]
    pub fn symbol(&self) -> Symbol {
        match self {
            Self::Order(order) => order.symbol,
            Self::Quote(quote) => quote.symbol,
        }
    }
}

/// Decodes the payload of an input frame.
#[inline]
pub fn decode(payload: &[u8]) -> Result<Event, FrameError> {
    match payload.first() {
        Some(&QUOTE_TYPE) => decode_quote(payload).map(Event::Quote),
        Some(&ORDER_TYPE) => decode_order(payload).map(Event::Order),
        Some(&found) => Err(FrameError::UnknownType { found }),
        None => Err(FrameError::Empty),
    }
}

/// Decodes a payload that can only be an order.
#[inline]
pub fn decode_order(payload: &[u8]) -> Result<Order, FrameError> {
    let payload = exactly::<ORDER_PAYLOAD_BYTES>(payload, FrameKind::Order)?;
    if payload[0] != ORDER_TYPE {
        return Err(FrameError::UnknownType { found: payload[0] });
    }
    decode_common(&payload[1..])
}

/// Decodes a payload that can only be a quote.
#[inline]
pub fn decode_quote(payload: &[u8]) -> Result<Quote, FrameError> {
    let payload = exactly::<QUOTE_PAYLOAD_BYTES>(payload, FrameKind::Quote)?;
    if payload[0] != QUOTE_TYPE {
        return Err(FrameError::UnknownType { found: payload[0] });
    }
    Ok(Quote {
        symbol: Symbol::decode(field(payload, 1))?,
        bid: finite(payload, 26, "bid")?,
        offer: finite(payload, 34, "offer")?,
    })
}

/// Decodes the payload of a result.
#[inline]
pub fn decode_outcome(payload: &[u8]) -> Result<Outcome, FrameError> {
    let payload = exactly::<OUTCOME_PAYLOAD_BYTES>(payload, FrameKind::Outcome)?;
    Ok(Outcome {
        order: decode_common(payload)?,
        bid: finite(payload, 31, "bid")?,
        offer: finite(payload, 39, "offer")?,
        timestamp_ns: u64::from_be_bytes(field(payload, 47)),
    })
}

/// Appends an order's frame.
#[inline]
pub fn encode_order(order: &Order, time: &[u8; TIME_BYTES], out: &mut Vec<u8>) {
    let mut frame = [0; ORDER_FRAME_BYTES];
    frame[..4].copy_from_slice(&(ORDER_PAYLOAD_BYTES as u32).to_be_bytes());
    frame[4] = ORDER_TYPE;
    encode_common(order, &mut frame[5..36]);
    frame[36..].copy_from_slice(time);
    out.extend_from_slice(&frame);
}

/// Appends a quote's frame.
#[inline]
pub fn encode_quote(quote: &Quote, time: &[u8; TIME_BYTES], out: &mut Vec<u8>) {
    let mut frame = [0; QUOTE_FRAME_BYTES];
    frame[..4].copy_from_slice(&(QUOTE_PAYLOAD_BYTES as u32).to_be_bytes());
    frame[4] = QUOTE_TYPE;
    frame[5..9].copy_from_slice(&quote.symbol.0);
    frame[9..30].copy_from_slice(time);
    frame[30..38].copy_from_slice(&quote.bid.to_be_bytes());
    frame[38..].copy_from_slice(&quote.offer.to_be_bytes());
    out.extend_from_slice(&frame);
}

/// Appends a result's frame.
#[inline]
pub fn encode_outcome(outcome: &Outcome, out: &mut Vec<u8>) {
    let mut frame = [0; OUTCOME_FRAME_BYTES];
    frame[..4].copy_from_slice(&(OUTCOME_PAYLOAD_BYTES as u32).to_be_bytes());
    encode_common(&outcome.order, &mut frame[4..35]);
    frame[35..43].copy_from_slice(&outcome.bid.to_be_bytes());
    frame[43..51].copy_from_slice(&outcome.offer.to_be_bytes());
    frame[51..].copy_from_slice(&outcome.timestamp_ns.to_be_bytes());
    out.extend_from_slice(&frame);
}

/// The 31 bytes that orders and results have in common, from the side to the price.
#[inline(always)]
fn decode_common(bytes: &[u8]) -> Result<Order, FrameError> {
    Ok(Order {
        side: match bytes[0] {
            1 => Side::Buy,
            2 => Side::Sell,
            found => return Err(FrameError::BadSide { found }),
        },
        account: u32::from_be_bytes(field(bytes, 1)),
        id: OrderId(field(bytes, 5)),
        symbol: Symbol::decode(field(bytes, 11))?,
        quantity: finite(bytes, 15, "quantity")?,
        price: finite(bytes, 23, "price")?,
    })
}

#[inline(always)]
fn encode_common(order: &Order, bytes: &mut [u8]) {
    bytes[0] = order.side as u8;
    bytes[1..5].copy_from_slice(&order.account.to_be_bytes());
    bytes[5..11].copy_from_slice(&order.id.0);
    bytes[11..15].copy_from_slice(&order.symbol.0);
    bytes[15..23].copy_from_slice(&order.quantity.to_be_bytes());
    bytes[23..31].copy_from_slice(&order.price.to_be_bytes());
}

/// One length check, after which the compiler drops the check of every offset.
#[inline(always)]
fn exactly<const N: usize>(payload: &[u8], kind: FrameKind) -> Result<&[u8; N], FrameError> {
    payload
        .try_into()
        .map_err(|_| FrameError::wrong_length(kind, payload.len(), N))
}

#[inline(always)]
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

#[inline(always)]
fn finite(bytes: &[u8], at: usize, name: &'static str) -> Result<f64, FrameError> {
    let number = f64::from_be_bytes(field(bytes, at));
    if number.is_finite() {
        Ok(number)
    } else {
        Err(FrameError::NotANumber { field: name })
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
