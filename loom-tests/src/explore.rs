//! Running one model and saying what it covered.
//!
//! A model that passes says nothing if it explored nothing, so each reports how many interleavings it went through. It
//! lacks a time-out: sizes are chosen so that two preemptions take seconds.

use std::cell::RefCell;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Once};
use std::time::Instant;

/// How many preemptions are explored unless `LOOM_MAX_PREEMPTIONS` says otherwise: the bound of most projects that use
/// loom. Three cost five to ten times as much.
const PREEMPTIONS: usize = 2;

thread_local! {
    /// The model that this thread explores. loom runs a model's threads on stacks of their own but on this thread.
    static CURRENT: RefCell<Option<Report>> = const { RefCell::new(None) };
}

/// Explores `f` and reports. `claim` is what its assertions show, `size` how many threads and messages take part.
pub fn model(name: &'static str, claim: &'static str, size: &'static str, f: impl Fn() + Send + Sync + 'static) {
    report_failures();
    // An ordinary atomic: loom must not see it, or counting would multiply what there is to count.
    let interleavings = Arc::new(AtomicU64::new(0));
    CURRENT.set(Some(Report {
        name,
        claim,
        size,
        interleavings: interleavings.clone(),
        since: Instant::now(),
    }));
    let counted = move || {
        interleavings.fetch_add(1, Relaxed);
        f();
    };
    if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_some() {
        // Reads all of loom's variables, and is the only way to have LOOM_LOG heard.
        loom::model(counted);
    } else {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(PREEMPTIONS);
        builder.check(counted);
    }
    if let Some(report) = CURRENT.take() {
        report.print("holds", "explored");
    }
}

/// Has the first panic of a model reported at once. Not by a destructor: when loom finds a deadlock or a race, dropping
/// what the model's threads hold often panics again, and that ends the process.
fn report_failures() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            previous(panic);
            if let Some(report) = CURRENT.take() {
                report.print("FAILS", "explored up to the failure");
            }
        }));
    });
}

/// What is known about a model while it runs.
struct Report {
    name: &'static str,
    claim: &'static str,
    size: &'static str,
    interleavings: Arc<AtomicU64>,
    since: Instant,
}

impl Report {
    fn print(self, verdict: &str, found: &str) {
        let preemptions = std::env::var("LOOM_MAX_PREEMPTIONS").unwrap_or_else(|_| PREEMPTIONS.to_string());
        let text = format!(
            "{}: {verdict}\n    claim: {}\n    size: {}\n    {} interleavings {found} at {preemptions} preemptions in {:.2} s\n",
            self.name,
            self.claim,
            self.size,
            self.interleavings.load(Relaxed),
            self.since.elapsed().as_secs_f64(),
        );
        // Not `print!`: the test harness swallows that when a test passes. If stderr is gone, so is the reader.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
