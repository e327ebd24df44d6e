//! A mixed load with faults for as long as asked, and exact books about it: `potoroo soak`.
//!
//! The load comes in rounds. In each, every part (`parts`) sets work of its own going at once with the others, on one
//! system; when all of it has come to rest, everything that was sent must be accounted for (`ledger`), all short-lived
//! actors and descriptors must have gone, and the resident memory is noted (`measure`). Who does not get on meanwhile is
//! named (`watch`). It lacks crashes of the process, and disks.

mod ledger;
mod measure;
mod part;
mod parts;
mod report;
mod watch;

pub use measure::Drift;
pub use report::{PartReport, Report};

use crate::cli::soak::SoakArgs;
use crate::error::AppError;
use crate::human::{count, size};
use crate::market_spread::random::SplitMix64;
use crate::serve::stop_signals;
use crate::summary::write_json;
use crate::terminal::{print, tell_in_place};
use measure::Sample;
use part::Part;
use potoroo_runtime::System;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use watch::{Stuck, Watch};

/// This share of the time is for warming up, but no more than a while: caches, pools, arenas and the heap find their size.
const WARM_UP: f64 = 0.3;
const WARM_UP_MAX: Duration = Duration::from_secs(120);

/// After less than this nothing can be said of memory.
const WARM_UP_MIN: Duration = Duration::from_secs(60);

/// How often is looked whether all has come to rest, and whether anybody is stuck.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

const SHOW_INTERVAL: Duration = Duration::from_secs(1);

/// How long one wait for quiet is, between two looks.
const QUIET_WITHIN: Duration = Duration::from_millis(20);

/// How long what has been settled may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);

const SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);

/// A run under way.
struct Run<'a> {
    args: &'a SoakArgs,
    system: System,
    parts: Vec<Box<dyn Part>>,
    started: Instant,
    shown: Instant,
    rounds: u64,
    /// At rest, before the first round.
    before: Sample,
    last: Sample,
    /// Resident memory after each round that is no warm-up.
    rss_bytes: Vec<u64>,
    stuck: Stuck,
    failures: Vec<String>,
}

/// Does what the options of `soak` say. An error says what was not as it must be; the table has been printed before.
pub fn soak(args: &SoakArgs) -> Result<Report, AppError> {
    let interrupted = stop_signals()?;
    let mut run = Run::start(args)?;
    while run.failures.is_empty() && run.started.elapsed() < args.duration() && !interrupted.load(Relaxed) {
        run.round();
    }
    let report = run.end(&interrupted);
    if !args.quiet {
        print(&report)?;
    }
    if let Some(path) = &args.json {
        write_json(&report, path)?;
    }
    if report.failures.is_empty() {
        return Ok(report);
    }
    Err(AppError::Job {
        reason: report.failures.join("; "),
    })
}

/// The parts with these names, or all.
fn chosen(mut parts: Vec<Box<dyn Part>>, names: &[String]) -> Result<Vec<Box<dyn Part>>, AppError> {
    let known: Vec<_> = parts.iter().map(|part| part.name()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let known = known.join(", ");
        return Err(AppError::Options(format!(
            "there is no part `{unknown}` of the load; there are {known}"
        )));
    }
    parts.retain(|part| names.is_empty() || names.iter().any(|name| name == part.name()));
    Ok(parts)
}

impl<'a> Run<'a> {
    fn start(args: &'a SoakArgs) -> Result<Self, AppError> {
        // Failures are part of the load: no line for each.
        let mut builder = System::builder().on_failure(|_, _, _| {});
        if let Some(workers) = args.workers {
            builder = builder.workers(workers.get());
        }
        let system = builder.build().map_err(|source| AppError::System { source })?;
        let parts = parts::all(&system).map_err(|error| AppError::Job {
            reason: format!("the load cannot start: {error}"),
        })?;
        let parts = chosen(parts, &args.only)?;
        system.run_until_quiet(GONE_WITHIN);
        let before = Sample::take(&system);
        let started = Instant::now();
        Ok(Self {
            args,
            system,
            parts,
            started,
            shown: started,
            rounds: 0,
            before,
            last: before,
            rss_bytes: Vec::new(),
            stuck: Stuck::new(),
            failures: Vec::new(),
        })
    }

    /// Everything once, until it is at rest, and the checks.
    fn round(&mut self) {
        self.rounds += 1;
        for (index, part) in (0..).zip(&mut self.parts) {
            let purpose = self.rounds << 8 | index;
            part.begin(&self.system, SplitMix64::for_purpose(self.args.seed, purpose));
        }
        self.stuck = self.come_to_rest();
        for (part, who) in &self.stuck {
            self.failures.push(format!(
                "round {}: stuck in {}: {who}",
                self.rounds,
                self.parts[*part].name()
            ));
        }
        if self.stuck.is_empty() {
            self.check();
        }
    }

