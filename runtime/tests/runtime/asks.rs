//! Asking: from outside by blocking and by awaiting, from inside with a continuation.

use potoroo_runtime::{Actor, ActorRef, AskError, Context, Reply, System, Turn};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

/// Answers, refuses or keeps silent.
#[derive(Default)]
struct Oracle {
    kept: Vec<Reply<u64>>,
}

enum Question {
    Double(u64, Reply<u64>),
    Drop(Reply<u64>),
    Keep(Reply<u64>),
    AnswerKept,
    Panic(Reply<u64>),
    PanicWithKept,
}

impl Actor for Oracle {
    type Msg = Question;

    fn handle(&mut self, msg: Question, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Question::Double(n, reply) => reply.send(2 * n),
            Question::Drop(reply) => drop(reply),
            Question::Keep(reply) => self.kept.push(reply),
            Question::Panic(_reply) => panic!("over a request"),
            Question::PanicWithKept => panic!("with requests in hand"),
            Question::AnswerKept => self.kept.drain(..).for_each(|reply| reply.send(1)),
        }
        Ok(())
    }
}

#[test]
fn asking_from_outside_blocks_until_the_answer_or_the_end() {
    let system = System::builder().workers(2).build().expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    assert_eq!(oracle.ask(|reply| Question::Double(21, reply)).wait(), Ok(42));
    assert_eq!(oracle.ask(Question::Drop).wait(), Err(AskError::Dropped));
    let silent = oracle.ask(Question::Keep);
    assert_eq!(silent.wait_for(Duration::from_millis(20)), Err(AskError::TimedOut));
}

#[test]
fn an_ask_is_a_future_for_any_executor() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let system = System::builder().workers(1).build().expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    let mut ask = pin!(oracle.ask(|reply| Question::Double(4, reply)));
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut task = std::task::Context::from_waker(&waker);
    let answer = loop {
        match ask.as_mut().poll(&mut task) {
            Poll::Ready(answer) => break answer,
            Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(answer, Ok(8));
}

/// Asks on behalf of somebody outside and reports what came back.
struct Asker {
    oracle: ActorRef<Oracle>,
    answers: u64,
}

enum AskerMsg {
    Relay(u64, Reply<Result<u64, AskError>>),
    RelayDropped(Reply<Result<u64, AskError>>),
    RelaySilence(Reply<Result<u64, AskError>>),
    Answers(Reply<u64>),
}

impl Actor for Asker {
    type Msg = AskerMsg;

    fn handle(&mut self, msg: AskerMsg, ctx: &mut Context<'_, Self>) -> Turn {
        let oracle = self.oracle.clone();
        match msg {
            AskerMsg::Relay(n, back) => {
                ctx.ask(&oracle, |reply| Question::Double(n, reply))
                    .then(|this: &mut Self, answer, _| {
                        this.answers += 1;
                        back.send(answer);
                        Ok(())
                    })
            }
            AskerMsg::RelayDropped(back) => ctx.ask(&oracle, Question::Drop).then(|_: &mut Self, answer, _| {
                back.send(answer);
                Ok(())
            }),
            AskerMsg::RelaySilence(back) => {
                ctx.ask(&oracle, Question::Keep)
                    .within(Duration::from_millis(10))
                    .then(|this: &mut Self, answer, _| {
                        this.answers += 1;
                        back.send(answer);
                        Ok(())
                    })
            }
            AskerMsg::Answers(back) => back.send(self.answers),
        }
        Ok(())
    }
}

#[test]
fn an_actor_asks_and_goes_on_in_a_continuation() {
    let system = System::builder().workers(2).build().expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    let asked = oracle.clone();
    let asker = system.spawn(move |_| {
        Ok(Asker {
            oracle: asked,
            answers: 0,
        })
    });
    for n in 0..1000 {
        assert_eq!(asker.ask(|reply| AskerMsg::Relay(n, reply)).wait(), Ok(Ok(2 * n)));
    }
    assert_eq!(asker.ask(AskerMsg::RelayDropped).wait(), Ok(Err(AskError::Dropped)));
    assert_eq!(asker.ask(AskerMsg::RelaySilence).wait(), Ok(Err(AskError::TimedOut)));
    // The late answer finds nobody.
    oracle.tell(Question::AnswerKept);
    assert_eq!(asker.ask(AskerMsg::Answers).wait(), Ok(1001));
    oracle.stop();
    let asked = asker.ask(|reply| AskerMsg::Relay(1, reply)).wait();
    assert!(matches!(asked, Ok(Ok(2) | Err(AskError::Stopped))), "{asked:?}");
}

#[test]
fn blocking_on_a_worker_is_refused_with_advice() {
    struct Blocking(ActorRef<Oracle>);
    impl Actor for Blocking {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            let _ = self.0.ask(|reply| Question::Double(1, reply)).wait();
            Ok(())
        }
    }
    let (tell, heard) = std::sync::mpsc::channel();
    let system = System::builder()
        .workers(1)
        .on_failure(move |_, _, reason| {
            let _ = tell.send(reason.to_string());
        })
        .build()
        .expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    system.spawn(move |_| Ok(Blocking(oracle))).tell(());
    let reason = heard.recv().expect("the failure is reported");
    assert!(reason.contains("ctx.ask"), "{reason}");
}

