//! Why a connection is over.

use super::codec::FrameError;
#[cfg(doc)]
use super::limits::Limits;
use std::fmt;
use std::io;

/// Why a connection is over.
#[derive(Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer said, in an orderly way, that it sends nothing more.
    PeerFinished,
    /// The stream cannot be cut into frames any further.
    BadFrame(FrameError),
    /// The connection broke.
    Broken(io::Error),
    /// The connection could not be made.
    ConnectFailed(io::Error),
    /// The connection was not made within [`Limits::connect_within`].
    ConnectTimedOut,
    /// TLS could not be agreed on.
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    HandshakeFailed(super::tls::TlsError),
    /// TLS was not agreed on within [`Limits::connect_within`].
    HandshakeTimedOut,
    /// Nothing was received or sent for [`Limits::idle_max`].
    Idle,
    /// A frame took longer to become whole than [`Limits::frame_within`] allows.
    FrameTooSlow {
        /// Where it begins in the stream.
        offset: u64,
        /// How many bytes of it have come.
        have: usize,
    },
    /// The peer took nothing of what is unsent for [`Limits::stall_max`]. The actor ends, whatever the protocol does.
    PeerStalled,
    /// The peer takes less than is sent to it. The actor ends, whatever the protocol does.
    TooMuchUnsent {
        /// What the kernel has not taken, in bytes.
        unsent_bytes: usize,
        /// [`Limits::unsent_bytes_max`].
        limit: usize,
    },
}

impl CloseReason {
    /// Whether there is no use in sending any more either.
    pub(super) fn ends_both_directions(&self) -> bool {
        match self {
            #[cfg(all(feature = "tls", not(potoroo_loom)))]
            Self::HandshakeFailed(_) => true,
            _ => matches!(
                self,
                Self::PeerStalled | Self::TooMuchUnsent { .. } | Self::HandshakeTimedOut
            ),
        }
    }

    /// A handshake ended with this error.
    pub(super) fn of_handshake(error: io::Error) -> Self {
        #[cfg(all(feature = "tls", not(potoroo_loom)))]
        let error = match super::tls::TlsError::of_handshake(error) {
            Ok(error) => return Self::HandshakeFailed(error),
            Err(error) => error,
        };
        Self::Broken(error)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerFinished => write!(f, "the peer closed the connection"),
            Self::BadFrame(error) => write!(f, "{error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::ConnectFailed(error) => write!(f, "cannot connect: {error}"),
            Self::ConnectTimedOut => write!(f, "cannot connect: no answer in time"),
            #[cfg(all(feature = "tls", not(potoroo_loom)))]
            Self::HandshakeFailed(error) => write!(f, "no TLS: {error}"),
            Self::HandshakeTimedOut => write!(f, "no TLS: the handshake takes too long"),
            Self::Idle => write!(f, "the connection was idle for too long"),
            Self::FrameTooSlow { offset, have } => write!(
                f,
                "the frame at byte {offset} takes too long: {have} bytes of it have come"
            ),
            Self::PeerStalled => write!(f, "the peer reads nothing"),
            Self::TooMuchUnsent { unsent_bytes, limit } => {
                write!(
                    f,
                    "the peer reads too slowly: {unsent_bytes} bytes are unsent, the limit is {limit}"
                )
            }
        }
    }
}
