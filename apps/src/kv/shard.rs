//! A shard: the actor that owns a part of the keys, and of the channels.
//!
//! It does what a batch asks for, one request after the other, and sends the batch back with the replies. The clock is
//! read once for each batch. Keys whose time is up go a few at a time, by a timer. It never waits, and knows nothing of
//! the protocol but how replies are written.

use super::batch::Batch;
use super::channels::Channels;
use super::store::{Op, Store, execute};
use potoroo_runtime::arena::Evacuate;
use potoroo_runtime::sys::clock::wall_ns;
use potoroo_runtime::{Actor, ActorId, Context, Fault, Reply, Turn};
use std::time::Duration;

/// How often keys whose time is up are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// How soon is looked again if there were more than could go at once.
const SWEEP_AGAIN: Duration = Duration::from_millis(1);

/// How many keys one look removes at most.
const SWEEP_BUDGET: usize = 1000;

/// What can be told to a shard.
#[derive(Debug)]
pub enum ShardMsg {
    /// Requests; the batch comes back as [`ConnectionMsg::Done`](super::connection::ConnectionMsg::Done).
    Batch(Box<Batch>),
    /// A connection that had subscribed has ended.
    Forget(ActorId),
    /// Look for keys whose time is up.
    Sweep,
    /// Say how many keys there are.
    Count(Reply<u64>),
}

/// A part of the keys and of the channels.
#[derive(Debug)]
pub struct Shard {
    store: Store,
    channels: Channels,
}

impl Shard {
    /// A factory body: shard `index` of `shards`, for keys hashed with `seed`.
    pub fn new(seed: u64, index: usize, shards: usize, ctx: &mut Context<'_, Self>) -> Result<Self, Fault> {
        ctx.after(SWEEP_INTERVAL, ShardMsg::Sweep);
        Ok(Self {
            store: Store::new_in(&ctx.arena(), seed, index, shards),
            channels: Channels::default(),
        })
    }
}

impl Actor for Shard {
    type Msg = ShardMsg;

    fn handle(&mut self, msg: ShardMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ShardMsg::Batch(mut batch) => {
                let now_ms = wall_ns() / 1_000_000;
                batch.answer(|op, version, hash, words, out, home| match op {
                    Op::Subscribe
                    | Op::Unsubscribe
                    | Op::PSubscribe
                    | Op::PUnsubscribe
                    | Op::Publish
                    | Op::NumSub
                    | Op::NumPat
                    | Op::Channels => self.channels.execute(op, words, version, out, home),
                    _ => execute(&mut self.store, op, hash, words, now_ms, version, out),
                });
                let home = batch.home.clone();
                home.tell(super::connection::ConnectionMsg::Done(batch));
            }
            ShardMsg::Count(reply) => reply.send(self.store.held().keys),
            ShardMsg::Forget(client) => self.channels.forget(client),
            ShardMsg::Sweep => {
                let more = self.store.sweep(wall_ns() / 1_000_000, SWEEP_BUDGET);
                ctx.after(if more { SWEEP_AGAIN } else { SWEEP_INTERVAL }, ShardMsg::Sweep);
            }
        }
        Ok(())
    }

    fn arena_state(&mut self) -> Option<&mut dyn Evacuate> {
        Some(&mut self.store)
    }
}
