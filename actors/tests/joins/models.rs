//! Joins as plain loops over lists: what the engine's must give.

use crate::{Outcome, Pair, Record, Side, at};
use potoroo_actors::element::{Either, Mark, Timestamp};
use potoroo_actors::join::Full;
use potoroo_actors::source::Step;
use potoroo_actors::window::Firing;
use std::collections::{BTreeMap, VecDeque};

/// Which records that meet nobody give results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Inner,
    Left,
    Full,
}

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::Inner, Self::Left, Self::Full];

    fn keeps_left(self) -> bool {
        self != Self::Inner
    }

    fn keeps_right(self) -> bool {
        self == Self::Full
    }
}

/// What a model sees: records with the watermark that they come behind, and rises of it, the last of which is the end.
pub(crate) enum Event {
    Record(i64, Side),
    Watermark(i64),
}

pub(crate) fn events(steps: &[Step<Side>]) -> Vec<Event> {
    let events = steps.iter().filter_map(|step| match *step {
        Step::At(time, side) => Some(Event::Record(time.nanos(), side)),
        Step::Mark(Mark::Watermark(time)) => Some(Event::Watermark(time.nanos())),
        _ => None,
    });
    events.chain([Event::Watermark(i64::MAX)]).collect()
}

/// An interval join without a bound: every left record with every right one.
pub(crate) fn interval(steps: &[Step<Side>], (lower, upper): (i64, i64), form: Form) -> Outcome<Pair> {
    let (mut watermark, mut lefts, mut rights) = (i64::MIN, Vec::new(), Vec::new());
    let (mut late_left, mut late_right) = (Vec::new(), Vec::new());
    for event in events(steps) {
        match event {
            Event::Record(time, Either::Left(left)) if time < watermark => late_left.push(left),
            Event::Record(time, Either::Right(right)) if time < watermark => late_right.push(right),
            Event::Record(time, Either::Left(left)) => lefts.push((time, left)),
            Event::Record(time, Either::Right(right)) => rights.push((time, right)),
            Event::Watermark(time) => watermark = watermark.max(time),
        }
    }
    let meet = |(l, left): &(i64, Record), (r, right): &(i64, Record)| {
        left.0 == right.0 && (l + lower..=l + upper).contains(r)
    };
    let mut given = Vec::new();
    for left in &lefts {
        let met: Vec<_> = rights.iter().filter(|right| meet(left, right)).collect();
        let pairs = met
            .iter()
            .map(|(r, right)| ((Some(left.1.1), Some(right.1)), left.0.max(*r)));
        given.extend(pairs);
        if met.is_empty() && form.keeps_left() {
            given.push(((Some(left.1.1), None), left.0 + upper.max(0)));
        }
    }
    let lonely = rights
        .iter()
        .filter(|right| !lefts.iter().any(|left| meet(left, right)));
    for (time, right) in lonely.filter(|_| form.keeps_right()) {
        given.push(((None, Some(right.1)), time + (-lower).max(0)));
    }
    Outcome::new(given, late_left, late_right)
}

/// An interval join that keeps so many records of each side of a key: in lists by time.
pub(crate) fn bounded_interval(
    steps: &[Step<Side>],
    (lower, upper): (i64, i64),
    most: usize,
    full: Full,
) -> Outcome<Pair> {
    let mut watermark = i64::MIN;
    let mut kept: BTreeMap<(u8, bool), Vec<(i64, u32)>> = BTreeMap::new();
    let mut rejected = [Vec::new(), Vec::new()];
    let mut given = Vec::new();
    for event in events(steps) {
        let (time, side) = match event {
            Event::Record(time, side) => (time, side),
            Event::Watermark(time) => {
                watermark = watermark.max(time);
                for ((_, is_left), all) in &mut kept {
                    let ahead = if *is_left { upper } else { -lower };
                    all.retain(|(time, _)| time + ahead >= watermark);
                }
                continue;
            }
        };
        let (is_left, (key, id)) = match side {
            Either::Left(record) => (true, record),
            Either::Right(record) => (false, record),
        };
        if time < watermark {
            rejected[usize::from(!is_left)].push((key, id));
            continue;
        }
        for (other_time, other) in kept.entry((key, !is_left)).or_default() {
            let (l, r) = if is_left {
                (time, *other_time)
            } else {
                (*other_time, time)
            };
            if (l + lower..=l + upper).contains(&r) {
                let pair = if is_left { (id, *other) } else { (*other, id) };
                given.push(((Some(pair.0), Some(pair.1)), l.max(r)));
            }
        }
        let ahead = if is_left { upper } else { -lower };
        if time + ahead < watermark {
            continue;
        }
        let own = kept.entry((key, is_left)).or_default();
        if own.len() == most && full == Full::DropIncoming {
            rejected[usize::from(!is_left)].push((key, id));
            continue;
        }
        own.push((time, id));
        own.sort_by_key(|(time, _)| *time);
        if own.len() > most {
            let (_, oldest) = own.remove(0);
            rejected[usize::from(!is_left)].push((key, oldest));
        }
    }
    let [left, right] = rejected;
    Outcome::new(given, left, right)
}

