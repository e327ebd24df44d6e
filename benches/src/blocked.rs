//! One actor blocks its worker: how long do the others wait?
//!
//! Many actors, half of them born on each of the first two workers and free to move, have [`Load::work`] to do every
//! [`Load::period`], each at its own offset. One more actor, on the first worker and as free, sleeps in a handler. Who
//! was at home there must wait until it has slept, or be rescued by the other worker. The load is to be less than one
//! worker can do, so that the other one could.
//!
//! Work is due at times fixed beforehand, and the delay is from then until the actor has it: what is late makes nothing
//! else due later (no coordinated omission), and everything that is due is done in the end. In one mode a thread outside
//! sends each message when it is due; it shares the machine, and how late it was itself is reported. In the other, each
//! actor sets a timer to its next due time, so its worker must fire it. Work is looking at the clock until it has
//! passed. It lacks blocking twice, and more than one blocked worker.

use potoroo_runtime::{Actor, ActorRef, Ask, Context, Reply, System, Turn};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Something has been lost if an actor has not answered by then.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// From the start of a run until the first work is due: everybody is there by then.
const SETTLING: Duration = Duration::from_millis(50);

/// The thread outside sleeps at most this long, and sends what has become due meanwhile.
const NAP: Duration = Duration::from_micros(200);

/// How much there is to do, and when.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many actors besides the one that blocks.
    pub actors: u32,
    /// Each has something to do so often.
    pub period: Duration,
    /// And needs so long.
    pub work: Duration,
    /// How long work goes on before the one actor blocks, and again after it.
    pub around: Duration,
    /// How long the one actor blocks its worker.
    pub block: Duration,
}

impl Load {
    /// Which share of one worker's time the work takes.
    pub fn of_one_worker(&self) -> f64 {
        f64::from(self.actors) * self.work.as_secs_f64() / self.period.as_secs_f64()
    }

    /// How often each actor has something to do in a run.
    pub fn rounds(&self) -> u32 {
        let run = 2 * self.around + self.block;
        (run.as_nanos() / self.period.as_nanos()) as u32
    }

    /// When the actor of this index has something to do, since the first has.
    fn due(&self, round: u32, actor: u32) -> Duration {
        self.period * round + self.period * actor / self.actors
    }
}

/// Who says that something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A thread outside.
    Outside,
    /// A timer of the actor.
    Timers,
}

/// One piece of work.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was due.
    pub due: Instant,
    /// How much later the actor had it.
    pub delay: Duration,
    /// The worker that gave the turn.
    pub worker: usize,
}

/// What the one actor did.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// When it began to block.
    pub from: Instant,
    /// When it had done so.
    pub to: Instant,
    /// Which worker.
    pub worker: usize,
}

/// What was measured.
#[derive(Debug)]
pub struct Run {
    /// Of each actor, in the order of its rounds.
    pub samples: Vec<Vec<Sample>>,
    /// When a worker was blocked.
    pub block: Block,
    /// How late the thread outside was at most; zero with timers.
    pub driver_late_max: Duration,
}

/// When all begins; set once everybody is there.
type Start = Arc<OnceLock<Instant>>;

enum Msg {
    /// Set the first timer.
    Arm,
    /// Something is due.
    Due,
    Report(Reply<Vec<Sample>>),
}

struct Clerk {
    index: u32,
    load: Load,
    mode: Mode,
    start: Start,
    samples: Vec<Sample>,
}

impl Clerk {
    fn due(&self) -> Instant {
        let start = *self.start.get().expect("nothing is due before the start");
        start + self.load.due(self.samples.len() as u32, self.index)
    }

    fn arm(&self, ctx: &mut Context<'_, Self>) {
        let left = self.due().saturating_duration_since(Instant::now());
        ctx.after(left, Msg::Due);
    }
}

impl Actor for Clerk {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Arm => self.arm(ctx),
            Msg::Due => {
                let (now, due) = (Instant::now(), self.due());
                self.samples.push(Sample {
                    due,
                    delay: now.saturating_duration_since(due),
                    worker: ctx.worker(),
                });
                while now.elapsed() < self.load.work {}
                if self.mode == Mode::Timers && self.samples.len() < self.load.rounds() as usize {
                    self.arm(ctx);
                }
            }
            Msg::Report(reply) => reply.send(self.samples.clone()),
        }
        Ok(())
    }
}

/// Blocks its worker when told to.
struct Blocker {
    block: Duration,
}

impl Actor for Blocker {
    type Msg = Reply<Block>;

    fn handle(&mut self, reply: Reply<Block>, ctx: &mut Context<'_, Self>) -> Turn {
        let (from, worker) = (Instant::now(), ctx.worker());
        thread::sleep(self.block);
        let to = Instant::now();
        reply.send(Block { from, to, worker });
        Ok(())
    }
}

