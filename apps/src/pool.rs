//! A supervised pool of workers that fail now and then: `potoroo run pool`.
//!
//! A boss counts the primes below a number: it cuts the numbers into ranges, asks the members of a pool for the count of
//! each, and sums up. Members fail by design, at attempts that depend on the job alone. Their supervisor starts them
//! again; the reply that went with a failed attempt tells the boss, which asks again. So the sum is right whatever fails,
//! and in the end it is compared with a plain sieve. It lacks a limit to the attempts of one job: who fails for ever makes
//! the pool fail more often than its supervisor allows, and that ends it.

use crate::cli::small::RunPoolArgs;
use crate::error::AppError;
use crate::human::count;
use crate::serve::stop_signals;
use crate::terminal::{print, tell};
use potoroo_runtime::{
    Actor, ActorRef, Context, Fault, Pool, Reply, Restart, Signal, Strategy, Supervisor, SupervisorMsg, System, Turn,
};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How many jobs each member has at most: the one it works on, and one that waits, so that it never waits for the boss.
const JOBS_PER_MEMBER: u64 = 2;

/// How long a job may take before it is given to somebody again.
const JOB_WITHIN: Duration = Duration::from_secs(60);

/// With more restarts than this for each job, and some, the supervisor gives up, however long that takes.
const RESTARTS_PER_JOB: usize = 5;
const RESTARTS_BESIDES: usize = 100;
const RESTARTS_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the boss is asked how far it is, and how often that is shown.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const SHOW_INTERVAL: Duration = Duration::from_secs(1);

/// What is to be done: the same for all.
#[derive(Clone, Copy)]
struct Plan {
    up_to: u64,
    jobs: u64,
    members: usize,
    fail_one_in: u64,
}

/// A range of numbers, and how often it has been tried before.
#[derive(Clone, Copy)]
struct Job {
    number: u64,
    attempt: u64,
}

impl Plan {
    fn range(&self, job: Job) -> Range<u64> {
        self.up_to * job.number / self.jobs..self.up_to * (job.number + 1) / self.jobs
    }

    /// Whether this attempt is to fail: a mix of the two numbers, so that a run can be repeated.
    fn fails(&self, job: Job) -> bool {
        let mixed = (job.number << 16 ^ job.attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32;
        self.fail_one_in > 0 && mixed.is_multiple_of(self.fail_one_in)
    }
}

/// A member of the pool. It keeps no state worth saving, so a new life is as good as the old one.
struct Worker(Plan);

impl Actor for Worker {
    type Msg = (Job, Reply<u64>);

    fn handle(&mut self, (job, reply): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        if self.0.fails(job) {
            // The reply goes with this life, and that tells the boss.
            return Err(Fault::new("failed by design"));
        }
        reply.send(primes(self.0.range(job)));
        Ok(())
    }
}

/// How far the work is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Jobs that are done.
    pub done: u64,
    /// Primes found so far.
    pub primes: u64,
    /// Attempts that have failed.
    pub failed: u64,
    /// How often members have been started again, once all is done.
    pub restarts: Option<u64>,
    /// Why nothing more will be done.
    gave_up: Option<String>,
}

/// Hands out the jobs and sums up.
struct Boss {
    plan: Plan,
    pool: Pool<Worker>,
    supervisor: ActorRef<Supervisor>,
    next: u64,
    progress: Progress,
}

impl Boss {
    fn new(plan: Plan, ctx: &mut Context<'_, Self>) -> Self {
        let restarts = plan.jobs as usize * RESTARTS_PER_JOB + RESTARTS_BESIDES;
        let mut tree = ctx.supervise(Strategy::OneForOne.intensity(restarts, RESTARTS_WITHIN));
        let pool = tree.pool("worker", plan.members, Restart::Permanent, move |_, _| Ok(Worker(plan)));
        let supervisor = tree.start();
        let mut boss = Self {
            plan,
            pool,
            supervisor,
            next: 0,
            progress: Progress::default(),
        };
        for _ in 0..plan.members as u64 * JOBS_PER_MEMBER {
            boss.give_next(ctx);
        }
        boss
    }

    fn give_next(&mut self, ctx: &mut Context<'_, Self>) {
        if self.next < self.plan.jobs {
            let number = self.next;
            self.next += 1;
            self.give(Job { number, attempt: 0 }, ctx);
        } else if self.progress.done == self.plan.jobs {
            self.count_restarts(ctx);
        }
    }

    fn give(&mut self, job: Job, ctx: &mut Context<'_, Self>) {
        ctx.ask(self.pool.next(), |reply| (job, reply))
            .within(JOB_WITHIN)
            .then(move |this, answer, ctx| {
                if let Ok(primes) = answer {
                    this.progress.done += 1;
                    this.progress.primes += primes;
                    this.give_next(ctx);
                } else {
                    this.progress.failed += 1;
                    let attempt = job.attempt + 1;
                    this.give(Job { attempt, ..job }, ctx);
                }
                Ok(())
            });
    }

