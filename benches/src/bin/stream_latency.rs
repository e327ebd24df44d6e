//! Prints how long records take through pipelines of the stream engine.
//!
//! `cargo run --release -p potoroo-benches --bin stream_latency [-- --quick] [--json] [--runs N] [idle|open-loop|hot-key|slow-sink]`.
//! About a minute and a half. What exactly is done is in `src/stream_latency/`. Rows of the same name are of several runs,
//! and each of their figures is the median of the runs'. It needs two cores, and another one for the thread outside would be
//! better.

use hdrhistogram::Histogram;
use potoroo_benches::stream_latency::open_loop::Driver;
use potoroo_benches::stream_latency::slow_sink::Other;
use potoroo_benches::stream_latency::{Row, hot_key, idle, open_loop, slow_sink};
use std::time::Duration;

/// How large a measurement is.
struct Size {
    runs: usize,
    idle_samples: u64,
    seconds: f64,
    rates: &'static [u64],
}

const FULL: Size = Size {
    runs: 3,
    idle_samples: 1_000,
    seconds: 1.0,
    rates: &[
        1_000_000, 5_000_000, 10_000_000, 15_000_000, 20_000_000, 25_000_000, 30_000_000,
    ],
};

const QUICK: Size = Size {
    runs: 1,
    idle_samples: 20,
    seconds: 0.02,
    rates: &[1_000_000],
};

/// How long the system rests before a record of `idle`.
const PAUSE: Duration = Duration::from_millis(1);

/// At the highest rates it makes no sense to go on.
const P99_MAX_NS: u64 = 50_000;

/// Records a second that are half of what two workers can do; half as many more are as much for both workers as a hot key
/// makes it for one.
const PART: u64 = 1_600_000;

const QUANTILES: [f64; 4] = [0.5, 0.99, 0.999, 1.0];

fn idle_rows(size: &Size) -> Vec<Row> {
    let shapes = [(1, Some(PAUSE)), (1, None), (2, Some(PAUSE)), (2, None)];
    let rows = shapes.map(|(workers, pause)| idle::run(workers, size.idle_samples, pause));
    rows.into_iter().flatten().collect()
}

fn open_loop_rows(size: &Size) -> Vec<Row> {
    let mut rows = Vec::new();
    for driver in [Driver::Thread, Driver::Generator] {
        for rate in size.rates {
            let row = open_loop::run(1, *rate, size.seconds, driver);
            let is_enough = *rate > 10_000_000 && row.latencies.value_at_quantile(0.99) > P99_MAX_NS;
            rows.push(row);
            if is_enough {
                break;
            }
        }
    }
    rows
}

fn hot_key_rows(size: &Size) -> Vec<Row> {
    [
        ("none", PART, false),
        ("half the traffic", PART, true),
        ("none, 3/2 of the rate", PART / 2 * 3, false),
    ]
    .into_iter()
    .flat_map(|(name, rate, with_hot_key)| hot_key::run(name, rate, with_hot_key, size.seconds))
    .collect()
}

fn slow_sink_rows(size: &Size) -> Vec<Row> {
    let so_long = Duration::from_secs_f64(size.seconds);
    let mut rows = Vec::new();
    for common_source in [false, true] {
        for workers in [1, 2] {
            for other in [Other::Fast, Other::Waiting, Other::Computing] {
                rows.push(slow_sink::run(workers, common_source, other, so_long));
            }
        }
    }
    rows
}

fn median<T: Copy>(mut values: Vec<T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Option<T> {
    values.sort_by(order);
    values.get(values.len() / 2).copied()
}

/// Quantiles in microseconds, each the median of those of the runs.
fn figures(runs: &[&Row]) -> [f64; 4] {
    let of = |latencies: &Histogram<u64>, quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    QUANTILES.map(|quantile| {
        let values = runs.iter().map(|row| of(&row.latencies, quantile)).collect();
        median(values, f64::total_cmp).unwrap_or(f64::NAN)
    })
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let mut size = if has("--quick") { QUICK } else { FULL };
    if let Some(at) = words.iter().position(|word| word == "--runs") {
        let number = words.get(at + 1).and_then(|number| number.parse().ok());
        size.runs = number.expect("--runs needs a number");
    }
    let scenarios: [(&str, fn(&Size) -> Vec<Row>); 4] = [
        ("idle", idle_rows),
        ("open-loop", open_loop_rows),
        ("hot-key", hot_key_rows),
        ("slow-sink", slow_sink_rows),
    ];
    let all = !scenarios.iter().any(|(name, _)| has(name));
    let mut rows = Vec::new();
    for round in 1..=size.runs {
        for (name, measure) in scenarios.iter().filter(|(name, _)| all || has(name)) {
            eprintln!("round {round} of {}: {name}", size.runs);
            rows.extend(measure(&size));
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for row in &rows {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    if !has("--json") {
        println!(
            "Microseconds. {} runs, the median of each figure. `CPU`: of the workers, 100 % is a core.\n",
            size.runs
        );
        println!(
            "| {:66} | {:>9} | {:>9} | {:>9} | {:>9} | {:>9} | {:>6} |",
            "records", "number", "p50", "p99", "p99.9", "max", "CPU"
        );
        println!("|---|---|---|---|---|---|---|");
    }
    for name in names {
        let runs: Vec<&Row> = rows.iter().filter(|row| row.name == name).collect();
        let [p50, p99, p999, max] = figures(&runs);
        let records = median(runs.iter().map(|row| row.latencies.len()).collect(), u64::cmp).unwrap_or(0);
        let cpu = median(runs.iter().filter_map(|row| row.cpu).collect(), f64::total_cmp);
        if has("--json") {
            println!(
                "{}",
                serde_json::json!({
                    "name": name, "records": records, "p50_us": p50, "p99_us": p99, "p999_us": p999, "max_us": max,
                    "cpu_share": cpu,
                })
            );
        } else {
            let cpu = cpu.map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
            println!("| {name:66} | {records:9} | {p50:9.1} | {p99:9.1} | {p999:9.1} | {max:9.1} | {cpu:>6} |");
        }
    }
    if all || has("open-loop") {
        let so_long = Duration::from_secs_f64(size.seconds);
        for workers in [1, 2] {
            let share = open_loop::nothing(workers, so_long);
            eprintln!(
                "a pipeline without records, {workers} worker(s): {:.3} % of a core",
                share * 100.0
            );
        }
    }
}
