//! The events: made one by one, or all of them before anything else.
//!
//! The generator is the crate's, with its default settings and a fixed beginning. It is slow, some hundred nanoseconds an event,
//! so engines are compared on events that are in memory already.

use super::event::{self, Event};
use crate::human::count;
use crate::terminal::{tell, tell_in_place};
use ::nexmark::EventGenerator;
use ::nexmark::config::NexmarkConfig;
use potoroo_actors::source::{Source, generate};
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The first event happens at this time, in milliseconds since 1970.
pub const BASE_MILLIS: u64 = 1_700_000_000_000;

/// The crate computes times in single precision, which is exact up to here.
pub const EVENTS_MAX: u64 = 16_000_000;

/// How many events are made at once: their bids share the memory of their texts.
const EVENTS_PER_BLOCK: u64 = 64;

/// How many events are made between two looks at the clock.
const EVENTS_PER_LOOK: usize = 4096;

/// How long the making of events may take before it is told of.
const SILENCE: Duration = Duration::from_secs(1);

/// The events of one source.
pub struct Events(Kind);

enum Kind {
    Made(std::vec::IntoIter<Event>),
    Making(Box<Making>),
}

struct Making {
    generator: EventGenerator,
    /// How many are still to be made.
    left: u64,
    /// The block that was made last.
    block: std::vec::IntoIter<Event>,
}

impl Making {
    #[inline]
    fn next(&mut self) -> Option<Event> {
        match self.block.next() {
            None => self.next_block(),
            event => event,
        }
    }

    #[inline(never)]
    fn next_block(&mut self) -> Option<Event> {
        let count = self.left.min(EVENTS_PER_BLOCK);
        self.left -= count;
        let made = self.generator.by_ref().take(count as usize).collect();
        self.block = event::block(made).into_iter();
        self.block.next()
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// The share of source `index` of `sources` in the first `events` events, made when they are asked for.
    #[must_use]
    pub fn making(events: u64, index: usize, sources: usize) -> Self {
        let config = NexmarkConfig {
            base_time: BASE_MILLIS,
            ..NexmarkConfig::default()
        };
        let (index, sources) = (index as u64, sources as u64);
        let generator = EventGenerator::new(config).with_offset(index).with_step(sources);
        Self(Kind::Making(Box::new(Making {
            generator,
            left: events.saturating_sub(index).div_ceil(sources),
            block: Vec::new().into_iter(),
        })))
    }
}

impl From<Vec<Event>> for Events {
    fn from(events: Vec<Event>) -> Self {
        Self(Kind::Made(events.into_iter()))
    }
}

impl Iterator for Events {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        match &mut self.0 {
            Kind::Made(events) => events.next(),
            Kind::Making(making) => making.next(),
        }
    }
}

/// All events of a number of sources, for several runs.
#[derive(Debug)]
pub struct Made(Vec<Vec<Event>>);

impl Made {
    /// Makes the first `events` events, a thread for each source. Shows how far it is if that takes over a second.
    #[must_use]
    pub fn new(events: u64, sources: usize, quiet: bool) -> Self {
        let made = AtomicU64::new(0);
        let since = Instant::now();
        let told = !quiet && stderr().is_terminal();
        let make = |index: usize| {
            let mut all = Vec::with_capacity(events as usize / sources + 1);
            let mut rest = Events::making(events, index, sources);
            while let before = all.len()
                && {
                    all.extend(rest.by_ref().take(EVENTS_PER_LOOK));
                    all.len() > before
                }
            {
                // Only a figure to show.
                let so_far = made.fetch_add((all.len() - before) as u64, Ordering::Relaxed);
                if told && index == 0 && since.elapsed() > SILENCE {
                    tell_in_place(format_args!("making events: {} of {}", count(so_far), count(events)));
                }
            }
            all
        };
        let all = thread::scope(|scope| {
            let makers: Vec<_> = (0..sources).map(|index| scope.spawn(move || make(index))).collect();
            makers
                .into_iter()
                .map(|maker| maker.join().expect("making events does not panic"))
                .collect()
        });
        if told && since.elapsed() > SILENCE {
            tell_in_place("");
        }
        if !quiet && since.elapsed() > SILENCE {
            tell(format_args!(
                "made {} events in {:.1} s",
                count(events),
                since.elapsed().as_secs_f64()
            ));
        }
        Self(all)
    }

    /// A copy for one run. Each source's events are copied by a thread of their own, as they were made: the allocator then
    /// has them in places of their own, too.
    #[must_use]
    pub fn copy(&self) -> Vec<Events> {
        thread::scope(|scope| {
            let copies: Vec<_> = self
                .0
                .iter()
                .map(|events| scope.spawn(move || event::copy(events)))
                .collect();
            let copies = copies
                .into_iter()
                .map(|copy| copy.join().expect("copying does not panic"));
            copies.map(Events::from).collect()
        })
    }
}

/// The source of a pipeline, an instance for each of `events`.
pub fn source(events: Vec<Events>) -> impl Source<Record = Event> {
    let instances = events.len();
    let events: Mutex<Vec<Option<Events>>> = Mutex::new(events.into_iter().map(Some).collect());
    generate(instances, move |index| {
        let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
        events[index].take().expect("each instance is made once")
    })
}
