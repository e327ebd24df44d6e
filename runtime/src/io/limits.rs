//! What a connection may take: time and memory.
//!
//! Every wait for the other side ends and every buffer is bounded, whatever the other side does. The defaults suit a
//! server on a network that is not trusted; [`Protocol::limits`](super::Protocol::limits) sets others.

use std::time::Duration;

/// The limits of one connection. Times are kept to a quarter: what may take 20 s is ended after 20 s to 25 s, so that
/// nothing has to read a clock for each frame.
///
/// ```
/// use potoroo_runtime::io::Limits;
/// use std::time::Duration;
///
/// let limits = Limits {
///     idle_max: Some(Duration::from_secs(300)),
///     ..Limits::default()
/// };
/// assert_eq!(limits.unsent_bytes_max, 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long [`Connection::connect`](super::Connection::connect) tries: 10 s.
    pub connect_within: Duration,
    /// How long nothing may be received or sent before the connection is idle and ends. `None`, the default: for ever.
    pub idle_max: Option<Duration>,
    /// How long a frame that has begun may take to become whole: 30 s, and longer by what
    /// [`frame_rate_min`](Self::frame_rate_min) allows. Time in which reading is paused does not count. `None`: for ever.
    pub frame_within: Option<Duration>,
    /// A frame that has begun gets a second more for so many bytes of it that have come: 1024. 0: no more.
    pub frame_rate_min: u32,
    /// How long the other side may take nothing of what is unsent: 60 s. `None`: for ever.
    pub stall_max: Option<Duration>,
    /// How long to wait, after [`Link::finish`](super::Link::finish) and the last byte, for the other side to close: 1 s.
    /// What comes meanwhile is thrown away. A socket that is closed while bytes arrive resets the connection, which can
    /// take the last answer with it. Zero: do not wait.
    pub linger: Duration,
    /// With more than this unsent no more frames are handed over: 1 MiB. This is for connections that were accepted: who
    /// has connected may have much to ask for, and must read the answers meanwhile.
    pub unsent_bytes_high: usize,
    /// With no more than this unsent they are again: 256 KiB.
    pub unsent_bytes_low: usize,
    /// With more than this unsent at the end of a turn the connection ends: 64 MiB.
    pub unsent_bytes_max: usize,
    /// Whether more than `unsent_bytes_high` unsent puts the connection under pressure, so that actors that tell it something
    /// are muted until the other side has taken more: true. Right where what is sent comes from a source that can wait.
    /// Where one actor serves many connections, one peer that does not read would hold all of them up: say false there, and
    /// let `unsent_bytes_max` cut that peer off.
    pub mutes_senders: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_within: Duration::from_secs(10),
            idle_max: None,
            frame_within: Some(Duration::from_secs(30)),
            frame_rate_min: 1024,
            stall_max: Some(Duration::from_secs(60)),
            linger: Duration::from_secs(1),
            unsent_bytes_high: 1 << 20,
            unsent_bytes_low: 256 << 10,
            unsent_bytes_max: 64 << 20,
            mutes_senders: true,
        }
    }
}

impl Limits {
    /// No time-out but for connecting, and no bounds to what may be unsent: for peers that are trusted and may be slow.
    pub fn patient() -> Self {
        Self {
            frame_within: None,
            stall_max: None,
            unsent_bytes_high: usize::MAX,
            unsent_bytes_max: usize::MAX,
            ..Self::default()
        }
    }
}
