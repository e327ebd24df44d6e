//! Running one model and saying what it covered.
//!
//! A model that passes says nothing if it explored nothing, so each reports how many interleavings it went through: to
//! standard error, and to the file that the runner names. It lacks a time-out: sizes are chosen so that two preemptions
//! take seconds, and the runner has one.

use crate::report::{DEEP, REPORT_FILE, Report};
use std::cell::RefCell;
use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// How many preemptions are explored unless `LOOM_MAX_PREEMPTIONS` says otherwise: the bound of most projects that use
/// loom. Three cost five to ten times as much.
const PREEMPTIONS: usize = 2;

/// A whole system takes more steps than loom allows for by itself.
const BRANCHES_MAX: usize = 50_000;

/// When the runner goes deep, a model is left after so long, whatever is left to be explored, and says so.
const DEEP_AT_MOST: Duration = Duration::from_secs(900);

/// loom looks at the time after so many interleavings.
const LOOK_INTERVAL: usize = 500;

thread_local! {
    /// The model that this thread explores. loom runs a model's threads on stacks of their own but on this thread.
    static CURRENT: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// Explores `f` and reports. `name` is the file and the test, `claim` what its assertions show, `size` how many threads and
/// messages take part.
pub fn model(name: &'static str, claim: &'static str, size: &'static str, f: impl Fn() + Send + Sync + 'static) {
    explore(name, claim, size, Some(asked_for()), f);
}

fn asked_for() -> usize {
    let bound = env::var("LOOM_MAX_PREEMPTIONS")
        .ok()
        .and_then(|bound| bound.parse().ok());
    bound.unwrap_or(PREEMPTIONS)
}

/// As [`model`], with one preemption less: for whole systems of two workers, whose space is so large that the next
/// preemption costs minutes.
pub fn large_model(name: &'static str, claim: &'static str, size: &'static str, f: impl Fn() + Send + Sync + 'static) {
    explore(name, claim, size, Some(asked_for().saturating_sub(1)), f);
}

/// As [`model`], for one whose space is so small that it is explored without a bound when the runner goes deep.
pub fn small_model(name: &'static str, claim: &'static str, size: &'static str, f: impl Fn() + Send + Sync + 'static) {
    if env::var_os(DEEP).is_some() {
        explore(name, claim, size, None, f);
    } else {
        model(name, claim, size, f);
    }
}

fn explore(
    name: &'static str,
    claim: &'static str,
    size: &'static str,
    preemptions: Option<usize>,
    f: impl Fn() + Send + Sync + 'static,
) {
    report_failures();
    // An ordinary atomic: loom must not see it, or counting would multiply what there is to count.
    let interleavings = Arc::new(AtomicU64::new(0));
    let at_most = env::var_os(DEEP).map(|_| DEEP_AT_MOST);
    CURRENT.set(Some(Running {
        name,
        claim,
        size,
        preemptions,
        at_most,
        interleavings: interleavings.clone(),
        since: Instant::now(),
    }));
    let counted = move || {
        interleavings.fetch_add(1, Relaxed);
        f();
    };
    if env::var_os("LOOM_LOG").is_some() {
        // The only way to have it heard; the runner sets the bound in the environment as well.
        loom::model(counted);
    } else {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = preemptions;
        builder.max_branches = builder.max_branches.max(BRANCHES_MAX);
        builder.max_duration = at_most;
        if builder.checkpoint_file.is_none() {
            builder.checkpoint_interval = LOOK_INTERVAL;
        }
        builder.check(counted);
    }
    if let Some(running) = CURRENT.take() {
        running.report(true);
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
            if let Some(running) = CURRENT.take() {
                running.report(false);
            }
        }));
    });
}

/// What is known about a model while it runs.
struct Running {
    name: &'static str,
    claim: &'static str,
    size: &'static str,
    preemptions: Option<usize>,
    at_most: Option<Duration>,
    interleavings: Arc<AtomicU64>,
    since: Instant,
}

impl Running {
    fn report(self, passed: bool) {
        let elapsed = self.since.elapsed();
        let report = Report {
            model: self.name.to_owned(),
            claim: self.claim.to_owned(),
            size: self.size.to_owned(),
            preemptions: self.preemptions,
            interleavings: self.interleavings.load(Relaxed),
            seconds: elapsed.as_secs_f64(),
            passed,
            cut: passed && self.at_most.is_some_and(|at_most| elapsed >= at_most),
        };
        // Not `print!`: the test harness swallows that when a test passes. If stderr is gone, so is the reader.
        let _ = std::io::stderr().write_all(report.text().as_bytes());
        let Some(path) = env::var_os(REPORT_FILE) else { return };
        // One write, so that a model that aborts right after has said it all. A runner that finds nothing says so.
        let line = serde_json::to_string(&report).map(|line| line + "\n");
        let file = OpenOptions::new().create(true).append(true).open(path);
        if let (Ok(line), Ok(mut file)) = (line, file) {
            let _ = file.write_all(line.as_bytes());
        }
    }
}
