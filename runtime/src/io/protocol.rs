//! What a user writes: what becomes of a connection's frames.

use super::close::CloseReason;
use super::codec::Codec;
use super::connection::Connection;
use super::limits::Limits;
use super::link::Link;
use crate::actor::{Context, ExitReason, Turn};

/// What a connection does with frames.
pub trait Protocol: Sized + Send + 'static {
    /// What can be told to the connection from other actors.
    type Msg: Send + 'static;

    /// What cuts the bytes into frames: [`Frames`](super::Frames) for length prefixes and lines.
    type Codec: Codec;

    /// What the connection may take. Asked once, before anything else.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// The connection is there.
    fn opened(&mut self, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = (link, ctx);
        Ok(())
    }

    /// Bytes have been read; their frames follow. The moment to read a clock once for all of them.
    fn bytes_read(&mut self, count: usize) {
        let _ = count;
    }

    /// A whole frame, borrowed from the read buffer.
    fn frame(
        &mut self,
        frame: <Self::Codec as Codec>::Frame<'_>,
        link: &mut Link,
        ctx: &mut Context<'_, Connection<Self>>,
    ) -> Turn;

    /// Something was told to the connection.
    fn message(&mut self, msg: Self::Msg, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = (msg, link, ctx);
        Ok(())
    }

    /// Called once at the end of each turn. What the turn sent has been written as far as the kernel took it: if
    /// [`Link::unsent_bytes`] is not 0 now, there will be another turn when the kernel takes more.
    fn turn_end(&mut self, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = (link, ctx);
        Ok(())
    }

    /// Nothing more will be read. By default the actor ends, after a peer that finished in order has been sent what is
    /// left. A protocol that answers bad bytes sends its complaint here and calls [`Link::finish`].
    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        match why {
            CloseReason::PeerFinished => link.finish(),
            _ => ctx.stop(),
        }
        Ok(())
    }

    /// After [`Link::finish`]: all has been sent and the peer told so. The actor ends when the peer has closed its side or
    /// [`Limits::linger`] is over.
    fn finished(&mut self) {}

    /// The last call, whatever ended the connection.
    fn stopping(&mut self, why: &ExitReason, ctx: &mut Context<'_, Connection<Self>>) {
        let _ = (why, ctx);
    }
}
