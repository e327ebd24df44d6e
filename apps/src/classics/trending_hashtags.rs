//! Trending hashtags: lines of text come in, the hashtags that came most often in the last minutes go out, again each minute.
//!
//! Wallaroo's top-k in two stages. The counts of each hashtag are a sliding window by hashtag; all that end at the same moment
//! are cut to the best few in each of some parts, side by side, and these parts to the best few of all. So no stage ever
//! sees more than a few results of each part in one place. Of two hashtags with the same count the first in the alphabet is
//! better, which makes the result a function of the input alone. A line is `seconds text`. Without an input, lines are made up.

use crate::cli::classics::RunTrendingHashtagsArgs;
use crate::ends::{self, Form, INPUT, OUT, text};
use crate::error::AppError;
use crate::summary::Summary;
use potoroo_actors::element::{Key, Timestamp};
use potoroo_actors::source::{Arrival, Framed, Source};
use potoroo_actors::window::{Aggregate, Span, Windowed, count, fold, sliding, tumbling};
use potoroo_actors::{Branch, Pipeline, Stream, sink, source, time};
use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

/// How much earlier than the latest line so far a line may be; what is earlier still is left out and counted.
pub const LATE_MAX: Duration = Duration::from_secs(10);

/// How many parts find their best hashtags side by side.
const PARTS: u64 = 16;

/// How many lines are made up for each second.
const LINES_A_SECOND: u64 = 10;

/// A line of text, and when somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// In event time.
    pub at: Timestamp,
    /// With hashtags or without.
    pub text: String,
}

/// What the hashtags are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How many hashtags are told.
    pub top: usize,
    /// Over how long they are counted.
    pub within: Duration,
    /// How often they are told.
    pub every: Duration,
}

/// A hashtag and how often it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trend {
    /// Lower-case, without its `#`.
    pub tag: String,
    /// In the window.
    pub count: u64,
}

/// The best hashtags of a window, the best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trends {
    /// From when until when.
    pub span: Span,
    /// At most as many as were asked for.
    pub best: Vec<Trend>,
}

impl fmt::Display for Trends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [start, end] = [self.span.start, self.span.end].map(|time| time.millis().div_euclid(1000));
        write!(f, "{start}..{end}")?;
        self.best
            .iter()
            .try_for_each(|Trend { tag, count }| write!(f, " #{tag} {count}"))
    }
}

/// Calls `each` with every hashtag of a text: a `#` that no letter, digit or `#` stands before, and the letters, digits and `_`
/// after it, in lower case.
pub fn hashtags(text: &str, each: &mut dyn FnMut(String)) {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    for (at, _) in text.match_indices('#') {
        if text[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before == '#' || is_part(before))
        {
            continue;
        }
        let rest = &text[at + 1..];
        let tag = &rest[..rest.find(|character| !is_part(character)).unwrap_or(rest.len())];
        if !tag.is_empty() {
            each(tag.to_lowercase());
        }
    }
}

/// Which of two is told first.
fn better(one: &Trend, other: &Trend) -> Ordering {
    (other.count, &one.tag).cmp(&(one.count, &other.tag))
}

/// Keeps the best.
fn best_of(top: usize) -> impl Aggregate<Trend, Partial = Vec<Trend>, Output = Vec<Trend>> {
    let offer = move |best: &mut Vec<Trend>, trend: Trend| {
        let at = best.partition_point(|other| better(other, &trend).is_lt());
        if at < top {
            best.truncate(top - 1);
            best.insert(at, trend);
        }
    };
    let combine =
        move |best: &mut Vec<Trend>, later: &Vec<Trend>| later.iter().cloned().for_each(|trend| offer(best, trend));
    fold(Vec::new(), offer, combine)
}

