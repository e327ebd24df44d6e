//! Alerts: transactions come in, what somebody should look at goes out.
//!
//! Stateless: a deposit or a withdrawal of more than 1,000 at once. Stateful: a running total per user that leaves the range of
//! −`LIMIT` to `LIMIT`, once each time it does. A line is `user amount`. Without an input, transactions are made up by
//! Wallaroo's rule, so that the same number of them always gives the same alerts.

use crate::cli::classics::RunAlertsArgs;
use crate::ends::{self, Form, INPUT, OUT, text};
use crate::error::AppError;
use crate::summary::Summary;
use potoroo_actors::source::{Arrival, Framed, Source};
use potoroo_actors::{Pipeline, sink, source};
use std::str::FromStr;

/// The largest amount, or total, of which nothing is said.
pub const LIMIT: f64 = 1000.0;

/// How many users made-up transactions have.
const USERS: u64 = 4;

/// An amount that came or went.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// Whose.
    pub user: String,
    /// Negative if it went.
    pub amount: f64,
}

/// What is minded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each transaction by itself.
    Stateless,
    /// The total of each user.
    Stateful,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stateless" => Ok(Self::Stateless),
            "stateful" => Ok(Self::Stateful),
            _ => Err(format!("`{text}` is neither `stateless` nor `stateful`")),
        }
    }
}

/// The rule without state.
pub fn of_one(transaction: &Transaction) -> Option<String> {
    let Transaction { user, amount } = transaction;
    match *amount {
        amount if amount > LIMIT => Some(format!("DepositAlert: {user} {amount}")),
        amount if amount < -LIMIT => Some(format!("WithdrawalAlert: {user} {}", -amount)),
        _ => None,
    }
}

/// The rule with state: the total so far, and one more amount.
pub fn of_total(total: &mut f64, transaction: &Transaction) -> Option<String> {
    let was_within = total.abs() <= LIMIT;
    *total += transaction.amount;
    let alert = || format!("TotalAlert: {} {total}", transaction.user);
    (was_within && total.abs() > LIMIT).then(alert)
}

/// Made-up transactions.
pub fn generate(count: u64) -> impl Iterator<Item = Transaction> + Send {
    let mut amount = 1.0_f64;
    (0..count).map(move |number| {
        amount = (amount * 2_305_843_009_213_693_951.0 + 7.0) % 2500.0 - 1250.0;
        Transaction {
            user: format!("Key-{}", number % USERS),
            amount,
        }
    })
}

fn decode(bytes: &[u8], _: Arrival) -> Result<Transaction, String> {
    let (user, amount) = text(bytes)?
        .trim()
        .rsplit_once(' ')
        .ok_or("expected a user, a space and an amount")?;
    match amount.parse::<f64>() {
        Ok(amount) if amount.is_finite() => Ok(Transaction {
            user: user.trim().to_owned(),
            amount,
        }),
        _ => Err(format!("`{amount}` is no amount")),
    }
}

/// Does what the options of `run alerts` say.
pub fn run(args: &RunAlertsArgs) -> Result<Summary, AppError> {
    ends::run(&args.run, &[&args.out], |pipeline| match &args.input {
        Some(input) => {
            let format = Framed::new(Form::Lines.framing(), decode);
            build(args, pipeline, input.open("transactions", format, &args.run)?)
        }
        None => {
            let transactions = args.transactions;
            build(args, pipeline, source::generate(1, move |_| generate(transactions)))
        }
    })
}

fn build(args: &RunAlertsArgs, pipeline: &Pipeline, source: impl Source<Record = Transaction>) -> Result<(), AppError> {
    let transactions = pipeline.source(INPUT, source);
    let sink = args.out.open(sink::lines())?;
    match args.kind {
        Kind::Stateless => transactions
            .filter_map(|transaction| of_one(&transaction))
            .sink(OUT, sink),
        Kind::Stateful => transactions
            .key_by_ref(|transaction| transaction.user.as_str())
            .entity(
                "totals",
                |_user| 0.0,
                |total: &mut f64, transaction, out| {
                    if let Some(alert) = of_total(total, &transaction) {
                        out.emit(alert);
                    }
                    Ok(())
                },
            )
            .sink(OUT, sink),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(amount: f64) -> Transaction {
        Transaction {
            user: "ann".to_owned(),
            amount,
        }
    }

    #[test]
    fn only_more_than_the_limit_counts_in_either_direction() {
        assert_eq!(of_one(&transaction(1000.0)), None);
        assert_eq!(
            of_one(&transaction(1000.5)),
            Some("DepositAlert: ann 1000.5".to_owned())
        );
        assert_eq!(
            of_one(&transaction(-1001.0)),
            Some("WithdrawalAlert: ann 1001".to_owned())
        );
    }

    #[test]
    fn a_total_is_told_when_it_leaves_the_range_and_not_while_it_is_outside() {
        let mut total = 0.0;
        let alerts: Vec<_> = [600.0, 600.0, 1.0, -500.0, 900.0, -3000.0]
            .into_iter()
            .map(|amount| of_total(&mut total, &transaction(amount)))
            .collect();
        let told: Vec<_> = alerts.iter().map(Option::is_some).collect();
        assert_eq!(told, [false, true, false, false, true, false], "{alerts:?}");
    }

    #[test]
    fn made_up_amounts_stay_within_wallaroos_range() {
        assert!(generate(10_000).all(|transaction| transaction.amount.abs() <= 3750.0));
        assert_eq!(
            generate(5).map(|transaction| transaction.user).last(),
            Some("Key-0".to_owned())
        );
    }
}