    /// Waits until nothing is under way any more, or somebody is stuck.
    fn come_to_rest(&mut self) -> Stuck {
        let mut watch = Watch::new();
        let mut watched = Instant::now();
        loop {
            self.parts.iter_mut().for_each(|part| part.look());
            // Twice: what was settled before the quiet may have begun something in it.
            if self.is_settled() && self.system.run_until_quiet(QUIET_WITHIN) && self.is_settled() {
                return Stuck::new();
            }
            if watched.elapsed() >= WATCH_INTERVAL {
                watched = Instant::now();
                let stuck = watch.look(&self.parts);
                if !stuck.is_empty() {
                    return stuck;
                }
            }
            self.show();
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    fn is_settled(&self) -> bool {
        self.parts
            .iter()
            .all(|part| part.is_settled() && part.ledger().is_settled())
    }

    fn warm_up(&self) -> Duration {
        self.args.duration().mul_f64(WARM_UP).min(WARM_UP_MAX)
    }

    /// What must be true at rest.
    fn check(&mut self) {
        // What has been settled goes a moment later: actors whose last message has been handled, sockets.
        let until = Instant::now() + GONE_WITHIN;
        self.last = loop {
            let sample = Sample::take(&self.system);
            let is_gone = sample.actors <= self.before.actors && sample.descriptors <= self.before.descriptors;
            if is_gone || Instant::now() >= until {
                break sample;
            }
            std::thread::sleep(LOOK_INTERVAL);
        };
        for (what, now, before) in [
            ("actors", self.last.actors, self.before.actors),
            ("descriptors", self.last.descriptors, self.before.descriptors),
        ] {
            if now != before {
                self.failures.push(format!(
                    "round {}: {before} {what} at rest have become {now}",
                    self.rounds
                ));
            }
        }
        if self.started.elapsed() >= self.warm_up() {
            self.rss_bytes.push(self.last.rss_bytes);
        }
        let letters = self.system.dead_letters();
        for part in &mut self.parts {
            part.check();
            let (name, ledger) = (part.name(), part.ledger());
            let of_part = letters.iter().filter(|of| of.type_name.starts_with(part.module()));
            let lost = ledger.lost(of_part.map(|of| of.total()).sum());
            if lost > 0 {
                self.failures.push(format!(
                    "round {}: {name}: {lost} messages cannot be accounted for",
                    self.rounds
                ));
            }
            for complaint in ledger.complaints() {
                self.failures
                    .push(format!("round {}: {name}: {complaint}", self.rounds));
            }
        }
    }

    /// The line on the terminal.
    fn show(&mut self) {
        if self.args.quiet || self.shown.elapsed() < SHOW_INTERVAL || !stderr().is_terminal() {
            return;
        }
        self.shown = Instant::now();
        let operations: u64 = self.parts.iter().map(|part| part.ledger().operations()).sum();
        let faults: u64 = self.parts.iter().map(|part| part.ledger().faults()).sum();
        tell_in_place(format_args!(
            "{:.0} of {:.0} s, {} rounds, {} operations, {} faults, {} at rest",
            self.started.elapsed().as_secs_f64(),
            self.args.duration().as_secs_f64(),
            count(self.rounds),
            count(operations),
            count(faults),
            size(self.last.rss_bytes),
        ));
    }

    /// The last checks, and the report.
    fn end(mut self, interrupted: &AtomicBool) -> Report {
        if !self.args.quiet && stderr().is_terminal() {
            tell_in_place("");
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let memory = Drift::of(&self.rss_bytes, self.warm_up() >= WARM_UP_MIN);
        if memory.is_too_much() {
            self.failures.push(format!(
                "memory at rest has grown from {} to {}, by {:.1} %",
                size(memory.begin_bytes),
                size(memory.end_bytes),
                100.0 * memory.ratio
            ));
        }
        let letters = self.system.dead_letters();
        let parts = self.parts.iter().enumerate().map(|(index, part)| {
            let of_part = letters.iter().filter(|of| of.type_name.starts_with(part.module()));
            let ledger = part.ledger();
            PartReport {
                name: part.name().to_owned(),
                operations: ledger.operations(),
                faults: ledger.faults(),
                lost: ledger.lost(of_part.map(|of| of.total()).sum()),
                stuck: self.stuck.iter().filter(|(of, _)| *of == index).count() as u64,
            }
        });
        let parts = parts.collect();
        let workers = self.system.workers();
        // Their threads outside first: they talk to the system.
        drop(self.parts);
        let ended = self.system.shutdown_within(SHUTDOWN_WITHIN);
        let total = ended.stats.total();
        if self.failures.is_empty() && !(ended.drained && total.spawned == total.ended) {
            self.failures.push(format!(
                "the shutdown left something: drained {}, {} actors started, {} ended",
                ended.drained, total.spawned, total.ended
            ));
        }
        Report {
            seed: self.args.seed,
            workers,
            seconds,
            rounds: self.rounds,
            interrupted: interrupted.load(Relaxed),
            parts,
            memory,
            descriptors: [self.before.descriptors, self.last.descriptors],
            actors: [self.before.actors, self.last.actors],
            failures: self.failures,
        }
    }
}