/// The rule.
pub fn trends<B: Branch<Post>>(posts: Stream<Post, B>, rule: Rule) -> Stream<Trends, impl Branch<Trends>> {
    let Rule { top, within, every } = rule;
    // A result has the last instant of its window as its time, so those that end together lie in the same span of `every`.
    posts
        .flat_map(|post: Post, each| hashtags(&post.text, each))
        .key_by_ref(String::as_str)
        .window(sliding(within, every))
        .aggregate("counts", count())
        .map(|counted: Windowed<String, u64>| Trend {
            tag: counted.key,
            count: counted.value,
        })
        .key_by(|trend| trend.tag.hash64() % PARTS)
        .window(tumbling(every))
        .aggregate("best of each part", best_of(top))
        .flat_map(|part: Windowed<u64, Vec<Trend>>, each| part.value.into_iter().for_each(each))
        .key_by(|_| ())
        .window(tumbling(every))
        .aggregate("best of all", best_of(top))
        .map(move |all: Windowed<(), Vec<Trend>>| Trends {
            span: Span {
                start: all.span.end - within,
                end: all.span.end,
            },
            best: all.value,
        })
}

/// Made-up posts, in the order of their times but for some seconds: each minute another hashtag has its day.
pub fn generate(count: u64) -> impl Iterator<Item = Post> + Send {
    const TAGS: [&str; 12] = [
        "Actors", "batches", "Credits", "drains", "Edges", "forks", "Groups", "HTTP", "inboxes", "Joins", "keys",
        "lanes",
    ];
    let mut state = 12_345_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    (0..count).map(move |number| {
        let second = number / LINES_A_SECOND;
        let late = random(LATE_MAX.as_secs()).min(second);
        // The lesser of two numbers, counted from the hashtag of the minute: few come often, and most come sometimes.
        let tags = TAGS.len() as u64;
        let mut tag = || TAGS[((random(tags).min(random(tags)) + second / 60) % tags) as usize];
        Post {
            at: Timestamp::from_secs((second - late) as i64),
            text: match number % 3 {
                0 => format!("nothing but words, line {number}"),
                1 => format!("what about #{}?", tag()),
                _ => format!("#{} and #{}", tag(), tag()),
            },
        }
    })
}

fn decode(bytes: &[u8], _: Arrival) -> Result<Post, String> {
    let (at, text) = text(bytes)?
        .trim_start()
        .split_once(' ')
        .ok_or("expected seconds, a space and a text")?;
    let at = at.parse().map_err(|_| format!("`{at}` is no number of seconds"))?;
    Ok(Post {
        at: Timestamp::from_secs(at),
        text: text.to_owned(),
    })
}

/// Does what the options of `run trending-hashtags` say.
pub fn run(args: &RunTrendingHashtagsArgs) -> Result<Summary, AppError> {
    let rule = args.rule()?;
    ends::run(&args.run, &[&args.out], |pipeline| match &args.input {
        Some(input) => {
            let format = Framed::new(Form::Lines.framing(), decode);
            build(args, rule, pipeline, input.open("lines", format, &args.run)?)
        }
        None => {
            let lines = args.lines;
            build(args, rule, pipeline, source::generate(1, move |_| generate(lines)))
        }
    })
}

fn build(
    args: &RunTrendingHashtagsArgs,
    rule: Rule,
    pipeline: &Pipeline,
    source: impl Source<Record = Post>,
) -> Result<(), AppError> {
    let posts = pipeline
        .source(INPUT, source)
        .timestamps(time::bounded(LATE_MAX, |post: &Post| post.at));
    trends(posts, rule).sink(OUT, args.out.open(sink::lines())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashtags_are_words_after_a_sign_that_stands_by_itself() {
        let found = |text: &str| {
            let mut all = Vec::new();
            hashtags(text, &mut |tag| all.push(tag));
            all
        };
        assert_eq!(
            found("#One, (#two_2) #K\u{e4}nguru#tail a#b ##c # #"),
            ["one", "two_2", "k\u{e4}nguru"]
        );
        assert!(found("").is_empty());
    }

    #[test]
    fn of_equal_counts_the_first_in_the_alphabet_is_better_in_any_order() {
        let trend = |tag: &str, count| Trend {
            tag: tag.to_owned(),
            count,
        };
        let best = best_of(2);
        for order in [["b", "c", "a"], ["c", "b", "a"], ["a", "c", "b"]] {
            let mut one = best.identity();
            let mut all = best.identity();
            best.update(&mut one, trend(order[0], 1));
            best.update(&mut one, trend("z", 2));
            for tag in &order[1..] {
                best.update(&mut all, trend(tag, 1));
            }
            best.combine(&mut all, &one);
            assert_eq!(best.output(&all), [trend("z", 2), trend("a", 1)]);
        }
    }
}
