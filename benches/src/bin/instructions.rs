//! Compares the instructions per message of the hot paths with the budget in `benches/instructions.toml`.
//!
//! `cargo run --release -p potoroo-benches --bin instructions [-- --update]`. It needs valgrind and gungraun's runner of
//! the version in `Cargo.lock` (`cargo install gungraun-runner --version 0.20.0 --locked`), runs the example `hot_paths`,
//! and fails if a path takes more than 5 % more than its budget. With `--update` it writes the budget anew.
//!
//! Counts of two compilers do not compare. With another compiler than the budget's it shows the table but does not
//! judge: after a change of the toolchain, and of nothing else, run it with `--update` and commit the budget with that
//! change. It lacks cycles and caches; an instruction fewer is not always time gained.

use potoroo_benches::hot_paths::{LARGE, SMALL};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fmt, fs};

/// The budget file.
const BUDGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

/// What the budget file begins with.
const PREAMBLE: &str = "\
# Instructions per message (life, ask) of the hot paths of the runtime: benches/src/hot_paths.rs.
# Checked and, with `--update`, written by `cargo run --release -p potoroo-benches --bin instructions`.
";

/// By how much a count may differ from its budget, in parts of it.
const TOLERANCE: f64 = 0.05;

/// Instructions per message, by name.
type Counts = BTreeMap<String, f64>;

/// The counts, and who compiled what was counted.
#[derive(Debug, PartialEq)]
struct Budget {
    compiler: String,
    counts: Counts,
}

impl Budget {
    fn parse(text: &str) -> Result<Self, String> {
        let mut budget = Self {
            compiler: String::new(),
            counts: Counts::new(),
        };
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once(" = ").ok_or(format!("no `name = value`: {line}"))?;
            if name == "compiler" {
                budget.compiler = value.trim_matches('"').to_owned();
            } else {
                let count = value.parse().map_err(|error| format!("{line}: {error}"))?;
                budget.counts.insert(name.to_owned(), count);
            }
        }
        Ok(budget)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{PREAMBLE}compiler = \"{}\"", self.compiler)?;
        self.counts
            .iter()
            .try_for_each(|(name, count)| writeln!(f, "{name} = {count:.1}"))
    }
}

/// What a count is beside its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    Over,
    Under,
}

impl Verdict {
    fn of(count: f64, budget: f64) -> Self {
        if count > budget * (1.0 + TOLERANCE) {
            Self::Over
        } else if count < budget * (1.0 - TOLERANCE) {
            Self::Under
        } else {
            Self::Kept
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "",
            Self::Over => "OVER BUDGET",
            Self::Under => "lower the budget (--update)",
        })
    }
}

/// Name, size and instructions of one benchmark, from a line of gungraun's summary.
fn count(line: &str) -> Option<(String, String, f64)> {
    let summary: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| summary[key].as_str().map(str::to_owned);
    let values = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"];
    // Beside a run before, both are there, the new one first.
    let instructions = values["new"].as_f64().or(values["both"][0].as_f64())?;
    Some((text("function_name")?, text("id")?, instructions))
}

/// The difference of two sizes, per message.
fn per_message(summaries: &str) -> Result<Counts, String> {
    let mut sizes: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for line in summaries.lines().filter(|line| line.starts_with('{')) {
        let (name, size, instructions) = count(line).ok_or(format!("not a summary of gungraun 0.20: {line}"))?;
        sizes.entry(name).or_default().insert(size, instructions);
    }
    sizes
        .into_iter()
        .map(|(name, sizes)| match (sizes.get("small"), sizes.get("large")) {
            (Some(small), Some(large)) => Ok((name, (large - small) / (LARGE - SMALL) as f64)),
            _ => Err(format!("{name}: one of the two sizes is missing")),
        })
        .collect()
}

/// Runs the example.
fn measure() -> Result<Counts, Box<dyn Error>> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["run", "-q", "--release", "--locked", "-p", "potoroo-benches"])
        .args(["--features", "instructions", "--example", "hot_paths"])
        .args(["--", "--bench", "--output-format=json"])
        .current_dir(Path::new(BUDGET).parent().unwrap_or(Path::new(".")))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the example failed; it needs valgrind, and gungraun-runner of the version in Cargo.lock".into());
    }
    let counts = per_message(&String::from_utf8(output.stdout)?)?;
    if counts.is_empty() {
        return Err("the example counted nothing".into());
    }
    Ok(counts)
}

