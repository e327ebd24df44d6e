//! What joins keep, and that it goes with the first watermark that allows it.

use crate::{at, span, system};
use potoroo_actors::element::{Either, Mark};
use potoroo_actors::join::after;
use potoroo_actors::source::Step;
use potoroo_actors::window::tumbling;
use potoroo_actors::{Pipeline, sink, source};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

type Log = Arc<Mutex<Vec<String>>>;

/// A record that tells when it is forgotten, if its name is in capitals.
struct Token {
    key: u8,
    name: char,
    log: Log,
}

impl Token {
    fn meets(&self, other: &Self) {
        self.note(format!("{} meets {}", self.name, other.name));
    }

    fn note(&self, what: String) {
        self.log.lock().expect("no panic").push(what);
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.name.is_uppercase() {
            self.note(format!("{} is forgotten", self.name));
        }
    }
}

/// What a stream of tokens says: a left one, a right one, or how far event time has come.
#[derive(Clone, Copy)]
enum Say {
    Left(i64, u8, char),
    Right(i64, u8, char),
    Watermark(i64),
}

use Say::{Left, Right, Watermark};

/// Runs a join over what is said, on one partition; gives what has happened until the last two met.
macro_rules! happened {
    ($said:expr, |$sides:ident| $join:expr) => {{
        let log = Log::default();
        let system = system(1);
        let pipeline = Pipeline::new();
        let tokens = log.clone();
        let steps = move |_| {
            let token = |key, name, log| Token { key, name, log };
            let tokens = tokens.clone();
            $said.into_iter().map(move |said| match said {
                Left(time, key, name) => Step::At(at(time), Either::Left(token(key, name, tokens.clone()))),
                Right(time, key, name) => Step::At(at(time), Either::Right(token(key, name, tokens.clone()))),
                Watermark(time) => Step::Mark(Mark::Watermark(at(time))),
            })
        };
        let $sides = pipeline
            .source("tokens", source::steps(1, steps))
            .key_by(|side: &Either<Token, Token>| match side {
                Either::Left(token) | Either::Right(token) => token.key,
            })
            .partitions(NonZeroUsize::MIN)
            .join_sides();
        $join.sink("out", sink::each(|_| {}));
        pipeline.start(&system).wait().expect("the job ends");
        let mut happened = log.lock().expect("no panic").clone();
        let last = happened.iter().rposition(|what| what.contains("meets"));
        happened.truncate(last.map_or(0, |last| last + 1));
        happened
    }};
}

#[test]
fn an_interval_join_forgets_a_record_with_the_first_watermark_behind_its_reach() {
    let said = [
        Left(5, 1, 'A'),
        Watermark(15),
        Left(15, 2, 'b'),
        Right(15, 2, 'c'),
        Watermark(16),
        Left(16, 2, 'd'),
        Right(16, 2, 'e'),
    ];
    let to = after(span(10));
    let found = happened!(said, |sides| sides
        .interval(after(span(0)), to)
        .inner("join", Token::meets));
    assert_eq!(found, ["b meets c", "A is forgotten", "b meets e", "d meets e"]);
    // Nobody that this one could meet is still to come: it is not kept at all.
    let said = [Watermark(5), Right(5, 1, 'A'), Right(6, 2, 'b'), Left(6, 2, 'c')];
    let from = after(span(1));
    let found = happened!(said, |sides| sides.interval(from, to).inner("join", Token::meets));
    assert_eq!(found, [""; 0]);
    let said = [Watermark(5), Right(5, 1, 'A'), Left(6, 2, 'b'), Right(7, 2, 'c')];
    let found = happened!(said, |sides| sides.interval(from, to).inner("join", Token::meets));
    assert_eq!(found, ["A is forgotten", "b meets c"]);
}

#[test]
fn an_as_of_join_forgets_a_version_with_the_first_watermark_at_the_next_one() {
    let said = [
        Right(5, 1, 'A'),
        Right(8, 1, 'b'),
        Right(0, 2, 'c'),
        Left(6, 2, 'd'),
        Watermark(7),
        Watermark(8),
        Left(8, 2, 'e'),
        Watermark(9),
    ];
    let meet = |left: Token, right: &Token| left.meets(right);
    let found = happened!(said, |sides| sides.as_of().inner("join", meet));
    assert_eq!(found, ["d meets c", "A is forgotten", "e meets c"]);
}

#[test]
fn an_as_of_join_forgets_a_version_that_is_older_than_its_tolerance() {
    let said = [
        Right(5, 1, 'A'),
        Right(14, 2, 'b'),
        Left(14, 2, 'c'),
        Watermark(15),
        Watermark(16),
        Left(16, 2, 'd'),
        Watermark(17),
    ];
    let meet = |left: Token, right: &Token| left.meets(right);
    let found = happened!(said, |sides| sides.as_of().tolerance(span(10)).inner("join", meet));
    assert_eq!(found, ["c meets b", "A is forgotten", "d meets b"]);
}

#[test]
fn a_window_join_forgets_records_with_their_last_window() {
    let said = [
        Left(5, 1, 'A'),
        Left(3, 2, 'b'),
        Right(3, 2, 'c'),
        Watermark(14),
        Right(4, 2, 'd'),
        Watermark(15),
        Left(15, 2, 'e'),
        Right(15, 2, 'f'),
    ];
    let found = happened!(said, |sides| {
        sides
            .window(tumbling(span(10)))
            .lateness(span(5))
            .inner("join", Token::meets)
    });
    assert_eq!(found, ["b meets c", "b meets d", "A is forgotten", "e meets f"]);
}
