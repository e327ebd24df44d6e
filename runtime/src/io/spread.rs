//! Which worker a new connection goes to.
//!
//! The usual way is one listener and a [`Spread`]: each connection goes to the worker that has the fewest, so that fifty
//! connections on two workers are twenty-five each, and stay even when some end. The price is a message to another worker
//! for each connection that is made. The other way, [`TcpListener::bind_each`](crate::sys::net::TcpListener::bind_each),
//! lets the kernel choose: nothing crosses workers, but it chooses by a hash of the addresses, which is even only for many
//! connections. It is for servers that accept thousands a second.

use crate::actor::{Actor, Context};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sys::net::Countable;

/// Sends each connection to the worker that has the fewest open. Clones share their counts, for several listeners.
///
/// ```
/// use potoroo_runtime::io::{Acceptor, Connection, Frame, Frames, Framing, Link, Listener, Protocol, Spread};
/// use potoroo_runtime::sys::net::TcpStream;
/// use potoroo_runtime::{Context, Turn};
/// use std::net::SocketAddr;
///
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     type Msg = ();
/// #     type Codec = Frames;
/// #     fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
/// #         link.send_frame(frame.bytes);
/// #         Ok(())
/// #     }
/// # }
/// struct Server { spread: Spread }
///
/// impl Acceptor for Server {
///     type Msg = ();
///     fn accepted(&mut self, mut stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
///         let worker = self.spread.place(&mut stream, ctx);
///         let lines = Framing::Lines { line_bytes_max: 1000 };
///         ctx.spawn_on(worker, move |ctx| Connection::open(stream, lines, Echo, ctx));
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Spread {
    open: Vec<Arc<AtomicUsize>>,
    /// Where to look first, so that workers with as many take turns.
    next: usize,
}

impl Spread {
    /// For a system of so many workers; see [`Context::workers`] and [`System::workers`](crate::System::workers).
    pub fn new(workers: usize) -> Self {
        Self {
            open: (0..workers).map(|_| Arc::new(AtomicUsize::new(0))).collect(),
            next: 0,
        }
    }

    /// The worker for `stream`, which counts as open there until it closes.
    pub fn place<A: Actor>(&mut self, stream: &mut impl Countable, ctx: &Context<'_, A>) -> usize {
        let workers = self.open.len().min(ctx.workers());
        let first = self.next;
        let worker = (0..workers)
            .map(|n| (first + n) % workers)
            .min_by_key(|worker| self.open[*worker].load(Ordering::Relaxed))
            .unwrap_or_else(|| ctx.worker());
        self.next = (worker + 1) % workers.max(1);
        if let Some(open) = self.open.get(worker) {
            stream.count_in(open);
        }
        worker
    }

    /// How many of the connections are open on a worker.
    pub fn open_on(&self, worker: usize) -> usize {
        self.open.get(worker).map_or(0, |open| open.load(Ordering::Relaxed))
    }
}
