//! Actors that are held until an answer has come: what waits, what goes on, and what ends it.

use potoroo_runtime::arena::ArenaVec;
use potoroo_runtime::{
    Actor, ActorRef, AskError, Context, MailboxLimits, Reply, Restart, Signal, Strategy, System, TaskId, TimedOut, Turn,
};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// No time-out ends anything by itself.
fn patient(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .ask_timeout(HOUR)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts")
}

/// Keeps what it is asked until a test takes it.
struct Keeper(Sender<Reply<u32>>);

impl Actor for Keeper {
    type Msg = Reply<u32>;

    fn handle(&mut self, reply: Reply<u32>, _: &mut Context<'_, Self>) -> Turn {
        let _ = self.0.send(reply);
        Ok(())
    }
}

fn keeper(system: &System) -> (ActorRef<Keeper>, Receiver<Reply<u32>>) {
    let (tell, asked) = channel();
    (system.spawn(|_| Ok(Keeper(tell))), asked)
}

type Errand = Box<dyn FnOnce(&mut Held, &mut Context<'_, Held>) -> Turn + Send>;

/// Notes what happens to it, in order, and does what a test tells it.
struct Held(Sender<String>);

impl Held {
    fn note(&self, what: impl Into<String>) {
        // A test that has seen enough is gone.
        let _ = self.0.send(what.into());
    }
}

enum Msg {
    Note(u32),
    Do(Errand),
}

impl Actor for Held {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Note(n) => self.note(n.to_string()),
            Msg::Do(errand) => return errand(self, ctx),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        match signal {
            Signal::RunAgain => self.note("again"),
            Signal::Timer { .. } => self.note("timer"),
            _ => {}
        }
        Ok(())
    }
}

fn held(system: &System) -> (ActorRef<Held>, Receiver<String>) {
    let (tell, notes) = channel();
    (system.spawn(|_| Ok(Held(tell))), notes)
}

