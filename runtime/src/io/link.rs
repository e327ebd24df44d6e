//! The writing side of a connection, and what a protocol may decide about it.
//!
//! Output gathers during a turn and is written when the turn ends; what the kernel does not take waits for its readiness.
//! Too much of it holds back reading, and puts the connection under pressure: actors that tell it something are muted until
//! the peer has taken more. It lacks a way to slow down threads outside.

use super::framing::LENGTH_BYTES;
use super::limits::Limits;
use super::output::Output;
use super::transport::Transport;
use std::io;
use std::net::SocketAddr;

/// A connection as its protocol sees it.
#[derive(Debug)]
pub struct Link {
    pub(super) transport: Transport,
    pub(super) peer: SocketAddr,
    out: Output,
    pub(super) limits: Limits,
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) writable: bool,
    paused: bool,
    resumed: bool,
    /// Whether what is unsent holds back reading.
    pub(super) serves: bool,
    /// Too much is unsent: reading is held until it is less.
    pressed: bool,
    /// Too much is unsent: whoever tells this connection something is muted until it is less.
    backed_up: bool,
    finishing: bool,
}

impl Link {
    pub(super) fn new(transport: Transport, peer: SocketAddr, limits: Limits) -> Self {
        Self {
            transport,
            peer,
            out: Output::default(),
            limits,
            received_bytes: 0,
            sent_bytes: 0,
            writable: false,
            paused: false,
            resumed: false,
            serves: true,
            pressed: false,
            backed_up: false,
            finishing: false,
        }
    }

    /// The other side; of a Unix socket, which has no address, 0.0.0.0:0.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether TLS guards this connection.
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    pub fn is_encrypted(&self) -> bool {
        self.transport.as_tls().is_some()
    }

    /// The application protocol that TLS has agreed on.
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.transport.as_tls()?.alpn()
    }

    /// The certificates that the peer has shown over TLS, its own first. A server sees some only if it demands them.
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    pub fn peer_certificates(&self) -> &[rustls::pki_types::CertificateDer<'static>] {
        self.transport.as_tls().map_or(&[], |tls| tls.peer_certificates())
    }

    /// Sends bytes as they are, when the turn ends.
    pub fn send(&mut self, bytes: &[u8]) {
        self.out().extend_from_slice(bytes);
    }

    /// Sends bytes that need not be copied, when the turn ends: a `Vec`, an `Arc<[u8]>`, anything that lends its bytes.
    /// They go out in their place between what was sent before and after, in the same write to the kernel. What is
    /// shorter than 16 KiB is copied all the same.
    ///
    /// # Panics
    ///
    /// If `bytes` lends fewer bytes later than now.
    pub fn send_owned(&mut self, bytes: impl AsRef<[u8]> + Send + 'static) {
        self.out.append(bytes);
    }

    /// Sends a frame: its length (4 bytes, big-endian), then `payload`.
    ///
    /// # Panics
    ///
    /// If the payload does not fit its length field (4 GiB).
    pub fn send_frame(&mut self, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a frame is shorter than 4 GiB");
        let out = self.out();
        out.reserve(LENGTH_BYTES + payload.len());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(payload);
    }

    /// The output buffer, to encode straight into it; append only. It belongs to the connection only while there is
    /// something in it, and holds nothing that was given to [`send_owned`](Self::send_owned).
    #[inline]
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.out.tail()
    }

    /// What the kernel has not taken yet, in bytes.
    pub fn unsent_bytes(&self) -> usize {
        self.out.unsent_bytes()
    }

    /// Stops reading frames until [`resume`](Self::resume). Frames that were read already wait in the buffer, and when
    /// that and the kernel's are full the peer has to wait.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Reads on, in a turn of its own.
    pub fn resume(&mut self) {
        if std::mem::take(&mut self.paused) {
            self.resumed = true;
        }
    }

    /// Whether no more is to be read now: paused by the protocol, or too much is unsent.
    pub(super) fn is_held(&self) -> bool {
        self.paused || self.pressed
    }

    /// As [`is_held`](Self::is_held), after a look at what is unsent.
    #[inline]
    pub(super) fn holds(&mut self) -> bool {
        self.pressed |= self.serves && self.out.unsent_bytes() > self.limits.unsent_bytes_high;
        self.is_held()
    }

    /// At the end of a turn: whether reading, held so far, goes on.
    pub(super) fn goes_on(&mut self) -> bool {
        let resumed = std::mem::take(&mut self.resumed);
        let relieved = self.pressed && self.out.unsent_bytes() <= self.limits.unsent_bytes_low;
        self.pressed &= !relieved;
        (resumed || relieved) && !self.is_held()
    }

    /// At the end of a turn: whether too much is unsent for others to send more by this connection, if that has changed.
    pub(super) fn pressure_changed(&mut self) -> Option<bool> {
        let unsent_bytes = self.out.unsent_bytes();
        let now = match self.backed_up {
            false => self.limits.mutes_senders && unsent_bytes > self.limits.unsent_bytes_high,
            true => unsent_bytes > self.limits.unsent_bytes_low,
        };
        (std::mem::replace(&mut self.backed_up, now) != now).then_some(now)
    }

    /// What this connection may take, to be changed while it lives.
    pub fn limits(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// The bytes that have been read so far.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The bytes that the kernel has taken so far.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Whether the protocol has paused reading.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Sends what is left, then says that nothing more comes, then ends the connection and its actor, when the peer has
    /// closed its side or [`Limits::linger`] is over.
    /// ([`Context::stop`](crate::Context::stop) ends them at once: what is unsent is lost.)
    pub fn finish(&mut self) {
        self.finishing = true;
    }

    /// Whether [`finish`](Self::finish) was called and all has been sent.
    pub(super) fn is_finished(&self) -> bool {
        self.finishing && !self.waits_for_the_kernel()
    }

    /// Whether something is unsent, be it of TLS.
    pub(super) fn waits_for_the_kernel(&self) -> bool {
        self.unsent_bytes() > 0 || self.transport.wants_push()
    }

    /// Nobody will read what is unsent.
    pub(super) fn forget_unsent(&mut self) {
        self.out = Output::default();
    }

    /// Writes as much as the kernel takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.write()?;
        if self.finishing && self.unsent_bytes() == 0 {
            self.transport.end_of_output();
            self.write()?;
        }
        self.out.tidy();
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while self.writable {
            let may_write = self.unsent_bytes() > 0 && !self.transport.is_shaking_hands();
            let outcome = if may_write {
                self.write_once()
            } else if self.transport.wants_push() {
                self.transport.push()
            } else {
                break;
            };
            match outcome {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn write_once(&mut self) -> io::Result<()> {
        let (taken, offered) = self.out.write_to(&mut self.transport)?;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.sent_bytes += taken as u64;
        // Less than was offered: the kernel is full, and an edge tells when it no longer is.
        self.writable = taken == offered || !self.transport.tells_the_kernels_mind();
        Ok(())
    }
}
