//! The runtime itself under the simulator: scenarios that use much of it, each with a ledger that must come out even.

use potoroo_runtime::kit::Credits;
use potoroo_runtime::sim::{InOrder, Sim};
use potoroo_runtime::{
    Actor, ActorRef, AskError, Context, ExitReason, Fault, MailboxLimits, Recipient, Reply, Restart, Signal, Strategy,
    Turn,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Something that actors and the scenario both write in.
type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scenario, with its name and whether actors may fail in it, or leave messages to nobody.
pub(crate) struct Whole {
    pub(crate) name: &'static str,
    pub(crate) scenario: fn(&Sim),
    pub(crate) may_fail: bool,
    pub(crate) may_leave: bool,
}

const fn plain(name: &'static str, scenario: fn(&Sim)) -> Whole {
    Whole {
        name,
        scenario,
        may_fail: false,
        may_leave: false,
    }
}

pub(crate) const ALL: [Whole; 8] = [
    plain("crowd", crowd),
    plain("quiet", quiet),
    Whole {
        may_leave: true,
        ..plain("ends", ends)
    },
    plain("asks", asks),
    plain("pressure", pressure),
    Whole {
        may_fail: true,
        ..plain("restarts", restarts)
    },
    plain("credits", credits),
    Whole {
        // A turn that has lost its disk ends with that error.
        may_fail: true,
        may_leave: true,
        ..plain("crashes", crate::nodes::count_through_crashes)
    },
];

/// The numbers that came from each sender to each receiver.
#[derive(Default)]
struct Numbers {
    order: InOrder<(usize, usize)>,
    wrong: Option<String>,
    count: u64,
}

struct Hears {
    name: usize,
    numbers: Shared<Numbers>,
}

impl Actor for Hears {
    type Msg = (usize, u64);

    fn handle(&mut self, (from, number): (usize, u64), _: &mut Context<'_, Self>) -> Turn {
        let mut numbers = lock(&self.numbers);
        numbers.count += 1;
        if let Err(wrong) = numbers.order.saw((from, self.name), number) {
            numbers.wrong.get_or_insert(wrong);
        }
        Ok(())
    }
}

/// Tells each receiver its next number, one of them otherwise than the others, and goes on with a turn of its own, or lets a
/// neighbor have one before.
struct Says {
    name: usize,
    to: Vec<ActorRef<Hears>>,
    next: u64,
    rounds: u64,
    neighbor: Option<ActorRef<Says>>,
}

enum SaysMsg {
    Meet(ActorRef<Says>),
    Go,
}

impl Actor for Says {
    type Msg = SaysMsg;

    fn handle(&mut self, msg: SaysMsg, ctx: &mut Context<'_, Self>) -> Turn {
        if let SaysMsg::Meet(neighbor) = msg {
            self.neighbor = Some(neighbor);
            return Ok(());
        }
        if self.next == self.rounds {
            return Ok(());
        }
        for (place, to) in self.to.iter().enumerate() {
            let msg = (self.name, self.next);
            if (place as u64 + self.next).is_multiple_of(3) {
                // Refused only where there is a limit, and there is none.
                to.try_tell(msg)
                    .map_err(|_| Fault::new("a mailbox without a limit is full"))?;
            } else {
                to.tell(msg);
            }
        }
        self.next += 1;
        match &self.neighbor {
            Some(neighbor) if self.next.is_multiple_of(2) => neighbor.tell(SaysMsg::Go),
            _ => {}
        }
        ctx.me().tell(SaysMsg::Go);
        Ok(())
    }
}

const SENDERS: usize = 4;
const RECEIVERS: usize = 4;

fn gather(sim: &Sim, rounds: u64) -> Shared<Numbers> {
    if sim.choose(2) == 0 {
        // Everybody sleeps when the first comes.
        sim.run_until_quiet();
    }
    let numbers: Shared<Numbers> = Arc::default();
    let hearers: Vec<_> = (0..RECEIVERS)
        .map(|name| {
            let numbers = numbers.clone();
            sim.spawn(move |_| Ok(Hears { name, numbers }))
        })
        .collect();
    let senders: Vec<_> = (0..SENDERS)
        .map(|name| {
            let to = hearers.clone();
            sim.spawn(move |_| {
                Ok(Says {
                    name,
                    to,
                    next: 0,
                    rounds,
                    neighbor: None,
                })
            })
        })
        .collect();
    for (place, sender) in senders.iter().enumerate() {
        sender.tell(SaysMsg::Meet(senders[(place + 1) % SENDERS].clone()));
        sender.tell(SaysMsg::Go);
    }
    let seen = numbers.clone();
    sim.invariant("order between each two", move || {
        lock(&seen).wrong.take().map_or(Ok(()), Err)
    });
    numbers
}

/// How many numbers are told in so many rounds.
const fn told(rounds: u64) -> u64 {
    SENDERS as u64 * RECEIVERS as u64 * rounds
}

/// Everybody tells everybody: nothing is lost, doubled or overtaken, wherever anybody moves.
fn crowd(sim: &Sim) {
    const ROUNDS: u64 = 12;
    let numbers = gather(sim, ROUNDS);
    sim.run_until_quiet();
    assert_eq!(lock(&numbers).count, told(ROUNDS));
}

/// What the system calls quiet is quiet.
fn quiet(sim: &Sim) {
    /// Longer than from one look of the system at itself to the next.
    const ROUNDS: u64 = 80;
    let numbers = gather(sim, ROUNDS);
    assert!(sim.system().run_until_quiet(Duration::from_secs(60)));
    assert_eq!(
        lock(&numbers).count,
        told(ROUNDS),
        "the system has said that it is quiet"
    );
}

/// What became of numbered messages, and when lives ended.
#[derive(Default)]
struct Fates {
    handled: u64,
    undelivered: u64,
    ended: Vec<(usize, Option<usize>)>,
    down: u64,
}

/// Has children, is told something, and is ended at some point.
struct Mortal {
    name: usize,
    parent: Option<usize>,
    fates: Shared<Fates>,
}

enum MortalMsg {
    Number,
    Child(usize, Reply<ActorRef<Mortal>>),
}

impl Actor for Mortal {
    type Msg = MortalMsg;

    fn handle(&mut self, msg: MortalMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            MortalMsg::Number => lock(&self.fates).handled += 1,
            MortalMsg::Child(name, reply) => {
                let (fates, parent) = (self.fates.clone(), Some(self.name));
                reply.send(ctx.spawn(move |_| Ok(Mortal { name, parent, fates })));
            }
        }
        Ok(())
    }

    fn undelivered(&mut self, msg: MortalMsg) {
        if let MortalMsg::Number = msg {
            lock(&self.fates).undelivered += 1;
        }
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        lock(&self.fates).ended.push((self.name, self.parent));
    }
}