fn have(actor: &ActorRef<Held>, errand: impl FnOnce(&mut Held, &mut Context<'_, Held>) -> Turn + Send + 'static) {
    actor.tell(Msg::Do(Box::new(errand)));
}

/// Asks and is held; the answer is noted.
fn ask_holding(keeper: ActorRef<Keeper>) -> impl FnOnce(&mut Held, &mut Context<'_, Held>) -> Turn + Send {
    move |_, ctx| {
        ctx.ask(&keeper, |reply| reply).then_holding(|this, answer, _| {
            this.note(format!("{answer:?}"));
            Ok(())
        });
        assert!(ctx.is_held());
        Ok(())
    }
}

fn take(notes: &Receiver<String>, count: usize) -> Vec<String> {
    let all: Vec<String> = notes.iter().take(count).collect();
    assert_eq!(all.len(), count, "{all:?}");
    all
}

#[test]
fn what_is_told_meanwhile_waits_and_keeps_its_order() {
    for workers in [1, 2] {
        let system = patient(workers);
        let ((keeper, asked), (actor, notes)) = (keeper(&system), held(&system));
        for round in 0..200 {
            have(&actor, ask_holding(keeper.clone()));
            (0..5).for_each(|n| actor.tell(Msg::Note(n)));
            let reply = asked.recv().expect("it asks");
            (5..10).for_each(|n| actor.tell(Msg::Note(n)));
            assert!(notes.try_recv().is_err(), "in round {round}");
            reply.send(round);
            let mut expected = vec![format!("Ok({round})")];
            expected.extend((0..10).map(|n| n.to_string()));
            assert_eq!(take(&notes, 11), expected);
        }
        assert!(system.shutdown().drained);
    }
}

#[test]
fn messages_of_the_same_batch_wait_as_well_with_and_without_an_arena() {
    struct Asker {
        seen: ArenaVec<u32>,
        tell: Sender<Vec<u32>>,
        keeper: ActorRef<Keeper>,
    }
    impl Actor for Asker {
        type Msg = u32;
        fn handle(&mut self, n: u32, ctx: &mut Context<'_, Self>) -> Turn {
            self.seen.push(n);
            if n.is_multiple_of(10) {
                ctx.ask(&self.keeper, |reply| reply).then_holding(|this, answer, _| {
                    this.seen.push(answer? + 1000);
                    Ok(())
                });
            }
            if n == 50 {
                self.tell.send(this_all(&self.seen))?;
            }
            Ok(())
        }
    }
    fn this_all(seen: &ArenaVec<u32>) -> Vec<u32> {
        seen.iter().copied().collect()
    }
    let system = patient(1);
    let (keeper, asked) = keeper(&system);
    let (tell, seen) = channel();
    let asker = system.spawn(move |ctx| {
        // All of it is there before the first is handled.
        (1..=50).for_each(|n| ctx.me().tell(n));
        Ok(Asker {
            seen: ArenaVec::new_in(&ctx.arena()),
            tell,
            keeper,
        })
    });
    (0..5).for_each(|n| asked.recv().expect("it asks").send(n));
    let expected: Vec<u32> = (1..=50)
        .flat_map(|n: u32| match n {
            50 => vec![50],
            n if n % 10 == 0 => vec![n, n / 10 - 1 + 1000],
            n => vec![n],
        })
        .collect();
    assert_eq!(seen.recv().expect("it comes to the end"), expected);
    drop(asker);
}

#[test]
fn everything_but_messages_goes_on() {
    let system = patient(2);
    let ((keeper, asked), (actor, notes)) = (keeper(&system), held(&system));
    let same = keeper.clone();
    have(&actor, move |_, ctx| {
        ctx.ask(&same, |reply| reply).then(|this, answer, ctx| {
            this.note(format!("other {answer:?} {}", ctx.is_held()));
            ctx.after(Duration::from_micros(10), Msg::Note(77));
            Ok(())
        });
        ask_holding(same)(&mut Held(channel().0), ctx)
    });
    let (other, holding) = (asked.recv().expect("it asks"), asked.recv().expect("twice"));
    actor.tell(Msg::Note(1));
    // An answer that does not hold, a timer and what it tells.
    other.send(5);
    assert_eq!(take(&notes, 2), ["other Ok(5) true", "77"]);
    assert!(notes.try_recv().is_err());
    holding.send(6);
    assert_eq!(take(&notes, 2), ["Ok(6)", "1"]);
    // To run again is the actor's own work, and waits like its messages.
    have(&actor, move |_, ctx| {
        ctx.run_again();
        ask_holding(keeper)(&mut Held(channel().0), ctx)
    });
    let reply = asked.recv().expect("it asks");
    have(&actor, |this, _| {
        this.note("then");
        Ok(())
    });
    assert!(notes.recv_timeout(Duration::from_millis(20)).is_err());
    reply.send(7);
    let mut rest = take(&notes, 3);
    assert_eq!(rest.remove(0), "Ok(7)");
    rest.sort();
    assert_eq!(rest, ["again", "then"]);
}

#[test]
fn several_hold_until_the_last_lets_go_and_a_continuation_may_hold_again() {
    let system = patient(2);
    let ((keeper, asked), (actor, notes)) = (keeper(&system), held(&system));
    let again = keeper.clone();
    have(&actor, move |_, ctx| {
        ctx.ask(&keeper, |reply| reply).then_holding(|this, _, ctx| {
            this.note(format!("first {}", ctx.is_held()));
            Ok(())
        });
        ctx.ask(&keeper, |reply| reply).then_holding(|this, _, ctx| {
            this.note(format!("second {}", ctx.is_held()));
            ask_holding(again)(this, ctx)
        });
        Ok(())
    });
    actor.tell(Msg::Note(1));
    let (first, second) = (asked.recv().expect("it asks"), asked.recv().expect("twice"));
    first.send(1);
    assert_eq!(take(&notes, 1), ["first true"]);
    second.send(2);
    assert_eq!(take(&notes, 1), ["second false"]);
    let third = asked.recv().expect("three times");
    assert!(notes.recv_timeout(Duration::from_millis(5)).is_err());
    third.send(3);
    assert_eq!(take(&notes, 2), ["Ok(3)", "1"]);
}

#[test]
fn whatever_comes_instead_of_an_answer_ends_it() {
    let system = patient(2);
    let ((keeper, asked), (actor, notes)) = (keeper(&system), held(&system));
    // Dropped, and too late: the answer to that is nobody's.
    have(&actor, ask_holding(keeper.clone()));
    drop(asked.recv().expect("it asks"));
    let limited = keeper.clone();
    have(&actor, move |_, ctx| {
        let ask = ctx.ask(&limited, |reply| reply).within(Duration::from_millis(5));
        ask.then_holding(|this, answer, _| {
            this.note(format!("{answer:?}"));
            Ok(())
        });
        Ok(())
    });
    actor.tell(Msg::Note(1));
    let late = asked.recv().expect("it asks");
    assert_eq!(take(&notes, 3), ["Err(Dropped)", "Err(TimedOut)", "1"]);
    late.send(9);
    // The end of the one who is asked, before and while.
    struct Mortal(Vec<Reply<u32>>);
    impl Actor for Mortal {
        type Msg = Option<Reply<u32>>;
        fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
            match msg {
                Some(reply) => self.0.push(reply),
                None => ctx.stop(),
            }
            Ok(())
        }
    }
    let mortal = system.spawn(move |_| Ok(Mortal(Vec::new())));
    for _ in 0..2 {
        let asked = mortal.clone();
        have(&actor, move |_, ctx| {
            ctx.ask(&asked, Some).then_holding(|this, answer, _| {
                this.note(format!("{answer:?}"));
                Ok(())
            });
            asked.tell(None);
            Ok(())
        });
        actor.tell(Msg::Note(2));
        assert_eq!(take(&notes, 2), ["Err(Stopped)", "2"]);
    }
    assert!(system.shutdown().drained);
}