/// Asks somebody who keeps silent, several times with several limits, and reports the order in which the time ran out.
struct Impatient {
    oracle: ActorRef<Oracle>,
    tell: std::sync::mpsc::Sender<u64>,
}

impl Actor for Impatient {
    type Msg = u64;

    fn handle(&mut self, limit_ms: u64, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.ask(&self.oracle, Question::Keep)
            .within(Duration::from_millis(limit_ms))
            .then(move |this: &mut Self, answer: Result<u64, AskError>, _| {
                assert_eq!(answer, Err(AskError::TimedOut));
                this.tell.send(limit_ms)?;
                Ok(())
            });
        Ok(())
    }
}

#[test]
fn every_ask_has_its_own_deadline() {
    let system = System::builder().workers(1).build().expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    let (tell, heard) = std::sync::mpsc::channel();
    let impatient = system.spawn(move |_| Ok(Impatient { oracle, tell }));
    // The first sets the timer; the next are earlier, later and in between.
    for limit_ms in [60, 20, 100, 40, 20] {
        impatient.tell(limit_ms);
    }
    assert_eq!(heard.iter().take(5).collect::<Vec<_>>(), [20, 20, 40, 60, 100]);
    assert_eq!(system.shutdown().stats.total().failed, 0);
}

/// What `question` is answered with that is asked of an oracle from outside, after which `then` is told.
fn end_of(question: fn(Reply<u64>) -> Question, then: impl FnOnce(&ActorRef<Oracle>)) -> Result<u64, AskError> {
    let system = System::builder()
        .workers(2)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    let ask = oracle.ask(question);
    then(&oracle);
    ask.wait()
}

#[test]
fn errors_tell_why_there_is_no_answer() {
    assert_eq!(end_of(Question::Drop, |_| {}), Err(AskError::Dropped));
    assert_eq!(
        end_of(Question::Panic, |_| {}),
        Err(AskError::Stopped),
        "a panic over the request"
    );
    assert_eq!(
        end_of(Question::Keep, |oracle| oracle.tell(Question::PanicWithKept)),
        Err(AskError::Stopped),
        "a panic over another"
    );
    assert_eq!(
        end_of(Question::Keep, ActorRef::stop),
        Err(AskError::Stopped),
        "it waits in the state, or in the mailbox"
    );
    let system = System::builder().workers(1).build().expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    let silent = oracle.ask(Question::Keep).within(Duration::from_millis(5));
    assert_eq!(silent.wait(), Err(AskError::TimedOut));
    oracle.stop();
    while oracle.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(
        oracle.ask(Question::Drop).wait(),
        Err(AskError::Stopped),
        "it never reaches a living actor"
    );
}

