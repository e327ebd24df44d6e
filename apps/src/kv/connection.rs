//! A connection of a client: bytes to commands, commands to batches, replies back in order.
//!
//! What a turn has read goes out as one round: at most one batch to each shard. While a round is under way the next one is
//! gathered, so a client that sends without waiting is served in larger and larger steps. Memory is bounded: reading
//! pauses when much is gathered, or when the client does not take its replies, and a subscriber that does not is cut off.

use super::batch::Batch;
use super::info;
use super::resp::{Decoded, Decoder, ProtocolError, Words};
use super::round::{Round, Written};
use super::server::Shared;
use super::session::Session;
use super::shard::ShardMsg;
use potoroo_runtime::io::{CloseReason, Codec, Connection, FrameError, Limits, Link, Protocol};
use potoroo_runtime::sys::net::TcpStream;
use potoroo_runtime::{Context, ExitReason, Fault, Turn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The actor of a connection.
pub type KvConnection = Connection<Client>;

/// Reading pauses when so many bytes wait for the round before.
const GATHERED_BYTES_MAX: usize = 256 * 1024;

/// Reading pauses, and no round begins, while so many bytes of replies are unsent.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;

/// A client that listens to channels and has let so many bytes lie is cut off; as Redis has it.
const SUBSCRIBER_UNSENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What can be told to a connection.
#[derive(Debug)]
pub enum ConnectionMsg {
    /// A shard has answered.
    Done(Box<Batch>),
    /// A message of a channel, encoded for RESP 3.
    Push(Arc<[u8]>),
}

/// A command, or why there are no more.
#[derive(Debug)]
pub enum Request<'a> {
    /// The words of a command.
    Command(Words<'a>),
    /// What follows cannot be read.
    Broken(ProtocolError),
}

/// [`Decoder`] as the runtime wants it.
#[derive(Debug)]
pub struct Resp {
    decoder: Decoder,
    bytes_max: usize,
    wanted: usize,
}

impl Resp {
    /// Takes requests of at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            decoder: Decoder::new(bytes_max),
            bytes_max,
            wanted: 0,
        }
    }
}

impl Codec for Resp {
    type Frame<'a> = Request<'a>;

    #[inline]
    fn decode<'a>(&'a mut self, bytes: &'a [u8], _: u64) -> Result<Option<(Request<'a>, usize)>, FrameError> {
        match self.decoder.decode(bytes) {
            Decoded::Command(words, used) => Ok(Some((Request::Command(words), used))),
            Decoded::Incomplete(wanted) => {
                self.wanted = wanted;
                Ok(None)
            }
            Decoded::Broken(error) => Ok(Some((Request::Broken(error), bytes.len()))),
        }
    }

    /// Half a command at the end is nothing to complain about.
    fn finish<'a>(&'a mut self, _: &'a [u8], _: u64) -> Result<Option<Request<'a>>, FrameError> {
        Ok(None)
    }

    fn buffered_bytes_max(&self) -> usize {
        // The decoder ends what is longer before this does.
        self.bytes_max.saturating_add(2 * super::resp::INLINE_BYTES_MAX)
    }

    fn bytes_wanted(&self) -> usize {
        self.wanted
    }
}

/// What a connection does with commands.
#[derive(Debug)]
pub struct Client {
    session: Session,
    /// The round that is under way, or an empty one.
    flying: Round,
    /// Batches that are with their shards.
    away: usize,
    /// A shard that has more replies than the client takes.
    held_back: Option<usize>,
    /// Commands that have been counted.
    counted: u64,
}

impl Client {
    /// A factory body for an accepted stream.
    pub fn open(
        stream: TcpStream,
        peer: SocketAddr,
        shared: &Arc<Shared>,
        ctx: &mut Context<'_, KvConnection>,
    ) -> Result<KvConnection, Fault> {
        let id = shared.next_client.fetch_add(1, Relaxed);
        let session = Session::new(shared.clone(), ctx.me(), id, peer.to_string());
        let client = Self {
            flying: Round::new(shared.shards.len()),
            session,
            away: 0,
            held_back: None,
            counted: 0,
        };
        Connection::open(stream, Resp::new(shared.settings.max_request_bytes), client, ctx)
    }

    fn is_flying(&self) -> bool {
        self.away > 0 || self.held_back.is_some()
    }

    fn send(&mut self, batch: Box<Batch>) {
        self.away += 1;
        self.session.shared.shards[batch.shard].tell(ShardMsg::Batch(batch));
    }

    /// Sends what has been gathered on its way.
    fn launch(&mut self, link: &mut Link) {
        std::mem::swap(&mut self.session.round, &mut self.flying);
        for shard in 0..self.flying.batches.len() {
            if let Some(batch) = self.flying.batches[shard].take_if(|batch| !batch.is_empty()) {
                self.send(batch);
            }
        }
        if self.away == 0 {
            self.land(link);
        }
    }

