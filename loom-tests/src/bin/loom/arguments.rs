//! The command line of `cargo loom`.

use clap::Parser;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

/// Explores the models of the lock-free protocols.
#[derive(Debug, Parser)]
#[command(name = "loom", bin_name = "cargo loom")]
pub(crate) struct Arguments {
    /// Only the models, or the mutants, with this in their name
    pub(crate) name: Option<String>,
    /// 3 preemptions, and no bound for models whose space is small
    #[arg(long, conflicts_with = "mutants")]
    pub(crate) deep: bool,
    /// Make one deliberate fault at a time and require that its model fails
    #[arg(long)]
    pub(crate) mutants: bool,
    /// Of the mutants only the part K of N
    #[arg(long, value_name = "K/N", requires = "mutants")]
    pub(crate) part: Option<Part>,
    /// Name them, and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// One JSON object per model, or mutant, on standard output; everything else goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// How many run at a time; default: one per core
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// How long one may take, in seconds; default: 1800 for a model, 60 for a mutant
    #[arg(long, value_name = "SECONDS")]
    pub(crate) limit: Option<u64>,
}

impl Arguments {
    /// How many preemptions are explored.
    pub(crate) fn preemptions(&self) -> usize {
        if self.deep { 3 } else { 2 }
    }

    /// Whether `name` is asked for.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|part| name.contains(part.as_str()))
    }

    pub(crate) fn jobs(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(all, NonZeroUsize::get)
    }

    pub(crate) fn limit(&self) -> Duration {
        let default = if self.mutants { 60 } else { 1800 };
        Duration::from_secs(self.limit.unwrap_or(default))
    }
}

/// One of several parts of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Counted from 0.
    index: usize,
    of: usize,
}

impl Part {
    /// Whether what stands at this place of the list is in the part. Neighbours take about as long as each other, so they
    /// go to different parts.
    pub(crate) fn has(self, place: usize) -> bool {
        place % self.of == self.index
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not K/N with K from 1 to N");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of): (usize, usize) = (index.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
        if index == 0 || index > of {
            return Err(wrong());
        }
        Ok(Self { index: index - 1, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["loom", "--part", "1/4"]).is_err());
        assert!(Arguments::try_parse_from(["loom", "--deep", "--mutants"]).is_err());
    }

    #[test]
    fn the_parts_of_a_list_are_the_list() {
        let parts: Vec<Part> = ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
        for place in 0..20 {
            assert_eq!(parts.iter().filter(|part| part.has(place)).count(), 1);
        }
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }
}