#[test]
fn a_held_actor_can_be_stopped_and_hands_over_what_waited() {
    let system = patient(2);
    let ((keeper, asked), (actor, notes)) = (keeper(&system), held(&system));
    have(&actor, ask_holding(keeper));
    actor.tell(Msg::Note(1));
    let reply = asked.recv().expect("it asks");
    actor.stop();
    while actor.is_alive() {
        std::thread::yield_now();
    }
    assert!(notes.recv().is_err(), "nothing was handled any more");
    reply.send(1);
    let report = system.shutdown();
    assert!(report.drained, "nobody is held any more");
    assert_eq!(report.stats.total().dead_letters, 1);
}

#[test]
fn the_next_life_is_not_held_and_has_what_waited() {
    let system = patient(2);
    let (keeper, asked) = keeper(&system);
    let (tell, notes) = channel();
    let mut tree = system.supervise(Strategy::OneForOne);
    let actor = tree.child("held", Restart::Permanent, move |_| Ok(Held(tell.clone())));
    tree.start();
    have(&actor, move |this, ctx| {
        let timer = Msg::Do(Box::new(|_, _| panic!("on purpose")));
        ctx.after(Duration::from_millis(1), timer);
        ask_holding(keeper)(this, ctx)
    });
    actor.tell(Msg::Note(1));
    let reply = asked.recv().expect("it asks");
    assert_eq!(take(&notes, 1), ["1"]);
    reply.send(1);
    assert!(system.run_until_quiet(Duration::from_secs(60)));
    assert!(notes.try_recv().is_err(), "the answer finds nobody");
}