/// A result of a window join: of whom, from when until when, why, which.
pub(crate) type InWindow = (u8, i64, i64, Firing, Pair);

/// What lies in one window of one key.
#[derive(Clone, Debug, Default)]
struct Bag {
    left: Vec<u32>,
    right: Vec<u32>,
    given: bool,
}

impl Bag {
    fn put(&mut self, side: Side) {
        match side {
            Either::Left((_, id)) => self.left.push(id),
            Either::Right((_, id)) => self.right.push(id),
        }
    }

    fn results(&self, form: Form) -> Vec<Pair> {
        if self.right.is_empty() && form.keeps_left() {
            return self.left.iter().map(|left| (Some(*left), None)).collect();
        }
        if self.left.is_empty() && form.keeps_right() {
            return self.right.iter().map(|right| (None, Some(*right))).collect();
        }
        let rights = |left| self.right.iter().map(move |right| (Some(left), Some(*right)));
        self.left.iter().flat_map(|left| rights(*left)).collect()
    }
}

/// The results of all windows, with what becomes of them.
struct Given(Vec<(InWindow, i64)>);

impl Given {
    fn give(&mut self, (key, start, end): (u8, i64, i64), firing: Firing, pairs: impl IntoIterator<Item = Pair>) {
        let all = pairs.into_iter();
        self.0
            .extend(all.map(|pair| ((key, start, end, firing, pair), end - 1)));
    }
}

/// A window join on a grid: a list of records for every window.
pub(crate) fn aligned(
    steps: &[Step<Side>],
    (size, slide, offset): (i64, i64, i64),
    lateness: i64,
    form: Form,
) -> Outcome<InWindow> {
    let mut watermark = i64::MIN;
    let mut open: BTreeMap<(i64, i64, u8), Bag> = BTreeMap::new();
    let mut given = Given(Vec::new());
    let (mut late_left, mut late_right) = (Vec::new(), Vec::new());
    for event in events(steps) {
        match event {
            Event::Watermark(time) => {
                watermark = watermark.max(time);
                for ((end, start, key), bag) in open.iter_mut().filter(|((end, ..), _)| *end <= watermark) {
                    if !std::mem::replace(&mut bag.given, true) {
                        given.give((*key, *start, *end), Firing::OnTime, bag.results(form));
                    }
                }
            }
            Event::Record(time, side) => {
                let key = crate::key_of(&side);
                let first = (time - offset - size).div_euclid(slide) * slide + offset;
                let starts = (0..).map(|n| first + n * slide).take_while(|start| *start <= time);
                let mut is_late = true;
                for start in starts.filter(|start| time < start + size) {
                    let end = start + size;
                    if end.saturating_add(lateness) <= watermark {
                        continue;
                    }
                    is_late = false;
                    let bag = open.entry((end, start, key)).or_default();
                    let before = bag.results(form);
                    bag.put(side);
                    if end <= watermark {
                        bag.given = true;
                        let after = bag.results(form);
                        let void = before.iter().filter(|pair| !after.contains(pair)).copied();
                        given.give((key, start, end), Firing::Retracted, void);
                        let new = after.iter().filter(|pair| !before.contains(pair)).copied();
                        given.give((key, start, end), Firing::Late, new);
                    }
                }
                match side {
                    Either::Left(record) if is_late => late_left.push(record),
                    Either::Right(record) if is_late => late_right.push(record),
                    _ => {}
                }
            }
        }
    }
    Outcome::new(given.0, late_left, late_right)
}

/// A window join over sessions: all of them in one list.
pub(crate) fn sessions(steps: &[Step<Side>], gap: i64, lateness: i64, form: Form) -> Outcome<InWindow> {
    let mut watermark = i64::MIN;
    let mut open: Vec<((u8, i64, i64), Bag)> = Vec::new();
    let mut given = Given(Vec::new());
    let (mut late_left, mut late_right) = (Vec::new(), Vec::new());
    for event in events(steps) {
        match event {
            Event::Watermark(time) => {
                watermark = watermark.max(time);
                for (place, bag) in open.iter_mut().filter(|((.., end), _)| *end <= watermark) {
                    if !std::mem::replace(&mut bag.given, true) {
                        given.give(*place, Firing::OnTime, bag.results(form));
                    }
                }
                open.retain(|((.., end), _)| end.saturating_add(lateness) > watermark);
            }
            Event::Record(time, side) => {
                let key = crate::key_of(&side);
                let meets = |((other, start, end), _): &((u8, i64, i64), Bag)| {
                    *other == key && *start < time + gap && time < *end
                };
                let (met, others): (Vec<_>, Vec<_>) = open.iter().cloned().partition(meets);
                let start = met.iter().map(|((_, start, _), _)| *start).chain([time]).min();
                let end = met.iter().map(|((.., end), _)| *end).chain([time + gap]).max();
                let place = (key, start.expect("one"), end.expect("one"));
                if place.2.saturating_add(lateness) <= watermark {
                    match side {
                        Either::Left(record) => late_left.push(record),
                        Either::Right(record) => late_right.push(record),
                    }
                    continue;
                }
                let mut whole = Bag::default();
                let mut before = Vec::new();
                for (other, bag) in &met {
                    if bag.given && *other == place {
                        before = bag.results(form);
                    } else if bag.given {
                        given.give(*other, Firing::Retracted, bag.results(form));
                    }
                    whole.left.extend(&bag.left);
                    whole.right.extend(&bag.right);
                }
                whole.put(side);
                if place.2 <= watermark {
                    whole.given = true;
                    let after = whole.results(form);
                    let void = before.iter().filter(|pair| !after.contains(pair)).copied();
                    given.give(place, Firing::Retracted, void);
                    let new = after.iter().filter(|pair| !before.contains(pair)).copied();
                    given.give(place, Firing::Late, new);
                }
                open = others;
                open.push((place, whole));
            }
        }
    }
    Outcome::new(given.0, late_left, late_right)
}

