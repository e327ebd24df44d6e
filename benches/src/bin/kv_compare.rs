//! Compares the key-value server with Redis: rates and latencies of GET and SET under `redis-benchmark`, side by side.
//!
//! `cargo run --release -p potoroo-benches --bin kv_compare [-- [--quick] [--runs N] [--workers N] [--threads N] [--keys N]]`.
//! Needs `redis-server` and `redis-benchmark` (Debian: `redis`), and the program `potoroo` beside this one: build it first
//! with `cargo build --release`. Both servers run all the time, without persistence; runs alternate between them, so that
//! a disturbance of the machine hits both, and each figure is the median of the runs. The table goes to standard output,
//! progress to standard error. Where Redis is missing, `--quick` says so and succeeds.
//!
//! All requests are for one key, unless `--keys` says among how many they choose: then memory counts as well. The client is
//! one thread as a rule, on the same machine. Where it needs more time for a request than the server does,
//! both servers seem equally fast: the column on CPU time, which Linux gives for the servers alone, tells.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Connections of the client.
const CONNECTIONS: &str = "50";

/// How often each cell is measured, if nothing else is said.
const RUNS: usize = 5;

/// Requests of a run, for one in a pipeline; more in a pipeline are faster.
const REQUESTS: u64 = 100_000;

/// As above, to see whether everything works.
const QUICK_REQUESTS: u64 = 2_000;

/// How long a server may take to start.
const START_WITHIN: Duration = Duration::from_secs(10);

/// The pipelines, and how many times more requests a run with each makes.
const PIPELINES: [(u32, u64); 2] = [(16, 10), (1, 1)];