#[test]
fn two_who_ask_each_other_wait_for_the_time_out_and_go_on() {
    struct Peer(Sender<Result<(), AskError>>);
    enum PeerMsg {
        Ask(ActorRef<Peer>),
        Answer(Reply<()>),
    }
    impl Actor for Peer {
        type Msg = PeerMsg;
        fn handle(&mut self, msg: PeerMsg, ctx: &mut Context<'_, Self>) -> Turn {
            match msg {
                PeerMsg::Ask(other) => {
                    let ask = ctx.ask(&other, PeerMsg::Answer).within(Duration::from_millis(20));
                    ask.then_holding(|this, answer, _| Ok(this.0.send(answer)?));
                }
                PeerMsg::Answer(reply) => reply.send(()),
            }
            Ok(())
        }
    }
    let system = patient(1);
    let (tell, answers) = channel();
    let tells = tell.clone();
    let a = system.spawn(move |_| Ok(Peer(tell)));
    let b = system.spawn(move |_| Ok(Peer(tells)));
    /// Tells both in one turn, so that neither has answered before it asks.
    struct Both(ActorRef<Peer>, ActorRef<Peer>);
    impl Actor for Both {
        type Msg = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
            self.0.tell(PeerMsg::Ask(self.1.clone()));
            self.1.tell(PeerMsg::Ask(self.0.clone()));
            Ok(())
        }
    }
    let (to, and) = (a.clone(), b.clone());
    system.spawn_on(0, move |_| Ok(Both(to, and))).tell(());
    assert_eq!(answers.recv(), Ok(Err(AskError::TimedOut)));
    // Whoever waits no longer answers: the other has that answer, or its own time has come too.
    let second = answers.recv();
    assert!(matches!(second, Ok(Ok(()) | Err(AskError::TimedOut))), "{second:?}");
    for peer in [a, b] {
        assert_eq!(peer.ask(PeerMsg::Answer).wait(), Ok(()));
    }
    assert!(system.shutdown().drained);
}

/// Floods whom it is told to, and answers.
struct Source {
    to: Option<ActorRef<Sink>>,
    left: u32,
}

enum SourceMsg {
    Flood(ActorRef<Sink>),
    Go,
    Ask(Reply<u32>),
}

impl Actor for Source {
    type Msg = SourceMsg;

    fn handle(&mut self, msg: SourceMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            SourceMsg::Flood(to) => {
                self.to = Some(to);
                ctx.me().tell(SourceMsg::Go);
            }
            SourceMsg::Go => {
                if let Some(to) = self.to.as_ref().filter(|_| self.left > 0) {
                    (0..10).for_each(|_| to.tell(SinkMsg::Item));
                    self.left -= 10;
                    ctx.me().tell(SourceMsg::Go);
                }
            }
            SourceMsg::Ask(reply) => reply.send(self.left),
        }
        Ok(())
    }
}

/// Is held over every hundredth item, for an answer of whom it asks.
struct Sink {
    asks: Recipient,
    items: u32,
    held: bool,
    done: Sender<u32>,
}

type Recipient = Box<dyn Fn(&mut Context<'_, Sink>) + Send>;

enum SinkMsg {
    Item,
}

impl Actor for Sink {
    type Msg = SinkMsg;

    fn handle(&mut self, _: SinkMsg, ctx: &mut Context<'_, Self>) -> Turn {
        assert!(!self.held, "a message came while it was held");
        self.items += 1;
        if self.items.is_multiple_of(100) {
            self.held = true;
            (self.asks)(ctx);
        }
        if self.items == FLOOD {
            self.done.send(self.items)?;
        }
        Ok(())
    }
}

const FLOOD: u32 = 5000;

fn small_mailboxes(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .ask_timeout(HOUR)
        .mailbox(MailboxLimits::default().soft_messages(16))
        .build()
        .expect("starts")
}

#[test]
fn who_floods_a_held_actor_can_be_asked_by_it() {
    for workers in [1, 2] {
        let system = small_mailboxes(workers);
        let source = system.spawn_on(0, |_| Ok(Source { to: None, left: FLOOD }));
        let (done, finished) = channel();
        let asked = source.clone();
        let sink = system.spawn_on(workers - 1, move |_| {
            let asks = Box::new(move |ctx: &mut Context<'_, Sink>| {
                ctx.ask(&asked, SourceMsg::Ask).then_holding(|this, answer, _| {
                    answer?;
                    this.held = false;
                    Ok(())
                });
            });
            let (items, held) = (0, false);
            Ok(Sink {
                asks,
                items,
                held,
                done,
            })
        });
        source.tell(SourceMsg::Flood(sink));
        assert_eq!(finished.recv_timeout(Duration::from_secs(120)), Ok(FLOOD));
        assert!(system.shutdown().drained);
    }
}

