//! The published message generator of Market Spread, as a function of a seed.
//!
//! It exists so that sender, demo and tests make the same messages: even ones are quotes, odd ones
//! orders, written as frames straight into two buffers. It has no clock and no sockets. It goes
//! beyond the published algorithm in one point: it guarantees that an instrument's quotes either
//! all reject or all accept, so the rejected orders do not depend on how the two streams race.

use thiserror::Error;

use super::clock::FILE_TIME;
use super::frames::{self, Order, Quote, Side, Symbol, TIME_BYTES};
use super::instruments::Universe;
use super::order_ids::{IDS, OrderIds};
use super::random::{SplitMix64, below_of, unit_of};
use super::rule::{SPREAD_MIN, SPREAD_SHARE_MIN};
use crate::human::count;

/// The published share of orders for rejected instruments: one in so many.
pub const REJECT_ONE_IN: u64 = 70_000;

/// An instrument is hot when it is among this share of all.
const HOT_SHARE: f64 = 0.2;
/// 80 % of 2^32: a draw below it goes to a hot instrument.
const HOT_BOUND: u32 = (0.8 * 4_294_967_296.0) as u32;
/// From this price on the widest narrow spread, 0.03, stays below the relative bound.
const SAFE_PRICE_MIN: f64 = 1.0;
const ACCOUNTS: u32 = 300;
const DICE_SIDES: u32 = 65;
const QUANTITY_UNIT: f64 = 10.0;

const PURPOSE_HOT: u64 = 1;
const PURPOSE_INITIAL: u64 = 2;
const PURPOSE_MESSAGES: u64 = 3;

/// Why the messages cannot be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GeneratorError {
    /// There are only so many order ids.
    #[error("{} messages are too many: six characters name at most {}", count(*found), count(IDS))]
    TooManyMessages {
        /// How many were asked for.
        found: u64,
    },
}

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratorConfig {
    /// Decides every byte.
    pub seed: u64,
    /// How many messages, quotes and orders together.
    pub messages: u64,
    /// One order in so many is for a rejected instrument; 0 for none.
    pub reject_one_in: u64,
}

/// Makes the messages of a run, one after the other.
#[derive(Debug, Clone)]
pub struct Generator {
    config: GeneratorConfig,
    instruments: Box<[Listed]>,
    quoted: Skewed,
    accepted: Skewed,
    rejected: Skewed,
    random: SplitMix64,
    ids: OrderIds,
    time: [u8; TIME_BYTES],
    index: u64,
    orders_for_rejected: u64,
}

#[derive(Debug, Clone, Copy)]
struct Listed {
    price: f64,
    symbol: Symbol,
    rejected: bool,
}

impl Generator {
    /// Prepares the messages of a run; all get the time field of files until `set_time`.
    pub fn new(universe: &Universe, config: GeneratorConfig) -> Result<Self, GeneratorError> {
        if config.messages > IDS {
            let found = config.messages;
            return Err(GeneratorError::TooManyMessages { found });
        }
        let instruments: Box<[Listed]> = universe
            .instruments()
            .iter()
            .map(|one| Listed {
                price: one.price,
                symbol: one.symbol,
                rejected: one.rejected,
            })
            .collect();
        let mut random = SplitMix64::for_purpose(config.seed, PURPOSE_HOT);
        let mut group = |rejected| {
            let members = (0_u32..).zip(&instruments);
            let members = members.filter(|(_, one)| one.rejected == rejected);
            Skewed::new(members.map(|(at, _)| at).collect(), &mut random)
        };
        let (accepted, rejected) = (group(false), group(true));
        Ok(Self {
            config,
            // Joined and not drawn anew, so that both streams have the same hot instruments.
            quoted: accepted.joined(&rejected),
            // A universe of only one kind serves all orders.
            accepted: accepted.clone().or(&rejected),
            rejected: rejected.or(&accepted),
            instruments,
            random: SplitMix64::for_purpose(config.seed, PURPOSE_MESSAGES),
            ids: OrderIds::starting_at(config.seed, 0),
            time: FILE_TIME,
            index: 0,
            orders_for_rejected: 0,
        })
    }

    /// Sets the time field of the messages that follow; it is not worth a clock read for each.
    pub fn set_time(&mut self, time: [u8; TIME_BYTES]) {
        self.time = time;
    }

    /// The index of the next message, which is how many have been made.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many of the orders made so far are for rejected instruments: the number of results.
    #[must_use]
    pub fn orders_for_rejected(&self) -> u64 {
        self.orders_for_rejected
    }

    /// Appends one quote for every instrument, which primes the state before the messages; they
    /// count as no messages and change none.
    pub fn initial_quotes(&self, quotes: &mut Vec<u8>) {
        let mut random = SplitMix64::for_purpose(self.config.seed, PURPOSE_INITIAL);
        for listed in &self.instruments {
            frames::encode_quote(&quote(listed, &mut random), &self.time, quotes);
        }
    }

