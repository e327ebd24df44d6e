//! W3, market spread: quotes and orders for 350 symbols. An order is rejected if the last quote of its symbol is too wide; what is
//! rejected comes out, with the quote.
//!
//! With several sources the interleaving decides which quote is the last when an order comes, so what comes out is known only for
//! one; for several it must be near.

use super::words::{Random, one_of, share};
use potoroo::nexmark::total::Total;

/// How many symbols there are.
pub const SYMBOLS: usize = 350;

/// What comes.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// What the market bids and asks.
    Quote {
        /// For which symbol.
        symbol: u32,
        /// The bid, in dollars.
        bid: f64,
        /// What is asked, in dollars.
        ask: f64,
    },
    /// Somebody wants to buy.
    Order {
        /// Which symbol.
        symbol: u32,
        /// How many.
        quantity: u32,
        /// Which order.
        id: u64,
    },
}

impl Message {
    /// The symbol it is about.
    #[inline]
    #[must_use]
    pub fn symbol(&self) -> u32 {
        match self {
            Self::Quote { symbol, .. } | Self::Order { symbol, .. } => *symbol,
        }
    }
}

/// What comes out.
#[derive(Clone, Copy, Debug)]
pub struct Rejected {
    /// Which order.
    pub id: u64,
    /// Of which symbol.
    pub symbol: u32,
    /// The last bid.
    pub bid: f64,
    /// What was asked last.
    pub ask: f64,
}

/// What is known of a symbol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Market {
    bid: f64,
    ask: f64,
    mid: f64,
    reject: bool,
}

impl Market {
    /// Between the last bid and what was asked last, in dollars.
    #[must_use]
    pub fn mid(&self) -> f64 {
        self.mid
    }

    /// Takes a message; says what is rejected.
    #[inline]
    pub fn take(&mut self, message: Message) -> Option<Rejected> {
        match message {
            Message::Quote { bid, ask, .. } => {
                let (spread, mid) = (ask - bid, (bid + ask) / 2.0);
                *self = Self {
                    bid,
                    ask,
                    mid,
                    reject: spread >= 0.05 || spread / mid >= 0.05,
                };
                None
            }
            Message::Order { symbol, id, .. } => self.reject.then_some(Rejected {
                id,
                symbol,
                bid: self.bid,
                ask: self.ask,
            }),
        }
    }
}

/// The messages of one source.
#[derive(Debug)]
pub struct Feed {
    random: Random,
    /// The number of the next message.
    next: u64,
    until: u64,
}

impl Feed {
    /// Of source `source` of `sources`, of `records` messages in all.
    #[must_use]
    pub fn new(records: u64, source: usize, sources: usize) -> Self {
        Self {
            random: Random::of_source(source),
            next: 0,
            until: share(records, source, sources),
        }
    }
}

impl Iterator for Feed {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        if self.next == self.until {
            return None;
        }
        let id = self.next;
        self.next += 1;
        let x = self.random.next();
        let symbol = one_of(x, SYMBOLS) as u32;
        Some(if x & 1 == 0 {
            let bid_cents = 50 + ((x >> 1) & 0xFFFF) % 9950;
            let wide = (x >> 17) & 0xFF;
            let spread_cents = if wide < 10 { 6 + wide % 5 } else { 1 + (wide & 3) };
            Message::Quote {
                symbol,
                bid: bid_cents as f64 / 100.0,
                ask: (bid_cents + spread_cents) as f64 / 100.0,
            }
        } else {
            let quantity = (100 + (x >> 1) % 900) as u32;
            Message::Order { symbol, quantity, id }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.until - self.next) as usize;
        (left, Some(left))
    }
}

/// Whether a total may be what `sources` sources give, if `one_after_the_other` is what the loop makes of them.
#[must_use]
pub fn is_plausible(total: Total, one_after_the_other: Total, sources: usize) -> bool {
    if sources == 1 {
        return total == one_after_the_other;
    }
    // Each quote decides about one order, on the average: the number varies like a sum of as many throws.
    let expected = one_after_the_other.out as f64;
    (total.out as f64 - expected).abs() <= 10.0 * expected.sqrt() + 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_quotes_reject_and_narrow_ones_accept() {
        let mut market = Market::default();
        let order = Message::Order {
            symbol: 7,
            quantity: 100,
            id: 3,
        };
        let mut quoted = |bid, ask| {
            let symbol = 7;
            assert!(market.take(Message::Quote { symbol, bid, ask }).is_none());
            (
                market.mid(),
                market.take(order).map(|rejected| (rejected.id, rejected.ask)),
            )
        };
        assert_eq!(quoted(10.0, 10.03125), (10.015625, None));
        assert_eq!(quoted(10.0, 10.0625), (10.03125, Some((3, 10.0625))));
        // Three cents are more than a twentieth of half a dollar.
        assert_eq!(quoted(0.5, 0.53125), (0.515625, Some((3, 0.53125))));
        assert!(Market::default().take(order).is_none(), "before any quote");
    }
}
