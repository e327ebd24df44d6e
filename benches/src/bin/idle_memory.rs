//! Prints what an idle actor takes, and how many are made per second.
//!
//! `cargo run --release -p potoroo-benches --bin idle_memory [-- [--quick] [workers]]`. One measurement per process, with
//! one worker unless said otherwise: memory that an earlier one freed would be used again.

use potoroo_benches::idle_memory::run;
use potoroo_benches::system;
use std::error::Error;

/// How many actors.
const ACTORS: u64 = 1_000_000;

/// As above, to see whether everything works.
const QUICK_ACTORS: u64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let (quick, rest): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "--quick");
    let workers = match rest.as_slice() {
        [] => 1,
        [workers] => workers.parse()?,
        _ => return Err("usage: idle_memory [--quick] [workers]".into()),
    };
    let actors = if quick.is_empty() { ACTORS } else { QUICK_ACTORS };
    let idle = run(&system(workers), actors);
    println!(
        "{} idle actors on {workers} worker(s): {:.0} bytes each, {:.0} after a message; {:.2} M creations/s",
        idle.actors,
        idle.bytes_begun,
        idle.bytes_used,
        idle.actors as f64 / idle.creation.as_secs_f64() / 1e6
    );
    Ok(())
}