    /// All batches that were away are back: writes replies, as many as there are.
    fn land(&mut self, link: &mut Link) {
        self.held_back = None;
        let shared = &self.session.shared;
        let written = self
            .flying
            .write(link.out(), |sections, held| info::text(shared, sections, held));
        match written {
            Written::All => {
                self.flying.reset();
                // The empty batches serve the next round.
                for (empty, used) in self.session.round.batches.iter_mut().zip(&mut self.flying.batches) {
                    if empty.is_none() {
                        std::mem::swap(empty, used);
                    }
                }
            }
            Written::Until(shard) => {
                self.held_back = Some(shard);
                self.go_on(link);
            }
        }
    }

    /// Has a shard go on that has more replies, if the client has taken those before.
    fn go_on(&mut self, link: &mut Link) {
        if let Some(shard) = self.held_back
            && link.unsent_bytes() < UNSENT_BYTES_MAX
        {
            self.held_back = None;
            if let Some(batch) = self.flying.batches[shard].take() {
                self.send(batch);
            }
        }
    }
}

impl Protocol for Client {
    type Msg = ConnectionMsg;
    type Codec = Resp;

    fn limits(&self) -> Limits {
        Limits {
            // A client that does not read is held back by its rounds, or cut off, and holds up neither a shard nor others.
            mutes_senders: false,
            ..Limits::default()
        }
    }

    #[inline]
    fn frame(&mut self, request: Request<'_>, link: &mut Link, _: &mut Context<'_, KvConnection>) -> Turn {
        if self.session.leaving {
            return Ok(());
        }
        match request {
            Request::Command(words) => {
                self.session.command(&words);
                // Looked at now and then: a turn reads no more than a buffer.
                let look = self.session.commands.is_multiple_of(64) || words.iter().any(|word| word.len() > 1024);
                if look && self.session.round.bytes() > GATHERED_BYTES_MAX {
                    link.pause();
                }
            }
            Request::Broken(error) => {
                error.write(self.session.round.literals());
                self.session.leaving = true;
            }
        }
        if self.session.leaving {
            link.pause();
        }
        Ok(())
    }

    fn message(&mut self, msg: ConnectionMsg, link: &mut Link, _: &mut Context<'_, KvConnection>) -> Turn {
        match msg {
            ConnectionMsg::Done(batch) => {
                self.away -= 1;
                let shard = batch.shard;
                self.flying.batches[shard] = Some(batch);
                if self.away == 0 {
                    self.land(link);
                }
            }
            ConnectionMsg::Push(message) => {
                // It has its place behind the replies that are under way.
                if self.is_flying() {
                    self.session.pushed(&message, self.flying.literals());
                } else {
                    self.session.pushed(&message, link.out());
                }
            }
        }
        Ok(())
    }

    fn turn_end(&mut self, link: &mut Link, ctx: &mut Context<'_, KvConnection>) -> Turn {
        let unsent = link.unsent_bytes();
        if self.session.is_listening() && unsent + self.flying.bytes() > SUBSCRIBER_UNSENT_BYTES_MAX {
            ctx.stop();
            return Ok(());
        }
        self.go_on(link);
        if !self.is_flying() && !self.session.round.is_empty() && unsent < UNSENT_BYTES_MAX {
            self.launch(link);
        }
        if self.session.commands != self.counted {
            let commands = self.session.commands - self.counted;
            self.session.shared.count_commands(ctx.worker(), commands);
            self.counted = self.session.commands;
        }
        let full = link.unsent_bytes() >= UNSENT_BYTES_MAX;
        if full && link.unsent_bytes() > unsent {
            // The kernel may take what has been added in this turn, and then nothing else would wake this connection.
            ctx.run_again();
        }
        if self.session.leaving {
            if !self.is_flying() && self.session.round.is_empty() {
                link.finish();
            }
        } else if full || self.session.round.bytes() > GATHERED_BYTES_MAX {
            link.pause();
        } else if link.is_paused() {
            link.resume();
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, _: &mut Link, ctx: &mut Context<'_, KvConnection>) -> Turn {
        match why {
            // What it has asked for it gets; the end of the turn sees to it.
            CloseReason::PeerFinished => self.session.leaving = true,
            _ => ctx.stop(),
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, ctx: &mut Context<'_, KvConnection>) {
        let me = ctx.me().id();
        let shared = &self.session.shared;
        if self.session.is_listening() {
            for shard in &shared.shards {
                shard.tell(ShardMsg::Forget(me));
            }
        }
    }
}
