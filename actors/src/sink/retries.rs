//! Trying again, for outputs at whose other end is a server.
//!
//! Waits double from 50 ms to 5 s; they are spent on the pool for blocking work. It lacks jitter: one sink has one connection.

use potoroo_runtime::sys::clock;
use std::io;
use std::time::Duration;

/// How long connecting, and each wait for the server, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How often something is tried, unless this is set: over about 6 s.
pub(super) const TRIES: u32 = 8;

/// The first wait before another try, and the longest.
const WAIT_MIN: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Why an attempt failed.
pub(super) enum Failure {
    /// It may go better another time.
    Passing(io::Error),
    /// It cannot.
    Lasting(io::Error),
}

/// Makes up to so many attempts.
pub(super) fn attempt(tries: u32, mut once: impl FnMut() -> Result<(), Failure>) -> io::Result<()> {
    let mut wait = WAIT_MIN;
    for tried in 1.. {
        match once() {
            Ok(()) => break,
            Err(Failure::Lasting(error)) => return Err(error),
            Err(Failure::Passing(error)) if tried >= tries => {
                return Err(io::Error::new(error.kind(), format!("{error}, after {tried} tries")));
            }
            Err(Failure::Passing(_)) => {}
        }
        clock::sleep(wait);
        wait = (2 * wait).min(WAIT_MAX);
    }
    Ok(())
}
