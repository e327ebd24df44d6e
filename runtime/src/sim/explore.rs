//! Running a scenario many times, each time in another order, until one is found in which it fails.

use super::Sim;
use super::choice::{Chooser, Priorities};
use super::faults::{Faults, Injected};
use super::random::Random;
use super::reduce::Reducer;
use super::report::{Failure, REPLAY, Report, Run};
use super::world::{Grain, Halt, Making, Problem, SimWorld};
use crate::sys::clock;
use crate::sys::simulated;
use crate::system::{System, SystemBuilder};
use std::any::Any;
use std::cell::RefCell;
use std::env;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// The variable that says how many runs at random there are to be instead of what the test says.
const RUNS: &str = "POTOROO_SIM_RUNS";

/// How a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Random { runs: u64 },
    Priorities { runs: u64, changes: u32 },
    Exhaustive,
    InOrder,
}

/// An exploration to be set up and run; [`explore`] begins one.
#[must_use = "nothing is run before `run` or `check`"]
pub struct Explore<F> {
    scenario: F,
    mode: Mode,
    workers: usize,
    first_seed: u64,
    steps_max: u64,
    failures_allowed: bool,
    undelivered_allowed: bool,
    pending_asks_allowed: bool,
    unreduced: bool,
    faults: Faults,
    replay: Option<Run>,
    setup: Box<dyn Fn(SystemBuilder) -> SystemBuilder>,
}

/// Explores the orders in which a program of actors can run.
///
/// `scenario` is called once per run, with a system of its own; it must do the same each time, given the same answers: no
/// clock but the system's, no threads, no random numbers but [`Sim::choose`]. Whatever it asserts is checked in each order,
/// and so is what stands in the [module's page](super).
pub fn explore<F: Fn(&Sim)>(scenario: F) -> Explore<F> {
    Explore {
        scenario,
        mode: Mode::Random { runs: 200 },
        workers: 2,
        first_seed: 0,
        steps_max: 1_000_000,
        failures_allowed: false,
        undelivered_allowed: false,
        pending_asks_allowed: false,
        unreduced: false,
        faults: Faults::none(),
        replay: None,
        setup: Box::new(|builder| builder),
    }
}

/// One run, when it is over.
struct Outcome {
    problem: Option<Problem>,
    steps: u64,
    hash: u64,
    choices: Vec<u32>,
    injected: Injected,
    chart: String,
}

impl<F: Fn(&Sim)> Explore<F> {
    /// So many runs in random orders, of whole workers: also what they do by themselves is interleaved, cells are stolen and
    /// moved, and a little time passes with each step. This is the default, with 200 runs.
    pub fn random(mut self, runs: u64) -> Self {
        self.mode = Mode::Random { runs };
        self
    }

    /// So many runs by priorities that change so many times (probabilistic concurrency testing), of one worker, turn by
    /// turn. Two changes find most bugs that need an unlikely order; more find those that need a very unlikely one.
    pub fn pct(mut self, changes: u32, runs: u64) -> Self {
        self.mode = Mode::Priorities { runs, changes };
        self
    }

    /// All orders of turns of one worker that differ in anything that can be seen. For scenarios of a few actors and a few
    /// messages: the number of orders grows with the messages that meet in one mailbox.
    pub fn exhaustive(mut self) -> Self {
        self.mode = Mode::Exhaustive;
        self
    }

    /// As [`exhaustive`](Self::exhaustive), and also all orders that differ in nothing that the search can see: for actors
    /// that share something it has not been [told of](super::touch). There are very many.
    pub fn exhaustive_unreduced(mut self) -> Self {
        self.mode = Mode::Exhaustive;
        self.unreduced = true;
        self
    }

    /// One run in which whoever was there first goes on first, turn by turn, and time stands still but for
    /// [`Sim::advance`]: for tests of what actors do, in no matter which order.
    pub fn in_order(mut self) -> Self {
        self.mode = Mode::InOrder;
        self
    }

    /// One run, that of an earlier failure.
    pub fn replay(mut self, run: Run) -> Self {
        self.replay = Some(run);
        self
    }

    /// How many workers the system has, in random runs. Default: 2.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The seed of the first run; the others follow it. Default: 0.
    pub fn seed(mut self, first: u64) -> Self {
        self.first_seed = first;
        self
    }

