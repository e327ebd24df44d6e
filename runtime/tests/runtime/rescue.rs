//! A handler that takes for ever: the others go on, and nothing is lost or overtaken. No times are asserted: a handler
//! blocks until the test has seen that the others are served, so without a rescue these tests would not end.

use potoroo_runtime::{Actor, ActorRef, Context, Reply, System, Turn};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn system() -> System {
    System::builder().workers(2).build().expect("starts")
}

/// Waits until something is so that will be so.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Counts what it is told, and on request by its own timer.
struct Other {
    count: u64,
}

enum OtherMsg {
    Count(Reply<u64>),
    Tick,
    StartTicking(Reply<()>),
}

impl Actor for Other {
    type Msg = OtherMsg;

    fn handle(&mut self, msg: OtherMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            OtherMsg::Count(reply) => reply.send(self.count),
            OtherMsg::Tick => self.count += 1,
            OtherMsg::StartTicking(reply) => {
                ctx.every(Duration::from_millis(1), || OtherMsg::Tick);
                reply.send(());
            }
        }
        Ok(())
    }
}

fn others(system: &System, count: usize) -> Vec<ActorRef<Other>> {
    let others: Vec<_> = (0..count).map(|_| system.spawn(|_| Ok(Other { count: 0 }))).collect();
    counts(&others);
    others
}

fn counts(others: &[ActorRef<Other>]) -> u64 {
    let asked: Vec<_> = others.iter().map(|other| other.ask(OtherMsg::Count)).collect();
    asked.into_iter().map(|ask| ask.wait().expect("answers")).sum()
}

/// Runs what it is told, however long that takes.
struct Blocker;

type Task = Box<dyn FnOnce(&mut Context<'_, Blocker>) + Send>;

impl Actor for Blocker {
    type Msg = Task;

    fn handle(&mut self, task: Task, ctx: &mut Context<'_, Self>) -> Turn {
        task(ctx);
        Ok(())
    }
}

/// Blocks an actor until the sender is used or dropped.
fn block(blocker: &ActorRef<Blocker>) -> Sender<()> {
    let (release, released) = mpsc::channel();
    let (began, begins) = mpsc::channel();
    blocker.tell(Box::new(move |_| {
        let _ = began.send(());
        let _ = released.recv();
    }));
    begins.recv().expect("the turn begins");
    release
}

#[test]
fn a_thousand_others_are_served_while_one_blocks() {
    let system = system();
    let others = others(&system, 1_000);
    for _ in 0..3 {
        let blocker = system.spawn(|_| Ok(Blocker));
        let release = block(&blocker);
        // Wherever they live, all of them answer: one worker of the two is stuck.
        assert_eq!(counts(&others), 0);
        drop(release);
        blocker.stop();
    }
    let report = system.shutdown();
    assert!(report.drained);
    assert_eq!(report.stats.total().failed, 0);
}

#[test]
fn timers_of_others_fire_while_one_blocks() {
    let system = system();
    let others = others(&system, 100);
    for other in &others {
        other.ask(OtherMsg::StartTicking).wait().expect("starts");
    }
    let blocker = system.spawn(|_| Ok(Blocker));
    let release = block(&blocker);
    for other in &others {
        let count = || other.ask(OtherMsg::Count).wait().expect("answers");
        let before = count();
        until(|| count() > before + 2);
    }
    drop(release);
    system.shutdown();
}

/// Keeps what it is told.
struct Sink(Vec<u64>);

enum SinkMsg {
    Number(u64),
    Get(Reply<Vec<u64>>),
}

impl Actor for Sink {
    type Msg = SinkMsg;

    fn handle(&mut self, msg: SinkMsg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            SinkMsg::Number(number) => self.0.push(number),
            SinkMsg::Get(reply) => reply.send(self.0.clone()),
        }
        Ok(())
    }
}

#[test]
fn what_a_stuck_handler_does_takes_effect() {
    let system = system();
    let blocker = system.spawn(|_| Ok(Blocker));
    // A child starts on the worker of its parent.
    let (sink_is, sinks) = mpsc::channel();
    blocker.tell(Box::new(move |ctx| {
        let _ = sink_is.send(ctx.spawn(|_| Ok(Sink(Vec::new()))));
    }));
    let sink = sinks.recv().expect("the child's reference");
    let numbers = |sink: &ActorRef<Sink>| sink.ask(SinkMsg::Get).wait().expect("answers");

    let (release, released) = mpsc::channel::<()>();
    let (grandchild_is, grandchildren) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let told = sink.clone();
    blocker.tell(Box::new(move |ctx| {
        told.tell(SinkMsg::Number(0));
        let _ = released.recv();
        // By now the worker has lost its tenure.
        for number in 1..100 {
            told.tell(SinkMsg::Number(number));
        }
        let _ = grandchild_is.send(ctx.spawn(|_| Ok(Sink(vec![7]))));
        let by_timer = told.clone();
        let timer_done = done.clone();
        ctx.after(
            Duration::ZERO,
            Box::new(move |_| {
                by_timer.tell(SinkMsg::Number(1_000));
                let _ = timer_done.send("timer");
            }),
        );
        ctx.me().tell(Box::new(move |_| {
            let _ = done.send("told itself");
        }));
        let _ = released.recv();
    }));
    // The sink is served by the other worker.
    until(|| numbers(&sink) == [0]);
    until(|| system.stats().total().rescues > 0);
    release.send(()).expect("is waited for");
    until(|| numbers(&sink).len() == 100);
    assert_eq!(numbers(&sink), (0..100).collect::<Vec<_>>());
    let grandchild = grandchildren.recv().expect("the second child's reference");
    assert_eq!(numbers(&grandchild), [7]);
    // What the blocker told itself waits for the end of its turn.
    assert!(is_done.try_recv().is_err());
    drop(release);
    let mut done: Vec<_> = is_done.iter().take(2).collect();
    done.sort_unstable();
    assert_eq!(done, ["timer", "told itself"]);
    until(|| numbers(&sink).last() == Some(&1_000));
    assert!(system.shutdown().drained);
}

