//! Unix sockets: streams between processes of one machine, by a path.
//!
//! As the TCP ones of `net`, without addresses that mean anything: who connects is told by the rights of the path.
//! A simulated world has none.

use super::admission::Place;
use super::net::Countable;
use super::poller::EventSource;
use super::simulated;
use crate::sync::Arc;
use crate::sync::atomic::AtomicUsize;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A listening Unix socket. The path goes when the socket does.
#[derive(Debug)]
pub struct UnixListener {
    inner: mio::net::UnixListener,
    path: PathBuf,
}

impl UnixListener {
    /// Binds and listens. A path that is there is an error, unless it is a socket that nobody listens at: what a process
    /// that was killed has left behind is replaced.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        if simulated::is_on() {
            return Err(simulated::unsupported("Unix sockets"));
        }
        let path = path.as_ref();
        let inner = match mio::net::UnixListener::bind(path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && Self::is_left_behind(path) => {
                std::fs::remove_file(path)?;
                mio::net::UnixListener::bind(path)?
            }
            outcome => outcome?,
        };
        Ok(Self {
            inner,
            path: path.to_owned(),
        })
    }

    fn is_left_behind(path: &Path) -> bool {
        // A plain file refuses connections as well; it is nobody's to remove.
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
            && std::os::unix::net::UnixStream::connect(path)
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection that waits, or `WouldBlock`.
    pub fn accept(&self) -> io::Result<UnixStream> {
        self.inner.accept().map(|(stream, _)| UnixStream::from_mio(stream))
    }

    pub(crate) fn source(&mut self) -> EventSource<'_> {
        EventSource::Real(&mut self.inner)
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        // Somebody else may have taken the path away; nothing is lost by that.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A connected stream of bytes within this machine.
#[derive(Debug)]
pub struct UnixStream {
    inner: mio::net::UnixStream,
    places: Vec<Place>,
}

impl UnixStream {
    /// Connects to the socket at `path`.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        if simulated::is_on() {
            return Err(simulated::unsupported("Unix sockets"));
        }
        mio::net::UnixStream::connect(path).map(Self::from_mio)
    }

    /// Two ends of one stream.
    pub fn pair() -> io::Result<(Self, Self)> {
        if simulated::is_on() {
            return Err(simulated::unsupported("Unix sockets"));
        }
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((Self::from_mio(one), Self::from_mio(other)))
    }

    /// Takes over a stream that was connected by blocking code.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        if simulated::is_on() {
            return Err(simulated::unsupported("Unix sockets"));
        }
        stream.set_nonblocking(true)?;
        Ok(Self::from_mio(mio::net::UnixStream::from_std(stream)))
    }

    fn from_mio(inner: mio::net::UnixStream) -> Self {
        Self {
            inner,
            places: Vec::new(),
        }
    }

    /// The error that ended a connection attempt, if it failed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Says that nothing more will be written; reading goes on.
    pub fn shut_down_write(&self) -> io::Result<()> {
        self.inner.shutdown(Shutdown::Write)
    }

    /// Whether the other side is there.
    pub(crate) fn is_connected(&self) -> io::Result<()> {
        self.inner.peer_addr().map(drop)
    }

    pub(crate) fn hold(&mut self, place: Place) {
        self.places.push(place);
    }

    pub(crate) fn source(&mut self) -> EventSource<'_> {
        EventSource::Real(&mut self.inner)
    }
}

impl Countable for UnixStream {
    fn count_in(&mut self, counter: &Arc<AtomicUsize>) {
        self.hold(Place::take(counter));
    }
}

impl Read for UnixStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read(into)
    }
}

impl Write for UnixStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write_vectored(pieces)
    }

    /// There is nothing to flush: what was taken is the kernel's.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
