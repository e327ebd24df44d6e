//! Alerts: transactions come in, what somebody should look at goes out.
//!
//! Stateless: a deposit or a withdrawal of more than 1,000 at once. Stateful: a running total per user that leaves the range of
//! −`LIMIT` to `LIMIT`, once each time it does. Windowed: a total per user of each five seconds that is out of that range. A
//! line is `user amount`, and `seconds user amount` if windowed. Without an input, transactions are made up by Wallaroo's
//! rule, so that the same number of them always gives the same alerts.

use crate::cli::classics::RunAlertsArgs;
use crate::ends::{self, Form, INPUT, OUT, text};
use crate::error::AppError;
use crate::summary::Summary;
use potoroo_actors::element::Timestamp;
use potoroo_actors::source::{Arrival, Framed, Source};
use potoroo_actors::window::{Windowed, sum, tumbling};
use potoroo_actors::{Branch, Pipeline, Stream, sink, source, time};
use std::str::FromStr;
use std::time::Duration;

/// The largest amount, or total, of which nothing is said.
pub const LIMIT: f64 = 1000.0;

/// How long the spans are whose totals are minded.
pub const SPAN: Duration = Duration::from_secs(5);

/// How much earlier than the latest transaction so far one may have happened; what is earlier still is left out and counted.
pub const LATE_MAX: Duration = Duration::from_secs(2);

/// How far made-up transactions are from each other.
const STEP: Duration = Duration::from_millis(250);

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

/// One that has a time.
pub type Timed = (Timestamp, Transaction);

/// What is minded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each transaction by itself.
    Stateless,
    /// The total of each user.
    Stateful,
    /// The total of each user in each span of event time.
    Windowed,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stateless" => Ok(Self::Stateless),
            "stateful" => Ok(Self::Stateful),
            "windowed" => Ok(Self::Windowed),
            _ => Err(format!("`{text}` is none of `stateless`, `stateful` and `windowed`")),
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

/// The rule of windows, for the total of a user in the span that begins at `start`.
pub fn of_span(user: &str, start: Timestamp, total: f64) -> Option<String> {
    let start = start.millis().div_euclid(1000);
    (total.abs() > LIMIT).then(|| {
        format!(
            "WindowAlert: {user} {total} in {start}..{}",
            start + SPAN.as_secs() as i64
        )
    })
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

/// The same, one each quarter of a second.
pub fn generate_timed(count: u64) -> impl Iterator<Item = Timed> + Send {
    let mut now = Timestamp::from_secs(0);
    generate(count).map(move |transaction| {
        let at = now;
        now = now + STEP;
        (at, transaction)
    })
}

fn decode_timed(bytes: &[u8], _: Arrival) -> Result<Timed, String> {
    let (at, rest) = text(bytes)?
        .trim()
        .split_once(' ')
        .ok_or("expected seconds, a user and an amount")?;
    let at = at.parse().map_err(|_| format!("`{at}` is no number of seconds"))?;
    Ok((Timestamp::from_secs(at), transaction(rest)?))
}

fn decode(bytes: &[u8], _: Arrival) -> Result<Transaction, String> {
    transaction(text(bytes)?)
}

fn transaction(line: &str) -> Result<Transaction, String> {
    let (user, amount) = line
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

/// The stream of windows.
pub fn spans<B: Branch<Timed>>(transactions: Stream<Timed, B>) -> Stream<String, impl Branch<String>> {
    transactions
        .timestamps(time::bounded(LATE_MAX, |(at, _): &Timed| *at))
        .map(|(_, transaction)| transaction)
        .key_by_ref(|transaction| transaction.user.as_str())
        .window(tumbling(SPAN))
        .aggregate("spans", sum(|transaction: &Transaction| transaction.amount))
        .filter_map(|total: Windowed<String, f64>| of_span(&total.key, total.span.start, total.value))
}

/// Does what the options of `run alerts` say.
pub fn run(args: &RunAlertsArgs) -> Result<Summary, AppError> {
    let transactions = args.transactions;
    ends::run(&args.run, &[&args.out], |pipeline| match (&args.input, args.kind) {
        (Some(input), Kind::Windowed) => {
            let format = Framed::new(Form::Lines.framing(), decode_timed);
            windowed(args, pipeline, input.open("transactions", format, &args.run)?)
        }
        (None, Kind::Windowed) => {
            let source = source::generate(1, move |_| generate_timed(transactions));
            windowed(args, pipeline, source)
        }
        (Some(input), _) => {
            let format = Framed::new(Form::Lines.framing(), decode);
            by_order(args, pipeline, input.open("transactions", format, &args.run)?)
        }
        (None, _) => {
            let source = source::generate(1, move |_| generate(transactions));
            by_order(args, pipeline, source)
        }
    })
}

fn windowed(args: &RunAlertsArgs, pipeline: &Pipeline, source: impl Source<Record = Timed>) -> Result<(), AppError> {
    spans(pipeline.source(INPUT, source)).sink(OUT, args.out.open(sink::lines())?);
    Ok(())
}

/// The two that mind no times.
fn by_order(
    args: &RunAlertsArgs,
    pipeline: &Pipeline,
    source: impl Source<Record = Transaction>,
) -> Result<(), AppError> {
    let transactions = pipeline.source(INPUT, source);
    let sink = args.out.open(sink::lines())?;
    if args.kind == Kind::Stateless {
        transactions
            .filter_map(|transaction| of_one(&transaction))
            .sink(OUT, sink);
        return Ok(());
    }
    transactions
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
        .sink(OUT, sink);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_ann(amount: f64) -> Transaction {
        Transaction {
            user: "ann".to_owned(),
            amount,
        }
    }

    #[test]
    fn only_more_than_the_limit_counts_in_either_direction() {
        assert_eq!(of_one(&of_ann(1000.0)), None);
        assert_eq!(of_one(&of_ann(1000.5)), Some("DepositAlert: ann 1000.5".to_owned()));
        assert_eq!(of_one(&of_ann(-1001.0)), Some("WithdrawalAlert: ann 1001".to_owned()));
    }

    #[test]
    fn a_total_is_told_when_it_leaves_the_range_and_not_while_it_is_outside() {
        let mut total = 0.0;
        let alerts: Vec<_> = [600.0, 600.0, 1.0, -500.0, 900.0, -3000.0]
            .into_iter()
            .map(|amount| of_total(&mut total, &of_ann(amount)))
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

    #[test]
    fn the_total_of_a_span_is_told_if_it_is_out_of_range_and_lines_have_a_time() {
        let start = Timestamp::from_secs(-5);
        assert_eq!(of_span("ann", start, 1000.0), None);
        assert_eq!(
            of_span("ann", start, -1000.5),
            Some("WindowAlert: ann -1000.5 in -5..0".to_owned())
        );
        let arrival = Arrival { wall_ns: 0, offset: 0 };
        assert_eq!(
            decode_timed(b" 7 ann 3.5\r", arrival),
            Ok((Timestamp::from_secs(7), of_ann(3.5)))
        );
        for line in ["", "ann", "ann 3", "7 ann", "7.5 ann 3", "7 ann NaN"] {
            assert!(decode_timed(line.as_bytes(), arrival).is_err(), "{line}");
        }
    }
}
