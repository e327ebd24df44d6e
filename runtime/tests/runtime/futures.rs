//! Futures and streams run by actors, and actors awaited by others.

use futures_channel::{mpsc, oneshot};
use futures_util::{FutureExt, SinkExt, StreamExt, stream};
use potoroo_runtime::{Actor, ActorRef, AskError, Context, Fault, Reply, System, TaskId, TimedOut, Turn};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// Does what it is told with its context.
struct Stage(u64);

type Deed = Box<dyn FnOnce(&mut Stage, &mut Context<'_, Stage>) -> Turn + Send>;

impl Actor for Stage {
    type Msg = Deed;

    fn handle(&mut self, deed: Deed, ctx: &mut Context<'_, Self>) -> Turn {
        deed(self, ctx)
    }
}

fn stage(system: &System) -> ActorRef<Stage> {
    system.spawn(|_| Ok(Stage(0)))
}

/// Has `deed` done, and gives what it answers.
fn on_stage<R: Send + 'static>(
    stage: &ActorRef<Stage>,
    deed: impl FnOnce(Reply<R>, &mut Context<'_, Stage>) + Send + 'static,
) -> Result<R, AskError> {
    let ask = stage.ask(|reply| {
        let deed: Deed = Box::new(move |_, ctx| {
            deed(reply, ctx);
            Ok(())
        });
        deed
    });
    ask.within(Duration::from_secs(60)).wait()
}

#[test]
fn a_future_that_a_thread_wakes_goes_on_with_the_actor() {
    let system = System::builder().workers(2).build().expect("starts");
    let stage = stage(&system);
    for n in 0..1000 {
        let (tell, hear) = oneshot::channel();
        let answer = stage.ask(|reply| {
            let deed: Deed = Box::new(move |_, ctx| {
                ctx.run(hear).then(move |this, heard, _| {
                    this.0 += heard?;
                    reply.send(this.0);
                    Ok(())
                });
                Ok(())
            });
            deed
        });
        if n % 100 == 0 {
            thread::spawn(move || tell.send(1));
        } else {
            let _ = tell.send(1);
        }
        assert_eq!(answer.wait(), Ok(n + 1));
    }
}

#[test]
fn an_actor_awaits_another_and_itself() {
    let system = System::builder().workers(2).build().expect("starts");
    let (one, other) = (stage(&system), stage(&system));
    let sum = on_stage(&one, move |reply, ctx| {
        let me = ctx.me();
        let ask = move |whom: &ActorRef<Stage>| {
            whom.ask(|reply: Reply<u64>| {
                let deed: Deed = Box::new(|this, _| {
                    this.0 += 1;
                    reply.send(this.0);
                    Ok(())
                });
                deed
            })
        };
        let sum = async move {
            let mut sum = 0;
            for _ in 0..100 {
                sum += ask(&other).await? + ask(&me).await?;
            }
            Ok::<_, AskError>(sum)
        };
        ctx.run(sum).then(|_, sum, _| {
            reply.send(sum?);
            Ok(())
        });
    });
    assert_eq!(sum, Ok(2 * 5050));
}

#[test]
fn a_task_that_keeps_waking_itself_lets_others_in() {
    let system = System::builder().workers(1).build().expect("starts");
    let (busy, other) = (stage(&system), stage(&system));
    let stopped = Arc::new(AtomicU64::new(0));
    let seen = stopped.clone();
    let done = busy.ask(|reply| {
        let deed: Deed = Box::new(move |_, ctx| {
            let spin = poll_fn(move |task| {
                task.waker().wake_by_ref();
                if seen.load(SeqCst) == 1 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            ctx.run(spin).then(|_, (), _| {
                reply.send(());
                Ok(())
            });
            Ok(())
        });
        deed
    });
    // Both the other actors of the worker and the other messages of this one have their turns.
    for of in [&other, &busy] {
        assert_eq!(on_stage(of, |reply, _| reply.send(7)), Ok(7));
    }
    stopped.store(1, SeqCst);
    assert_eq!(done.wait(), Ok(()));
}

#[test]
fn a_chain_of_ready_futures_lets_others_in() {
    fn again(stop: Arc<AtomicU64>, ctx: &mut Context<'_, Stage>) {
        ctx.run(std::future::ready(())).then(move |_, (), ctx| {
            if stop.load(SeqCst) == 0 {
                again(stop, ctx);
            }
            Ok(())
        });
    }
    let system = System::builder().workers(1).build().expect("starts");
    let (busy, other) = (stage(&system), stage(&system));
    let stop = Arc::new(AtomicU64::new(0));
    let seen = stop.clone();
    assert_eq!(
        on_stage(&busy, move |reply, ctx| {
            again(seen, ctx);
            reply.send(())
        }),
        Ok(())
    );
    for of in [&other, &busy] {
        assert_eq!(on_stage(of, |reply, _| reply.send(7)), Ok(7));
    }
    stop.store(1, SeqCst);
}

/// Ready when the count has reached its goal; leaves its waker behind.
struct Goal {
    count: Arc<AtomicU64>,
    goal: u64,
    waker: Arc<std::sync::Mutex<Option<Waker>>>,
    polls: Arc<AtomicU64>,
}

impl Future for Goal {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<()> {
        self.polls.fetch_add(1, SeqCst);
        *self.waker.lock().expect("nobody panics") = Some(task.waker().clone());
        if self.count.load(SeqCst) >= self.goal {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[test]
fn a_storm_of_wakes_is_few_polls_and_loses_none() {
    const THREADS: u64 = 4;
    const WAKES: u64 = 20_000;
    let system = System::builder().workers(2).build().expect("starts");
    let stage = stage(&system);
    let (count, polls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let waker = Arc::new(std::sync::Mutex::new(None));
    let goal = Goal {
        count: count.clone(),
        goal: THREADS * WAKES,
        waker: waker.clone(),
        polls: polls.clone(),
    };
    let reached = stage.ask(|reply| {
        let deed: Deed = Box::new(|_, ctx| {
            ctx.run(goal).then(|_, (), _| {
                reply.send(());
                Ok(())
            });
            Ok(())
        });
        deed
    });
    let woken: Waker = loop {
        if let Some(waker) = waker.lock().expect("nobody panics").clone() {
            break waker;
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..WAKES {
                    count.fetch_add(1, SeqCst);
                    woken.wake_by_ref();
                }
            });
        }
    });
    assert_eq!(reached.within(Duration::from_secs(60)).wait(), Ok(()));
    assert!(
        polls.load(SeqCst) <= THREADS * WAKES + 2,
        "at most one poll for each wake"
    );
    // Too late, during the actor's life and after it, and after the system's.
    woken.wake_by_ref();
    stage.stop();
    woken.wake_by_ref();
    system.shutdown();
    woken.wake_by_ref();
    woken.wake();
}

/// Notes its end.
struct Ends(Arc<AtomicU64>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Never ready; notes its end.
fn never(ends: &Arc<AtomicU64>) -> impl Future<Output = ()> + Send + 'static {
    let noted = Ends(ends.clone());
    async move {
        std::future::pending::<()>().await;
        drop(noted);
    }
}

#[test]
fn what_is_cancelled_or_out_of_time_is_dropped() {
    let system = System::builder().workers(1).build().expect("starts");
    let stage = stage(&system);
    let ends = Arc::new(AtomicU64::new(0));
    let future = never(&ends);
    let late = on_stage(&stage, |reply, ctx| {
        ctx.run(future).within(Duration::from_millis(5)).then(|_, outcome, _| {
            reply.send(outcome);
            Ok(())
        });
    });
    assert_eq!(late, Ok(Err(TimedOut)));
    assert_eq!(ends.load(SeqCst), 1);
    // In time, the limit goes.
    let prompt = on_stage(&stage, |reply, ctx| {
        ctx.run(async { 3 })
            .within(Duration::from_secs(3600))
            .then(|_, outcome, _| {
                reply.send(outcome);
                Ok(())
            });
    });
    assert_eq!(prompt, Ok(Ok(3)));
    let future = never(&ends);
    let cancelled = on_stage(&stage, |reply, ctx| {
        let task: TaskId = ctx.run(future).then(|_, (), _| unreachable!("cancelled"));
        reply.send((ctx.cancel_task(task), ctx.cancel_task(task)));
    });
    assert_eq!(cancelled, Ok((true, false)));
    assert_eq!(ends.load(SeqCst), 2);
    // What still runs ends with its actor.
    let future = never(&ends);
    let begun = on_stage(&stage, |reply, ctx| {
        ctx.run(future).then(|_, (), _| unreachable!("never ready"));
        reply.send(());
    });
    assert_eq!(begun, Ok(()));
    drop(stage);
    assert_eq!(system.shutdown().stats.total().failed, 0);
    assert_eq!(ends.load(SeqCst), 3);
}

#[test]
fn a_panic_in_a_future_is_the_actors() {
    let (tell, heard) = std::sync::mpsc::channel();
    let system = System::builder()
        .workers(1)
        .on_failure(move |_, _, reason| {
            let _ = tell.send(reason.to_string());
        })
        .build()
        .expect("starts");
    let stage = stage(&system);
    let ends = Arc::new(AtomicU64::new(0));
    let noted = Ends(ends.clone());
    let asked = on_stage(&stage, |reply: Reply<()>, ctx| {
        ctx.run(async move {
            let _held = (noted, reply);
            panic!("in a future")
        })
        .then(|_, (), _| Ok(()));
    });
    assert_eq!(asked, Err(AskError::Stopped));
    assert_eq!(heard.recv().as_deref(), Ok("panic: in a future"));
    system.shutdown();
    assert_eq!(ends.load(SeqCst), 1);
}

/// Takes items, and reports when there are no more.
struct Sink {
    sum: u64,
    last: u64,
    most_waiting: usize,
    report: Option<Reply<(u64, usize)>>,
}

enum Item {
    Take(u64),
    End,
}

impl Actor for Sink {
    type Msg = Item;

    fn handle(&mut self, msg: Item, ctx: &mut Context<'_, Self>) -> Turn {
        self.most_waiting = self.most_waiting.max(ctx.queue_len());
        match msg {
            Item::Take(n) => {
                if n != self.last + 1 {
                    return Err(Fault::new(format!("{n} after {}", self.last)));
                }
                self.last = n;
                self.sum += n;
            }
            Item::End => {
                let report = self.report.take().ok_or(Fault::new("two ends"))?;
                report.send((self.sum, self.most_waiting));
            }
        }
        Ok(())
    }
}

/// Has a sink take all of a stream; gives the sum, and how many messages waited at most.
fn drain(
    system: &System,
    items: impl futures_util::Stream<Item = u64> + Send + 'static,
    waiting_max: usize,
) -> (u64, usize) {
    let stage = stage(system);
    let report = on_stage(&stage, move |report, ctx| {
        ctx.spawn(move |ctx: &mut Context<'_, Sink>| {
            ctx.attach(items, Item::Take)
                .waiting_max(waiting_max)
                .at_end(|| Item::End)
                .start();
            Ok(Sink {
                sum: 0,
                last: 0,
                most_waiting: 0,
                report: Some(report),
            })
        });
    });
    report.expect("all is taken")
}

#[test]
fn the_items_of_a_stream_come_in_order_and_within_the_bound() {
    const ITEMS: u64 = 100_000;
    let system = System::builder().workers(2).build().expect("starts");
    for waiting_max in [1, 2, 128] {
        let (sum, most_waiting) = drain(&system, stream::iter(1..=ITEMS), waiting_max);
        assert_eq!(sum, ITEMS * (ITEMS + 1) / 2);
        assert!(
            most_waiting < waiting_max,
            "{most_waiting} waited beside the one in hand"
        );
    }
    assert_eq!(drain(&system, stream::empty(), 4), (0, 0));
    assert_eq!(system.shutdown().stats.total().failed, 0);
}

#[test]
fn a_stream_that_a_thread_feeds_is_held_back_by_a_slow_actor() {
    const ITEMS: u64 = 20_000;
    let system = System::builder().workers(2).build().expect("starts");
    let (mut feed, items) = mpsc::channel(8);
    let feeder = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("starts");
        runtime.block_on(async {
            for n in 1..=ITEMS {
                feed.send(n).await.expect("the sink lives");
            }
        });
    });
    let (sum, most_waiting) = drain(&system, items, 16);
    feeder.join().expect("all is fed");
    assert_eq!(sum, ITEMS * (ITEMS + 1) / 2);
    assert!(most_waiting < 16);
}

#[test]
fn an_attached_stream_can_be_cancelled() {
    let system = System::builder().workers(1).build().expect("starts");
    let ends = Arc::new(AtomicU64::new(0));
    let noted = Ends(ends.clone());
    let endless = stream::repeat(1).map(move |n| {
        let _ = &noted;
        n
    });
    let stage = stage(&system);
    let cancelled = on_stage(&stage, move |reply, ctx| {
        let message = |n| -> Deed {
            Box::new(move |this: &mut Stage, _: &mut Context<'_, Stage>| {
                this.0 += n;
                Ok(())
            })
        };
        let task = ctx.attach(endless, message).waiting_max(4).start();
        let me = ctx.me();
        me.tell(Box::new(move |_, ctx| {
            reply.send(ctx.cancel_task(task));
            Ok(())
        }));
    });
    assert_eq!(cancelled, Ok(true));
    assert_eq!(ends.load(SeqCst), 1);
    assert!(system.shutdown().drained, "nothing goes on");
}

