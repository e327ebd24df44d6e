//! The options of `soak`.

use super::parse_positive;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `soak`.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with code 1 and says what and where if a message cannot be accounted for, an actor does not get on, memory at rest
grows, or anything else is not as it must be. Ctrl-C ends it early; what has been done is checked all the same.

Examples:
  potoroo soak --minutes 60
  potoroo soak --seconds 20 --seed 7 --json soak.json")]
pub struct SoakArgs {
    /// How long, in minutes [default: 5]
    #[arg(long, value_name = "N", value_parser = parse_positive, conflicts_with = "seconds")]
    pub minutes: Option<u64>,
    /// How long, in seconds
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub seconds: Option<u64>,
    /// Run only this part of the load, to find out which one is at fault; can be given again for more
    #[arg(long, value_name = "PART")]
    pub only: Vec<String>,
    /// Decides the load; what meets what is a matter of the moment
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Write the report to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

impl SoakArgs {
    /// How long to run.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let seconds = self.minutes.unwrap_or(5).saturating_mul(60);
        Duration::from_secs(self.seconds.unwrap_or(seconds))
    }
}
