//! The gate: a token bucket, a bound on what is under way, and a bounded queue, as one actor.
//!
//! It lacks fairness between clients: who asks first goes first.

use potoroo_runtime::sys::clock::Time;
use potoroo_runtime::{Actor, ActorRef, Context, Reply, Turn};
use std::collections::VecDeque;
use std::time::Duration;

/// How often the bucket gets new tokens. How many is a matter of the time that has passed, so a late timer costs nothing.
const REFILL_INTERVAL: Duration = Duration::from_millis(5);

/// What a gate lets through.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests a second.
    pub rate: f64,
    /// How many may go at once after a quiet time.
    pub burst: f64,
    /// How many may be under way.
    pub in_flight_max: usize,
    /// How many may wait.
    pub waiting_max: usize,
    /// Nobody waits for a pass any longer than this.
    pub timeout: Duration,
}

/// Decides who may go to the server, and when.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    tokens: f64,
    filled_at: Time,
    /// How many more may be under way.
    free: usize,
    /// Since when, and where the pass goes.
    waiting: VecDeque<(Time, Reply<Pass>)>,
    passed: u64,
    refused: u64,
}

/// What is told to a gate.
#[derive(Debug)]
pub enum GateMsg {
    /// A request wants to go. Without an answer it may not.
    Enter(Reply<Pass>),
    /// A pass has come back.
    Left,
    /// Time for new tokens.
    Refill,
    /// Asks what has been done.
    Count(Reply<Counts>),
}

/// What a gate has done.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Requests that were let through.
    pub passed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that wait or are under way.
    pub unfinished: usize,
}

/// A place at the server. It comes back when it is dropped, wherever that is.
#[derive(Debug)]
pub struct Pass(ActorRef<Gate>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.tell(GateMsg::Left);
    }
}

impl Gate {
    /// A gate with a full bucket.
    pub fn new(limits: Limits, ctx: &mut Context<'_, Self>) -> Self {
        ctx.every(REFILL_INTERVAL, || GateMsg::Refill);
        Self {
            limits,
            tokens: limits.burst,
            filled_at: ctx.now(),
            free: limits.in_flight_max,
            waiting: VecDeque::new(),
            passed: 0,
            refused: 0,
        }
    }

    /// Gives the bucket the tokens of the time that has passed.
    fn refill(&mut self, now: Time) {
        let new = self.limits.rate * now.since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + new).min(self.limits.burst);
        self.filled_at = now;
    }

    fn let_in(&mut self, ctx: &Context<'_, Self>) {
        while self.tokens >= 1.0
            && self.free > 0
            && let Some((since, reply)) = self.waiting.pop_front()
        {
            // Whoever asked so long ago has been answered otherwise; no token for that.
            if ctx.now().since(since) < self.limits.timeout {
                self.tokens -= 1.0;
                self.free -= 1;
                self.passed += 1;
                reply.send(Pass(ctx.me()));
            }
        }
    }
}

impl Actor for Gate {
    type Msg = GateMsg;

    fn handle(&mut self, msg: GateMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            GateMsg::Enter(reply) => {
                self.refill(ctx.now());
                self.waiting.push_back((ctx.now(), reply));
                self.let_in(ctx);
                if self.waiting.len() > self.limits.waiting_max {
                    // A reply that is dropped is an answer too.
                    self.waiting.pop_back();
                    self.refused += 1;
                }
            }
            GateMsg::Left => {
                self.free += 1;
                self.let_in(ctx);
            }
            GateMsg::Refill => {
                self.refill(ctx.now());
                self.let_in(ctx);
            }
            GateMsg::Count(reply) => reply.send(Counts {
                passed: self.passed,
                refused: self.refused,
                unfinished: self.waiting.len() + self.limits.in_flight_max - self.free,
            }),
        }
        Ok(())
    }
}
