//! `source::channel`: what is sent arrives, once and in order, whoever is faster; and it says no when there is no room.

use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::runtime::{Actor, Context, Signal, System, Turn};
use potoroo_actors::source::Feed;
use potoroo_actors::{Pipeline, sink, source};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

type Seen = Arc<Mutex<Vec<(u32, u32)>>>;

fn room(records: usize) -> NonZeroUsize {
    NonZeroUsize::new(records).expect("some room")
}

/// Records of so many senders, each in order and without gaps.
fn check(seen: &[(u32, u32)], senders: u32, each: u32) {
    let mut next = HashMap::new();
    for (sender, number) in seen {
        let expected = next.entry(*sender).or_insert(0);
        assert_eq!(number, expected, "of sender {sender}");
        *expected += 1;
    }
    assert_eq!(next.len() as u32, senders);
    assert!(next.values().all(|count| *count == each), "{next:?}");
}

#[test]
fn threads_feed_a_stream_each_in_its_order() {
    const SENDERS: u32 = 4;
    const EACH: u32 = 20_000;
    let system = System::builder().workers(2).build().expect("starts");
    let seen = Seen::default();
    let noted = seen.clone();
    let (feed, records) = source::channel(room(100));
    let pipeline = Pipeline::new();
    pipeline.source("records", records).sink(
        "out",
        sink::each(move |record| noted.lock().expect("no panic").push(record)),
    );
    let job = pipeline.start(&system);
    let threads: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let feed = feed.clone();
            thread::spawn(move || {
                let mut left: Vec<_> = (0..EACH).map(|number| (sender, number)).collect();
                while !left.is_empty() {
                    feed.try_send_all(&mut left).expect("the stream goes on");
                    thread::yield_now();
                }
            })
        })
        .collect();
    drop(feed);
    for thread in threads {
        thread.join().expect("no panic");
    }
    job.wait().expect("nothing in it fails");
    check(&seen.lock().expect("no panic"), SENDERS, EACH);
}

#[test]
fn what_has_no_room_is_given_back_and_what_was_sent_before_a_drain_arrives() {
    let (feed, records) = source::channel(room(3));
    for number in 0..3 {
        feed.try_send((0, number)).expect("there is room");
    }
    assert_eq!(feed.try_send((0, 3)), Err(TrySendError::Full((0, 3))));
    let mut more = vec![(0, 3)];
    assert_eq!(feed.try_send_all(&mut more), Ok(()));
    assert_eq!(more, [(0, 3)]);

    let system = System::builder().workers(2).build().expect("starts");
    let seen = Seen::default();
    let noted = seen.clone();
    let pipeline = Pipeline::new();
    pipeline.source("records", records).sink(
        "out",
        sink::each(move |record| noted.lock().expect("no panic").push(record)),
    );
    let job = pipeline.start(&system);
    job.drain();
    job.wait().expect("nothing in it fails");
    check(&seen.lock().expect("no panic"), 1, 3);
    assert_eq!(feed.try_send((0, 3)), Err(TrySendError::Disconnected((0, 3))));
    assert_eq!(feed.try_send_all(&mut more), Err(TrySendError::Disconnected(())));
    assert_eq!(more, [(0, 3)]);
}

#[test]
fn a_source_that_is_never_used_takes_nothing_in() {
    let (feed, records) = source::channel(room(1));
    drop(records);
    assert_eq!(feed.try_send(7), Err(TrySendError::Disconnected(7)));
}

/// Sends a record a turn, two at a time now and then; when there is no room it tries again.
struct Sender {
    number: u32,
    next: u32,
    each: u32,
    feed: Feed<(u32, u32)>,
}

impl Actor for Sender {
    type Msg = ();

    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if matches!(signal, Signal::RunAgain) {
            let until = (self.next + 1 + self.next % 2).min(self.each);
            let mut records: Vec<_> = (self.next..until).map(|next| (self.number, next)).collect();
            let count = records.len() as u32;
            self.feed.try_send_all(&mut records).expect("the stream goes on");
            self.next += count - records.len() as u32;
            if self.next < self.each {
                ctx.run_again();
            } else {
                ctx.stop();
            }
        }
        Ok(())
    }
}

#[test]
fn actors_feed_a_stream_in_any_order_of_turns() {
    const SENDERS: u32 = 3;
    const EACH: u32 = 40;
    sim::explore(|sim: &Sim| {
        let seen = Seen::default();
        let over = Arc::new(Mutex::new(false));
        let (noted, ended) = (seen.clone(), over.clone());
        sim.node("one").start(move || {
            /// Notes that the sink has gone, which it does at the end.
            struct End(Arc<Mutex<bool>>);
            impl Drop for End {
                fn drop(&mut self) {
                    *self.0.lock().expect("no panic") = true;
                }
            }
            let system = System::builder().workers(2).pin(false).build().expect("starts");
            let (feed, records) = source::channel(room(4));
            for number in 0..SENDERS {
                let feed = feed.clone();
                system.spawn(move |ctx| {
                    ctx.run_again();
                    Ok(Sender {
                        number,
                        next: 0,
                        each: EACH,
                        feed,
                    })
                });
            }
            let (noted, end) = (noted.clone(), End(ended.clone()));
            let pipeline = Pipeline::new();
            pipeline
                .source("records", records)
                .key_by(|(sender, _)| *sender)
                .entity(
                    "same",
                    |_| (),
                    |(), record, out| {
                        out.emit(record);
                        Ok(())
                    },
                )
                .sink(
                    "out",
                    sink::each(move |record| {
                        let _ = &end;
                        noted.lock().expect("no panic").push(record);
                    }),
                );
            drop(pipeline.start(&system));
            system
        });
        sim.advance(Duration::from_secs(10));
        check(&seen.lock().expect("no panic"), SENDERS, EACH);
        assert!(
            *over.lock().expect("no panic"),
            "the stream has not ended with its feeds"
        );
    })
    .random(100)
    .run();
}
