//! The operations of one open file, one after the other.
//!
//! They wait in a queue of the file's own, and at most one thread of the pool serves it: so they happen in the order in which
//! they were asked for, and a slow disk holds no more than one thread for each file. A thread that has served a file for a
//! while goes to the end of the pool's queue with it. It lacks any look at what an operation is.

use crate::scheduler::blocking::BlockingPool;
use crate::sync::{Arc, Mutex, lock};
use crate::sys::files::OpenFile;
use std::collections::VecDeque;

/// How many operations of one file a thread does before it looks whether other work waits.
const IN_A_ROW_MAX: usize = 64;

/// Something to be done to the file; the place is empty once it is closed.
pub(super) type Job = Box<dyn FnOnce(&mut Option<OpenFile>) + Send>;

/// What waits, and how much of it may.
struct State {
    queue: VecDeque<(Job, usize)>,
    /// Of those in the queue and of the one that is under way.
    operations: usize,
    bytes: usize,
    /// A thread serves this file, or has been asked to.
    served: bool,
}

/// An open file and what waits for it.
pub(super) struct Lane {
    /// Locked by the thread that serves it.
    file: Mutex<Option<OpenFile>>,
    state: Mutex<State>,
    operations_max: usize,
    bytes_max: usize,
}

impl Lane {
    pub(super) fn new(file: OpenFile, operations_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            file: Mutex::new(Some(file)),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                operations: 0,
                bytes: 0,
                served: false,
            }),
            operations_max,
            bytes_max,
        })
    }

    /// Makes room for a job with so many bytes; says whether there is any. One alone is never too much, nor is the last.
    pub(super) fn reserve(&self, bytes: usize, is_last: bool) -> bool {
        let mut state = lock(&self.state);
        let is_full = state.operations >= self.operations_max || state.bytes.saturating_add(bytes) > self.bytes_max;
        if is_full && state.operations > 0 && !is_last {
            return false;
        }
        state.operations += 1;
        state.bytes += bytes;
        true
    }

    /// Queues a job for which there is room. Gives the duty to serve the file, if nobody has it.
    pub(super) fn push(this: &Arc<Self>, job: Job, bytes: usize) -> Option<Server> {
        let mut state = lock(&this.state);
        state.queue.push_back((job, bytes));
        let begins = !std::mem::replace(&mut state.served, true);
        drop(state);
        begins.then(|| Server {
            lane: this.clone(),
            over: false,
        })
    }

    fn give_back(&self, operations: usize, bytes: usize) {
        let mut state = lock(&self.state);
        state.operations -= operations;
        state.bytes -= bytes;
    }
}

/// The duty to serve a file until nothing waits; dropped, it drops what does.
pub(super) struct Server {
    lane: Arc<Lane>,
    over: bool,
}

impl Server {
    /// Serves, on a thread of the pool.
    pub(super) fn serve(mut self, pool: &Arc<BlockingPool>) {
        let mut in_a_row = 0;
        while let Some((job, bytes)) = self.next() {
            job(&mut lock(&self.lane.file));
            self.lane.give_back(1, bytes);
            in_a_row += 1;
            if in_a_row == IN_A_ROW_MAX {
                in_a_row = 0;
                let place = Arc::new(Mutex::new(Some(self)));
                let (later, again) = (place.clone(), pool.clone());
                let job = Box::new(move || {
                    let server = lock(&later).take();
                    if let Some(server) = server {
                        server.serve(&again);
                    }
                });
                if BlockingPool::submit(pool, job).is_ok() {
                    return;
                }
                // There is no room in the queue: this thread goes on.
                let server = lock(&place).take();
                match server {
                    Some(server) => self = server,
                    None => return,
                }
            }
        }
    }

    fn next(&mut self) -> Option<(Job, usize)> {
        let mut state = lock(&self.lane.state);
        let next = state.queue.pop_front();
        if next.is_none() {
            state.served = false;
            self.over = true;
        }
        next
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // The pool has refused, or is closing: so it goes for all that waits.
        let mut state = lock(&self.lane.state);
        let left = std::mem::take(&mut state.queue);
        state.operations -= left.len();
        state.bytes -= left.iter().map(|(_, bytes)| bytes).sum::<usize>();
        state.served = false;
        drop(state);
        drop(left);
    }
}