    /// Asks the supervisor, until it has heard of the last failure as well.
    fn count_restarts(&mut self, ctx: &mut Context<'_, Self>) {
        ctx.ask(&self.supervisor, SupervisorMsg::children)
            .then(|this, children, ctx| {
                let restarts = children?.iter().map(|child| child.restarts).sum();
                if restarts < this.progress.failed {
                    this.count_restarts(ctx);
                } else {
                    this.progress.restarts = Some(restarts);
                }
                Ok(())
            });
    }
}

impl Actor for Boss {
    type Msg = Reply<Progress>;

    fn handle(&mut self, reply: Reply<Progress>, _: &mut Context<'_, Self>) -> Turn {
        reply.send(self.progress.clone());
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        // The only child is the supervisor, and it ends by itself only when it gives up.
        if let Signal::ChildExited { reason, .. } = signal {
            self.progress.gave_up = Some(reason.to_string());
        }
        Ok(())
    }
}

/// Does what the options of `run pool` say, until the work is done or Ctrl-C.
pub fn run(args: &RunPoolArgs) -> Result<Progress, AppError> {
    let plan = Plan {
        up_to: args.up_to,
        jobs: args.jobs.min(args.up_to),
        members: usize::from(args.members.get()),
        fail_one_in: args.fail_one_in,
    };
    let interrupted = stop_signals()?;
    let started = Instant::now();
    let mut builder = System::builder().on_failure(|_, _, _| {}); // Failures are the point here: no line for each.
    if let Some(workers) = args.workers {
        builder = builder.workers(workers.get());
    }
    let system = builder.build().map_err(|source| AppError::System { source })?;
    let boss = system.spawn(move |ctx| Ok(Boss::new(plan, ctx)));
    let mut shown = started;
    let progress = loop {
        let progress = boss.ask(|reply| reply).wait().map_err(|error| AppError::Job {
            reason: format!("the boss does not answer: {error}"),
        })?;
        if let Some(reason) = progress.gave_up {
            return Err(AppError::Job {
                reason: format!("the pool gave up: {reason}; choose a larger --fail-one-in"),
            });
        }
        if progress.restarts.is_some() || interrupted.load(Relaxed) {
            break progress;
        }
        if shown.elapsed() >= SHOW_INTERVAL && !args.quiet {
            shown = Instant::now();
            let (done, jobs) = (count(progress.done), count(plan.jobs));
            tell(format_args!(
                "{done} of {jobs} jobs done, {} attempts failed",
                count(progress.failed)
            ));
        }
        std::thread::sleep(LOOK_INTERVAL);
    };
    let seconds = started.elapsed().as_secs_f64();
    system.shutdown_within(Duration::ZERO); // What is under way is not needed any more.
    let Some(restarts) = progress.restarts else {
        print(format_args!(
            "stopped after {} of {} jobs",
            count(progress.done),
            count(plan.jobs)
        ))?;
        return Ok(progress);
    };
    let expected = primes(0..plan.up_to);
    if progress.primes != expected {
        let reason = format!("the workers found {} primes, there are {expected}", progress.primes);
        return Err(AppError::Job { reason });
    }
    print(format_args!(
        "{} primes below {} in {seconds:.3} s; {} jobs, {} attempts failed, {} restarts; checked with one sieve",
        count(progress.primes),
        count(plan.up_to),
        count(plan.jobs),
        count(progress.failed),
        count(restarts),
    ))?;
    Ok(progress)
}

/// How many primes there are in a range: what is a multiple of anything is crossed out.
fn primes(range: Range<u64>) -> u64 {
    let mut is_prime = vec![true; (range.end - range.start) as usize];
    let mut factor = 2;
    while factor * factor < range.end {
        let first = (factor * factor).max(range.start.next_multiple_of(factor));
        for multiple in (first..range.end).step_by(factor as usize) {
            is_prime[(multiple - range.start) as usize] = false;
        }
        factor += 1;
    }
    let numbers = range.zip(is_prime);
    numbers.filter(|&(number, is_prime)| is_prime && number >= 2).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_of_a_plan_have_all_numbers_once_and_all_primes() {
        for (up_to, jobs) in [(1, 1), (2, 1), (10, 3), (1000, 7), (10_000, 10_000)] {
            let plan = Plan {
                up_to,
                jobs,
                members: 1,
                fail_one_in: 0,
            };
            let ranges: Vec<_> = (0..jobs).map(|number| plan.range(Job { number, attempt: 0 })).collect();
            assert_eq!(
                ranges.iter().cloned().flatten().collect::<Vec<_>>(),
                (0..up_to).collect::<Vec<_>>()
            );
            let by_division = (2..up_to).filter(|n| (2..*n).all(|factor| n % factor != 0)).count() as u64;
            assert_eq!(ranges.into_iter().map(primes).sum::<u64>(), by_division, "{up_to}");
        }
    }
}
