//! Blocking work: results, panics, the bound, the end.

use potoroo_runtime::{Actor, ActorRef, AskError, BlockingError, Context, Reply, System, Turn};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

type Work = Box<dyn FnOnce() -> u64 + Send>;
type Outcome = Result<u64, BlockingError>;

/// Has work done, within a limit if there is one.
struct Client;

impl Actor for Client {
    type Msg = (Work, Option<Duration>, Reply<Outcome>);

    fn handle(&mut self, (work, limit, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let continuation = |_: &mut Self, outcome, _: &mut Context<'_, Self>| {
            reply.send(outcome);
            Ok(())
        };
        match limit {
            Some(limit) => ctx.blocking(work).within(limit).then(continuation),
            None => ctx.blocking(work).then(continuation),
        }
        Ok(())
    }
}

fn client(system: &System) -> ActorRef<Client> {
    system.spawn(|_| Ok(Client))
}

fn begin(client: &ActorRef<Client>, work: impl FnOnce() -> u64 + Send + 'static) -> potoroo_runtime::Ask<Outcome> {
    client
        .ask(|reply| (Box::new(work) as Work, None, reply))
        .within(Duration::from_secs(60))
}

/// Work that says that it has begun, and goes on when it is let.
fn held(begun: &Sender<()>, until: Receiver<()>) -> impl FnOnce() -> u64 + Send + 'static {
    let begun = begun.clone();
    move || {
        let _ = begun.send(());
        let _ = until.recv();
        1
    }
}

#[test]
fn results_and_panics_come_back() {
    let system = System::builder()
        .workers(1)
        .name("blocks")
        .blocking_threads_max(1)
        .build()
        .expect("starts");
    let client = client(&system);
    let name = Arc::new(Mutex::new(String::new()));
    let noted = name.clone();
    let named = begin(&client, move || {
        *noted.lock().expect("nobody panics") = thread::current().name().unwrap_or_default().to_owned();
        21
    });
    assert_eq!(named.wait(), Ok(Ok(21)));
    assert_eq!(*name.lock().expect("nobody panics"), "blocks-blocking-0");
    let panics = begin(&client, || panic!("on purpose"));
    assert_eq!(panics.wait(), Ok(Err(BlockingError::Panicked("on purpose".to_owned()))));
    // The thread lives on: there is only one.
    assert_eq!(begin(&client, || 22).wait(), Ok(Ok(22)));
    assert_eq!(system.shutdown().stats.total().failed, 0);
}

#[test]
fn the_pool_is_bounded_and_refuses_at_once() {
    let system = System::builder()
        .workers(1)
        .blocking_threads_max(2)
        .blocking_queue_max(3)
        .build()
        .expect("starts");
    let client = client(&system);
    let (begun, has_begun) = channel();
    let (mut release, mut running) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (go, until) = channel();
        release.push(go);
        running.push(begin(&client, held(&begun, until)));
        has_begun.recv().expect("a thread of its own");
    }
    let waiting: Vec<_> = (0..3).map(|n| begin(&client, move || n)).collect();
    for _ in 0..10 {
        assert_eq!(begin(&client, || 9).wait(), Ok(Err(BlockingError::Full)));
    }
    // The worker is free meanwhile, and a limit counts the wait for a thread.
    release.clear();
    for running in running {
        assert_eq!(running.wait(), Ok(Ok(1)));
    }
    for (n, waiting) in (0..).zip(waiting) {
        assert_eq!(waiting.wait(), Ok(Ok(n)));
    }
    assert_eq!(begin(&client, || 5).wait(), Ok(Ok(5)), "there is room again");
}

#[test]
fn one_who_tries_again_whenever_it_is_refused_lets_others_in() {
    struct Stubborn;
    impl Stubborn {
        fn try_it(reply: Reply<u64>, ctx: &mut Context<'_, Self>) {
            ctx.blocking(|| 4).then(move |_: &mut Self, outcome, ctx| {
                match outcome {
                    Ok(result) => reply.send(result),
                    Err(_) => Self::try_it(reply, ctx),
                }
                Ok(())
            });
        }
    }
    impl Actor for Stubborn {
        type Msg = Reply<u64>;
        fn handle(&mut self, reply: Reply<u64>, ctx: &mut Context<'_, Self>) -> Turn {
            Self::try_it(reply, ctx);
            Ok(())
        }
    }
    struct Other;
    impl Actor for Other {
        type Msg = Reply<u64>;
        fn handle(&mut self, reply: Reply<u64>, _: &mut Context<'_, Self>) -> Turn {
            reply.send(8);
            Ok(())
        }
    }
    let system = System::builder()
        .workers(1)
        .blocking_threads_max(1)
        .blocking_queue_max(0)
        .build()
        .expect("starts");
    let client = client(&system);
    let ((begun, has_begun), (go, until)) = (channel(), channel());
    let running = begin(&client, held(&begun, until));
    has_begun.recv().expect("it begins");
    let stubborn = system.spawn(|_| Ok(Stubborn));
    let answer = stubborn.ask(|reply| reply).within(Duration::from_secs(60));
    let other = system.spawn(|_| Ok(Other));
    assert_eq!(other.ask(|reply| reply).wait(), Ok(8), "the worker is not his alone");
    drop(go);
    assert_eq!(running.wait(), Ok(Ok(1)));
    assert_eq!(answer.wait(), Ok(4));
}

#[test]
fn a_limit_counts_the_wait_and_the_work() {
    let system = System::builder()
        .workers(1)
        .blocking_threads_max(1)
        .build()
        .expect("starts");
    let client = client(&system);
    let ((begun, _has_begun), (go, until)) = (channel(), channel());
    let limited = client.ask(|reply| {
        let work: Work = Box::new(held(&begun, until));
        (work, Some(Duration::from_millis(5)), reply)
    });
    assert_eq!(limited.wait(), Ok(Err(BlockingError::TimedOut)));
    drop(go);
    assert_eq!(begin(&client, || 6).wait(), Ok(Ok(6)));
}

#[test]
fn a_shutdown_waits_for_what_runs_and_for_what_comes_of_it() {
    let system = System::builder().workers(2).build().expect("starts");
    let client = client(&system);
    let ends = Arc::new(AtomicU64::new(0));
    let asks: Vec<_> = (0..40)
        .map(|_| {
            let ends = ends.clone();
            begin(&client, move || {
                thread::sleep(Duration::from_millis(2));
                ends.fetch_add(1, SeqCst)
            })
        })
        .collect();
    let report = system.shutdown();
    assert!(report.drained);
    // Whatever had reached the client was done, and answered.
    let answered = asks.into_iter().filter_map(|ask| ask.wait().ok()).count();
    assert_eq!(answered, 40);
    assert_eq!(ends.load(SeqCst), 40);
}

#[test]
fn a_shutdown_does_not_wait_for_ever() {
    let system = System::builder()
        .workers(1)
        .blocking_threads_max(1)
        .build()
        .expect("starts");
    let client = client(&system);
    let ((begun, has_begun), (go, until)) = (channel(), channel());
    let running = begin(&client, held(&begun, until));
    has_begun.recv().expect("it begins");
    let waiting = begin(&client, || 2);
    let report = system.shutdown_within(Duration::from_millis(20));
    assert!(!report.drained);
    assert_eq!(running.wait(), Err(AskError::Stopped));
    assert_eq!(waiting.wait(), Err(AskError::Stopped));
    drop(go);
}