/// A server in a process of its own, which does not outlive this.
struct Server {
    name: &'static str,
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One run of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Run {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// CPU time of the server for each request.
    cpu_us: f64,
}

fn is_installed(tool: &str) -> bool {
    Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

fn redis() -> Result<Server, String> {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("cannot find a free port: {error}"))?
        .port();
    let child = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--appendonly",
            "no",
            "--bind",
            "127.0.0.1",
        ])
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start redis-server: {error}"))?;
    let server = Server {
        name: "redis",
        child,
        port,
    };
    let until = Instant::now() + START_WITHIN;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > until {
            return Err(format!("redis-server does not listen on port {port}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}

/// The program `potoroo`, which lies where this one does, or one level up when this is a test.
fn program() -> Result<PathBuf, String> {
    let me = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut places = me.ancestors().skip(1).take(2).map(|place| place.join("potoroo"));
    places.find(|path| path.is_file()).ok_or_else(|| {
        format!(
            "there is no program potoroo beside {}; run: cargo build --release",
            me.display()
        )
    })
}

fn potoroo(workers: Option<&str>) -> Result<Server, String> {
    let mut command = Command::new(program()?);
    command.args(["run", "kv", "--listen", "127.0.0.1:0"]);
    if let Some(workers) = workers {
        command.args(["--workers", workers]);
    }
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start potoroo: {error}"))?;
    let mut line = String::new();
    if let Some(errors) = child.stderr.take() {
        // A broken pipe shows in what is parsed.
        let _ = BufReader::new(errors).read_line(&mut line);
    }
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .and_then(|text| text.parse::<SocketAddr>().ok());
    let server = Server {
        name: "potoroo",
        child,
        port: address.map_or(0, |address| address.port()),
    };
    match address {
        Some(_) => Ok(server),
        None => Err(format!("potoroo does not listen: {}", line.trim())),
    }
}

/// The CPU time that a process has used, as Linux tells it; 0 elsewhere.
fn cpu_time_us(process: u32) -> f64 {
    // Of each thread, the first number of this file is the time that it ran, in ns.
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
    let of_task = |path: PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let ns: f64 = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| of_task(task.path()))
        .sum();
    ns / 1e3
}

/// The fields of a line of values in quotes.
fn fields(line: &str) -> Vec<&str> {
    line.trim().split(',').map(|field| field.trim_matches('"')).collect()
}

/// What `redis-benchmark --csv` prints of one test: a line of names, a line of values.
fn parse(printed: &str) -> Option<Run> {
    let mut lines = printed.lines().filter(|line| line.starts_with('"'));
    let (names, values) = (fields(lines.next()?), fields(lines.next()?));
    let value = |name: &str| values.get(names.iter().position(|other| *other == name)?)?.parse().ok();
    Some(Run {
        rate: value("rps")?,
        p50_ms: value("p50_latency_ms")?,
        p99_ms: value("p99_latency_ms")?,
        cpu_us: 0.0,
    })
}

fn run(server: &Server, test: &str, pipeline: u32, requests: u64, plan: &Plan) -> Result<Run, String> {
    let before_us = cpu_time_us(server.child.id());
    let mut command = Command::new("redis-benchmark");
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &server.port.to_string(),
        "-c",
        CONNECTIONS,
        "-t",
        test,
        "--csv",
    ]);
    command.args(["-P", &pipeline.to_string(), "-n", &requests.to_string()]);
    if plan.threads != "1" {
        command.args(["--threads", &plan.threads]);
    }
    if let Some(keys) = &plan.keys {
        command.args(["-r", keys]);
    }
    let output = command
        .output()
        .map_err(|error| format!("cannot run redis-benchmark: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut run = parse(&printed).ok_or_else(|| format!("redis-benchmark on {} printed: {printed}", server.name))?;
    run.cpu_us = (cpu_time_us(server.child.id()) - before_us) / requests as f64;
    Ok(run)
}

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One row of the table.
fn row(test: &str, pipeline: u32, redis: &[Run], potoroo: &[Run]) -> String {
    let pair = |of: fn(&Run) -> f64| (median(redis, of), median(potoroo, of));
    let rate = pair(|run| run.rate);
    let p50 = pair(|run| run.p50_ms);
    let p99 = pair(|run| run.p99_ms);
    let cpu = pair(|run| run.cpu_us);
    format!(
        "| {:4} | {pipeline:8} | {:11.0} | {:11.0} | {:5.2} | {:6.3} | {:6.3} | {:6.3} | {:6.3} | {:8.2} | {:8.2} |",
        test.to_uppercase(),
        rate.0,
        rate.1,
        rate.1 / rate.0,
        p50.0,
        p50.1,
        p99.0,
        p99.1,
        cpu.0,
        cpu.1,
    )
}

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Plan {
    quick: bool,
    runs: usize,
    workers: Option<String>,
    threads: String,
    /// Random keys; without, all requests are for one.
    keys: Option<String>,
}

impl Plan {
    fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self {
            quick: false,
            runs: RUNS,
            workers: None,
            threads: "1".to_owned(),
            keys: None,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let mut number = || {
                let text = args.next().unwrap_or_default();
                match text.parse::<usize>() {
                    Ok(number) if number > 0 => Ok(number),
                    _ => Err(format!("{arg} needs a number above 0, not {text:?}")),
                }
            };
            match arg.as_str() {
                "--quick" => (plan.quick, plan.runs) = (true, 1),
                "--runs" => plan.runs = number()?,
                "--workers" => plan.workers = Some(number()?.to_string()),
                "--threads" => plan.threads = number()?.to_string(),
                "--keys" => plan.keys = Some(number()?.to_string()),
                other => return Err(format!("there is no option {other}")),
            }
        }
        Ok(plan)
    }
}

fn compare(plan: &Plan) -> Result<(), String> {
    let servers = [redis()?, potoroo(plan.workers.as_deref())?];
    println!(
        "GET and SET, {CONNECTIONS} connections, client threads: {}; median of {} runs. Rates in requests per second, latencies in ms, \
         CPU time of the server in µs per request.\n",
        plan.threads, plan.runs
    );
    println!(
        "| test | pipeline | redis       | potoroo     | ratio | p50 r. | p50 p. | p99 r. | p99 p. | CPU r.   | CPU p.   |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let requests = if plan.quick { QUICK_REQUESTS } else { REQUESTS };
    for (pipeline, times) in PIPELINES {
        for test in ["set", "get"] {
            let mut runs = [Vec::new(), Vec::new()];
            for number in 1..=plan.runs {
                eprint!("{test}, pipeline {pipeline}: run {number} of {}:", plan.runs);
                for (server, runs) in servers.iter().zip(&mut runs) {
                    let run = run(server, test, pipeline, requests * times, plan)?;
                    eprint!(" {} {:.0}", server.name, run.rate);
                    runs.push(run);
                }
                eprintln!();
            }
            println!("{}", row(test, pipeline, &runs[0], &runs[1]));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let plan = match Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(what) => {
            eprintln!(
                "kv_compare: {what}\nusage: kv_compare [--quick] [--runs N] [--workers N] [--threads N] [--keys N]"
            );
            return ExitCode::from(2);
        }
    };
    if let Some(missing) = ["redis-server", "redis-benchmark"]
        .iter()
        .find(|tool| !is_installed(tool))
    {
        eprintln!("kv_compare: {missing} is not installed; there is nothing to compare with");
        return if plan.quick {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    match compare(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("kv_compare: {what}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_prints_is_understood() {
        let printed = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\"\n\
                       \"GET\",\"743099.81\",\"0.744\",\"0.264\",\"0.743\",\"1.015\",\"1.167\"\n";
        let run = parse(printed).expect("a run");
        assert_eq!((run.rate, run.p50_ms, run.p99_ms), (743_099.81, 0.743, 1.167));
        assert_eq!(parse("Could not connect"), None);
        assert_eq!(parse("\"test\",\"rps\"\n\"GET\",\"1\"\n"), None);
    }

    #[test]
    fn a_row_has_medians_and_their_ratio() {
        let runs = |rates: [f64; 3]| rates.map(|rate| Run { rate, ..Run::default() });
        let row = row("get", 16, &runs([3.0, 100.0, 200.0]), &runs([130.0, 1.0, 999.0]));
        assert!(
            row.starts_with("| GET  |       16 |         100 |         130 |  1.30 |"),
            "{row}"
        );
    }

    #[test]
    fn plans() {
        let plan = |words: &str| Plan::parse(words.split_whitespace().map(str::to_owned));
        assert_eq!(plan("").expect("a plan").runs, RUNS);
        let all = plan("--quick --workers 2 --threads 3").expect("a plan");
        assert_eq!(
            (all.quick, all.runs, all.workers.as_deref(), all.threads.as_str()),
            (true, 1, Some("2"), "3")
        );
        for words in ["--runs", "--runs 0", "--fast", "--workers x"] {
            assert!(plan(words).is_err(), "{words}");
        }
    }
}