    /// How many steps a run may take before it counts as endless. Default: a million.
    pub fn steps_max(mut self, steps: u64) -> Self {
        self.steps_max = steps;
        self
    }

    /// Actors may fail: by default a fault or a panic of any actor fails the run.
    pub fn allow_failures(mut self) -> Self {
        self.failures_allowed = true;
        self
    }

    /// Messages may reach nobody: by default a dead letter at the end of the scenario fails the run.
    pub fn allow_undelivered(mut self) -> Self {
        self.undelivered_allowed = true;
        self
    }

    /// Asks may wait when the scenario is over and nothing moves any more: by default that fails the run.
    pub fn allow_pending_asks(mut self) -> Self {
        self.pending_asks_allowed = true;
        self
    }

    /// What goes wrong by itself, in random runs. Default: [nothing](Faults::none).
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Settings of the system, such as its time-outs and limits.
    pub fn system(mut self, setup: impl Fn(SystemBuilder) -> SystemBuilder + 'static) -> Self {
        self.setup = Box::new(setup);
        self
    }

    /// Runs them.
    ///
    /// # Panics
    ///
    /// With the [`Failure`] as text, if one run fails.
    pub fn run(self) -> Report {
        self.check().unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`run`](Self::run), and gives the failure.
    pub fn check(mut self) -> Result<Report, Box<Failure>> {
        // Outside of any world: the real clock.
        let started = clock::now();
        if let Ok(named) = env::var(REPLAY) {
            let run = Run::parse(&named).unwrap_or_else(|wrong| panic!("{REPLAY}: {wrong}"));
            self.replay = Some(run);
        }
        if let (Ok(text), Mode::Random { runs } | Mode::Priorities { runs, .. }) = (env::var(RUNS), &mut self.mode) {
            *runs = text
                .parse()
                .unwrap_or_else(|_| panic!("{RUNS} must be a number of runs, not {text:?}"));
        }
        let mut report = Report {
            runs: 0,
            redundant_runs: 0,
            steps: 0,
            complete: false,
            hash: 0,
            injected: Injected::default(),
            seconds: 0.0,
        };
        match (self.replay.clone(), self.mode) {
            (Some(run), _) => self.repeat(&run, &mut report)?,
            (None, Mode::Random { runs } | Mode::Priorities { runs, .. }) => {
                for seed in self.first_seed..self.first_seed + runs {
                    let outcome = self.once(self.chooser(seed), false);
                    self.judge(outcome, &mut report, || Run::Seed(seed))?;
                }
            }
            (None, Mode::InOrder) => {
                let outcome = self.once(Chooser::First, false);
                self.judge(outcome, &mut report, || Run::Choices(Vec::new()))?;
            }
            (None, Mode::Exhaustive) => {
                let reducer = Rc::new(RefCell::new(Reducer::default()));
                reducer.borrow_mut().unreduced = self.unreduced;
                loop {
                    reducer.borrow_mut().begin_run();
                    let outcome = self.once(Chooser::Search(reducer.clone()), false);
                    let choices = outcome.choices.clone();
                    self.judge(outcome, &mut report, || Run::Choices(choices))?;
                    if !reducer.borrow_mut().next_run() {
                        break;
                    }
                }
                report.redundant_runs = reducer.borrow().redundant_runs;
                report.complete = true;
            }
        }
        report.seconds = clock::now().since(started).as_secs_f64();
        Ok(report)
    }

    fn repeat(&self, run: &Run, report: &mut Report) -> Result<(), Box<Failure>> {
        let chooser = match run {
            Run::Seed(seed) => self.chooser(*seed),
            Run::Choices(choices) => Chooser::Replay {
                choices: choices.clone(),
                next: 0,
            },
        };
        let outcome = self.once(chooser, false);
        self.judge(outcome, report, || run.clone())
    }

    fn chooser(&self, seed: u64) -> Chooser {
        let random = Random::new(seed);
        match self.mode {
            Mode::Priorities { changes, .. } => {
                // As long as a first run is: most scenarios are about as long in any order.
                Chooser::Priorities(Priorities::new(random, changes, PCT_STEPS))
            }
            Mode::Random { .. } | Mode::Exhaustive | Mode::InOrder => Chooser::Random(random),
        }
    }