#[test]
fn an_actor_that_may_not_leave_waits_for_its_worker() {
    let system = system();
    let worker_of_blocker = {
        let blocker = system.spawn(|_| Ok(Blocker));
        let (at, is_at) = mpsc::channel();
        blocker.tell(Box::new(move |ctx| {
            let _ = at.send(ctx.worker());
        }));
        let worker = is_at.recv().expect("says where it is");
        let sink = system.spawn_on(worker, |_| Ok(Sink(Vec::new())));
        sink.ask(SinkMsg::Get).wait().expect("answers");
        let release = block(&blocker);
        for number in 0..10 {
            sink.tell(SinkMsg::Number(number));
        }
        until(|| system.stats().total().rescues > 0);
        drop(release);
        assert_eq!(
            sink.ask(SinkMsg::Get).wait().expect("answers"),
            (0..10).collect::<Vec<_>>()
        );
        worker
    };
    assert!(worker_of_blocker < 2);
    system.shutdown();
}

/// Passes tokens on, keeps count of what each of the others has sent, and now and then falls asleep on its worker.
struct Walker {
    index: usize,
    all: Arc<Mutex<Vec<ActorRef<Walker>>>>,
    others: Vec<ActorRef<Walker>>,
    sent: Vec<u64>,
    seen: Vec<u64>,
    random: u64,
    done: Sender<Result<(), String>>,
}

struct Token {
    from: usize,
    number: u64,
    steps_left: u64,
}

impl Actor for Walker {
    type Msg = Token;

    fn handle(&mut self, token: Token, _: &mut Context<'_, Self>) -> Turn {
        if self.others.is_empty() {
            self.others.clone_from(&self.all.lock().expect("not poisoned"));
        }
        if token.from < self.seen.len() {
            if token.number != self.seen[token.from] {
                self.done.send(Err(format!(
                    "{} expected {} of {} and got {}",
                    self.index, self.seen[token.from], token.from, token.number
                )))?;
            }
            self.seen[token.from] += 1;
        }
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if self.random >> 53 == 0 {
            thread::sleep(Duration::from_millis(4));
        }
        if token.steps_left == 0 {
            self.done.send(Ok(()))?;
            return Ok(());
        }
        let to = (self.random >> 33) as usize % self.others.len();
        self.others[to].tell(Token {
            from: self.index,
            number: self.sent[to],
            steps_left: token.steps_left - 1,
        });
        self.sent[to] += 1;
        Ok(())
    }
}

#[test]
fn order_holds_and_nothing_is_lost_while_workers_get_stuck() {
    const WALKERS: usize = 32;
    const TOKENS: usize = 64;
    const STEPS: u64 = 4_000;
    let system = System::builder()
        .workers(3)
        .rescue_after(Duration::from_micros(500))
        .build()
        .expect("starts");
    let (done, results): (_, Receiver<Result<(), String>>) = mpsc::channel();
    let all = Arc::new(Mutex::new(Vec::new()));
    let walkers: Vec<_> = (0..WALKERS)
        .map(|index| {
            let (all, done) = (all.clone(), done.clone());
            system.spawn(move |_| {
                Ok(Walker {
                    index,
                    all,
                    others: Vec::new(),
                    sent: vec![0; WALKERS],
                    seen: vec![0; WALKERS],
                    random: index as u64 + 1,
                    done,
                })
            })
        })
        .collect();
    all.lock().expect("not poisoned").clone_from(&walkers);
    for token in 0..TOKENS {
        walkers[token % WALKERS].tell(Token {
            from: usize::MAX,
            number: 0,
            steps_left: STEPS,
        });
    }
    for _ in 0..TOKENS {
        results.recv().expect("some walker is there").expect("in order");
    }
    let report = system.shutdown();
    assert!(report.drained);
    let total = report.stats.total();
    assert_eq!(total.handled, TOKENS as u64 * (STEPS + 1));
    assert!(total.rescues > 0, "nobody was ever rescued: {total:?}");
}
