//! The instruments of a run: what is traded, at what price, and which of it is rejected.
//!
//! It exists so that the generator does not care whether instruments were made up or read from
//! files. Reading them is in `instruments_csv`; an instrument has no name here, nothing shows it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::frames::Symbol;
use super::instruments_csv;
use super::random::SplitMix64;

/// The published number of instruments.
pub const INSTRUMENTS: usize = 350;
/// The published number of instruments whose orders are rejected.
pub const REJECTING: usize = 15;

const LETTERS: usize = 26;
const LETTERS_AND_DIGITS: usize = 36;
/// Shares no factor with 26 or 36, so that multiplying by it permutes all tickers.
const TICKER_STEP: u64 = 282_475;
const PURPOSE: u64 = 0x7469_636B_6572;

/// One instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Instrument {
    /// Its ticker.
    pub symbol: Symbol,
    /// Around what price it is quoted, in dollars.
    pub price: f64,
    /// Whether all its quotes are so wide that its orders are rejected.
    pub rejected: bool,
}

/// Why there are no instruments.
#[derive(Debug, Error)]
pub enum UniverseError {
    /// A file cannot be read.
    #[error("cannot read the instruments in {}: {source}; expected a CSV file in UTF-8 with the columns {}", path.display(), instruments_csv::HEADER)]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of a file makes no sense.
    #[error("{}:{line}: {reason}", path.display())]
    BadLine {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// One ticker twice, perhaps once rejected and once not.
    #[error("the ticker {symbol} occurs twice in {} and {}; each must be in one of them, once", nonrejected.display(), rejected.display())]
    Twice {
        /// The ticker.
        symbol: Symbol,
        /// The file of instruments that are not rejected.
        nonrejected: PathBuf,
        /// The file of instruments that are.
        rejected: PathBuf,
    },
    /// Nothing to trade.
    #[error("there are no instruments; at least one is needed")]
    None,
    /// There are only so many tickers of four characters.
    #[error("{found} instruments are too many; four letters and digits make {} tickers", LETTERS_AND_DIGITS.pow(4))]
    TooMany {
        /// How many were asked for.
        found: usize,
    },
    /// More of them rejected than there are.
    #[error("{rejecting} rejecting instruments are more than all {instruments}")]
    TooManyRejecting {
        /// How many should be rejected.
        rejecting: usize,
        /// How many there should be.
        instruments: usize,
    },
}

/// All instruments of a run; never empty, and no ticker twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Universe {
    instruments: Vec<Instrument>,
}

impl Universe {
    /// Makes up `instruments` instruments, `rejecting` of them rejected, from a seed.
    ///
    /// Prices start at 1.00, where the narrow spreads (up to 0.03) stay below the relative bound.
    pub fn generated(seed: u64, instruments: usize, rejecting: usize) -> Result<Self, UniverseError> {
        if instruments == 0 {
            return Err(UniverseError::None);
        }
        if rejecting > instruments {
            return Err(UniverseError::TooManyRejecting { rejecting, instruments });
        }
        // Tickers look better without digits, as long as there are enough of them.
        let base = match instruments {
            found if found <= LETTERS.pow(4) => LETTERS,
            found if found <= LETTERS_AND_DIGITS.pow(4) => LETTERS_AND_DIGITS,
            found => return Err(UniverseError::TooMany { found }),
        };
        let mut random = SplitMix64::for_purpose(seed, PURPOSE);
        let tickers = base.pow(4) as u64;
        let offset = random.below(tickers);
        let instruments = (0..instruments)
            .map(|at| Instrument {
                symbol: ticker((at as u64 * TICKER_STEP + offset) % tickers, base as u64),
                price: (100 + random.below(19_900)) as f64 / 100.0,
                rejected: at >= instruments - rejecting,
            })
            .collect();
        Ok(Self { instruments })
    }

    /// Reads instruments from two CSV files, one of those that are not rejected and one of those
    /// that are.
    pub fn from_csv(nonrejected: &Path, rejected: &Path) -> Result<Self, UniverseError> {
        let mut instruments = instruments_csv::read(nonrejected, false)?;
        instruments.extend(instruments_csv::read(rejected, true)?);
        if instruments.is_empty() {
            return Err(UniverseError::None);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = instruments.iter().find(|one| !seen.insert(one.symbol)) {
            return Err(UniverseError::Twice {
                symbol: twice.symbol,
                nonrejected: nonrejected.to_owned(),
                rejected: rejected.to_owned(),
            });
        }
        Ok(Self { instruments })
    }

    /// All instruments.
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }
}

fn ticker(mut number: u64, base: u64) -> Symbol {
    let mut ticker = [0; 4];
    for character in ticker.iter_mut().rev() {
        *character = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[(number % base) as usize];
        number /= base;
    }
    Symbol(ticker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seed: u64, instruments: usize, rejecting: usize) {
        let universe = Universe::generated(seed, instruments, rejecting).unwrap();
        let all = universe.instruments();
        assert_eq!(all.len(), instruments);
        assert_eq!(all.iter().filter(|one| one.rejected).count(), rejecting);
        let symbols: HashSet<_> = all.iter().map(|one| one.symbol).collect();
        assert_eq!(symbols.len(), instruments);
        for one in all {
            assert!(one.price >= 1.0, "{one:?}");
            let cents = one.price * 100.0;
            assert!((cents - cents.round()).abs() < 1e-9, "{one:?}");
        }
    }

    #[test]
    fn any_size_has_unique_tickers_and_its_share_rejected() {
        check(1, INSTRUMENTS, REJECTING);
        check(2, 1, 0);
        check(3, 1, 1);
        check(4, LETTERS.pow(4), 7);
        check(5, LETTERS.pow(4) + 1, 7);
    }

    #[test]
    fn a_seed_decides_everything() {
        let made = |seed| Universe::generated(seed, 350, 15).unwrap();
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let text = |n, r| Universe::generated(1, n, r).unwrap_err().to_string();
        assert_eq!(text(0, 0), "there are no instruments; at least one is needed");
        assert_eq!(text(3, 4), "4 rejecting instruments are more than all 3");
        assert!(text(2_000_000, 0).contains("make 1679616 tickers"));
    }

    #[test]
    fn files_become_a_universe() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (dir.path().join("good.csv"), dir.path().join("bad.csv"));
        let header = instruments_csv::HEADER;
        std::fs::write(&good, format!("{header}\n1,\"One, Inc\",10.5,ONE\n")).unwrap();
        std::fs::write(&bad, format!("{header}\n2,Two,0.97,TWO\n")).unwrap();
        let universe = Universe::from_csv(&good, &bad).unwrap();
        let rejected: Vec<_> = universe.instruments().iter().map(|i| i.rejected).collect();
        assert_eq!(rejected, [false, true]);

        let twice = Universe::from_csv(&good, &good).unwrap_err().to_string();
        assert!(twice.contains("ticker ONE occurs twice"), "{twice}");
        std::fs::write(&bad, format!("{header}\n2,Two,free,TWO\n")).unwrap();
        let broken = Universe::from_csv(&good, &bad).unwrap_err().to_string();
        assert!(
            broken.ends_with("bad.csv:2: the price `free` is not a number"),
            "{broken}"
        );
        let missing = Universe::from_csv(Path::new("/no/such"), &bad).unwrap_err();
        assert!(missing.to_string().contains("/no/such"), "{missing}");
    }
}
