//! Prints how long a thousand actors wait while another one blocks a worker for a second.
//!
//! `cargo run --release -p potoroo-benches --bin blocked [-- --quick]`. About 7 s, on 2 workers; what exactly is done is in
//! `src/blocked.rs`. Work that was due before the block is shown beside work that was due during it: the first row is what
//! the machine does anyway. A worst actor whose median is near half the block has waited for its end; far below, it was
//! rescued.

use hdrhistogram::Histogram;
use potoroo_benches::blocked::{Load, Mode, Run, Sample, run};
use potoroo_benches::system;
use std::error::Error;
use std::time::Duration;

/// Half of what one worker can do, so that the other one can do it all.
const LOAD: Load = Load {
    actors: 1_000,
    period: Duration::from_millis(20),
    work: Duration::from_micros(10),
    around: Duration::from_millis(500),
    block: Duration::from_secs(1),
};

/// As above, to see whether everything works.
const QUICK_LOAD: Load = Load {
    actors: 100,
    around: Duration::from_millis(60),
    block: Duration::from_millis(100),
    ..LOAD
};

/// Longer than any delay.
const DELAY_US_MAX: u64 = 60_000_000;

/// A delay that nobody would call a hiccup.
const STUCK: Duration = Duration::from_millis(100);

fn histogram<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Result<Histogram<u64>, Box<dyn Error>> {
    let mut delays_us = Histogram::new_with_max(DELAY_US_MAX, 3)?;
    for sample in samples {
        delays_us.saturating_record((sample.delay.as_nanos() / 1_000) as u64);
    }
    Ok(delays_us)
}

/// Prints the row of the samples that `counts` picks.
fn row(name: &str, run: &Run, counts: impl Fn(&Sample) -> bool) -> Result<(), Box<dyn Error>> {
    let picked = |samples: &[Sample]| samples.iter().copied().filter(|s| counts(s)).collect::<Vec<_>>();
    let of_actors: Vec<Vec<Sample>> = run.samples.iter().map(|samples| picked(samples)).collect();
    let all = histogram(of_actors.iter().flatten())?;
    let mut worst_us = 0;
    for samples in of_actors.iter().filter(|samples| !samples.is_empty()) {
        worst_us = worst_us.max(histogram(samples)?.value_at_quantile(0.5));
    }
    let stuck = of_actors
        .iter()
        .filter(|samples| samples.iter().any(|s| s.delay > STUCK));
    println!(
        "| {name:23} | {:7} | {:10.3} | {:10.3} | {:10.3} | {:12.3} | {:8} |",
        all.len(),
        all.value_at_quantile(0.5) as f64 / 1e3,
        all.value_at_quantile(0.99) as f64 / 1e3,
        all.max() as f64 / 1e3,
        worst_us as f64 / 1e3,
        stuck.count()
    );
    Ok(())
}

/// How many actors were last seen on the blocked worker before it was.
fn at_home_there(run: &Run) -> usize {
    let last = |samples: &[Sample]| samples.iter().rfind(|s| s.due + s.delay < run.block.from).copied();
    run.samples
        .iter()
        .filter_map(|samples| last(samples))
        .filter(|sample| sample.worker == run.block.worker)
        .count()
}

fn main() -> Result<(), Box<dyn Error>> {
    let quick = std::env::args().any(|word| word == "--quick");
    let load = if quick { QUICK_LOAD } else { LOAD };
    println!(
        "{} actors on 2 workers, {:?} of work each every {:?}: {:.0} % of one worker. A worker is blocked for {:?}.\n",
        load.actors,
        load.work,
        load.period,
        100.0 * load.of_one_worker(),
        load.block
    );
    println!(
        "| {:23} | {:>7} | {:>10} | {:>10} | {:>10} | {:>12} | {:>8} |",
        "work due", "samples", "p50 ms", "p99 ms", "max ms", "worst p50 ms", "> 100 ms"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut notes = Vec::new();
    for (name, mode) in [("thread", Mode::Outside), ("timers", Mode::Timers)] {
        let run = run(&system(2), load, mode);
        // What was due just before may have been queued when the block began.
        row(&format!("{name}, before the block"), &run, |s| {
            s.due + load.period < run.block.from
        })?;
        row(&format!("{name}, during it"), &run, |s| {
            (run.block.from..run.block.to).contains(&s.due)
        })?;
        notes.push(format!(
            "{name}: {} of {} actors were at home on the blocked worker",
            at_home_there(&run),
            load.actors
        ));
        if mode == Mode::Outside {
            notes.push(format!(
                "the thread outside sent late by at most {:?}",
                run.driver_late_max
            ));
        }
    }
    println!(
        "\n`worst p50`: of the actor that waited longest by its median. `> 100 ms`: actors that once waited longer."
    );
    notes.iter().for_each(|note| println!("{note}."));
    Ok(())
}