/// The parent of those who are born on one worker.
struct Floor {
    clerks: Vec<ActorRef<Clerk>>,
    blocker: ActorRef<Blocker>,
}

impl Actor for Floor {
    type Msg = Reply<(Vec<ActorRef<Clerk>>, ActorRef<Blocker>)>;

    fn handle(&mut self, reply: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        reply.send((self.clerks.clone(), self.blocker.clone()));
        Ok(())
    }
}

/// Puts a parent on each worker.
struct House {
    floors: Vec<ActorRef<Floor>>,
}

impl Actor for House {
    type Msg = Reply<Vec<ActorRef<Floor>>>;

    fn handle(&mut self, reply: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        reply.send(self.floors.clone());
        Ok(())
    }
}

fn spawn_house(system: &System, load: Load, mode: Mode, start: &Start) -> ActorRef<House> {
    let start = start.clone();
    system.spawn(move |ctx: &mut Context<'_, House>| {
        let floors = (0..2)
            .map(|worker| {
                let start = start.clone();
                ctx.spawn_on(worker, move |ctx: &mut Context<'_, Floor>| {
                    let clerks = (worker as u32..load.actors)
                        .step_by(2)
                        .map(|index| {
                            let start = start.clone();
                            ctx.spawn(move |_| {
                                Ok(Clerk {
                                    index,
                                    load,
                                    mode,
                                    start,
                                    samples: Vec::with_capacity(load.rounds() as usize),
                                })
                            })
                        })
                        .collect();
                    let block = load.block;
                    let blocker = ctx.spawn(move |_| Ok(Blocker { block }));
                    Ok(Floor { clerks, blocker })
                })
            })
            .collect();
        Ok(House { floors })
    })
}

/// Tells each actor when something is due. Gives how late it was at most.
fn drive(clerks: &[ActorRef<Clerk>], load: Load, start: Instant) -> Duration {
    let mut late_max = Duration::ZERO;
    for round in 0..load.rounds() {
        for (index, clerk) in (0..).zip(clerks) {
            let due = start + load.due(round, index);
            let late = loop {
                let now = Instant::now();
                match due.checked_duration_since(now) {
                    Some(left) if !left.is_zero() => thread::sleep(left.min(NAP)),
                    _ => break now - due,
                }
            };
            late_max = late_max.max(late);
            clerk.tell(Msg::Due);
        }
    }
    late_max
}

fn answer<R: Send + 'static>(ask: Ask<R>) -> R {
    ask.wait_for(STALLED_AFTER)
        .unwrap_or_else(|error| panic!("blocked: an actor does not answer: {error}"))
}

/// Runs the load once, with a worker blocked in the middle of it, on a system with at least two workers.
///
/// # Panics
///
/// If an actor does not answer, or has not done its work.
pub fn run(system: &System, load: Load, mode: Mode) -> Run {
    let start = Start::default();
    let house = spawn_house(system, load, mode, &start);
    let floors = answer(house.ask(|reply| reply));
    let (born, blockers): (Vec<_>, Vec<_>) = floors.iter().map(|floor| answer(floor.ask(|reply| reply))).unzip();
    // By index again: even ones on the first worker, odd ones on the second.
    let clerks: Vec<_> = (0..load.actors as usize)
        .map(|index| born[index % 2][index / 2].clone())
        .collect();

    let begun = *start.get_or_init(|| Instant::now() + SETTLING);
    if mode == Mode::Timers {
        clerks.iter().for_each(|clerk| clerk.tell(Msg::Arm));
    }
    let (driver_late_max, block) = thread::scope(|scope| {
        let driver = scope.spawn(|| match mode {
            Mode::Outside => drive(&clerks, load, begun),
            Mode::Timers => Duration::ZERO,
        });
        thread::sleep((begun + load.around).saturating_duration_since(Instant::now()));
        let block = answer(blockers[0].ask(|reply| reply));
        (driver.join().expect("the driver only sends"), block)
    });
    let end = begun + load.period * (load.rounds() + 1);
    thread::sleep(end.saturating_duration_since(Instant::now()));
    let samples = clerks.iter().map(|clerk| report(clerk, load)).collect();
    house.stop();
    Run {
        samples,
        block,
        driver_late_max,
    }
}

/// The samples of one actor, once it has done all its work.
fn report(clerk: &ActorRef<Clerk>, load: Load) -> Vec<Sample> {
    // What the thread outside sent is handled before the question; timers may still be under way.
    let given_up_at = Instant::now() + STALLED_AFTER;
    loop {
        let samples = answer(clerk.ask(Msg::Report));
        if samples.len() == load.rounds() as usize {
            return samples;
        }
        assert!(Instant::now() < given_up_at, "blocked: work was lost");
        thread::sleep(NAP);
    }
}
