//! Windows as plain lists of records: what the engine's must give.

use potoroo_actors::SideTag;
use potoroo_actors::element::{Mark, Timestamp};
use potoroo_actors::source::Step;
use potoroo_actors::window::{Firing, Late};
use std::collections::BTreeMap;
use std::time::Duration;

/// A record: whose it is, and which.
pub(crate) type Record = (u8, u32);

/// A result: from when, until when, why, of which records.
pub(crate) type Given = (i64, i64, Firing, Vec<u32>);

pub(crate) static LATE: SideTag<Record> = SideTag::new("late");

pub(crate) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

pub(crate) fn span(duration: u64) -> Duration {
    Duration::from_nanos(duration)
}

/// What is said about windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) lateness: u64,
    pub(crate) late: Late<Record>,
    pub(crate) early: Option<u64>,
    pub(crate) partitions: usize,
}

impl Said {
    pub(crate) fn nothing() -> Self {
        Self {
            lateness: 0,
            late: Late::SideOutput(LATE),
            early: None,
            partitions: 1,
        }
    }
}

/// What a job or a model gave: by key and in order, and the late records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) given: BTreeMap<u8, Vec<Given>>,
    pub(crate) late: Vec<Record>,
    pub(crate) dropped: u64,
}

impl Outcome {
    pub(crate) fn give(&mut self, key: u8, span: (i64, i64), firing: Firing, records: impl IntoIterator<Item = u32>) {
        let mut ids: Vec<u32> = records.into_iter().collect();
        ids.sort_unstable();
        self.given.entry(key).or_default().push((span.0, span.1, firing, ids));
    }
}

/// The watermark of a mark.
fn raised(watermark: i64, mark: Mark) -> i64 {
    match mark {
        Mark::Watermark(time) => watermark.max(time.nanos()),
        _ => watermark,
    }
}

/// Windows of one length, one each slide, as lists of records.
pub(crate) fn aligned_model(steps: &[Step<Record>], size: i64, slide: i64, offset: i64, said: Said) -> Outcome {
    let lateness = said.lateness as i64;
    let mut outcome = Outcome::default();
    let mut watermark = i64::MIN;
    // By end, start and key: the records, and whether a result was given.
    let mut open: BTreeMap<(i64, i64, u8), (Vec<u32>, bool)> = BTreeMap::new();
    for step in steps {
        match *step {
            Step::At(time, (key, id)) => {
                let time = time.nanos();
                let first = (time - offset - size).div_euclid(slide) * slide + offset;
                let starts = (0..).map(|n| first + n * slide).take_while(|start| *start <= time);
                let mut is_late = true;
                for start in starts.filter(|start| time < start + size) {
                    let end = start + size;
                    if end.saturating_add(lateness) <= watermark {
                        continue;
                    }
                    is_late = false;
                    let (ids, given) = open.entry((end, start, key)).or_default();
                    ids.push(id);
                    if end <= watermark {
                        *given = true;
                        outcome.give(key, (start, end), Firing::Late, ids.iter().copied());
                    } else if said.early.is_some_and(|every| (ids.len() as u64).is_multiple_of(every)) {
                        outcome.give(key, (start, end), Firing::Early, ids.iter().copied());
                    }
                }
                if is_late {
                    outcome.late.push((key, id));
                }
            }
            Step::Mark(mark) => {
                watermark = raised(watermark, mark);
                give_complete(&mut open, watermark, &mut outcome);
            }
            Step::Record(_) | Step::Turn => {}
        }
    }
    give_complete(&mut open, i64::MAX, &mut outcome);
    outcome.late.sort_unstable();
    outcome
}

fn give_complete(open: &mut BTreeMap<(i64, i64, u8), (Vec<u32>, bool)>, watermark: i64, outcome: &mut Outcome) {
    for ((end, start, key), (ids, given)) in open.iter_mut().filter(|((end, ..), _)| *end <= watermark) {
        if !*given {
            *given = true;
            outcome.give(*key, (*start, *end), Firing::OnTime, ids.iter().copied());
        }
    }
}

/// A session of the model.
#[derive(Clone, Debug)]
struct Open {
    key: u8,
    start: i64,
    end: i64,
    ids: Vec<u32>,
    given: bool,
}

pub(crate) fn session_model(steps: &[Step<Record>], gap: i64, said: Said) -> Outcome {
    let lateness = said.lateness as i64;
    let mut outcome = Outcome::default();
    let mut watermark = i64::MIN;
    let mut open: Vec<Open> = Vec::new();
    let give_complete = |open: &mut Vec<Open>, watermark: i64, outcome: &mut Outcome| {
        open.sort_by_key(|session| session.start);
        for session in open
            .iter_mut()
            .filter(|session| session.end <= watermark && !session.given)
        {
            session.given = true;
            let ids = session.ids.iter().copied();
            outcome.give(session.key, (session.start, session.end), Firing::OnTime, ids);
        }
        open.retain(|session| session.end.saturating_add(lateness) > watermark);
    };
    for step in steps {
        match *step {
            Step::At(time, (key, id)) => {
                let time = time.nanos();
                let meets = |session: &Open| session.key == key && session.start < time + gap && time < session.end;
                let (mut met, others): (Vec<Open>, Vec<Open>) = open.iter().cloned().partition(meets);
                met.sort_by_key(|session| session.start);
                let mut whole = Open {
                    key,
                    start: met.first().map_or(time, |first| first.start.min(time)),
                    end: met.last().map_or(time + gap, |last| last.end.max(time + gap)),
                    ids: vec![id],
                    given: false,
                };
                if whole.end.saturating_add(lateness) <= watermark {
                    outcome.late.push((key, id));
                    continue;
                }
                for session in &met {
                    if session.given && (session.start, session.end) != (whole.start, whole.end) {
                        let ids = session.ids.iter().copied();
                        outcome.give(key, (session.start, session.end), Firing::Retracted, ids);
                    }
                    whole.ids.extend(&session.ids);
                }
                if whole.end <= watermark {
                    whole.given = true;
                    outcome.give(key, (whole.start, whole.end), Firing::Late, whole.ids.iter().copied());
                }
                open = others;
                open.push(whole);
            }
            Step::Mark(mark) => {
                watermark = raised(watermark, mark);
                give_complete(&mut open, watermark, &mut outcome);
            }
            Step::Record(_) | Step::Turn => {}
        }
    }
    give_complete(&mut open, i64::MAX, &mut outcome);
    outcome.late.sort_unstable();
    outcome
}
