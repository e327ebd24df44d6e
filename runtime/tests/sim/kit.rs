//! The test kit: probes, mailboxes, manual time, one actor by itself, histories.

use potoroo_runtime::sim::{self, Call, Harness, History, Model, Probe};
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Recipient, Reply, System, Turn};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Reminds whoever wants it, after a while; makes a child; fails; ends.
struct Clerk(Recipient<String>);

enum ClerkMsg {
    Remind(&'static str, Duration),
    Now(&'static str),
    Hire,
    Fail,
    Leave,
}

impl Actor for Clerk {
    type Msg = ClerkMsg;

    fn handle(&mut self, msg: ClerkMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ClerkMsg::Remind(what, after) => drop(ctx.after(after, ClerkMsg::Now(what))),
            ClerkMsg::Now(what) => self.0.tell(what.to_owned()),
            ClerkMsg::Hire => {
                let to = self.0.clone();
                ctx.spawn(move |_| Ok(Clerk(to)));
            }
            ClerkMsg::Fail => return Err(Fault::new("a bad day")),
            ClerkMsg::Leave => ctx.stop(),
        }
        Ok(())
    }

    fn describe(msg: &ClerkMsg) -> String {
        match msg {
            ClerkMsg::Remind(what, _) => format!("Remind({what})"),
            ClerkMsg::Now(what) => format!("Now({what})"),
            ClerkMsg::Hire => "Hire".to_owned(),
            ClerkMsg::Fail => "Fail".to_owned(),
            ClerkMsg::Leave => "Leave".to_owned(),
        }
    }
}

fn clerk() -> Harness<Clerk, Probe<String>> {
    Harness::in_system(|system| {
        let probe = Probe::on(system);
        let to = probe.recipient();
        (system.spawn(move |_| Ok(Clerk(to))), probe)
    })
}

#[test]
fn a_harness_tells_what_a_turn_has_done() {
    let mut harness = clerk();
    let effects = harness.tell(ClerkMsg::Now("tea"));
    assert_eq!(effects.told.len(), 1);
    assert!(effects.told[0].to.starts_with("ProbeActor"), "{effects:?}");
    assert_eq!((effects.told[0].what.as_str(), effects.ended), ("String", false));
    assert_eq!(harness.extra().try_next(), None, "nobody else has had a turn");
    harness.settle();
    assert_eq!(harness.extra().try_next().as_deref(), Some("tea"));
    let effects = harness.tell(ClerkMsg::Hire);
    assert_eq!(
        (effects.born.as_slice(), effects.told.len()),
        (&["Clerk.2".to_owned()][..], 0)
    );
    let effects = harness.tell(ClerkMsg::Leave);
    assert!(!effects.ended, "its child ends first");
    assert!(harness.settle().ended);
}

#[test]
fn a_harness_sees_failures_and_timers() {
    let mut harness = clerk();
    assert_eq!(
        harness.tell(ClerkMsg::Remind("lunch", Duration::from_secs(1))),
        Default::default()
    );
    assert_eq!(harness.advance(Duration::from_millis(900)).told, []);
    let effects = harness.advance(Duration::from_millis(200));
    assert_eq!(effects.told.len(), 1, "{effects:?}");
    assert_eq!(harness.extra().try_next().as_deref(), Some("lunch"));
    let effects = harness.tell(ClerkMsg::Fail);
    assert!(effects.ended);
    assert!(effects.failure.is_some_and(|why| why.contains("a bad day")));
}

#[test]
fn probes_mailboxes_and_time_are_in_the_tests_hands() {
    sim::explore(|sim| {
        let probe = sim.probe();
        let to = probe.recipient();
        let clerk = sim.spawn(move |_| Ok(Clerk(to)));
        sim.run_until_quiet();
        clerk.tell(ClerkMsg::Remind("dinner", Duration::from_millis(5)));
        clerk.tell(ClerkMsg::Now("breakfast"));
        sim.step();
        assert_eq!(sim.mailbox(&clerk).messages, ["Now(breakfast)"]);
        assert_eq!(probe.expect(sim), "breakfast");
        probe.expect_nothing(sim);
        let before = sim.now();
        sim.advance(Duration::from_millis(10));
        assert_eq!(sim.now().since(before), Duration::from_millis(10));
        assert_eq!(probe.expect(sim), "dinner");
        clerk.stop();
        sim.run_until_quiet();
        assert_eq!(sim.mailbox(&clerk), Default::default());
    })
    .in_order()
    .run();
}

#[test]
fn a_probe_works_on_threads_as_well() {
    let system = System::new().expect("starts");
    let probe = Probe::on(&system);
    let to = probe.recipient();
    system.spawn(move |_| Ok(Clerk(to))).tell(ClerkMsg::Now("tea"));
    assert_eq!(probe.next_within(Duration::from_secs(10)), "tea");
}

#[test]
fn what_is_wrong_is_said() {
    let check = |scenario: fn(&sim::Sim)| sim::explore(scenario).in_order().check().expect_err("it is wrong").what;
    let failed = check(|sim| {
        let to = sim.probe().recipient();
        sim.spawn(move |_| Ok(Clerk(to))).tell(ClerkMsg::Fail);
    });
    assert!(failed.contains("Clerk") && failed.contains("a bad day"), "{failed}");
    let left = check(|sim| {
        let to = sim.probe().recipient();
        let clerk = sim.spawn(move |_| Ok(Clerk(to)));
        clerk.stop();
        sim.run_until_quiet();
        clerk.tell(ClerkMsg::Hire);
    });
    assert!(left.contains("1 messages for") && left.contains("no handler"), "{left}");
    let broken = check(|sim| {
        let count = Arc::new(Mutex::new(0));
        let seen = count.clone();
        sim.invariant("small", move || match *seen.lock().expect("whole") {
            0..3 => Ok(()),
            n => Err(format!("{n} is not")),
        });
        let counter = sim.spawn(move |_| Ok(Counts(count)));
        (0..5).for_each(|_| counter.tell(()));
    });
    assert_eq!(broken, "the invariant \"small\" does not hold: 3 is not");
    let endless = sim::explore(|sim| sim.spawn(|_| Ok(Mill)).tell(()))
        .steps_max(1_000)
        .check();
    assert!(endless.expect_err("it does not end").what.contains("1000 steps"));
}

struct Counts(Arc<Mutex<u32>>);

impl Actor for Counts {
    type Msg = ();

    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        *self.0.lock().expect("whole") += 1;
        Ok(())
    }
}