/// The compiler's name for itself.
fn compiler() -> Result<String, Box<dyn Error>> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Prints the table; says whether every path keeps to its budget.
fn compare(budget: &Counts, now: &Counts) -> bool {
    println!("| {:16} | {:>8} | {:>8} | {:>8} |", "path", "budget", "now", "change");
    println!("|---|---|---|---|");
    let mut kept = true;
    for (name, count) in now {
        let Some(budget) = budget.get(name) else {
            println!(
                "| {name:16} | {:>8} | {count:8.1} | {:>8} | not in the budget (--update)",
                "–", "–"
            );
            kept = false;
            continue;
        };
        let verdict = Verdict::of(*count, *budget);
        kept &= verdict != Verdict::Over;
        let change = 100.0 * (count / budget - 1.0);
        println!("| {name:16} | {budget:8.1} | {count:8.1} | {change:+6.1} % | {verdict}");
    }
    for name in budget.keys().filter(|name| !now.contains_key(*name)) {
        println!("| {name:16} | was not counted: the budget names what is no longer there (--update)");
        kept = false;
    }
    kept
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let update = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [update] if update == "--update" => true,
        _ => return Err("usage: instructions [--update]".into()),
    };
    let compiler = compiler()?;
    let counts = measure()?;
    let budget = match fs::read_to_string(BUDGET) {
        Ok(text) => Budget::parse(&text)?,
        Err(_) if update => Budget::parse("")?,
        Err(error) => return Err(format!("{BUDGET}: {error}").into()),
    };
    let kept = compare(&budget.counts, &counts);
    if update {
        fs::write(BUDGET, Budget { compiler, counts }.to_string())?;
        println!("\nThe budget is now what was counted.");
    } else if budget.compiler != compiler {
        println!(
            "\nNot judged: the budget is for {}, this is {compiler}. Counts of two compilers do not compare; after a \
             change of the toolchain, and of nothing else, run this with --update and commit the budget.",
            budget.compiler
        );
    } else if !kept {
        println!("\nMore than {:.0} % over the budget.", 100.0 * TOLERANCE);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(name: &str, size: &str, values: &str) -> String {
        format!(
            r#"{{"function_name":"{name}","id":"{size}","profiles":[{{"data":{{"total":{{"metrics":{{"Ir":{{"values":{values}}}}}}}}}}}]}}"#
        )
    }

    #[test]
    fn a_count_is_the_difference_of_two_sizes() {
        let more = 2 * (LARGE - SMALL) + 1000;
        let small = summary("a", "small", r#"{"new":1000}"#);
        let large = summary("a", "large", &format!(r#"{{"both":[{more},7]}}"#));
        let counts = per_message(&format!("{small}\n{large}\n")).expect("both are there");
        assert_eq!(counts, Counts::from([("a".to_owned(), 2.0)]));
        assert!(per_message(&small).is_err());
        assert!(per_message("{}").is_err());
    }

    #[test]
    fn a_budget_is_read_as_it_is_written() {
        let budget = Budget {
            compiler: "rustc 1.2.3".to_owned(),
            counts: Counts::from([("a".to_owned(), 1.5), ("b".to_owned(), 200.0)]),
        };
        assert_eq!(Budget::parse(&budget.to_string()), Ok(budget));
        assert!(Budget::parse("a=1").is_err());
        assert!(Budget::parse("a = much").is_err());
    }

    #[test]
    fn five_per_cent_are_tolerated_both_ways() {
        assert_eq!(Verdict::of(104.9, 100.0), Verdict::Kept);
        assert_eq!(Verdict::of(95.1, 100.0), Verdict::Kept);
        assert_eq!(Verdict::of(105.1, 100.0), Verdict::Over);
        assert_eq!(Verdict::of(94.9, 100.0), Verdict::Under);
    }

    #[test]
    fn what_only_one_side_knows_is_not_kept() {
        let one = Counts::from([("a".to_owned(), 1.0)]);
        let two = Counts::from([("a".to_owned(), 1.0), ("b".to_owned(), 1.0)]);
        assert!(compare(&one, &one));
        assert!(!compare(&one, &two));
        assert!(!compare(&two, &one));
    }
}