#[test]
fn actors_are_awaited_from_tokio() {
    let system = System::builder().workers(2).build().expect("starts");
    let stage = stage(&system);
    let ask = |n: u64| {
        stage.ask(move |reply| {
            let deed: Deed = Box::new(move |_, _| {
                reply.send(2 * n);
                Ok(())
            });
            deed
        })
    };
    let silent = || {
        stage.ask(|reply: Reply<u64>| {
            let deed: Deed = Box::new(move |_, ctx| {
                ctx.run(std::future::pending::<()>()).then(move |_, (), _| {
                    reply.send(0);
                    Ok(())
                });
                Ok(())
            });
            deed
        })
    };
    let here = tokio::runtime::Builder::new_current_thread().build().expect("starts");
    assert_eq!(here.block_on(ask(21)), Ok(42));
    let timed = here.block_on(silent().within(Duration::from_millis(5)));
    assert_eq!(timed, Err(AskError::TimedOut));

    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("starts");
    let asks: Vec<_> = (0..1000)
        .map(|n| threads.spawn(ask(n).map(move |answer| (n, answer))))
        .collect();
    threads.block_on(async {
        for ask in asks {
            let (n, answer) = ask.await.expect("no task panics");
            assert_eq!(answer, Ok(2 * n));
        }
    });
}