/// Never done.
struct Mill;

impl Actor for Mill {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        ctx.me().tell(());
        Ok(())
    }
}

/// Ends with the last of the numbers.
struct UpTo(u64);

impl Actor for UpTo {
    type Msg = u64;

    fn handle(&mut self, number: u64, ctx: &mut Context<'_, Self>) -> Turn {
        if number + 1 == self.0 {
            ctx.stop();
        }
        Ok(())
    }

    fn describe(number: &u64) -> String {
        format!("number {number}")
    }
}

#[test]
fn a_chart_names_each_message_that_was_handled_in_turns_of_any_length() {
    const NUMBERS: u64 = 5;
    for (seed, ends) in (0..20).flat_map(|seed| [(seed, NUMBERS), (seed, u64::MAX)]) {
        let failure = sim::explore(|sim| {
            let counts = sim.spawn(move |_| Ok(UpTo(ends)));
            // Until the root has taken it in, a chart does not know it.
            sim.run_until_quiet();
            (0..NUMBERS).for_each(|number| counts.tell(number));
            sim.run_until_quiet();
            sim.fail("to see the chart");
        })
        .random(1)
        .seed(seed)
        .check()
        .expect_err("it was told to fail");
        for number in 0..NUMBERS {
            let named = failure.chart.matches(&format!("● number {number}")).count();
            assert_eq!(named, 1, "number {number} of seed {seed}:\n{failure}");
        }
    }
}

