//! A sink that sends to a peer, over TCP or a Unix socket.
//!
//! What a turn encodes is written when it ends. While more than a mark is unsent the credits are kept, so that a slow
//! peer slows the stages before and memory stays bounded. It lacks reconnecting: a peer that goes away ends the job.

use super::{Encode, Sink};
use crate::element::{Batch, Element};
use crate::exchange::{Inputs, ToOne};
use crate::job::{Deploy, JobMsg, StageCounters};
use potoroo_runtime::io::{CloseReason, Connection, Frame, Frames, Framing, Limits, Link, Protocol};
use potoroo_runtime::sys::clock;
#[cfg(unix)]
use potoroo_runtime::sys::net::UnixStream;
use potoroo_runtime::sys::net::{Stream, TcpStream};
use potoroo_runtime::{Context, Recipient, Turn};
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many bytes may be unsent before credits are kept.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;

/// What the peer may send; nothing is expected from it.
const FROM_PEER: Framing = Framing::LengthPrefixed { frame_bytes_max: 0 };

/// How long connecting is tried.
const CONNECT_FOR: Duration = Duration::from_secs(5);

/// How long to wait between tries.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Sends records to a peer.
#[derive(Debug)]
pub struct TcpSink<E> {
    /// For errors.
    peer: String,
    stream: Stream,
    encode: E,
}

impl<E> TcpSink<E> {
    /// Connects now, blocking, so that a peer that is not there is an error of the caller; tries for 5 s, since the
    /// peer may just be starting.
    pub fn connect(address: SocketAddr, encode: E) -> io::Result<Self> {
        let until = clock::now() + CONNECT_FOR;
        loop {
            // A peer that does not even refuse must not hold up the caller for longer than one that does.
            let left = until.since(clock::now()).max(CONNECT_AGAIN_AFTER);
            match TcpStream::connect_within(address, left) {
                Ok(stream) => {
                    return Ok(Self {
                        peer: address.to_string(),
                        stream: stream.into(),
                        encode,
                    });
                }
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused && clock::now() < until => {
                    clock::sleep(CONNECT_AGAIN_AFTER);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Connects to a Unix socket, now.
    #[cfg(unix)]
    pub fn connect_unix(path: impl AsRef<Path>, encode: E) -> io::Result<Self> {
        let path = path.as_ref();
        Ok(Self {
            peer: path.display().to_string(),
            stream: UnixStream::connect(path)?.into(),
            encode,
        })
    }
}

impl<T, E> Sink<T> for TcpSink<E>
where
    T: Send + 'static,
    E: Encode<T>,
{
    type Down = ToOne<T>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> ToOne<T> {
        deploy.expect_sink();
        let counters = deploy.counters(name);
        let job = deploy.job();
        let name_of_stage = name.to_owned();
        let worker = deploy.next_worker();
        let actor = deploy.spawn(name, worker, move |ctx| {
            let sending = Sending {
                name: name_of_stage,
                peer: self.peer,
                encode: self.encode,
                inputs: Inputs::new(),
                kept: Vec::new(),
                all_ended: false,
                failed: false,
                counters,
                job,
            };
            Connection::open(self.stream, FROM_PEER, sending, ctx)
        });
        ToOne::new(actor.recipient())
    }
}

struct Sending<T, E> {
    name: String,
    peer: String,
    encode: E,
    inputs: Inputs,
    /// Batches whose credits are kept while too much is unsent.
    #[expect(clippy::vec_box, reason = "the boxes go back")]
    kept: Vec<Box<Batch<T>>>,
    all_ended: bool,
    failed: bool,
    counters: Arc<StageCounters>,
    job: Recipient<JobMsg>,
}

impl<T: Send + 'static, E> Sending<T, E> {
    fn give_credit(&mut self, unsent_bytes: usize) {
        if unsent_bytes <= UNSENT_BYTES_MAX {
            self.kept.drain(..).for_each(Batch::done);
        }
    }
}

impl<T, E> Protocol for Sending<T, E>
where
    T: Send + 'static,
    E: Encode<T>,
{
    type Msg = Element<T>;
    type Codec = Frames;

    fn limits(&self) -> Limits {
        // A receiver that is slow, or stopped for a while, slows the job; it does not fail it.
        Limits::patient()
    }

    fn frame(&mut self, _: Frame<'_>, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        // An empty frame, the only one that the framing lets through, means nothing.
        Ok(())
    }

    fn message(&mut self, msg: Element<T>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        match msg {
            Element::Open(edge) => self.inputs.opened(edge),
            Element::Idle(_) => {}
            Element::Batch(mut batch) => {
                self.encode.begin_batch();
                let before = link.out().len();
                for record in &batch.items {
                    self.encode.encode(record, link.out());
                }
                self.counters.bytes.add((link.out().len() - before) as u64);
                self.counters.records_in.add(batch.items.len() as u64);
                self.counters.records_out.add(batch.items.len() as u64);
                batch.items.clear();
                self.kept.push(batch);
            }
            Element::End(edge) => self.all_ended = self.inputs.ended(edge),
        }
        Ok(())
    }

    fn turn_end(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        self.give_credit(link.unsent_bytes());
        self.counters.batches_waiting.set(self.kept.len() as u64);
        if self.all_ended && !self.failed {
            link.finish();
        }
        Ok(())
    }

    fn finished(&mut self) {
        self.encode.end();
        self.job.tell(JobMsg::SinkFinished);
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        if matches!(why, CloseReason::PeerFinished) && self.all_ended && link.unsent_bytes() == 0 {
            return Ok(());
        }
        self.failed = true;
        self.job.tell(JobMsg::Failed(format!(
            "sink '{}' lost its receiver at {}: {why}",
            self.name, self.peer
        )));
        ctx.stop();
        Ok(())
    }
}