/// Asks one that stops while the request waits in its mailbox, and one on another worker that has ended.
#[test]
fn an_actor_hears_of_the_end_of_whom_it_asked() {
    let system = System::builder().workers(2).build().expect("starts");
    for worker in 0..2 {
        let oracle = system.spawn_on(1, |_| Ok(Oracle::default()));
        let asked = oracle.clone();
        let asker = system.spawn_on(worker, move |_| {
            Ok(Asker {
                oracle: asked,
                answers: 0,
            })
        });
        assert_eq!(asker.ask(|reply| AskerMsg::Relay(3, reply)).wait(), Ok(Ok(6)));
        oracle.stop();
        while oracle.is_alive() {
            std::thread::yield_now();
        }
        // Twice, because what goes to a stranger goes another way than what goes to an acquaintance.
        for _ in 0..2 {
            let answer = asker.ask(|reply| AskerMsg::Relay(3, reply)).wait();
            assert_eq!(answer, Ok(Err(AskError::Stopped)));
        }
        // The asker lives on.
        assert_eq!(asker.ask(AskerMsg::Answers).wait(), Ok(3));
    }
}

#[test]
fn the_default_time_out_is_the_systems() {
    let system = System::builder()
        .workers(1)
        .ask_timeout(Duration::from_millis(20))
        .build()
        .expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    assert_eq!(oracle.ask(Question::Keep).wait(), Err(AskError::TimedOut), "outside");
    struct Patient(ActorRef<Oracle>);
    impl Actor for Patient {
        type Msg = Reply<(Result<u64, AskError>, Duration)>;
        fn handle(&mut self, back: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
            let begun = ctx.now();
            ctx.ask(&self.0, Question::Keep).then(move |_, answer, ctx| {
                back.send((answer, ctx.now() - begun));
                Ok(())
            });
            Ok(())
        }
    }
    let patient = system.spawn(move |_| Ok(Patient(oracle)));
    // The second begins in the middle of a series of rounds.
    let asks = [(); 2].map(|()| {
        std::thread::sleep(Duration::from_millis(4));
        patient.ask(|reply| reply).within(Duration::from_secs(5))
    });
    for ask in asks {
        let (answer, waited) = ask.wait().expect("patient answers");
        assert_eq!(answer, Err(AskError::TimedOut));
        assert!(waited >= Duration::from_millis(20), "{waited:?}");
    }
    assert!(System::builder().ask_timeout(Duration::ZERO).build().is_err());
}

type Count = Arc<AtomicU64>;

/// Counts what is dropped.
struct Counted(Count);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// An answer with and without room in a control message; what waits is let go in the end.
#[test]
fn a_late_answer_is_dropped_once_and_a_closure_that_is_never_called_too() {
    struct Holder(Vec<Reply<Counted>>, Vec<Reply<[Counted; 4]>>);
    enum Hold {
        Near(Reply<Counted>),
        Far(Reply<[Counted; 4]>),
        Answer(Count, Reply<()>),
        Has(Reply<usize>),
    }
    impl Actor for Holder {
        type Msg = Hold;
        fn handle(&mut self, msg: Hold, _: &mut Context<'_, Self>) -> Turn {
            match msg {
                Hold::Near(reply) => self.0.push(reply),
                Hold::Far(reply) => self.1.push(reply),
                Hold::Has(reply) => reply.send(self.0.len() + self.1.len()),
                Hold::Answer(count, reply) => {
                    let counted = || Counted(count.clone());
                    self.0.drain(..).for_each(|reply| reply.send(counted()));
                    self.1
                        .drain(..)
                        .for_each(|reply| reply.send([counted(), counted(), counted(), counted()]));
                    reply.send(());
                }
            }
            Ok(())
        }
    }
    struct Asking(ActorRef<Holder>);
    impl Actor for Asking {
        type Msg = (bool, Count, Reply<()>);
        fn handle(&mut self, (wait, closures, done): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
            let limit = Duration::from_millis(if wait { 3_600_000 } else { 1 });
            // One small, one that is boxed.
            let (small, large) = (Counted(closures.clone()), [(); 20].map(|()| Counted(closures.clone())));
            ctx.ask(&self.0, Hold::Near).within(limit).then(move |_, answer, _| {
                assert!(answer.is_err());
                drop(small);
                Ok(())
            });
            ctx.ask(&self.0, Hold::Far).within(limit).then(move |_, answer, _| {
                assert!(answer.is_err());
                drop(large);
                done.send(());
                Ok(())
            });
            Ok(())
        }
    }
    for worker in 0..2 {
        let (closures, answers) = (Count::default(), Count::default());
        let count = |of: &Count| of.load(SeqCst);
        let system = System::builder().workers(2).build().expect("starts");
        let holder = system.spawn_on(0, |_| Ok(Holder(Vec::new(), Vec::new())));
        let held = holder.clone();
        let asking = system.spawn_on(worker, move |_| Ok(Asking(held)));
        assert_eq!(asking.ask(|done| (false, closures.clone(), done)).wait(), Ok(()));
        assert_eq!(count(&closures), 21, "called");
        assert_eq!(holder.ask(|done| Hold::Answer(answers.clone(), done)).wait(), Ok(()));
        // The second time the asker ends first.
        let never = asking.ask(|done| (true, closures.clone(), done));
        while holder.ask(Hold::Has).wait() != Ok(2) {}
        asking.stop();
        assert_eq!(never.wait(), Err(AskError::Stopped));
        assert_eq!(holder.ask(|done| Hold::Answer(answers.clone(), done)).wait(), Ok(()));
        drop((asking, holder));
        assert_eq!(system.shutdown().stats.total().failed, 0);
        assert_eq!(count(&answers), 10);
        assert_eq!(count(&closures), 42, "never called");
    }
}

