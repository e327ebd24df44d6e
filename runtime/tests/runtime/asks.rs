//! Asking: from outside by blocking and by awaiting, from inside with a continuation.

use potoroo_runtime::{Actor, ActorRef, AskError, Context, Reply, System, Turn};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
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
}

impl Actor for Oracle {
    type Msg = Question;

    fn handle(&mut self, msg: Question, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Question::Double(n, reply) => reply.send(2 * n),
            Question::Drop(reply) => drop(reply),
            Question::Keep(reply) => self.kept.push(reply),
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
    assert!(matches!(asked, Ok(Ok(2) | Err(AskError::Dropped))), "{asked:?}");
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