    /// Appends the next message to its stream; false, and nothing, after the last.
    #[inline]
    pub fn next(&mut self, orders: &mut Vec<u8>, quotes: &mut Vec<u8>) -> bool {
        if self.index >= self.config.messages {
            return false;
        }
        if self.index.is_multiple_of(2) {
            let at = self.quoted.pick(self.random.next_u64());
            let quote = quote(&self.instruments[at as usize], &mut self.random);
            frames::encode_quote(&quote, &self.time, quotes);
        } else {
            let order = self.order();
            frames::encode_order(&order, &self.time, orders);
        }
        self.ids.advance();
        self.index += 1;
        true
    }

    /// Appends the next `messages` messages, or fewer at the end, and returns how many.
    pub fn fill(&mut self, orders: &mut Vec<u8>, quotes: &mut Vec<u8>, messages: u64) -> u64 {
        let first = self.index;
        for _ in 0..messages {
            if !self.next(orders, quotes) {
                break;
            }
        }
        self.index - first
    }

    #[inline]
    fn order(&mut self) -> Order {
        let one_in = self.config.reject_one_in;
        let rejects = one_in > 0 && self.random.below(one_in) == 0;
        let group = if rejects { &self.rejected } else { &self.accepted };
        let listed = self.instruments[group.pick(self.random.next_u64()) as usize];
        self.orders_for_rejected += u64::from(listed.rejected);
        // One draw for three fields: the upper half, the lower half but for its last bit, that bit.
        let draw = self.random.next_u64();
        let dice = 1 + below_of(draw as u32 & !1, DICE_SIDES);
        Order {
            quantity: QUANTITY_UNIT * f64::from(dice),
            price: listed.price,
            account: 1 + below_of((draw >> 32) as u32, ACCOUNTS),
            symbol: listed.symbol,
            id: self.ids.peek(),
            side: if draw & 1 == 0 { Side::Buy } else { Side::Sell },
        }
    }
}

#[inline]
fn quote(listed: &Listed, random: &mut SplitMix64) -> Quote {
    let draw = random.next_u64();
    let above = listed.price + unit_of(draw);
    let (bid, offer) = if listed.rejected {
        wide_quote(above, random)
    } else {
        // The number uses the upper 53 bits, so the lowest two are free to be the spread.
        (above, narrow_offer(above, listed.price, (draw & 3) as u32))
    };
    Quote {
        bid,
        offer,
        symbol: listed.symbol,
    }
}

/// An offer up to three cents above the bid, fewer where that would reject a cheap instrument.
#[inline]
fn narrow_offer(bid: f64, price: f64, mut cents: u32) -> f64 {
    loop {
        let offer = bid + f64::from(cents) / 100.0;
        let spread = offer - bid;
        // Without the price's bound this would divide once per message, all but always in vain.
        if price >= SAFE_PRICE_MIN || cents == 0 || spread / ((bid + offer) / 2.0) < SPREAD_SHARE_MIN {
            return offer;
        }
        cents -= 1;
    }
}

/// A bid below the others', and an offer far enough above it to reject.
fn wide_quote(above: f64, random: &mut SplitMix64) -> (f64, f64) {
    let bid = above - ((0.05 + random.unit()) * 0.1 + 0.01);
    let mut offer = bid + (SPREAD_MIN + 0.03 * random.unit());
    // Rounding may leave the difference just below the bound that the rule compares it with.
    while offer - bid < SPREAD_MIN {
        offer = offer.next_up();
    }
    (bid, offer)
}

/// A group of instruments, of which a hot part is drawn more often.
#[derive(Debug, Clone)]
struct Skewed {
    hot: Vec<u32>,
    cold: Vec<u32>,
}

impl Skewed {
    fn new(mut members: Vec<u32>, random: &mut SplitMix64) -> Self {
        random.shuffle(&mut members);
        let hot = (members.len() as f64 * HOT_SHARE).round() as usize;
        let cold = members.split_off(hot);
        Self { hot: members, cold }
    }

    fn joined(&self, other: &Self) -> Self {
        Self {
            hot: [&self.hot[..], &other.hot].concat(),
            cold: [&self.cold[..], &other.cold].concat(),
        }
    }

    fn or(self, other: &Self) -> Self {
        // The hot part is the smaller one, so a group without a cold part is empty.
        if self.cold.is_empty() { other.clone() } else { self }
    }

    /// One member: the lower half of a draw says from which part, the upper half which.
    #[inline]
    fn pick(&self, draw: u64) -> u32 {
        let part = if (draw as u32) < HOT_BOUND && !self.hot.is_empty() {
            &self.hot
        } else {
            &self.cold
        };
        part[below_of((draw >> 32) as u32, part.len() as u32) as usize]
    }
}

#[cfg(test)]
#[path = "generator_tests.rs"]
mod tests;