/// Watches all it is told of.
struct Mourner(Shared<Fates>);

impl Actor for Mourner {
    type Msg = ActorRef<Mortal>;

    fn handle(&mut self, msg: ActorRef<Mortal>, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.monitor(&msg);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::Down { .. } = signal {
            lock(&self.0).down += 1;
        }
        Ok(())
    }
}

/// Tells all of a list one number after the other, from inside.
struct Teller(Vec<ActorRef<Mortal>>, u64);

impl Actor for Teller {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        for mortal in &self.0 {
            mortal.tell(MortalMsg::Number);
        }
        self.1 -= 1;
        if self.1 > 0 {
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// Whoever ends hands over what it was told, ends after its children, and is mourned once.
fn ends(sim: &Sim) {
    const FAMILIES: usize = 3;
    const CHILDREN: usize = 2;
    const EACH: u64 = 8;
    let fates: Shared<Fates> = Arc::default();
    let mourned = fates.clone();
    let mourner = sim.spawn(move |_| Ok(Mourner(mourned)));
    let mut all = Vec::new();
    let mut heads = Vec::new();
    for family in 0..FAMILIES {
        let of_head = fates.clone();
        let name = family * 10;
        let head = sim.spawn(move |_| {
            Ok(Mortal {
                name,
                parent: None,
                fates: of_head,
            })
        });
        for child in 1..=CHILDREN {
            let child = head.ask(|reply| MortalMsg::Child(name + child, reply)).wait();
            all.push(child.expect("it has a child"));
        }
        all.push(head.clone());
        heads.push(head);
    }
    all.iter().for_each(|mortal| mourner.tell(mortal.clone()));
    let tellers: Vec<_> = (0..2)
        .map(|_| {
            let all = all.clone();
            sim.spawn(move |_| Ok(Teller(all, EACH)))
        })
        .collect();
    tellers.iter().for_each(|teller| teller.tell(()));
    for _ in 0..sim.choose(120) {
        sim.step();
    }
    heads.iter().for_each(ActorRef::stop);
    sim.run_until_quiet();
    let count = all.len();
    let refused: u64 = sim.dead_letters().iter().map(|letters| letters.refused).sum();
    let fates = lock(&fates);
    assert_eq!(fates.ended.len(), count, "everybody has ended");
    for (place, (name, parent)) in fates.ended.iter().enumerate() {
        let orphaned = fates.ended[..place].iter().any(|(before, _)| Some(*before) == *parent);
        assert!(!orphaned, "{name} has outlived its parent");
    }
    assert_eq!(fates.down, count as u64, "each end is told once");
    let told = 2 * EACH * count as u64;
    assert_eq!(
        fates.handled + fates.undelivered + refused,
        told,
        "each number has one fate"
    );
}

/// Answers at once, or later, or never.
#[derive(Default)]
struct Moody {
    late: VecDeque<(u64, Reply<u64>)>,
    never: Vec<Reply<u64>>,
}

/// What is added to a late answer.
const LATE: u64 = 1_000;

enum MoodyMsg {
    Ask(u64, Reply<u64>),
    Later,
}

impl Actor for Moody {
    type Msg = MoodyMsg;

    fn handle(&mut self, msg: MoodyMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            MoodyMsg::Ask(number, reply) if number.is_multiple_of(2) => reply.send(number),
            MoodyMsg::Ask(number, reply) if number % 4 == 1 => {
                self.late.push_back((number, reply));
                ctx.after(Duration::from_millis(30), MoodyMsg::Later);
            }
            MoodyMsg::Ask(_, reply) => self.never.push(reply),
            MoodyMsg::Later => {
                // The one that this was meant for: those behind it wait for a timer each.
                if let Some((number, reply)) = self.late.pop_front() {
                    reply.send(number + LATE);
                }
            }
        }
        Ok(())
    }
}

/// What asks and timers came to.
#[derive(Default)]
struct Outcomes {
    answered: u64,
    timed_out: u64,
    wrong: Option<String>,
    fired: u64,
    must_not_fire: u64,
}

/// Asks with little patience, and sets timers of which it cancels half.
struct Asker {
    to: ActorRef<Moody>,
    left: u64,
    outcomes: Shared<Outcomes>,
}

enum AskerMsg {
    Go,
    Fired { wanted: bool },
}

impl Actor for Asker {
    type Msg = AskerMsg;

