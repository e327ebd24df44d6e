//! Running models: one process each, several at a time, none for longer than it may.

use super::building::Model;
use potoroo_loom_tests::report::{DEEP, REPORT_FILE, Report};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a whole system takes.
const BRANCHES_MAX: &str = "50000";

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(3);

/// How a model is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) preemptions: usize,
    pub(crate) deep: bool,
    pub(crate) mutant: Option<&'static str>,
    pub(crate) limit: Duration,
    /// What else loom is told.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
    /// Where the output goes, and the report next to it.
    pub(crate) output: PathBuf,
}

impl Setting {
    /// The variables of the environment that this setting comes to, but for the report's.
    pub(crate) fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        // A trace is one run of `loom::model`, which hears of both in no other way.
        let mut all = vec![
            ("LOOM_MAX_PREEMPTIONS", PathBuf::from(self.preemptions.to_string())),
            ("LOOM_MAX_BRANCHES", BRANCHES_MAX.into()),
        ];
        if self.deep {
            all.push((DEEP, "1".into()));
        }
        all.extend(self.mutant.map(|mutant| ("POTOROO_MUTANT", PathBuf::from(mutant))));
        all.extend(self.variables.iter().cloned());
        all
    }
}

/// What came of a model.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the model said itself, unless it was stopped before it could.
    pub(crate) report: Option<Report>,
    pub(crate) output: String,
    /// The test has passed, as far as its harness knows.
    pub(crate) succeeded: bool,
    pub(crate) out_of_time: bool,
    pub(crate) seconds: f64,
}

impl Outcome {
    /// Whether the claim holds: the model has said so, and nothing went wrong after it.
    pub(crate) fn passed(&self) -> bool {
        self.succeeded && self.report.as_ref().is_some_and(|report| report.passed)
    }

    /// Whether the model has failed, by a failed assertion or by a crash; one that was stopped has not.
    pub(crate) fn failed(&self) -> bool {
        !self.out_of_time && !self.succeeded
    }
}

/// Runs one model.
pub(crate) fn run(model: &Model, setting: &Setting) -> Result<Outcome, String> {
    let report = setting.output.with_extension("report");
    let _ = fs::remove_file(&report);
    let folder = setting.output.parent().unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| format!("{}: {error}", setting.output.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let output = File::create(&setting.output).map_err(failed)?;
    let errors = output.try_clone().map_err(failed)?;
    let mut command = Command::new(&model.executable);
    command
        .args(["--exact", &model.test, "--nocapture", "--test-threads", "1"])
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    for inherited in [
        "LOOM_LOG",
        "LOOM_LOCATION",
        "LOOM_CHECKPOINT_FILE",
        "LOOM_CHECKPOINT_INTERVAL",
        DEEP,
        "POTOROO_MUTANT",
    ] {
        command.env_remove(inherited);
    }
    command.envs(setting.environment()).env(REPORT_FILE, &report);
    let since = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("{}: {error}", model.executable.display()))?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break Some(status);
        }
        if since.elapsed() >= setting.limit {
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            break None;
        }
        std::thread::sleep(LOOK);
    };
    let lines = fs::read_to_string(&report).unwrap_or_default();
    let report: Option<Report> = lines.lines().next().and_then(|line| serde_json::from_str(line).ok());
    if let Some(report) = &report
        && report.model != model.name
    {
        return Err(format!("the test {} calls its model {}", model.name, report.model));
    }
    Ok(Outcome {
        report,
        output: String::from_utf8_lossy(&fs::read(&setting.output).map_err(failed)?).into_owned(),
        succeeded: status.is_some_and(|status| status.success()),
        out_of_time: status.is_none(),
        seconds: since.elapsed().as_secs_f64(),
    })
}

/// Does `each` for all `items`, some at a time; what came of them, in their order.
pub(crate) fn all<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    each: impl Fn(usize, &T) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<R, String>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = each(index, item);
                    if result.is_err() {
                        // Nobody begins another.
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    done.lock().expect("nobody panics inside").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panicked inside");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_an_error_ends_it() {
        let items: Vec<usize> = (0..50).collect();
        let doubled = all(&items, 4, |_, item| Ok(item * 2)).unwrap();
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        let failed = all(
            &items,
            2,
            |_, item| if *item == 7 { Err("seven".to_owned()) } else { Ok(()) },
        );
        assert_eq!(failed, Err("seven".to_owned()));
        assert_eq!(all(&[], 2, |_, (): &()| Ok(1)).unwrap(), Vec::<i32>::new());
    }
}
