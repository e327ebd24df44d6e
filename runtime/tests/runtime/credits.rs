//! Credits: never more under way than agreed, nobody forgotten, first come first served.

use futures_util::FutureExt;
use potoroo_runtime::kit::{Credit, Credits};
use potoroo_runtime::{Actor, ActorRef, Context, System, Turn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

const CREDITS: usize = 16;
const JOBS: u64 = 5_000;

/// Counts how much is under way, as it sees it.
struct Worker {
    underway: Arc<AtomicUsize>,
    most: usize,
    done: mpsc::Sender<usize>,
    left: u64,
}

impl Actor for Worker {
    type Msg = Credit;

    fn handle(&mut self, credit: Credit, _: &mut Context<'_, Self>) -> Turn {
        self.most = self.most.max(self.underway.load(Ordering::Relaxed));
        self.underway.fetch_sub(credit.count(), Ordering::Relaxed);
        drop(credit);
        self.left -= 1;
        if self.left == 0 {
            self.done.send(self.most)?;
        }
        Ok(())
    }
}

/// Sends as fast as its credits come, three at a time.
struct Sender {
    to: ActorRef<Worker>,
    credits: Credits,
    underway: Arc<AtomicUsize>,
    left: u64,
}

impl Sender {
    fn go_on(&mut self, ctx: &mut Context<'_, Self>) {
        if self.left == 0 {
            return;
        }
        let count = self.left.min(3) as usize;
        ctx.run(self.credits.reserve(count)).then(|this, mut hand, ctx| {
            while let Some(credit) = hand.split(1) {
                this.underway.fetch_add(1, Ordering::Relaxed);
                this.to.tell(credit);
                this.left -= 1;
                if hand.count() == 0 {
                    break;
                }
            }
            this.go_on(ctx);
            Ok(())
        });
    }
}

impl Actor for Sender {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        self.go_on(ctx);
        Ok(())
    }
}

#[test]
fn no_more_is_under_way_than_there_are_credits() {
    for workers in [1, 2] {
        let system = System::builder().workers(workers).build().expect("starts");
        let underway = Arc::new(AtomicUsize::new(0));
        let (done, results) = mpsc::channel();
        let credits = Credits::new(CREDITS);
        let worker = {
            let underway = underway.clone();
            system.spawn_on(0, move |_| {
                Ok(Worker {
                    underway,
                    most: 0,
                    done,
                    left: 4 * JOBS,
                })
            })
        };
        for _ in 0..4 {
            let (to, credits, underway) = (worker.clone(), credits.clone(), underway.clone());
            let sender = system.spawn_on(workers - 1, move |_| {
                Ok(Sender {
                    to,
                    credits,
                    underway,
                    left: JOBS,
                })
            });
            sender.tell(());
        }
        let most = results.recv().expect("all are done");
        assert!((1..=CREDITS).contains(&most), "{most}");
        system.shutdown();
        assert_eq!(credits.available(), CREDITS);
    }
}

#[test]
fn who_came_first_is_served_first_and_who_leaves_is_passed_over() {
    let credits = Credits::new(4);
    let all = credits.try_reserve(4).expect("all are there");
    let mut large = credits.reserve(3);
    let mut left = credits.reserve(2);
    let mut small = credits.reserve(1);
    for waiting in [&mut large, &mut left, &mut small] {
        assert!(waiting.now_or_never().is_none());
    }
    let mut all = all;
    drop(all.split(1));
    assert!((&mut small).now_or_never().is_none(), "the large one was there before");
    assert!(credits.try_reserve(1).is_none());
    drop(all.split(2));
    let got = (&mut large).now_or_never().expect("three are there");
    drop(left);
    drop(got);
    let one = (&mut small).now_or_never().expect("it is its turn");
    assert_eq!(one.count(), 1);
    drop((one, all));
    assert_eq!(credits.available(), 4);
}

#[test]
fn what_was_granted_to_one_who_has_left_comes_back() {
    let credits = Credits::new(1);
    let taken = credits.try_reserve(1).expect("it is there");
    let mut waiting = credits.reserve(1);
    assert!((&mut waiting).now_or_never().is_none());
    drop(taken);
    assert_eq!(credits.available(), 0, "granted");
    drop(waiting);
    assert_eq!(credits.available(), 1);
}