    fn handle(&mut self, msg: AskerMsg, ctx: &mut Context<'_, Self>) -> Turn {
        if let AskerMsg::Fired { wanted } = msg {
            let mut outcomes = lock(&self.outcomes);
            outcomes.fired += u64::from(wanted);
            outcomes.must_not_fire += u64::from(!wanted);
            return Ok(());
        }
        if self.left == 0 {
            return Ok(());
        }
        let number = self.left;
        self.left -= 1;
        let is_patient = number.is_multiple_of(3);
        let ask = ctx.ask(&self.to, |reply| MoodyMsg::Ask(number, reply));
        let continuation = move |me: &mut Self, answer: Result<u64, AskError>, ctx: &mut Context<'_, Self>| {
            let mut outcomes = lock(&me.outcomes);
            match answer {
                Ok(answer) if answer == number => outcomes.answered += 1,
                // Only who waits as long as the system says is there when it comes.
                Ok(answer) if answer == number + LATE && is_patient => outcomes.answered += 1,
                // What is answered at once may be so too late, where time races with turns.
                Err(AskError::TimedOut) => outcomes.timed_out += 1,
                other => {
                    outcomes.wrong = Some(format!("to {number} came {other:?}"));
                }
            }
            drop(outcomes);
            ctx.me().tell(AskerMsg::Go);
            Ok(())
        };
        if is_patient {
            ask.then(continuation);
        } else {
            ask.within(Duration::from_millis(10)).then(continuation);
        }
        ctx.after(Duration::from_millis(5), AskerMsg::Fired { wanted: true });
        let unwanted = ctx.after(Duration::from_millis(5), AskerMsg::Fired { wanted: false });
        ctx.cancel(unwanted);
        Ok(())
    }
}

/// Each ask has one outcome, and the right one; timers fire once, or never if they were cancelled.
fn asks(sim: &Sim) {
    const ASKERS: u64 = 2;
    const EACH: u64 = 8;
    let outcomes: Shared<Outcomes> = Arc::default();
    let moody = sim.spawn(|_| Ok(Moody::default()));
    for _ in 0..ASKERS {
        let (to, outcomes) = (moody.clone(), outcomes.clone());
        sim.spawn(move |_| {
            Ok(Asker {
                to,
                left: EACH,
                outcomes,
            })
        })
        .tell(AskerMsg::Go);
    }
    // Shorter than the answers take that come late: see the settings of this scenario.
    sim.advance(Duration::from_secs(2));
    sim.run_until_quiet();
    let outcomes = lock(&outcomes);
    assert_eq!(outcomes.wrong, None);
    assert_eq!(outcomes.answered + outcomes.timed_out, ASKERS * EACH);
    assert_eq!((outcomes.fired, outcomes.must_not_fire), (ASKERS * EACH, 0));
}

