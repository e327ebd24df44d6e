//! Threads for what blocks: an elastic pool with a bound, one per system.
//!
//! Workers must not wait, so what has to wait is done elsewhere. There is no thread before the first job; a job that finds no
//! idle thread starts one, up to a limit, and waits in a queue beyond that, up to another. A thread without work goes after
//! some seconds. What a job is and how its result travels is the caller's business. It lacks priorities and fairness between
//! actors: first come, first served.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, lock, thread};
use crate::sys::clock::{self, Time};
use crate::sys::simulated;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How long a thread waits for its next job.
const LINGER: Duration = Duration::from_secs(5);

/// Something that may block.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How large the pool may become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockingTuning {
    pub(crate) threads_max: usize,
    pub(crate) queue_max: usize,
}

/// The pool of one system.
pub(crate) struct BlockingPool {
    name: String,
    tuning: BlockingTuning,
    state: Mutex<State>,
    changed: Condvar,
    /// Jobs that wait or run.
    unfinished: AtomicUsize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// How many have been started, for their names.
    started: usize,
    closed: bool,
}

impl BlockingPool {
    /// A pool without threads, which will be called after `name`.
    pub(crate) fn new(name: &str, tuning: BlockingTuning) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            tuning,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            unfinished: AtomicUsize::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Has `job` done, or gives it back if as many wait as may, or the system has ended.
    pub(crate) fn submit(this: &Arc<Self>, job: Job) -> Result<(), Job> {
        if simulated::is_on() {
            return Self::submit_to_the_world(this, job);
        }
        let mut state = this.lock();
        // Idle threads that have been woken for a job have not taken it yet.
        let needs_thread = state.idle <= state.queue.len();
        if state.closed || needs_thread && !Self::grow(this, &mut state) && !this.may_wait(&state) {
            return Err(job);
        }
        state.queue.push_back(job);
        this.unfinished.fetch_add(1, Ordering::Relaxed);
        drop(state);
        this.changed.notify_one();
        Ok(())
    }

    /// Has a simulated world do `job`, which takes the place of the threads.
    fn submit_to_the_world(this: &Arc<Self>, job: Job) -> Result<(), Job> {
        let unfinished = this.unfinished.load(Ordering::Relaxed);
        if this.lock().closed || unfinished >= this.tuning.threads_max + this.tuning.queue_max {
            return Err(job);
        }
        this.unfinished.fetch_add(1, Ordering::Relaxed);
        let pool = this.clone();
        let errand = move || {
            let _ = catch_unwind(AssertUnwindSafe(job));
            pool.unfinished.fetch_sub(1, Ordering::Release);
        };
        simulated::with(|world| world.errand(None, Box::new(errand)));
        Ok(())
    }

    /// Whether a job may wait until a thread is free.
    fn may_wait(&self, state: &State) -> bool {
        state.threads > 0 && state.queue.len() < self.tuning.queue_max + state.idle
    }

    /// Starts a thread if there may be one more.
    fn grow(this: &Arc<Self>, state: &mut State) -> bool {
        if state.threads == this.tuning.threads_max {
            return false;
        }
        let pool = this.clone();
        let name = format!("{}-blocking-{}", this.name, state.started);
        // Where no thread is to be had, those that are there have more to do.
        let has_started = thread::Builder::new().name(name).spawn(move || pool.run()).is_ok();
        if has_started {
            state.threads += 1;
            state.started += 1;
            // It counts as idle until it takes its first job.
            state.idle += 1;
        }
        has_started
    }

    /// The life of a thread.
    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.idle -= 1;
                drop(state);
                // A job tells of its own panics; a result may panic when it is dropped.
                let _ = catch_unwind(AssertUnwindSafe(job));
                // Release pairs with the Acquire in `is_idle`: the result is on its way.
                self.unfinished.fetch_sub(1, Ordering::Release);
                state = self.lock();
                state.idle += 1;
                continue;
            }
            if state.closed {
                break;
            }
            let (back, waited) = self
                .changed
                .wait_timeout(state, LINGER)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            state = back;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.idle -= 1;
        state.threads -= 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Whether nothing waits or runs, and all results are on their way.
    pub(crate) fn is_idle(&self) -> bool {
        self.unfinished.load(Ordering::Acquire) == 0
    }

    /// Takes nothing any more, drops what waits, and waits for the threads until the deadline. What still runs then goes on
    /// by itself, and nobody hears of it.
    pub(crate) fn close(&self, until: Time) {
        let mut state = self.lock();
        state.closed = true;
        let dropped = std::mem::take(&mut state.queue);
        self.unfinished.fetch_sub(dropped.len(), Ordering::Release);
        drop(state);
        self.changed.notify_all();
        // Closures are the user's, and so are their destructors.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(dropped)));
        let mut state = self.lock();
        while state.threads > 0 {
            let left = until.since(clock::now());
            if left.is_zero() {
                return;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }
}
