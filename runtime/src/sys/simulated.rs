//! The door to a simulated world: what stands in for the operating system on a thread that simulates.
//!
//! A simulation runs on one thread, and that thread says so here. Whatever below would read the clock, start a thread, or
//! wait, asks first whether it runs in a world, and has the world do it: time is virtual then, a waiting caller lets the
//! others go on meanwhile, and every choice that an operating system or a race would make is the world's. On all other
//! threads nothing is different; the question costs one load of a thread-local, and stands only where a system call, a lock
//! or a reading of the clock is near. What the world decides, and by what, is upstairs (`sim`): this floor has its shape.

use super::clock::Time;
use std::cell::Cell;
use std::ptr::NonNull;

/// Something to be done on no worker: blocking work, or an alarm.
pub(crate) type Errand = Box<dyn FnOnce()>;

/// What a worker may be asked to do in the place of its next turn, to bring about what seldom happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nudge {
    /// Claim so many cells of the run queue and offer them to others.
    Offer(usize),
    /// Send the cell at this place of the run queue to that worker.
    SendOff(usize, usize),
    /// Look around: sockets, timers, what came from outside, hungry neighbors.
    Look,
}

/// What a worker can do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// So many cells wait in its run queue; without any, it still has something of its own to see to.
    Awake {
        /// Cells in the run queue.
        runnable: usize,
    },
    /// It sleeps, until the bell rings or its next timer is due.
    Asleep,
    /// It has gone home.
    Ended,
}

/// A worker, as a world sees it.
pub(crate) trait Stepped {
    /// What it can do at this moment.
    fn standing(&self) -> Standing;

    /// When its next timer is due.
    fn next_timer(&self) -> Option<Time>;

    /// The actor whose cell stands at this place of the run queue.
    fn runnable(&self, place: usize) -> u64;

    /// Whether something waits for it that is no turn: a notification, a cell from outside.
    fn has_mail(&self) -> bool;

    /// Takes in what waits for it, and gives nobody a turn.
    fn take_mail(&self);

    /// Does the next thing: gives a turn to the cell at this place, if there is one; otherwise goes one step on the way to
    /// sleep, or wakes up.
    fn step(&self, place: usize);

    /// Does something out of turn.
    fn nudge(&self, nudge: Nudge);

    /// What is wrong at a moment when nothing can run any more: work that nobody will be told of.
    fn forgotten(&self) -> Option<String>;

    /// Shows all actors of the system; asked of its first worker, between turns.
    fn look(&self, each: &mut dyn FnMut(&Glimpse<'_>));
}

/// What can be seen of an actor between two turns.
pub(crate) struct Glimpse<'a> {
    /// Its id, which is unique in the world.
    pub(crate) id: u64,
    /// Its type.
    pub(crate) type_name: &'static str,
    /// Messages that wait.
    pub(crate) data: usize,
    /// What waits on the control lane.
    pub(crate) control: usize,
    /// Asks that it waits for.
    pub(crate) asks: usize,
    /// Whether it waits for a flooded receiver.
    pub(crate) muted: bool,
    /// Whether it is scheduled, or has been told of what waits.
    pub(crate) scheduled: bool,
    /// Says what the message at this place is, from the front.
    pub(crate) describe: &'a dyn Fn(usize) -> String,
}

/// What stands in for the operating system.
pub(crate) trait World {
    /// The virtual time.
    fn now(&self) -> Time;

    /// The virtual time of day, in nanoseconds since 1970.
    fn wall_ns(&self) -> u64;

    /// Takes the worker of a system in place of starting a thread.
    fn adopt(&self, worker: Box<dyn Stepped>);

    /// How many messages a turn handles at most, if the world has a say in it.
    fn turn_messages_max(&self) -> Option<u32>;

    /// Goes on until `done` says yes or time has come to `deadline`; for code outside that would wait.
    fn wait(&self, deadline: Time, done: &mut dyn FnMut() -> bool);

    /// One of `n` alternatives that a race would decide between, on a worker in the middle of something.
    fn choose(&self, n: usize) -> usize;

    /// Somebody else may do something here.
    fn pause(&self);

    /// Does `errand` on no worker: once it is `due`, or at some time soon.
    fn errand(&self, due: Option<Time>, errand: Errand);

    /// The next id of an actor.
    fn next_id(&self) -> u64;

    /// The running turn reaches something that others may reach, other than by a message.
    fn touch(&self, what: u64);

    /// An actor has failed: its id, type and reason.
    fn failed(&self, id: u64, type_name: &'static str, reason: &str);
}

thread_local! {
    /// The world of this thread, while it has one.
    static WORLD: Cell<Option<NonNull<dyn World>>> = const { Cell::new(None) };
}

/// Makes `world` the one of this thread during `f`.
pub(crate) fn enter<R>(world: &dyn World, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<NonNull<dyn World>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            WORLD.set(self.0);
        }
    }
    let here: NonNull<dyn World + '_> = NonNull::from(world);
    // SAFETY: only the lifetime changes; `Restore` takes the pointer back before the borrow of `world` ends, and `with`
    // lends it out for calls that are over by then.
    let here = unsafe { std::mem::transmute::<NonNull<dyn World + '_>, NonNull<dyn World + 'static>>(here) };
    let _restore = Restore(WORLD.replace(Some(here)));
    f()
}

/// Whether this thread simulates.
#[inline]
pub(crate) fn is_on() -> bool {
    WORLD.get().is_some()
}

/// Calls `f` with the world of this thread, if it has one.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&dyn World) -> R) -> Option<R> {
    // SAFETY: `enter` keeps the world borrowed while the pointer stands here.
    WORLD.get().map(|world| f(unsafe { world.as_ref() }))
}

/// As [`World::pause`], where there is a world.
#[inline]
pub(crate) fn pause() {
    with(|world| world.pause());
}

/// As [`World::touch`], where there is a world.
#[inline]
pub(crate) fn touch(what: u64) {
    with(|world| world.touch(what));
}

/// Waits in the world of this thread until `done` or `deadline`; `false` where there is none.
pub(crate) fn wait(deadline: Time, done: &mut dyn FnMut() -> bool) -> bool {
    with(|world| world.wait(deadline, done)).is_some()
}