#[test]
fn a_million_asks_at_two_workers_are_all_answered() {
    const ASKERS: u64 = 20;
    const ASKS: u64 = 50_000;
    struct Chain {
        oracle: ActorRef<Oracle>,
        left: u64,
    }
    impl Chain {
        fn ask(&mut self, done: Reply<u64>, sum: u64, ctx: &mut Context<'_, Self>) -> Turn {
            if self.left == 0 {
                done.send(sum);
                return Ok(());
            }
            self.left -= 1;
            ctx.ask(&self.oracle, |reply| Question::Double(1, reply))
                .then(move |this: &mut Self, answer, ctx| this.ask(done, sum + answer?, ctx));
            Ok(())
        }
    }
    impl Actor for Chain {
        type Msg = Reply<u64>;
        fn handle(&mut self, done: Reply<u64>, ctx: &mut Context<'_, Self>) -> Turn {
            self.ask(done, 0, ctx)
        }
    }
    let system = System::builder().workers(2).build().expect("starts");
    let oracles = [0, 1].map(|worker| system.spawn_on(worker, |_| Ok(Oracle::default())));
    let chains: Vec<_> = (0..ASKERS)
        .map(|n| {
            let oracle = oracles[n as usize % 2].clone();
            system.spawn_on(n as usize / 2 % 2, move |_| Ok(Chain { oracle, left: ASKS }))
        })
        .collect();
    let asks: Vec<_> = chains.iter().map(|chain| chain.ask(|reply| reply)).collect();
    for ask in asks {
        assert_eq!(ask.within(Duration::from_secs(120)).wait(), Ok(2 * ASKS));
    }
}

#[test]
fn a_future_outside_runs_out_of_time_by_itself() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let system = System::builder().workers(1).build().expect("starts");
    let oracle = system.spawn(|_| Ok(Oracle::default()));
    let mut asks: Vec<_> = (0..200)
        .map(|n| Box::pin(oracle.ask(Question::Keep).within(Duration::from_millis(5 + n % 7))))
        .collect();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut task = std::task::Context::from_waker(&waker);
    while !asks.is_empty() {
        asks.retain_mut(|ask| match ask.as_mut().poll(&mut task) {
            Poll::Ready(answer) => {
                assert_eq!(answer, Err(AskError::TimedOut));
                false
            }
            Poll::Pending => true,
        });
        if !asks.is_empty() {
            std::thread::park();
        }
    }
    // The late answers are dropped by whoever sends them.
    oracle.tell(Question::AnswerKept);
    assert_eq!(oracle.ask(|reply| Question::Double(1, reply)).wait(), Ok(2));
}
