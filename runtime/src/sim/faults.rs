//! What goes wrong in a simulated world by itself: how often, and how often it has.
//!
//! Rates are chances between 0 and 1, drawn from the run's seed. Everything here happens only in random runs of whole
//! workers: by turns the network is perfect and without latency, and the disk never errs. What a power loss leaves of a disk
//! is no fault of this kind: it is drawn at each [crash](super::Node::crash).

use std::fmt;
use std::time::Duration;

/// How often what goes wrong in random runs.
///
/// ```
/// use potoroo_runtime::sim::Faults;
///
/// // A network that only loses connections.
/// let faults = Faults { reset: 0.01, ..Faults::none() };
/// assert!(faults.reset < Faults::harsh().reset);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// Each connection has a latency of up to so much, and each piece of its bytes half of it more or less.
    pub latency_max: Duration,
    /// A connection attempt is refused although somebody listens.
    pub refuse: f64,
    /// A connection attempt is never answered: it times out after two minutes, or when its caller loses patience.
    pub ignore: f64,
    /// A piece of bytes does not arrive, and the connection is reset on both sides.
    pub reset: f64,
    /// A piece of bytes, and with it all that follow on its connection, is late by up to [`stall_max`](Self::stall_max).
    pub stall: f64,
    /// How late.
    pub stall_max: Duration,
    /// From a piece of bytes on nothing of its connection arrives any more, on either side, and neither is told.
    pub half_open: f64,
    /// When a piece of bytes or a datagram is sent to another node, the two are partitioned for up to
    /// [`partition_max`](Self::partition_max): in one direction or in both.
    pub partition: f64,
    /// How long.
    pub partition_max: Duration,
    /// A datagram is lost.
    pub datagram_loss: f64,
    /// A datagram arrives twice.
    pub datagram_twice: f64,
    /// A datagram is overtaken by those after it.
    pub datagram_late: f64,
    /// Making a file or a directory durable fails; as on Linux, what was to be made durable then never will be.
    pub sync_error: f64,
    /// An operation of the disk takes up to [`disk_slow_max`](Self::disk_slow_max).
    pub disk_slow: f64,
    /// How long.
    pub disk_slow_max: Duration,
    /// One bit of a file is found turned over when it is opened to be read.
    pub bit_flip: f64,
    /// Each node's disk is full after so many bytes.
    pub disk_bytes_max: Option<u64>,
}

impl Faults {
    /// Nothing goes wrong and nothing takes time; bytes still arrive in arbitrary pieces, and whoever can go first may.
    pub const fn none() -> Self {
        Self {
            latency_max: Duration::ZERO,
            refuse: 0.0,
            ignore: 0.0,
            reset: 0.0,
            stall: 0.0,
            stall_max: Duration::ZERO,
            half_open: 0.0,
            partition: 0.0,
            partition_max: Duration::ZERO,
            datagram_loss: 0.0,
            datagram_twice: 0.0,
            datagram_late: 0.0,
            sync_error: 0.0,
            disk_slow: 0.0,
            disk_slow_max: Duration::ZERO,
            bit_flip: 0.0,
            disk_bytes_max: None,
        }
    }

    /// A bad day: all but the disk's errors, a few times in a thousand pieces.
    pub const fn usual() -> Self {
        Self {
            latency_max: Duration::from_millis(5),
            refuse: 0.01,
            ignore: 0.005,
            reset: 0.003,
            stall: 0.01,
            stall_max: Duration::from_millis(500),
            half_open: 0.001,
            partition: 0.002,
            partition_max: Duration::from_secs(3),
            datagram_loss: 0.02,
            datagram_twice: 0.01,
            datagram_late: 0.05,
            disk_slow: 0.02,
            disk_slow_max: Duration::from_millis(200),
            ..Self::none()
        }
    }

    /// A very bad day: what is rare happens all the time, and the disk errs too.
    pub const fn harsh() -> Self {
        Self {
            latency_max: Duration::from_millis(50),
            refuse: 0.1,
            ignore: 0.05,
            reset: 0.03,
            stall: 0.05,
            stall_max: Duration::from_secs(10),
            half_open: 0.01,
            partition: 0.02,
            partition_max: Duration::from_secs(30),
            datagram_loss: 0.2,
            datagram_twice: 0.1,
            datagram_late: 0.2,
            sync_error: 0.05,
            disk_slow: 0.1,
            disk_slow_max: Duration::from_secs(2),
            ..Self::none()
        }
    }
}

impl Default for Faults {
    /// Those of [`usual`](Self::usual).
    fn default() -> Self {
        Self::usual()
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A connection attempt was refused although somebody listened.
    Refused,
    /// A connection attempt was never answered.
    Ignored,
    /// A connection was reset.
    Reset,
    /// Bytes were late.
    Stalled,
    /// A connection went silent.
    HalfOpen,
    /// Two nodes were partitioned.
    Partition,
    /// A datagram was lost.
    DatagramLost,
    /// A datagram arrived twice.
    DatagramTwice,
    /// A datagram was overtaken.
    DatagramLate,
    /// A node crashed.
    Crash,
    /// A crash has left a sector of a file as it was before it was written.
    SectorLost,
    /// A crash has left a sector half written.
    SectorTorn,
    /// A crash has undone the making, renaming or removing of a file.
    NameLost,
    /// Something was not made durable.
    SyncError,
    /// The disk was slow.
    DiskSlow,
    /// The disk was full.
    DiskFull,
    /// A bit of a file was turned over.
    BitFlip,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Refused,
        Self::Ignored,
        Self::Reset,
        Self::Stalled,
        Self::HalfOpen,
        Self::Partition,
        Self::DatagramLost,
        Self::DatagramTwice,
        Self::DatagramLate,
        Self::Crash,
        Self::SectorLost,
        Self::SectorTorn,
        Self::NameLost,
        Self::SyncError,
        Self::DiskSlow,
        Self::DiskFull,
        Self::BitFlip,
    ];
}

/// How often what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected([u64; FaultKind::ALL.len()]);

impl Injected {
    /// How often this.
    pub fn count(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }

    /// How often anything.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) fn add(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for kind in FaultKind::ALL.into_iter().filter(|kind| self.count(*kind) > 0) {
            write!(f, "{separator}{kind:?} {}", self.count(kind))?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("none")
        } else {
            Ok(())
        }
    }
}
