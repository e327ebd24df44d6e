//! Savina's sieve of Eratosthenes: a chain of filters, each with so many primes, that grows as primes are found.
//!
//! A producer sends the odd numbers from 3, [`BURST`] between two messages to itself. A filter drops what one of its
//! primes divides; what survives is one of its own primes if it has room, and otherwise goes to the next filter, which it
//! spawns as its child when it needs it. A number counts as a message for every filter that it visits. The end goes
//! through the chain and is not counted. As in Savina, a number is divided by every prime of a filter, not only by those
//! up to its root. Only primes are added up, each times its filter's number.

use crate::Outcome;
use crate::fan_in::BURST;
use crate::stage::{self, Cast, Ledger, Play};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::sync::Arc;

/// One type for both sides.
enum Msg {
    Number(u64),
    End,
    NextBurst,
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

struct Filter {
    /// From 1.
    number: u64,
    primes: Vec<u64>,
    primes_max: usize,
    next: Option<ActorRef<Filter>>,
    handled: u64,
    ledger: Arc<Ledger>,
}

impl Filter {
    fn new(number: u64, primes_max: usize, ledger: Arc<Ledger>) -> Self {
        Self {
            number,
            primes: Vec::with_capacity(primes_max),
            primes_max,
            next: None,
            handled: 0,
            ledger,
        }
    }
}

impl Actor for Filter {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Number(n) => {
                self.handled += 1;
                if self.primes.iter().any(|prime| n % prime == 0) {
                    return Ok(());
                }
                if self.primes.len() < self.primes_max {
                    self.primes.push(n);
                    return Ok(());
                }
                let (number, primes_max, ledger) = (self.number + 1, self.primes_max, &self.ledger);
                let next = self.next.get_or_insert_with(|| {
                    let ledger = ledger.clone();
                    ctx.spawn(move |_| Ok(Self::new(number, primes_max, ledger)))
                });
                next.tell(Msg::Number(n));
            }
            Msg::End => match &self.next {
                Some(next) => next.tell(Msg::End),
                None => self.ledger.part_finished(),
            },
            Msg::NextBurst => return Err(Fault::new("a filter has no bursts")),
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        let primes: u64 = self.primes.iter().sum();
        self.ledger.add(weigh(self.number, primes, self.handled));
    }
}

/// What a filter adds: its primes and how many numbers it has seen.
fn weigh(number: u64, primes: u64, handled: u64) -> u64 {
    (primes + (handled << 32)).wrapping_mul(number)
}

struct Producer {
    next: u64,
    end: u64,
    filter: ActorRef<Filter>,
}

impl Actor for Producer {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        if !matches!(msg, Msg::NextBurst) {
            return Err(Fault::new("a producer has no numbers to look at"));
        }
        for _ in 0..BURST {
            if self.next >= self.end {
                self.filter.tell(Msg::End);
                return Ok(());
            }
            self.filter.tell(Msg::Number(self.next));
            self.next += 2;
        }
        ctx.me().tell(Msg::NextBurst);
        Ok(())
    }
}

/// How many messages a sieve of the numbers below `end` takes, and its sum: by the smallest divisor of each number,
/// which tells where it is dropped.
fn played_out(end: u64, primes_max: usize) -> (u64, u64) {
    // The smallest odd divisor above 1 of each odd number; 0 where it is the number itself.
    let mut divisor = vec![0_u64; end as usize];
    let mut index = vec![0_usize; end as usize];
    let mut primes = 0;
    let mut filters: Vec<(u64, u64)> = Vec::new();
    for n in (3..end).step_by(2) {
        if divisor[n as usize] == 0 {
            for multiple in (n * n..end).step_by(2 * n as usize) {
                if divisor[multiple as usize] == 0 {
                    divisor[multiple as usize] = n;
                }
            }
            index[n as usize] = primes;
            primes += 1;
        }
        let prime = if divisor[n as usize] == 0 {
            n
        } else {
            divisor[n as usize]
        };
        let last = index[prime as usize] / primes_max;
        if filters.len() == last {
            filters.push((0, 0));
        }
        for filter in &mut filters[..=last] {
            filter.1 += 1;
        }
        if prime == n {
            filters[last].0 += n;
        }
    }
    (1..)
        .zip(filters)
        .fold((0, 0), |(messages, sum), (number, (primes, handled))| {
            (messages + handled, sum.wrapping_add(weigh(number, primes, handled)))
        })
}

/// Runs a sieve of the numbers below `end` with `primes_max` primes per filter.
///
/// # Panics
///
/// If a message is lost, if `end` is not above 3, or if filters have no room.
pub fn run(system: &System, end: u64, primes_max: usize) -> Outcome {
    assert!(end > 3 && primes_max > 0, "sieve: nothing to filter");
    let (messages, expected) = played_out(end, primes_max);
    let play = Play {
        workload: "sieve",
        cast: Cast { children: 2, parts: 1 },
        messages,
        expected,
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let of_filter = ledger.clone();
        let filter = ctx.spawn(move |_| {
            of_filter.ready();
            Ok(Filter::new(1, primes_max, of_filter))
        });
        let ledger = ledger.clone();
        let producer = ctx.spawn(move |_| {
            ledger.ready();
            Ok(Producer { next: 3, end, filter })
        });
        Box::new(move || producer.tell(Msg::NextBurst))
    })
}