/// Counts.
struct Slow(u64, Shared<u64>);

impl Actor for Slow {
    type Msg = u64;

    fn handle(&mut self, _: u64, _: &mut Context<'_, Self>) -> Turn {
        self.0 += 1;
        *lock(&self.1) = self.0;
        Ok(())
    }
}

/// Tells many at once, again and again.
struct Eager {
    to: Recipient<u64>,
    rounds: u64,
}

impl Actor for Eager {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        (0..6).for_each(|number| self.to.tell(number));
        self.rounds -= 1;
        if self.rounds > 0 {
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// Whoever floods another waits for it, and goes on.
fn pressure(sim: &Sim) {
    const SENDERS: u64 = 4;
    const ROUNDS: u64 = 8;
    let count: Shared<u64> = Arc::default();
    let counted = count.clone();
    let slow = sim.spawn(move |ctx| {
        ctx.limit_mailbox(MailboxLimits::default().soft_messages(4));
        Ok(Slow(0, counted))
    });
    for _ in 0..SENDERS {
        let to = slow.recipient();
        sim.spawn(move |_| Ok(Eager { to, rounds: ROUNDS })).tell(());
    }
    sim.run_until_quiet();
    sim.advance(Duration::from_secs(1));
    assert_eq!(*lock(&count), SENDERS * ROUNDS * 6);
}

/// Fails at every seventh message.
struct Fragile(Shared<u64>);

impl Actor for Fragile {
    type Msg = u64;

    fn handle(&mut self, number: u64, _: &mut Context<'_, Self>) -> Turn {
        *lock(&self.0) += 1;
        if number % 7 == 3 {
            return Err(Fault::new("a bad number"));
        }
        Ok(())
    }
}

/// Tells numbers from inside.
struct Counts(ActorRef<Fragile>, u64);

impl Actor for Counts {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        if self.1 > 0 {
            self.1 -= 1;
            self.0.tell(self.1);
            ctx.me().tell(());
        }
        Ok(())
    }
}

/// A life ends with a bad message, and the next goes on with those behind it.
fn restarts(sim: &Sim) {
    const SENDERS: u64 = 3;
    const EACH: u64 = 20;
    let handled: Shared<u64> = Arc::default();
    let counted = handled.clone();
    let mut tree = sim.supervise(Strategy::OneForOne.intensity(usize::MAX, Duration::from_secs(3600)));
    let fragile = tree.child("fragile", Restart::Permanent, move |_| Ok(Fragile(counted.clone())));
    tree.start();
    for _ in 0..SENDERS {
        let fragile = fragile.clone();
        sim.spawn(move |_| Ok(Counts(fragile, EACH))).tell(());
    }
    sim.run_until_quiet();
    assert_eq!(*lock(&handled), SENDERS * EACH, "each number is handled once");
}

/// Works only with a credit in hand.
struct Careful {
    credits: Credits,
    left: u32,
    inside: Shared<(u32, u32)>,
}

impl Actor for Careful {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        ctx.run(self.credits.reserve(1)).then(|me, credit, ctx| {
            {
                let mut inside = lock(&me.inside);
                inside.0 += 1;
                inside.1 += 1;
            }
            let inside = me.inside.clone();
            ctx.run(std::future::ready(credit)).then(move |_, credit, ctx| {
                lock(&inside).0 -= 1;
                drop(credit);
                ctx.me().tell(());
                Ok(())
            });
            Ok(())
        });
        Ok(())
    }
}

/// As many work as there are credits, and all get theirs.
fn credits(sim: &Sim) {
    const WORKERS: u32 = 4;
    const EACH: u32 = 5;
    let credits = Credits::new(2);
    let inside: Shared<(u32, u32)> = Arc::default();
    for _ in 0..WORKERS {
        let (credits, inside) = (credits.clone(), inside.clone());
        sim.spawn(move |_| {
            Ok(Careful {
                credits,
                left: EACH,
                inside,
            })
        })
        .tell(());
    }
    let seen = inside.clone();
    sim.invariant("no more than the credits", move || match lock(&seen).0 {
        0..=2 => Ok(()),
        more => Err(format!("{more} are inside")),
    });
    sim.run_until_quiet();
    assert_eq!(*lock(&inside), (0, WORKERS * EACH));
    assert_eq!(credits.available(), 2);
}