#[test]
fn who_floods_a_held_actor_may_be_asked_by_whom_it_asks() {
    /// Passes the question on.
    struct Between(ActorRef<Source>);
    impl Actor for Between {
        type Msg = Reply<u32>;
        fn handle(&mut self, reply: Reply<u32>, _: &mut Context<'_, Self>) -> Turn {
            self.0.tell(SourceMsg::Ask(reply));
            Ok(())
        }
    }
    // Each ask costs a tenth of a second at worst: a few do.
    const ITEMS: u32 = 300;
    let system = small_mailboxes(2);
    let source = system.spawn_on(0, |_| Ok(Source { to: None, left: ITEMS }));
    let behind = source.clone();
    let between = system.spawn_on(0, move |_| Ok(Between(behind)));
    let (done, finished) = channel();
    let sink = system.spawn_on(1, move |_| {
        let asks = Box::new(move |ctx: &mut Context<'_, Sink>| {
            let done = done.clone();
            ctx.ask(&between, |reply| reply).then_holding(move |this, answer, _| {
                answer?;
                this.held = false;
                done.send(this.items)?;
                Ok(())
            });
        });
        let (items, held, done) = (0, false, channel().0);
        Ok(Sink {
            asks,
            items,
            held,
            done,
        })
    });
    source.tell(SourceMsg::Flood(sink));
    for items in [100, 200, 300] {
        assert_eq!(finished.recv_timeout(Duration::from_secs(120)), Ok(items));
    }
    assert!(system.shutdown().drained);
}

#[test]
fn the_system_is_not_quiet_while_messages_wait_behind_an_answer() {
    let system = patient(2);
    let ((keeper, asked), (actor, notes)) = (keeper(&system), held(&system));
    have(&actor, ask_holding(keeper));
    actor.tell(Msg::Note(1));
    let reply = asked.recv().expect("it asks");
    assert!(!system.run_until_quiet(Duration::from_millis(20)));
    reply.send(1);
    assert!(system.run_until_quiet(Duration::from_secs(60)));
    assert_eq!(take(&notes, 2), ["Ok(1)", "1"]);
}

#[test]
fn futures_hold_until_they_are_ready_cancelled_or_out_of_time() {
    let system = patient(2);
    let (actor, notes) = held(&system);
    let (ready, future) = futures_channel::oneshot::channel::<u32>();
    have(&actor, move |_, ctx| {
        ctx.run(future).then_holding(|this, output, _| {
            this.note(format!("{output:?}"));
            Ok(())
        });
        Ok(())
    });
    actor.tell(Msg::Note(1));
    assert!(notes.recv_timeout(Duration::from_millis(5)).is_err());
    ready.send(4).expect("it is waited for");
    assert_eq!(take(&notes, 2), ["Ok(4)", "1"]);
    have(&actor, |_, ctx| {
        let never = ctx.run(std::future::pending::<()>()).within(Duration::from_millis(5));
        never.then_holding(|this, output, _| {
            assert_eq!(output, Err(TimedOut));
            this.note("timed out");
            Ok(())
        });
        Ok(())
    });
    actor.tell(Msg::Note(2));
    assert_eq!(take(&notes, 2), ["timed out", "2"]);
    have(&actor, |_, ctx| {
        let task: TaskId = ctx.run(std::future::pending::<()>()).then_holding(|_, (), _| Ok(()));
        let cancel = Msg::Do(Box::new(move |this, ctx| {
            assert!(ctx.is_held() && ctx.cancel_task(task) && !ctx.is_held());
            this.note("cancelled");
            Ok(())
        }));
        ctx.after(Duration::from_millis(5), cancel);
        Ok(())
    });
    actor.tell(Msg::Note(3));
    assert_eq!(take(&notes, 2), ["cancelled", "3"]);
    assert!(system.shutdown().drained);
}