    /// Counts a run, or makes a failure of it: the same run once more, with everybody watched, for the chart.
    fn judge(&self, outcome: Outcome, report: &mut Report, run: impl FnOnce() -> Run) -> Result<(), Box<Failure>> {
        let before = report.runs;
        report.runs += 1;
        report.steps += outcome.steps;
        report.injected.add_all(&outcome.injected);
        report.hash = report.hash.rotate_left(5) ^ outcome.hash;
        let Some(problem) = outcome.problem else {
            return Ok(());
        };
        let run = run();
        let again = match &run {
            Run::Seed(seed) => self.once(self.chooser(*seed), true),
            Run::Choices(choices) => {
                let choices = choices.clone();
                self.once(Chooser::Replay { choices, next: 0 }, true)
            }
        };
        let mut what = match problem {
            Problem::Found(what) => what,
            Problem::TooLong => format!("it has not come to its end after {} steps", self.steps_max),
        };
        if again.problem.is_none() {
            what.push_str(" (and it does not fail when it is repeated: the scenario does not do the same each time)");
        }
        Err(Box::new(Failure {
            what,
            run,
            runs_before: before,
            steps: outcome.steps,
            chart: again.chart,
        }))
    }

    /// One run.
    fn once(&self, mut chooser: Chooser, traced: bool) -> Outcome {
        let by_turns = !matches!(self.mode, Mode::Random { .. }) || matches!(chooser, Chooser::Replay { .. });
        let (grain, workers, turn_messages_max) = if by_turns {
            (Grain::ByTurns, 1, 1)
        } else {
            // Long turns and short ones: some bugs need the one, some the other.
            let lengths = [1, 1, 3, 4096];
            (Grain::Whole, self.workers, lengths[chooser.below(lengths.len())])
        };
        let world = Rc::new(SimWorld::new(Making {
            grain,
            chooser,
            turn_messages_max: Some(turn_messages_max),
            steps_max: self.steps_max,
            traced,
            failures_allowed: self.failures_allowed,
            faults: self.faults.clone(),
        }));
        let here = world.clone();
        simulated::enter(&*here, || {
            let builder = (self.setup)(System::builder().workers(workers).pin(false));
            let system = match builder.build() {
                Ok(system) => system,
                Err(error) => panic!("the system of a simulation cannot be made: {error}"),
            };
            let sim = Sim {
                system,
                world: world.clone(),
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                (self.scenario)(&sim);
                self.look_back(&sim);
            }));
            if let Err(payload) = outcome
                && !payload.is::<Halt>()
            {
                world.fail(format!("the scenario panicked: {}", text_of(&*payload)));
            }
            world.end_of_scenario();
            // What the actors do while they end is no part of the scenario, but it must not tear anything down.
            let nodes = world.nodes.take();
            let ended = catch_unwind(AssertUnwindSafe(|| {
                nodes.iter().for_each(|node| node.end(&world));
                drop(sim);
                world.send_home();
            }));
            if let Err(payload) = ended {
                world.fail(format!("the system could not be ended: {}", text_of(&*payload)));
            }
        });
        Outcome {
            problem: world.problem(),
            steps: world.steps(),
            hash: world.hash(),
            injected: world.places.injected(),
            choices: world.choices(),
            chart: world.chart().unwrap_or_default(),
        }
    }

    /// The end of the scenario: lets everything that can happen happen, and looks at what is left.
    fn look_back(&self, sim: &Sim) {
        sim.run_until_quiet();
        let world = &sim.world;
        if !self.pending_asks_allowed {
            for (type_name, asks) in world.pending_asks() {
                world.fail(format!(
                    "nothing moves any more, and {asks} asks of {type_name} wait for answers"
                ));
            }
        }
        if !self.undelivered_allowed {
            for letters in sim.system.dead_letters() {
                let (count, type_name) = (letters.total(), letters.type_name);
                world.fail(format!("{count} messages for {type_name} have reached no handler"));
            }
        }
    }
}

/// How many steps are taken for the places where priorities change: a scenario that is longer has them all near its
/// beginning, one that is shorter has fewer.
const PCT_STEPS: u64 = 100;

fn text_of(payload: &(dyn Any + Send)) -> String {
    crate::scheduler::exit::panic_text(payload)
}

impl<F> fmt::Debug for Explore<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("mode", &self.mode)
            .field("workers", &self.workers)
            .field("first_seed", &self.first_seed)
            .finish_non_exhaustive()
    }
}
