//! What is seen of a run while it goes on.
//!
//! The counters of the workers can be read at any time and cost them nothing, so the line on the terminal moves without
//! slowing what it tells of. Where standard error is no terminal only the end of each run is told.

use crate::human::count;
use crate::terminal::tell_in_place;
use potoroo_runtime::System;
use std::any::Any;
use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often the line changes.
const INTERVAL: Duration = Duration::from_millis(100);

/// Does `work` with `system` on another thread and meanwhile shows how far it is; what a panic of it said is the error.
pub(super) fn watch<R: Send>(
    label: &str,
    quiet: bool,
    system: &System,
    work: impl FnOnce(&System) -> R + Send,
) -> Result<R, String> {
    let shown = !quiet && stderr().is_terminal();
    let outcome = thread::scope(|scope| {
        let (ended, end) = channel::<()>();
        let runner = scope.spawn(move || {
            // Goes when the work is done, also by a panic.
            let _ended = ended;
            work(system)
        });
        let since = Instant::now();
        while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if shown {
                let total = system.stats().total();
                tell_in_place(format_args!(
                    "{label}: {:.1} s, {} messages handled, {:.1} % local",
                    since.elapsed().as_secs_f64(),
                    count(total.handled),
                    100.0 * total.locality_ratio(),
                ));
            }
        }
        runner.join()
    });
    if shown {
        tell_in_place("");
    }
    outcome.map_err(|panic| text_of(&*panic))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_work_is_an_error_with_its_words() {
        let system = System::builder().workers(1).build().unwrap();
        assert_eq!(watch("x", true, &system, |system| system.workers()), Ok(1));
        let failed = watch("x", true, &system, |_| -> u64 { panic!("the sum is {}", 7) });
        assert_eq!(failed, Err("the sum is 7".to_owned()));
    }
}