#[test]
fn an_ask_that_nobody_will_answer_is_found() {
    /// Keeps what it is asked.
    #[derive(Default)]
    struct Keeper(Vec<Reply<()>>);

    impl Actor for Keeper {
        type Msg = Reply<()>;

        fn handle(&mut self, reply: Reply<()>, _: &mut Context<'_, Self>) -> Turn {
            self.0.push(reply);
            Ok(())
        }
    }

    struct Asks(ActorRef<Keeper>);

    impl Actor for Asks {
        type Msg = ();

        fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
            ctx.ask(&self.0, |reply| reply).then(|_, _, _| Ok(()));
            Ok(())
        }
    }

    let failure = sim::explore(|sim| {
        let keeper = sim.spawn(|_| Ok(Keeper::default()));
        sim.spawn(move |_| Ok(Asks(keeper))).tell(());
    })
    .exhaustive()
    .check();
    let what = failure.expect_err("it waits").what;
    assert!(what.contains("1 asks of") && what.contains("Asks"), "{what}");
}

/// A register: `Some` writes, and answers with what was there; `None` reads.
struct Register;

impl Model for Register {
    type Op = Option<u64>;
    type Answer = u64;
    type State = u64;

    fn start(&self) -> u64 {
        0
    }

    fn apply(&self, state: &mut u64, op: &Option<u64>) -> u64 {
        let before = *state;
        *state = op.unwrap_or(before);
        before
    }
}

/// The register as an actor; a hasty one answers reads from a copy that it refreshes only now and then.
#[derive(Default)]
struct Store {
    value: u64,
    copy: u64,
    hasty: bool,
}

impl Actor for Store {
    type Msg = (Option<u64>, Reply<u64>);

    fn handle(&mut self, (op, reply): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match op {
            Some(value) => {
                reply.send(std::mem::replace(&mut self.value, value));
                let _ = ctx.me();
            }
            None => {
                reply.send(if self.hasty { self.copy } else { self.value });
                self.copy = self.value;
            }
        }
        Ok(())
    }
}

struct Client {
    store: ActorRef<Store>,
    history: Arc<Mutex<History<Register>>>,
    ops: Vec<Option<u64>>,
}

impl Client {
    fn note(&self, call: Call, answer: u64) {
        self.history.lock().expect("whole").answer(call, answer);
    }
}

impl Actor for Client {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        let Some(op) = self.ops.pop() else { return Ok(()) };
        let call = self.history.lock().expect("whole").call(op);
        ctx.ask(&self.store, |reply| (op, reply)).then(move |me, answer, ctx| {
            me.note(call, answer?);
            ctx.me().tell(());
            Ok(())
        });
        Ok(())
    }
}

fn registers(sim: &sim::Sim, hasty: bool) {
    let history = Arc::new(Mutex::new(History::new(Register)));
    let store = sim.spawn(move |_| {
        Ok(Store {
            hasty,
            ..Store::default()
        })
    });
    for name in 0..3 {
        let (store, history) = (store.clone(), history.clone());
        let ops = vec![None, Some(10 * name + 1), None, Some(10 * name + 2)];
        sim.spawn(move |_| Ok(Client { store, history, ops })).tell(());
    }
    sim.run_until_quiet();
    if let Err(why) = history.lock().expect("whole").check() {
        sim.fail(why);
    }
}

#[test]
fn a_store_is_linearizable_and_a_hasty_one_is_not() {
    let report = sim::explore(|sim| registers(sim, false)).random(100).run();
    assert_eq!(report.runs, 100);
    let failure = sim::explore(|sim| registers(sim, true)).random(100).check();
    assert!(failure.expect_err("stale").what.contains("no order of the calls"));
}