/// An as-of join that keeps every version.
pub(crate) fn as_of(steps: &[Step<Side>], tolerance: Option<i64>, form: Form) -> Outcome<Pair> {
    let mut watermark = i64::MIN;
    let (mut waiting, mut versions) = (Vec::new(), Vec::<(i64, Record)>::new());
    let (mut given, mut late_left, mut late_right) = (Vec::new(), Vec::new(), Vec::new());
    for event in events(steps) {
        match event {
            Event::Record(time, Either::Left(left)) if time < watermark => late_left.push(left),
            Event::Record(time, Either::Left(left)) => waiting.push((time, left)),
            Event::Record(time, Either::Right(right)) => {
                // Of no use if a newer one is valid at the watermark, or if it is too old there.
                let newer =
                    |(other, record): &(i64, Record)| record.0 == right.0 && *other > time && *other <= watermark;
                let is_late = time < watermark;
                let is_too_old = tolerance.is_some_and(|tolerance| time.saturating_add(tolerance) < watermark);
                if is_late && (versions.iter().any(newer) || is_too_old) {
                    late_right.push(right);
                } else {
                    versions.push((time, right));
                }
            }
            Event::Watermark(time) => {
                watermark = watermark.max(time);
                waiting.retain(|(time, left): &(i64, Record)| {
                    if *time >= watermark {
                        return true;
                    }
                    let valid = |(other, right): &&(i64, Record)| {
                        right.0 == left.0
                            && other <= time
                            && tolerance.is_none_or(|tolerance| time - other <= tolerance)
                    };
                    // Of several of the same time the last that came.
                    match versions.iter().filter(valid).max_by_key(|(time, _)| *time) {
                        Some((_, right)) => given.push(((Some(left.1), Some(right.1)), *time)),
                        None if form.keeps_left() => given.push(((Some(left.1), None), *time)),
                        None => {}
                    }
                    false
                });
            }
        }
    }
    Outcome::new(given, late_left, late_right)
}

/// An enrichment, record by record. The rejected left records are those without a row.
pub(crate) fn enrich(steps: &[Step<Side>], wait: usize, form: Form) -> Outcome<Pair> {
    let mut reached = Timestamp::MIN;
    let mut rows: BTreeMap<u8, u32> = BTreeMap::new();
    let mut waiting: BTreeMap<u8, VecDeque<(Timestamp, u32)>> = BTreeMap::new();
    let (mut given, mut unmatched) = (Vec::new(), Vec::new());
    let mut miss = |time: Timestamp, left: Record, given: &mut Vec<(Pair, i64)>| match form {
        Form::Inner => unmatched.push(left),
        _ => given.push(((Some(left.1), None), time.nanos())),
    };
    for event in events(steps) {
        match event {
            Event::Watermark(i64::MAX) => {
                for (key, waited) in &waiting {
                    for (time, id) in waited {
                        miss((*time).max(reached), (*key, *id), &mut given);
                    }
                }
            }
            Event::Watermark(time) => reached = reached.max(at(time)),
            Event::Record(time, Either::Left((key, id))) => match rows.get(&key) {
                Some(row) => given.push(((Some(id), Some(*row)), time)),
                None if waiting.get(&key).map_or(0, VecDeque::len) < wait => {
                    waiting.entry(key).or_default().push_back((at(time), id));
                }
                None => miss(at(time), (key, id), &mut given),
            },
            Event::Record(_, Either::Right((key, row))) => {
                for (time, id) in waiting.remove(&key).unwrap_or_default() {
                    given.push(((Some(id), Some(row)), time.max(reached).nanos()));
                }
                rows.insert(key, row);
            }
        }
    }
    Outcome::new(given, unmatched, Vec::new())
}
