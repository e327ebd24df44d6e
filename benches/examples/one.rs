//! Runs one workload once, for valgrind or perf: `one <workload> <workers> <messages>`.
//!
//! A profile of `compare` would mix all of them. `0` workers means the bare loop, where there is one. The workers' counters
//! follow the result.

use potoroo_benches::{ALL, system};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, workers, messages] = args.as_slice() else {
        return Err("usage: one <workload> <workers> <messages>".into());
    };
    let Some(workload) = ALL.iter().find(|workload| workload.name == name) else {
        let names = ALL.iter().map(|workload| workload.name).collect::<Vec<_>>().join(", ");
        return Err(format!("there is no workload {name}; there are {names}").into());
    };
    let messages = messages.parse()?;
    let (outcome, stats) = match workers.parse()? {
        0 => (
            (workload.limit.ok_or("this workload has no bare loop")?)(messages),
            None,
        ),
        workers => {
            let system = system(workers);
            let outcome = (workload.run)(&system, messages);
            (outcome, Some(system.shutdown().stats))
        }
    };
    println!("{name}: {outcome:?}, {:.1} M messages/s", outcome.rate_millions());
    if let Some(stats) = stats {
        print!("{stats}");
    }
    Ok(())
}
