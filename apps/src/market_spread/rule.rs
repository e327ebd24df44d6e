//! The rule of Market Spread: what a quote does to a symbol's state, and an order's fate.
//!
//! It exists apart from engine and codec so that it can be read against the published description
//! in one look. It has no clock (the timestamp is handed in) and no table of symbols.

use super::frames::{Order, Outcome, Quote};

/// A spread this wide, in dollars, rejects.
pub const SPREAD_MIN: f64 = 0.05;
/// A spread this wide, as a share of the mid price, rejects.
pub const SPREAD_SHARE_MIN: f64 = 0.05;

/// The state of one symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Market {
    /// The last bid.
    pub bid: f64,
    /// The last offer.
    pub offer: f64,
    /// Whether orders are rejected.
    pub reject: bool,
}

impl Default for Market {
    /// A symbol nobody has quoted: every order is rejected, at a bid and offer of zero.
    fn default() -> Self {
        Self {
            bid: 0.0,
            offer: 0.0,
            reject: true,
        }
    }
}

impl Market {
    /// Takes the latest quote of the symbol.
    #[inline]
    pub fn quote(&mut self, quote: &Quote) {
        let spread = quote.offer - quote.bid;
        let mid = (quote.bid + quote.offer) / 2.0;
        self.bid = quote.bid;
        self.offer = quote.offer;
        self.reject = spread >= SPREAD_MIN || spread / mid >= SPREAD_SHARE_MIN;
    }

    /// The result of an order: one when it is rejected, otherwise none.
    #[inline]
    #[must_use]
    pub fn order(&self, order: &Order, timestamp_ns: u64) -> Option<Outcome> {
        self.reject.then_some(Outcome {
            order: *order,
            bid: self.bid,
            offer: self.offer,
            timestamp_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::{OrderId, Side, Symbol};
    use super::*;

    fn order() -> Order {
        Order {
            quantity: 10.0,
            price: 20.0,
            account: 1,
            symbol: Symbol(*b"AAPL"),
            id: OrderId(*b"000001"),
            side: Side::Buy,
        }
    }

    fn after(bid: f64, offer: f64) -> Market {
        let mut market = Market::default();
        market.quote(&Quote {
            bid,
            offer,
            symbol: Symbol(*b"AAPL"),
        });
        market
    }

    #[test]
    fn an_unquoted_symbol_rejects_at_zero() {
        let outcome = Market::default().order(&order(), 42).unwrap();
        assert_eq!((outcome.bid, outcome.offer), (0.0, 0.0));
        assert_eq!((outcome.order, outcome.timestamp_ns), (order(), 42));
    }

    #[test]
    fn a_narrow_spread_accepts_and_a_wide_one_rejects() {
        assert!(!after(20.0, 20.03).reject);
        assert!(after(20.0, 20.0625).reject);
        // Exact in binary, so that the bound itself is tested and not its rounding.
        assert!(!after(20.0, 20.03125).reject);
        assert_eq!(after(20.0, 20.03).order(&order(), 0), None);
        let outcome = after(20.0, 20.25).order(&order(), 0).unwrap();
        assert_eq!((outcome.bid, outcome.offer), (20.0, 20.25));
    }

    #[test]
    fn a_cheap_symbol_rejects_by_share() {
        assert!(after(0.25, 0.28).reject);
        assert!(!after(1.25, 1.28).reject);
    }

    #[test]
    fn the_latest_quote_counts() {
        let mut market = after(20.0, 21.0);
        assert!(market.reject);
        market.quote(&Quote {
            bid: 20.0,
            offer: 20.0,
            symbol: Symbol(*b"AAPL"),
        });
        assert!(!market.reject);
    }
}
